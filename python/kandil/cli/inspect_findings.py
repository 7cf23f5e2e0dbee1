"""What is wrong with one file: on a terminal with the reasons, in a pipe one line a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kandil.cli.escape import printable
from kandil.cli.findings_text import SEVERITY_STYLES, explanation, finding_line, worst_first
from kandil.cli.json_lines import write_json

if TYPE_CHECKING:
    from kandil._core import Finding
    from kandil.cli.terminal import Paint

SCHEMA = "kandil.inspect-findings/1"
_WIDTH = max(map(len, SEVERITY_STYLES))


def blocks(findings: list[Finding], *, strict: bool) -> bool:
    """A file with these is not to be loaded."""
    bad = ("malicious", "malformed", "suspicious") if strict else ("malicious", "malformed")
    return any(finding.severity in bad for finding in findings)


def show(path: str, findings: list[Finding], paint: Paint, *, explain: bool) -> None:
    """Prints the findings, worst first; with `explain` each rule's reasons below the first finding of it."""
    from kandil._core import rules

    known = {rule.id: rule for rule in rules()} if explain else {}
    if explain:
        print(paint("bold", printable(path)))
    if explain and not findings:
        print("nothing was found")
    for finding in worst_first(findings):
        severity = paint(SEVERITY_STYLES[finding.severity], f"{finding.severity:<{_WIDTH}}")
        print(f"{severity}  {finding_line(finding)}")
        rule = known.pop(finding.id, None)
        for line in explanation(rule) if rule is not None else ():
            print(f"{'':{_WIDTH}}  {paint('dim', line)}")


def show_json(path: str, findings: list[Finding], *, blocked: bool) -> None:
    """Prints one object."""
    from kandil import __version__

    names = ("id", "severity", "message", "offset")
    listed = [{name: getattr(finding, name) for name in names} for finding in findings]
    write_json({"path": path, "blocked": blocked, "findings": listed, "schema": SCHEMA, "kandil_version": __version__})
