"""Signatures beside model files: found, believed only when a publisher whom the user trusts made them, and made.

Search: for a file in folder F every ``*.sig`` in F and in the two folders above it. A signature ``NAME.sig`` speaks of
the file or folder NAME beside it, else (``model.sig``) of its own folder.
"""

# Paths are bytes here: a name need not be text.

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kandil.errors import ExtraMissing
from kandil.verify.item import Expected
from kandil.verify.result import Finding
from kandil.verify.signatures import bundle, trust
from kandil.verify.signatures.bundle import NotASignature

if TYPE_CHECKING:
    from kandil.config import Publisher
    from kandil.verify.signatures.bundle import Bundle

FORGED = "KG-SIG-FORGED"
_LEVELS = 3
_MOST = 256
"""So many signatures of one folder are looked at: each costs some milliseconds, and anyone may have put them there."""


@dataclass(slots=True)
class Signatures:
    """What verified signatures expect of the files around them."""

    keys: tuple[Path, ...] = ()
    """Public keys that are trusted beside the configured publishers."""
    by_path: dict[bytes, Expected] = field(default_factory=dict)
    """By absolute path."""
    forged: dict[bytes, Finding] = field(default_factory=dict)
    """Files that an altered signature names."""
    warnings: list[str] = field(default_factory=list)
    _folders: set[bytes] = field(default_factory=set)
    _publishers: tuple[Publisher, ...] | None = None

    def around(self, path: bytes) -> None:
        """Looks for signatures that may speak of the file at this absolute path.

        Raises:
            ConfigInvalid: there is one, and whom to trust cannot be read.
        """
        folder = os.path.dirname(path)
        for _ in range(_LEVELS):
            if folder in self._folders:
                return  # and those above it were looked at then
            self._folders.add(folder)
            try:
                found = sorted(filter(bundle.is_signature, os.listdir(folder)))
            except (OSError, ValueError):
                found = []
            if len(found) > _MOST:
                self.warnings.append(
                    f"{os.fsdecode(folder)}: of its {len(found)} signatures the first {_MOST} are used"
                )
            for name in found[:_MOST]:
                self._add(os.path.join(folder, name))
            folder = os.path.dirname(folder)

    def _add(self, path: bytes) -> None:
        shown = os.fsdecode(path)
        try:
            read = bundle.read(path)
        except OSError as error:
            self.warnings.append(f"{shown}: {error.strerror}; this signature is not used")
            return
        except NotASignature as error:
            self.warnings.append(f"{shown}: {error}; it is not used")
            return
        targets = _targets(path, read)
        try:
            who = trust.signer(read, self._trusted())
        except ExtraMissing as error:
            self.warnings.append(f"{shown}: not checked; {error.hint}")
        except trust.Forged as forged:
            for target in targets:
                self.forged[target] = Finding(FORGED, "malicious", f"{shown}: {forged}")
        except trust.Unchecked as error:
            self.warnings.append(f"{shown}: not checked; {error}")
        else:
            if who is not None:
                self._trust(path, targets, who)
            else:
                self.warnings.append(f"{shown}: signed by nobody who is trusted here; it is not used")

    def _trusted(self) -> tuple[Publisher, ...]:
        if self._publishers is None:
            from kandil.config import Publisher, publishers  # noqa: PLC0415 - most libraries hold no signature

            self._publishers = (*(Publisher(str(key), public_key=key) for key in self.keys), *publishers())
        return self._publishers

    def _trust(self, path: bytes, targets: dict[bytes, str], who: str) -> None:
        for target, digest in targets.items():
            folder = os.path.dirname(path)
            source = os.path.basename(path) if os.path.dirname(target) == folder else path
            self.by_path.setdefault(target, Expected(digest, os.fsdecode(source), signer=who))
        missing = [target for target in targets if not os.path.lexists(target)]
        if missing:
            first, more = os.fsdecode(missing[0]), f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            self.warnings.append(f"{os.fsdecode(path)}: {who} signed files that are not there: {first}{more}")


def _targets(path: bytes, read: Bundle) -> dict[bytes, str]:
    """Digests by absolute path."""
    folder, base = os.path.split(path)
    stem = os.path.join(folder, base[: -len(bundle.SUFFIX)])
    if set(read.digests) == {bundle.WHOLE_FILE}:
        subject = os.path.join(folder, os.fsencode(os.path.basename(read.subject)))
        return {stem if os.path.lexists(stem) else subject: read.digests[bundle.WHOLE_FILE]}
    root = stem if os.path.isdir(stem) else folder
    return {os.path.normpath(os.path.join(root, os.fsencode(name))): digest for name, digest in read.digests.items()}
