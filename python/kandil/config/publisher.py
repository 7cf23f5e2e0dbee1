"""The user's settings: ``config.toml`` in kandil's configuration folder. No file means no settings.

Nothing secret belongs there, and nothing in a project's folder is read: a cloned repository must not choose whom its
user trusts.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kandil import paths
from kandil.errors import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = ({"public_key"}, {"certificates"}, {"identity", "issuer", "trust_root"})


@dataclass(frozen=True, slots=True)
class Publisher:
    """Somebody whose signatures under models the user trusts: by a key, by certificates, or by a Sigstore identity."""

    name: str
    public_key: Path | None = None
    """A PEM file: an elliptic-curve key on P-256, P-384 or P-521."""
    certificates: tuple[Path, ...] = ()
    """PEM files: the roots that the signing certificate leads to."""
    identity: str | None = None
    """Whom the certificate in a Sigstore bundle must name: a mail address, a workflow's URL."""
    issuer: str | None = None
    """The OpenID Connect issuer that vouched for the identity."""
    trust_root: Path | None = None
    """Sigstore's ``trusted_root.json`` or a client's trust configuration: what makes the check work offline."""


def publishers(file: Path | None = None) -> tuple[Publisher, ...]:
    """The ``[publishers.NAME]`` tables, in the file's order. Paths in them are relative to the file's folder.

    Raises:
        ConfigInvalid: the file cannot be read, or a table says too little, too much or something of another type.
    """
    file = file or paths.config_file()
    tables = _load(file).get("publishers", {})
    if not isinstance(tables, dict):
        raise ConfigInvalid(str(file), "publishers", "tables [publishers.NAME] were expected")
    return tuple(_publisher(file, name, table) for name, table in tables.items())


def _load(file: Path) -> Mapping[str, object]:
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigInvalid(str(file), "", f"cannot be read: {error.strerror}") from error
    except ValueError as error:  # no TOML, or no UTF-8; the message names line and column
        raise ConfigInvalid(str(file), "", str(error)) from error


def _publisher(file: Path, name: str, table: object) -> Publisher:
    where = f"publishers.{name}"
    if not isinstance(table, dict) or set(table) not in _KINDS:
        wanted = "; or ".join(" and ".join(sorted(kind)) for kind in _KINDS)
        raise ConfigInvalid(str(file), where, f"it has to say {wanted}, and nothing else")
    values: dict[str, object] = dict(table)
    certificates = values.get("certificates")
    if isinstance(certificates, str):
        values["certificates"] = certificates = [certificates]
    for key, value in values.items():
        several = key == "certificates" and isinstance(value, list) and value and all(type(one) is str for one in value)
        if not several and not (isinstance(value, str) and value):
            raise ConfigInvalid(str(file), f"{where}.{key}", "a text in quotes was expected")

    def path(value: object) -> Path:
        try:
            return file.parent / Path(str(value)).expanduser()
        except RuntimeError as error:  # ~nobody
            raise ConfigInvalid(str(file), where, f"{value}: there is no such user") from error

    return Publisher(
        name,
        public_key=path(values["public_key"]) if "public_key" in values else None,
        certificates=tuple(map(path, certificates)) if isinstance(certificates, list) else (),
        identity=str(values["identity"]) if "identity" in values else None,
        issuer=str(values["issuer"]) if "issuer" in values else None,
        trust_root=path(values["trust_root"]) if "trust_root" in values else None,
    )
