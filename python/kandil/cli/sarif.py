"""Findings as SARIF 2.1.0, which code hosts and security dashboards read.

Every rule is listed with its help, whatever was found. A result is one finding, or a file that is not the expected one
or could not be checked. Sources: OASIS, Static Analysis Results Interchange Format 2.1.0; RFC 3986 for the URIs.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kandil.cli.escape import printable
from kandil.cli.json_lines import as_json
from kandil.cli.target import check_target, replace_file
from kandil.cli.verify_text import expectation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil._core import Rule
    from kandil.cli.findings_text import AnyFinding
    from kandil.verify import Progress
    from kandil.verify.result import FileResult, Severity, Status, Summary

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: dict[Severity, str] = {"note": "note", "suspicious": "warning", "malformed": "error", "malicious": "error"}
_ROOT = "%SRCROOT%"
"""What SARIF's readers call the folder that relative URIs start from: here the working directory."""
_OF_STATUS: dict[Status, tuple[str, str, str]] = {
    "mismatch": (
        "KG-DIGEST-MISMATCH",
        "The bytes are not those that were published",
        "The file's SHA-256 is not the one that its publisher, its store or a list gives: download it again.",
    ),
    "changed": (
        "KG-DIGEST-CHANGED",
        "The bytes are not those that were pinned, or that an earlier run read",
        "The file was edited, or its disk fails. Pin it anew with kandil verify --pin, or restore it from its source.",
    ),
    "error": (
        "KG-UNCHECKED",
        "The file could not be checked",
        "It could not be read, or its digest is given twice and differently. Nothing is known of its content.",
    ),
}
"""For what no GGUF rule says: id, one line, help."""


class SarifReport:
    """Told of every result; writes the log at the end. Raises FileUnwritable at the start where it cannot."""

    def __init__(self, target: str, *, strict: bool = False) -> None:
        from kandil import rules

        check_target(target)
        self._target = target
        self._strict = strict
        self._rules = [_of_rule(rule) for rule in rules()] + [_descriptor(*texts) for texts in _OF_STATUS.values()]
        self._places = {rule["id"]: place for place, rule in enumerate(self._rules)}
        self._results: list[dict[str, Any]] = []

    def result(self, result: FileResult) -> None:
        if result.status in _OF_STATUS:
            rule, what, _ = _OF_STATUS[result.status]
            said = [text for text in (result.message, expectation(result)) if text]
            self._add(result.path, rule, "error", printable("; ".join(said) or what))
        self.findings(result.path, result.findings)

    def findings(self, path: str | os.PathLike[str], findings: Iterable[AnyFinding]) -> None:
        """What the rules say of one file."""
        seen: Counter[str] = Counter()
        for one in findings:
            level = "error" if self._strict and one.severity == "suspicious" else _LEVELS[one.severity]
            self._add(path, one.id, level, one.message, offset=one.offset, number=seen[one.id])
            seen[one.id] += 1

    def end(self, summary: Summary) -> None:
        self.write(summary.exit_code)

    def interrupted(self, progress: Progress) -> None:
        """Half a log would say that the other files are sound."""

    def write(self, exit_code: int) -> None:
        """Writes the log. Raises: FileUnwritable."""
        text = as_json(self._log(exit_code)) + "\n"
        if self._target == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            replace_file(self._target, text.encode())

    def _add(
        self,
        path: str | os.PathLike[str],
        rule: str,
        level: str,
        message: str,
        *,
        offset: int | None = None,
        number: int = 0,
    ) -> None:
        """`number`: how many of the rule's findings in this file came before."""
        place: dict[str, Any] = {"artifactLocation": _location(path)}
        if offset is not None:
            place["region"] = {"byteOffset": offset}
        # A finding keeps its fingerprint from run to run, wherever in the file it is by then.
        identity = "\0".join((rule, place["artifactLocation"]["uri"], str(number)))
        result: dict[str, object] = {
            "ruleId": rule,
            "level": level,
            "message": {"text": message},
            "locations": [{"physicalLocation": place}],
            "partialFingerprints": {"kandilFinding/v1": sha256(identity.encode()).hexdigest()},
        }
        if rule in self._places:
            result["ruleIndex"] = self._places[rule]
        self._results.append(result)

    def _log(self, exit_code: int) -> dict[str, object]:
        from kandil import __version__

        driver: dict[str, object] = {"name": "kandil", "semanticVersion": __version__, "rules": self._rules}
        run = {
            "tool": {"driver": driver},
            "invocations": [{"executionSuccessful": True, "exitCode": exit_code}],
            "originalUriBaseIds": {_ROOT: {"uri": _absolute(_here())}},
            "results": self._results,
        }
        return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _of_rule(rule: Rule) -> dict[str, Any]:
    text = f"{rule.explanation}\nReference: {rule.reference}\nWhat passes: {rule.false_positives}"
    return _descriptor(rule.id, rule.summary, text) | {
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"severity": rule.severity},
    }


def _descriptor(rule: str, summary: str, text: str) -> dict[str, Any]:
    return {
        "id": rule,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": text.split("\n", maxsplit=1)[0]},
        "help": {"text": text},
        "defaultConfiguration": {"level": "error"},
    }


def _location(path: str | os.PathLike[str]) -> dict[str, str]:
    """Relative to the working directory where the file is below it."""
    absolute = os.path.abspath(os.fsencode(path))
    below = absolute.removeprefix(_here())
    return {"uri": quote(below, safe="/"), "uriBaseId": _ROOT} if below != absolute else {"uri": _absolute(absolute)}


def _here() -> bytes:
    return os.getcwdb().rstrip(b"/") + b"/"


def _absolute(path: bytes) -> str:
    return f"file://{quote(path, safe='/')}"
