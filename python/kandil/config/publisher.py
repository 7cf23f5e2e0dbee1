"""Whom the user trusts to sign models: ``[publishers.NAME]`` in ``config.toml``.

Nothing in a project's folder is read: a cloned repository must not choose whom its user trusts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kandil import paths
from kandil.config.document import read

if TYPE_CHECKING:
    from kandil.config.document import Document

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

    They are the user's alone: no file in a project's folder is read.

    Raises:
        ConfigInvalid: the file cannot be read, or a table says too little, too much or something of another type.
        ConfigTooNew: a later kandil wrote the file.
    """
    return of_document(read(file or paths.config_file()))


def of_document(document: Document) -> tuple[Publisher, ...]:
    """The publishers that the document names. Raises: ConfigInvalid."""
    tables = document.data.get("publishers", {})
    if not isinstance(tables, dict):
        raise document.invalid(("publishers",), "tables [publishers.NAME] were expected", value=True)
    return tuple(_publisher(document, name, table) for name, table in tables.items())


def _publisher(document: Document, name: str, table: object) -> Publisher:
    where = ("publishers", name)
    if not isinstance(table, dict) or set(table) not in _KINDS:
        wanted = "; or ".join(" and ".join(sorted(kind)) for kind in _KINDS)
        raise document.invalid(where, f"it has to say {wanted}, and nothing else")
    values: dict[str, object] = dict(table)
    certificates = values.get("certificates")
    if isinstance(certificates, str):
        values["certificates"] = certificates = [certificates]
    for key, value in values.items():
        several = key == "certificates" and isinstance(value, list) and value and all(type(one) is str for one in value)
        if not several and not (isinstance(value, str) and value):
            raise document.invalid((*where, key), "a text in quotes was expected", value=True)

    def path(value: object) -> Path:
        try:
            return document.file.parent / Path(str(value)).expanduser()
        except RuntimeError as error:  # ~nobody
            raise document.invalid(where, f"{value}: there is no such user") from error

    return Publisher(
        name,
        public_key=path(values["public_key"]) if "public_key" in values else None,
        certificates=tuple(map(path, certificates)) if isinstance(certificates, list) else (),
        identity=str(values["identity"]) if "identity" in values else None,
        issuer=str(values["issuer"]) if "issuer" in values else None,
        trust_root=path(values["trust_root"]) if "trust_root" in values else None,
    )
