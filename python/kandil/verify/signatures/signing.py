"""Signs a file or a folder, so that any `model-signing` verifier can check it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kandil.errors import ExtraMissing, FileUnreadable, SigningFailed
from kandil.verify.signatures import trust
from kandil.verify.signatures.bundle import WHOLE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

UNSIGNED = (".git", ".gitattributes", ".github", ".gitignore")
"""What `model-signing` leaves out of a folder."""


@dataclass(frozen=True, slots=True)
class SigningPlan:
    """What will be signed: `files` by the names that the signature gives them."""

    root: Path
    files: dict[str, Path]
    signature: Path
    links: bool
    """Some of the files are symbolic links; the bytes that they lead to are signed."""


def plan(root: Path, signature: Path | None = None) -> SigningPlan:
    """Every regular file below a folder, or the one file; the signature goes to ``FOLDER/model.sig``, ``FILE.sig``.

    Raises:
        FileUnreadable: there is nothing there.
        SigningFailed: a folder without files, or with something in it that is no file.
    """
    if root.is_file():
        return SigningPlan(root, {WHOLE_FILE: root}, signature or root.with_name(root.name + ".sig"), root.is_symlink())
    if not root.is_dir():
        raise FileUnreadable(str(root), "no such file or folder")
    signature = signature or root / "model.sig"
    itself = signature.absolute()
    files = {path.relative_to(root).as_posix(): path for path in _below(root) if path.absolute() != itself}
    if not files:
        raise SigningFailed(f"{root}: there are no files in it")
    return SigningPlan(root, files, signature, any(path.is_symlink() for path in files.values()))


def _below(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=_unreadable):
        here = Path(folder)
        if here == root:
            folders[:] = [name for name in folders if name not in UNSIGNED]
            names = [name for name in names if name not in UNSIGNED]  # noqa: PLW2901
        for name in folders:
            if (here / name).is_symlink():
                raise SigningFailed(f"{here / name}: a link to a folder cannot be signed")
        for name in sorted(names):
            if not (here / name).is_file():
                raise SigningFailed(f"{here / name}: not a regular file", hint="sign a folder that holds files alone")
            yield here / name


def _unreadable(error: OSError) -> None:
    raise FileUnreadable(str(error.filename), error.strerror or str(error))


def sign(  # noqa: D417
    planned: SigningPlan,
    digests: dict[str, bytes],
    *,
    private_key: Path,
    passphrase: bytes | None = None,
    certificate: Path | None = None,
    chain: tuple[Path, ...] = (),
) -> None:
    """The signature is on disk, whole or not at all.

    Args:
        digests: the SHA-256 of each of the plan's files, 32 bytes.
        private_key: a PEM file; elliptic curve P-256, P-384 or P-521.
        certificate: the signing certificate in PEM; its issuers, at least one, in `chain`.

    Raises:
        ExtraMissing: `model-signing` is not installed.
        SigningFailed: the key or the certificate cannot be used, or the signature cannot be written.
    """
    if not trust.installed():
        raise ExtraMissing("signing", "signing")
    from model_signing import signing  # noqa: PLC0415

    config = signing.Config()  # type: ignore[no-untyped-call]
    try:
        if certificate is None:
            # It declares a str and hands it to cryptography, which takes bytes.
            config.use_elliptic_key_signer(private_key=private_key, password=passphrase)  # type: ignore[arg-type]
        else:
            config.use_certificate_signer(
                private_key=private_key, signing_certificate=certificate, certificate_chain=chain
            )
    except Exception as error:  # it documents none, and has its own for each kind of key that it does not take
        hint = _LOCKED_HINT if "password" in str(error).lower() else _KEY_HINT
        raise SigningFailed(f"{private_key}: {_reason(error)}", hint=hint) from error
    how: dict[str, object] = {"method": "files", "hash_type": "sha256", "allow_symlinks": planned.links}
    if planned.root.is_dir():
        how["ignore_paths"] = sorted({*UNSIGNED, _relative(planned.signature, planned.root)})
    name = planned.root.resolve().name
    config.set_hashing_config(trust.known(name, {name: digest.hex() for name, digest in digests.items()}, how))
    try:
        with tempfile.NamedTemporaryFile(dir=planned.signature.parent, prefix=".kandil-", delete=False) as file:
            temporary = Path(file.name)
        try:
            config.sign(planned.root, temporary)
            temporary.chmod(0o644)
            temporary.replace(planned.signature)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SigningFailed(f"{planned.signature}: {error.strerror or error}") from error


_LOCKED_HINT = "the key is there, its passphrase is another"
_KEY_HINT = "an elliptic-curve key in PEM is needed: openssl ecparam -name prime256v1 -genkey -noout -out key.pem"


def _relative(path: Path, root: Path) -> str:
    return os.path.relpath(path.absolute(), root.absolute())


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__


def is_encrypted(private_key: Path) -> bool:
    """A passphrase will be needed. False where it cannot be read, or but once: signing will say why."""
    try:
        return private_key.is_file() and b"ENCRYPTED" in private_key.read_bytes()[:4096]
    except OSError:
        return False
