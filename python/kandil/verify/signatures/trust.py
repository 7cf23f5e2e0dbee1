"""Who signed: a bundle held against the publishers that the user trusts, offline.

The cryptography is ``model-signing``'s (extra ``kandil[signing]``), through its public interface. It would read and
hash every file of a model by itself, a second time and slowly; here it is given the digests that the bundle claims, so
that it answers one question alone: did this publisher sign them? Whether the files have these digests, kandil's own
pass says.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kandil.errors import ExtraMissing

if TYPE_CHECKING:
    from model_signing import hashing, verifying

    from kandil.config import Publisher
    from kandil.verify.signatures.bundle import Bundle

_TRUST_CONFIG = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_SIGNING_CONFIG = "application/vnd.dev.sigstore.signingconfig.v0.2+json"


class Forged(Exception):
    """The bundle names a trusted publisher's key, but that key did not sign it: it was altered."""

    def __init__(self, publisher: str) -> None:
        super().__init__(f"it bears the key of {publisher}, who did not sign this: it was altered")
        self.publisher = publisher


class Unchecked(Exception):
    """Nothing can be said of the bundle; the message says why."""


def installed() -> bool:
    """The extra is there."""
    from importlib.util import find_spec  # noqa: PLC0415

    return find_spec("model_signing") is not None and find_spec("OpenSSL") is not None


def signer(bundle: Bundle, publishers: tuple[Publisher, ...]) -> str | None:
    """The name of the first publisher who signed it; None where none did.

    Raises:
        Forged, Unchecked: see there.
        ExtraMissing: `model-signing` is not installed.
    """
    if not installed():
        raise ExtraMissing("checking signatures", "signing")
    unchecked: Unchecked | None = None
    for publisher in publishers:
        try:
            if not _kind_fits(bundle, publisher):
                continue
            if _signed(bundle, publisher):
                return publisher.name
        except Unchecked as error:
            unchecked = unchecked or error
            continue
        if publisher.public_key is not None:
            raise Forged(publisher.name)
    if unchecked is not None:
        raise unchecked
    return None


def _kind_fits(bundle: Bundle, publisher: Publisher) -> bool:
    if publisher.public_key is not None:
        hint = None if bundle.by_certificate or bundle.by_transparency_log else bundle.key_hint
        return hint is not None and hint == _hint(publisher.public_key)
    if publisher.certificates:
        return bundle.by_certificate and not bundle.by_transparency_log
    return bundle.by_transparency_log


def _hint(public_key: Path) -> str:
    """What `model-signing` writes for a key. Raises: Unchecked where the file holds none."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    try:
        key = serialization.load_pem_public_key(public_key.read_bytes())
    except (OSError, ValueError) as error:
        raise Unchecked(f"{public_key}: {_reason(error)}") from error
    return hashlib.sha256(
        key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


def _signed(bundle: Bundle, publisher: Publisher) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    try:
        with tempfile.TemporaryDirectory(prefix="kandil-") as folder:
            file = Path(folder, "bundle.sig")
            file.write_bytes(bundle.content)  # the bytes that were parsed are the bytes that are verified
            config = _verifier(publisher, Path(folder))
            config.set_hashing_config(known(bundle.subject, bundle.digests, bundle.serialization))
            try:
                config.verify(Path(folder), file)
            except (InvalidSignature, ValueError, LookupError):
                return False
    except Exception as error:
        # It documents no exceptions. Of a bare key's, the others are no word on the signature: a full disk, a version
        # that kandil does not know. The other kinds raise their libraries' own.
        if publisher.public_key is None and not isinstance(error, OSError):
            return False
        raise Unchecked(f"{publisher.name}: {_reason(error)}") from error
    return True


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _verifier(publisher: Publisher, folder: Path) -> verifying.Config:
    from model_signing import verifying  # noqa: PLC0415

    config = verifying.Config()  # type: ignore[no-untyped-call]
    if publisher.public_key is not None:
        return config.use_elliptic_key_verifier(public_key=publisher.public_key)
    if publisher.certificates:
        return config.use_certificate_verifier(certificate_chain=publisher.certificates)
    assert publisher.identity is not None
    assert publisher.issuer is not None
    assert publisher.trust_root is not None  # without one it would ask the network
    return config.use_sigstore_verifier(
        identity=publisher.identity,
        oidc_issuer=publisher.issuer,
        trust_config=_trust_config(publisher.trust_root, folder),
    )


def _trust_config(trust_root: Path, folder: Path) -> Path:
    """A client's trust configuration; a bare ``trusted_root.json`` becomes one that signs nowhere."""
    root = json.loads(trust_root.read_bytes())
    if root.get("mediaType") == _TRUST_CONFIG:
        return trust_root
    nowhere: dict[str, Any] = {"service": [], "config": {"selector": "ANY"}}
    signing = {
        "mediaType": _SIGNING_CONFIG,
        "caUrls": [], "oidcUrls": [], "rekorTlogUrls": [], "tsaUrls": [],
        "rekorTlogConfig": nowhere["config"], "tsaConfig": nowhere["config"],
    }  # fmt: skip
    file = folder / "trust.json"
    file.write_text(json.dumps({"mediaType": _TRUST_CONFIG, "trustedRoot": root, "signingConfig": signing}))
    return file


def known(subject: str, digests: dict[str, str], serialization: dict[str, Any]) -> hashing.Config:
    """A hashing configuration that hashes nothing: it answers with these digests."""
    from model_signing import hashing, manifest  # noqa: PLC0415

    kind = manifest.SerializationType.from_args(serialization)
    digest = manifest.hashing.Digest  # type: ignore[attr-defined]  # it has no other public name
    items = [kind.new_item(name, digest("sha256", bytes.fromhex(value))) for name, value in digests.items()]
    answer = manifest.Manifest(subject, items, kind)

    class Known(hashing.Config):
        def hash(self, model_path: Any, *, files_to_hash: Any = None) -> manifest.Manifest:  # noqa: ANN401, ARG002
            return answer

        def add_ignored_paths(self, *, model_path: Any, paths: Any) -> None:  # noqa: ANN401
            pass

    return Known()  # type: ignore[no-untyped-call]
