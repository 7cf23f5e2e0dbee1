"""What a model signature claims, before anyone has looked whether to believe it.

Format: a Sigstore bundle (JSON) around a DSSE envelope around an in-toto statement whose predicate lists a digest for
each file of a model, as OpenSSF's ``model-signing`` 1.x writes it. Source:
https://github.com/sigstore/model-transparency, ``src/model_signing/_signing/signing.py``.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

BUNDLE_BYTES = 4 << 20
"""Twenty thousand files' digests; what is parsed takes thirty times as much memory."""
SUFFIX = b".sig"
WHOLE_FILE = "."
"""The name of the one resource of a signature that was made over a single file."""
_PREDICATE = "https://model_signing/signature/v1.0"
_SHOWN = 80


class NotASignature(ValueError):
    """The file is none that kandil can use; the message says why."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A signature file as it was read, once. Nothing in it has been verified."""

    content: bytes
    serialization: dict[str, Any]
    """How the digests were made; ``method`` and ``hash_type`` are in it."""
    digests: dict[str, str]
    """SHA-256 in lower-case hex by name, relative to the model's folder; `WHOLE_FILE` for a single file."""
    subject: str
    """What the signer called the model."""
    by_certificate: bool
    by_transparency_log: bool
    key_hint: str | None
    """SHA-256 of the signer's public key in PEM, where a bare key signed."""


def read(path: bytes) -> Bundle:
    """Raises NotASignature, OSError."""
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise NotASignature("it is no regular file")
        content = file.read(BUNDLE_BYTES + 1)
    if len(content) > BUNDLE_BYTES:
        raise NotASignature("it is too large for a signature")
    try:
        return _parse(content)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, RecursionError) as error:
        if isinstance(error, NotASignature):
            raise
        raise NotASignature("it is no signature of a model as model-signing 1.x writes it") from error


def _without_waiting(path: str, flags: int) -> int:
    """A named pipe that nobody writes to is opened as well."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _parse(content: bytes) -> Bundle:
    bundle = json.loads(content)
    material = bundle["verificationMaterial"]
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"], validate=True))
    predicate = statement["predicate"]
    if statement["predicateType"] != _PREDICATE:
        raise NotASignature(f"its predicate is {_short(statement['predicateType'])}, {_PREDICATE} was expected")
    serialization = dict(predicate["serialization"])
    how = (serialization["method"], serialization["hash_type"])
    if how != ("files", "sha256"):
        said = " of ".join(map(_short, reversed(how)))
        raise NotASignature(f"it signs {said}, kandil takes SHA-256 of files: `model_signing verify` can")
    subject = str(statement["subject"][0]["name"])
    os.fsencode(subject)  # a name of a file, or a ValueError
    return Bundle(
        content=content,
        serialization=serialization,
        digests={_name(one["name"]): _digest(one) for one in predicate["resources"]},
        subject=subject,
        by_certificate="x509CertificateChain" in material,
        by_transparency_log=bool(material.get("tlogEntries")),
        key_hint=(material.get("publicKey") or {}).get("hint"),
    )


def _short(said: object) -> str:
    shown = said if isinstance(said, str) else repr(said)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _name(name: str) -> str:
    os.fsencode(name)  # a name of a file, or a ValueError
    path = PurePosixPath(name)
    if name != WHOLE_FILE and (path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts):
        raise NotASignature(f"it names {_short(repr(name))}, which leads out of the model's folder")
    return name


def _digest(resource: dict[str, str]) -> str:
    digest = resource["digest"].lower()
    if resource["algorithm"] != "sha256" or len(bytes.fromhex(digest)) != 32:  # noqa: PLR2004
        raise NotASignature("a digest in it is no SHA-256")
    return digest


def is_signature(path: bytes) -> bool:
    """Its name says that it may be one."""
    return os.path.basename(path).lower().endswith(SUFFIX)
