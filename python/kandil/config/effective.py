"""The settings in force: the environment's before the project's, before the user's, before what is built in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from kandil import paths
from kandil.config import document, keys, values
from kandil.config.keys import Value, parsed_key, setting_at
from kandil.config.publisher import Publisher, of_document
from kandil.errors import SecretInConfig, SettingInvalid, SettingUnknown
from kandil.secret import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kandil.config.document import Document, Note, Said
    from kandil.config.positions import KeyPath

Protocol = Literal["openai", "anthropic", "gemini", "ollama"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    model: str | None
    theme: Literal["auto", "dark", "light"]
    telemetry: Literal[False]


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the user says of a provider; None leaves it as built in."""

    base_url: str | None = None
    protocol: Protocol | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """What the user says of a source of models; None leaves it as built in."""

    base_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """What the user says of a model; None leaves it to the model."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    context: int | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    ttl_seconds: int
    max_size_mb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    max_concurrent_requests: int
    rate_limit_retry: bool


@dataclass(frozen=True, slots=True)
class Origin:
    """Who says a setting: a file and its line, an environment variable, or kandil itself."""

    kind: Literal["default", "user", "project", "environment"]
    name: str | None = None
    """The file, or the variable."""
    line: int | None = None

    def __str__(self) -> str:
        if self.name is None:
            return "default"
        return self.name if self.line is None else f"{self.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class _Layer:
    kind: Literal["user", "project"]
    document: Document
    said: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings in force, typed. `models`, `api` and `aliases` are by name, and empty where nothing is said."""

    defaults: Defaults
    api: Mapping[str, Api]
    sources: Mapping[str, SourceSettings]
    models: Mapping[str, ModelSettings]
    cache: Cache
    limits: Limits
    aliases: Mapping[str, str]
    publishers: tuple[Publisher, ...]
    warnings: tuple[Note, ...]
    values: Mapping[KeyPath, Value | None]
    """Every setting by the parts of its key: those with a fixed key, and those with a name that somebody says."""
    _layers: tuple[_Layer, ...] = field(repr=False)
    _variables: Mapping[KeyPath, str] = field(repr=False)

    def origin(self, key: str | KeyPath) -> Origin:
        """Who says the setting. Raises: SettingUnknown."""
        path = parsed_key(key) if isinstance(key, str) else key
        setting = setting_at(path)
        if setting is None:
            raise SettingUnknown(keys.key_text(path), keys.nearest(path))
        if variable := self._variables.get(path):
            return Origin("environment", variable)
        for layer in self._layers:
            if path in layer.said.values:
                line, _ = layer.document.place(layer.said.values[path][1])
                return Origin(layer.kind, str(layer.document.file), line)
        return Origin("default")


def load(
    file: Path | None = None, *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """The settings in force in `folder`, the working directory where none is named.

    An option on the command line goes before all of them: that is for the command to see to.

    Raises:
        ConfigInvalid: a file is broken, or a value in it is not what its setting takes.
        ConfigTooNew: a later kandil wrote a file.
        SettingInvalid: a variable's value is not what its setting takes.
        SecretInConfig: an API key stands where it must not.
    """
    own = document.read(file or paths.config_file())
    layers = [_Layer("user", own, document.said(own))]
    if found := project_file(folder):
        theirs = document.read(found)
        layers.insert(0, _Layer("project", theirs, document.said(theirs, project=True)))
    variables = dict(_of_environment(os.environ if environment is None else environment))
    return _config(tuple(layers), variables)


def project_file(folder: Path | None = None) -> Path | None:
    """The nearest ``.kandil.toml`` from `folder`, the working directory, up to the repository's root or home.

    Outside both, only `folder` itself is looked at: what others put above it is none of ours.
    """
    try:
        folder = folder or Path.cwd()
    except FileNotFoundError:  # somebody has removed it
        return None
    home = os.path.expanduser("~")
    upwards = [folder, *folder.parents]
    end = next((at for at, one in enumerate(upwards) if str(one) == home or os.path.exists(one / ".git")), 0)
    candidates = (one / keys.PROJECT_FILE for one in upwards[: end + 1])
    return next(filter(os.path.isfile, candidates), None)


def _of_environment(environment: Mapping[str, str]) -> Iterator[tuple[KeyPath, tuple[str, Value]]]:
    for setting in keys.SETTINGS:
        variable = setting.variable
        text = environment.get(variable) if variable else None
        if variable and text:
            if looks_like_key(text):
                raise SecretInConfig(variable, setting.key, None)
            try:
                yield setting.path, (variable, values.parsed(setting, text))
            except ValueError as error:
                raise SettingInvalid(setting.key, str(error), variable=variable) from error


def _config(layers: tuple[_Layer, ...], variables: Mapping[KeyPath, tuple[str, Value]]) -> Config:
    merged: dict[KeyPath, Value | None] = {
        setting.path: setting.default for setting in keys.SETTINGS if setting.variable
    }
    for layer in reversed(layers):
        merged |= {path: value for path, (value, _) in layer.said.values.items()}
    merged |= {path: value for path, (_, value) in variables.items()}
    (user,) = (layer for layer in layers if layer.kind == "user")
    return Config(
        defaults=_section(Defaults, merged, "defaults"),
        api=_sections(Api, merged, "api"),
        sources=_sections(SourceSettings, merged, "sources"),
        models=_sections(ModelSettings, merged, "models"),
        cache=_section(Cache, merged, "cache"),
        limits=_section(Limits, merged, "limits"),
        aliases=MappingProxyType({path[1]: str(value) for path, value in merged.items() if path[0] == "aliases"}),
        publishers=of_document(user.document),
        warnings=tuple(note for layer in layers for note in layer.said.notes),
        values=MappingProxyType(merged),
        _layers=layers,
        _variables={path: variable for path, (variable, _) in variables.items()},
    )


Section = TypeVar("Section", Defaults, Api, SourceSettings, ModelSettings, Cache, Limits)


def _section(kind: type[Section], merged: Mapping[KeyPath, Value | None], *table: str) -> Section:
    named: dict[str, Any] = {one.name: merged[*table, one.name] for one in fields(kind) if (*table, one.name) in merged}
    return kind(**named)


def _sections(kind: type[Section], merged: Mapping[KeyPath, Value | None], table: str) -> Mapping[str, Section]:
    names = dict.fromkeys(path[1] for path in merged if path[0] == table)
    return MappingProxyType({name: _section(kind, merged, table, name) for name in names})
