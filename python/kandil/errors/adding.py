"""Models that are not added."""

from __future__ import annotations

from kandil.errors.root import KandilError


class FindingsUnaccepted(KandilError):
    """A file is suspicious, and nobody has said that it is to be used all the same; `findings` are id and sentence."""

    exit_code = 8
    code = "findings-unaccepted"

    def __init__(self, findings: tuple[tuple[str, str], ...]) -> None:
        ids = ",".join(dict.fromkeys(one for one, _ in findings))
        super().__init__(
            "the file is suspicious: " + "; ".join(f"{text} ({one})" for one, text in findings),
            hint=f"`kandil rules {ids.partition(',')[0]}` explains; --accept-findings {ids} takes it all the same",
        )
        self.findings = findings


class AddUnconfirmed(KandilError):
    """It would take room, and nobody was there to ask."""

    exit_code = 2
    code = "add-unconfirmed"

    def __init__(self, name: str, missing_bytes: int) -> None:
        size = f"{missing_bytes / 2**30:.1f} GiB" if missing_bytes >= 1 << 29 else f"{missing_bytes:,} bytes"
        super().__init__(
            f"adding {name} takes {size}, and nobody is at a terminal to say yes",
            hint="say --yes, or look first: --dry-run",
        )
        self.name, self.missing_bytes = name, missing_bytes


class ProvenanceUnknown(KandilError):
    """Nobody has recorded where the model's files come from."""

    exit_code = 3
    code = "provenance-unknown"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"it is not recorded where {name} comes from",
            hint="`kandil model add` records it; a model that was described by hand has no files",
        )
        self.name = name
