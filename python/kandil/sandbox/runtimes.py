"""Which loaders this machine has: the libggml and libllama of Ollama, llama.cpp, or a Python package.

A library that somebody else may change is code of somebody else: only files that root or the user owns, and that not
everybody may write, are used.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

_SUFFIX = "dylib" if sys.platform == "darwin" else "so"
_LLAMA, _GGML = "libllama", "libggml-base"
_PROGRAMS = ("llama-server", "llama-cli", "llama", "ollama")
_FOLDERS = ("lib", "lib64", "lib/ollama")


@dataclass(frozen=True, slots=True)
class Runtime:
    """A library that can load GGUF files; `version` is its package's, None where it came without one."""

    name: str
    path: str
    version: str | None = None
    backends: tuple[str, ...] = ()
    """Libraries of ggml for the CPU beside it, of which one may have to be loaded."""


@dataclass(frozen=True, slots=True)
class RefusedRuntime:
    """A library that was found and is not used."""

    path: str
    reason: str


def find(named: str | os.PathLike[str] | None = None) -> tuple[list[Runtime], list[RefusedRuntime]]:
    """The runtimes in the order in which they are tried, and those that are not used.

    With `named`, a library or a folder that has one, only that.
    """
    candidates = _named(Path(named)) if named is not None else _everywhere()
    found: dict[str, Runtime] = {}
    refused: dict[str, RefusedRuntime] = {}
    for name, version, path in candidates:
        real = os.path.realpath(path)
        if real in found or real in refused:
            continue
        reason = _distrust(real) or _distrust_beside(real)
        if reason:
            refused[real] = RefusedRuntime(real, reason)
            continue
        backends = [str(backend) for backend in sorted(Path(path).parent.glob(f"libggml-cpu*.{_SUFFIX}"))]
        trusted = tuple(backend for backend in backends if not _distrust(os.path.realpath(backend)))
        found[real] = Runtime(name, str(path), version, trusted)
    return list(found.values()), list(refused.values())


def _named(path: Path) -> Iterator[tuple[str, str | None, Path]]:
    path = path.absolute()
    if path.is_dir():
        yield from _in_folder(path.name, path)
    else:
        yield path.name, None, path


def _everywhere() -> Iterator[tuple[str, str | None, Path]]:
    yield from _packages()
    for program in _PROGRAMS:
        found = shutil.which(program)
        if found is not None:
            folder = Path(os.path.realpath(found)).parent
            for beside in (folder, *(folder.parent / name for name in _FOLDERS)):
                yield from _in_folder("Ollama" if beside.name == "ollama" else "llama.cpp", beside)
    for root in ("/usr", "/usr/local", "/opt/homebrew", "/home/linuxbrew/.linuxbrew"):
        yield from _in_folder("Ollama", Path(root, "lib/ollama"))
        for folder in (Path(root, "lib"), Path(root, "lib64"), *sorted(Path(root, "lib").glob("*-linux-gnu"))):
            yield from _in_folder("llama.cpp", folder)


def _packages() -> Iterator[tuple[str, str | None, Path]]:
    for package, pattern in (("xllamacpp", "xllamacpp*.so"), ("llama_cpp", f"lib/{_LLAMA}.{_SUFFIX}")):
        spec = find_spec(package)  # which runs nothing of the package
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            for path in sorted(Path(folder).glob(pattern)):
                yield package.replace("llama_cpp", "llama-cpp-python"), _version(package), path


def _version(package: str) -> str | None:
    try:
        return metadata.version(package.replace("llama_cpp", "llama-cpp-python"))
    except metadata.PackageNotFoundError:
        return None


def _in_folder(name: str, folder: Path) -> Iterator[tuple[str, str | None, Path]]:
    """The whole llama.cpp there, or else ggml alone, which can read headers."""
    for library in (_LLAMA, _GGML):
        paths = [folder / f"{library}.{_SUFFIX}", *sorted(folder.glob(f"{library}.{_SUFFIX}.*"))]
        path = next((path for path in paths if path.is_file()), None)
        if path is not None:
            yield name, None, path
            return


def _distrust_beside(path: str) -> str | None:
    """Why the parts of ggml that it loads from its own folder are not trusted."""
    for part in sorted(Path(path).parent.glob("libggml*")):
        if (reason := _distrust(os.path.realpath(part))) and not part.name.startswith("libggml-cpu"):
            return f"{part.name} beside it: {reason}"
    return None


def _distrust(path: str) -> str | None:
    """Why a library is not used; None where it may be."""
    try:
        file, folder = os.stat(path), os.stat(os.path.dirname(path))
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    if not stat.S_ISREG(file.st_mode):
        return "is not a regular file"
    for what, found in (("it", file), ("its folder", folder)):
        if found.st_uid not in (0, os.geteuid()):
            return f"{what} belongs to user {found.st_uid}, neither to root nor to you"
        if found.st_mode & stat.S_IWOTH:
            return f"everybody may write {what}"
    return None
