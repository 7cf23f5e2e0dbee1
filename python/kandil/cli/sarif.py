"""Findings as SARIF 2.1.0, which code hosts and security dashboards read.

Every rule is listed with its help, whatever was found. Of a verification, a result is one finding, or a file that is
not the expected one or could not be checked. Sources: OASIS, Static Analysis Results Interchange Format 2.1.0; RFC 3986
for the URIs.
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
from kandil.secret import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil._core import Rule
    from kandil.cli.findings_text import AnyFinding
    from kandil.verify import Progress
    from kandil.verify.result import FileResult, Severity, Status, Summary

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: dict[Severity, str] = {"note": "note", "suspicious": "warning", "malformed": "error", "malicious": "error"}
_ROOT = "%SRCROOT%"
"""What SARIF's readers call the folder that relative URIs start from."""
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


class SarifLog:
    """A log of one run, and where it is written. Raises FileUnwritable at the start where it cannot be.

    Relative URIs start from `root`.
    """

    def __init__(self, target: str, rules: list[dict[str, Any]], root: str | os.PathLike[str] = ".") -> None:
        check_target(target)
        self._target, self._rules = target, rules
        self._root = os.fsencode(os.path.realpath(root)).rstrip(b"/") + b"/"
        self._places = {rule["id"]: place for place, rule in enumerate(rules)}
        self._results: list[dict[str, Any]] = []

    def add(
        self,
        path: str | os.PathLike[str],
        rule: str,
        level: str,
        message: str,
        *,
        fingerprint: str,
        region: dict[str, Any] | None,
        **more: object,
    ) -> None:
        """One result, which is known again by its fingerprint. `more` are its own fields."""
        place: dict[str, Any] = {"artifactLocation": self.location(path)}
        if region is not None:
            place["region"] = region
        result: dict[str, object] = {
            "ruleId": rule,
            "level": level,
            "message": {"text": message},
            "locations": [{"physicalLocation": place}],
            "partialFingerprints": {"kandilFinding/v1": fingerprint},
            **more,
        }
        if rule in self._places:
            result["ruleIndex"] = self._places[rule]
        self._results.append(result)

    def location(self, path: str | os.PathLike[str]) -> dict[str, str]:
        """Relative to the root where the file is below it."""
        absolute = os.path.abspath(os.fsencode(path))
        below = absolute.removeprefix(self._root)
        if below != absolute:
            return {"uri": quote(below, safe="/"), "uriBaseId": _ROOT}
        return {"uri": _absolute(absolute)}

    def write(self, invocation: dict[str, object], **more: object) -> None:
        """Writes the log; `more` are the run's own fields. Raises: FileUnwritable."""
        from kandil import __version__

        driver: dict[str, object] = {"name": "kandil", "semanticVersion": __version__, "rules": self._rules}
        run = {
            "tool": {"driver": driver},
            **more,
            "invocations": [invocation],
            "originalUriBaseIds": {_ROOT: {"uri": _absolute(self._root)}},
            "results": self._results,
        }
        text = redacted(as_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})) + "\n"
        if self._target == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            replace_file(self._target, text.encode())


class SarifReport:
    """Told of every result; writes the log at the end. Raises FileUnwritable at the start where it cannot."""

    def __init__(self, target: str, *, strict: bool = False) -> None:
        from kandil import rules

        self._strict = strict
        statuses = [descriptor(*texts) for texts in _OF_STATUS.values()]
        self._log = SarifLog(target, [_of_rule(rule) for rule in rules()] + statuses)

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
            region = None if one.offset is None else {"byteOffset": one.offset}
            self._add(path, one.id, level, one.message, number=seen[one.id], region=region)
            seen[one.id] += 1

    def end(self, summary: Summary) -> None:
        self.write(summary.exit_code)

    def interrupted(self, progress: Progress) -> None:
        """Half a log would say that the other files are sound."""

    def write(self, exit_code: int) -> None:
        """Writes the log. Raises: FileUnwritable."""
        self._log.write({"executionSuccessful": True, "exitCode": exit_code})

    def _add(
        self,
        path: str | os.PathLike[str],
        rule: str,
        level: str,
        message: str,
        *,
        number: int = 0,
        region: dict[str, Any] | None = None,
    ) -> None:
        """`number`: how many of the rule's findings in this file came before."""
        # A finding keeps its fingerprint from run to run, wherever in the file it is by then.
        identity = "\0".join((rule, self._log.location(path)["uri"], str(number)))
        mark = sha256(identity.encode()).hexdigest()
        self._log.add(path, rule, level, message, fingerprint=mark, region=region)


def _of_rule(rule: Rule) -> dict[str, Any]:
    text = f"{rule.explanation}\nReference: {rule.reference}\nWhat passes: {rule.false_positives}"
    return descriptor(rule.id, rule.summary, text) | {
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"severity": rule.severity},
    }


def descriptor(rule: str, summary: str, text: str) -> dict[str, Any]:
    """A rule as a log lists it: its id, a line, all that there is to say."""
    return {
        "id": rule,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": text.split("\n", maxsplit=1)[0]},
        "help": {"text": text},
        "defaultConfiguration": {"level": "error"},
    }


def _absolute(path: bytes) -> str:
    return f"file://{quote(path, safe='/')}"
