"""Where the tools that download models put them, on each platform.

Sources: Ollama ``envconfig/config.go`` (``Models``) and ``docs/faq.md`` (the Linux service's folder); huggingface_hub
``src/huggingface_hub/constants.py``; llama.cpp ``common/common.cpp`` (``fs_get_cache_directory``) and
``common/hf-cache.cpp``; LM Studio ``lmstudio.js`` ``findLMStudioHome``; Jan ``src-tauri/src/core/app/commands.rs``
(``resolve_jan_data_folder``); GPT4All ``gpt4all-chat/src/mysettings.cpp`` (``defaultLocalModelsPath``: Qt's
AppLocalDataLocation) and its Python package (``~/.cache/gpt4all``).
"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kandil import paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind = Literal["kandil", "ollama", "huggingface", "lmstudio", "llama.cpp", "jan", "gpt4all"]

TITLES: dict[Kind, str] = {
    "kandil": "kandil",
    "ollama": "Ollama",
    "huggingface": "Hugging Face cache",
    "lmstudio": "LM Studio",
    "llama.cpp": "llama.cpp cache",
    "jan": "Jan",
    "gpt4all": "GPT4All",
}
POINTER_BYTES = 4096
"""More than any file needs that only says where another folder is."""


@dataclass(frozen=True, slots=True)
class Store:
    """A folder that some tool keeps its models in."""

    kind: Kind
    root: Path


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides where stores are."""

    environment: Mapping[str, str]
    home: Path
    platform: str = sys.platform

    @classmethod
    def here(cls) -> Machine:
        try:
            return cls(os.environ, Path.home())
        except RuntimeError:  # a user whom no database knows, without HOME
            return cls(os.environ, Path(os.sep))

    def variable(self, name: str) -> Path | None:
        """An environment variable as a path, with ``~`` and surrounding quotes resolved as these tools do."""
        value = self.environment.get(name, "").strip().strip("\"'")
        if not value:
            return None
        return self.home / value[2:] if value.startswith("~/") else Path(value)

    def data(self) -> Path:
        """Where applications keep their data (`dirs::data_dir`)."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return self.variable("APPDATA") or self.home / "AppData" / "Roaming"
        return self.variable("XDG_DATA_HOME") or self.home / ".local" / "share"

    def local_data(self) -> Path:
        if self.platform == "win32":
            return self.variable("LOCALAPPDATA") or self.home / "AppData" / "Local"
        return self.data()

    def cache(self) -> Path:
        if self.platform == "darwin":
            return self.home / "Library" / "Caches"
        if self.platform == "win32":
            return self.local_data()
        return self.variable("XDG_CACHE_HOME") or self.home / ".cache"


def find(machine: Machine | None = None) -> list[Store]:
    """Every store that is there, each folder once, in a fixed order."""
    return _sorted_out(machine)[0]


def closed(machine: Machine | None = None) -> list[Store]:
    """Stores that this user may not look into, as the one of Ollama's service often is."""
    return _sorted_out(machine)[1]


def _sorted_out(machine: Machine | None) -> tuple[list[Store], list[Store]]:
    found: dict[str, Store] = {}
    refused = []
    for store in candidates(machine or Machine.here()):
        try:
            os.stat(store.root)
        except PermissionError:
            refused.append(store)
        except (OSError, ValueError):
            continue
        else:
            if store.root.is_dir():
                found.setdefault(os.path.realpath(store.root), store)
    return list(found.values()), refused


def candidates(machine: Machine) -> Iterator[Store]:
    """Where stores may be, whether or not they are."""
    yield Store("kandil", paths.models_dir())
    for root in _ollama(machine):
        yield Store("ollama", root)
    for root in _huggingface(machine):
        yield Store("huggingface", root)
    for root in _lmstudio(machine):
        yield Store("lmstudio", root)
    for root in _llama_cpp(machine):
        yield Store("llama.cpp", root)
    for root in _jan(machine):
        yield Store("jan", root)
    for root in _gpt4all(machine):
        yield Store("gpt4all", root)


def _ollama(machine: Machine) -> Iterator[Path]:
    if configured := machine.variable("OLLAMA_MODELS"):
        yield configured
    yield machine.home / ".ollama" / "models"
    if machine.platform == "linux":
        yield Path("/usr/share/ollama/.ollama/models")  # the user `ollama` of the install script
        yield Path("/var/lib/ollama/models")  # the user of Arch's and Debian's packages


def _huggingface(machine: Machine) -> Iterator[Path]:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if configured := machine.variable(name):
            yield configured
            return
    home = machine.variable("HF_HOME")
    if home is None:
        # The library uses XDG_CACHE_HOME or ~/.cache on every platform, macOS and Windows too.
        home = (machine.variable("XDG_CACHE_HOME") or machine.home / ".cache") / "huggingface"
    yield home / "hub"


def _lmstudio(machine: Machine) -> Iterator[Path]:
    home = _pointed(machine.home / ".lmstudio-home-pointer")
    homes = [home] if home else []
    homes += [machine.home / ".cache" / "lm-studio", machine.home / ".lmstudio"]
    for one in homes:
        if chosen := _json_path(one / "settings.json", "downloadsFolder"):
            yield chosen
        yield one / "models"


def _llama_cpp(machine: Machine) -> Iterator[Path]:
    yield machine.variable("LLAMA_CACHE") or machine.cache() / "llama.cpp"


def _jan(machine: Machine) -> Iterator[Path]:
    chosen = machine.variable("JAN_DATA_FOLDER") or _json_path(machine.data() / "Jan" / "settings.json", "data_folder")
    for data in (chosen, machine.data() / "Jan" / "data", machine.home / "jan"):
        if data is not None:
            yield data / "llamacpp" / "models"
            yield data / "models"


def _gpt4all(machine: Machine) -> Iterator[Path]:
    yield machine.local_data() / "nomic.ai" / "GPT4All"
    yield machine.home / ".cache" / "gpt4all"


def _read_small(path: Path) -> str | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(POINTER_BYTES * 16).decode("utf-8", "replace")
    except OSError:
        return None


def _pointed(path: Path) -> Path | None:
    text = (_read_small(path) or "").strip()
    return Path(text) if text and len(text) < POINTER_BYTES and "\0" not in text else None


def _json_path(path: Path, key: str) -> Path | None:
    text = _read_small(path)
    if text is None:
        return None
    try:
        value = json.loads(text).get(key)
    except (ValueError, AttributeError, RecursionError):
        return None
    return Path(value) if isinstance(value, str) and value and "\0" not in value else None
