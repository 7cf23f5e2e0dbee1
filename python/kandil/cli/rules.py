"""`kandil rules`: what is checked, and what a finding means."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil._core import Rule
    from kandil.cli.terminal import Paint

HELP = """\b
Examples:
  kandil rules                  every rule, in the order in which a file is walked
  kandil rules KG-TEN-PATH      why, who says so, and which sound files come near it
  kandil rules --json | jq -r '.rules[] | select(.severity == "malicious").id'

List what `kandil verify` and `kandil inspect` look for in GGUF files, or explain it.

ID is a finding's, as KG-TEN-PATH; case does not matter, and KG- may be left out. Malicious and malformed files are
blocked (exit 8), suspicious ones with --strict, and a note is never in the way.

\b
Exit: 0 shown; 3 no such rule.
"""

SCHEMA = "kandil.rules/1"
NEAR = 5
"""So many rules are named where there is none with the id that was asked for."""
_TITLES = {
    "HDR": "header",
    "KEY": "keys",
    "TYPE": "values",
    "STR": "values",
    "ARR": "values",
    "BOOL": "values",
    "ALIGN": "alignment",
    "SPLIT": "shards",
    "TEN": "tensors",
    "DATA": "tensor data",
    "SLACK": "tensor data",
    "ARCH": "architecture",
    "HP": "hyper-parameters",
    "VOC": "tokenizer",
    "MM": "multimodal projectors",
    "LORA": "adapters",
    "META": "metadata",
    "TPL": "chat templates",
    "WT": "weights",
    "SIG": "signatures",
    "LOAD": "loading",
    "MORE": "what is not listed",
    "NO": "what is not listed",
}
"""Of the first word of an id, after KG-."""


@click.command("rules", help=HELP, short_help="List and explain what is looked for in GGUF files.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@common_options
@click.pass_context
def command(ctx: click.Context, *, ids: tuple[str, ...]) -> int:
    from kandil._core import rules
    from kandil.cli.terminal import Paint

    settings = ctx.find_object(Settings)
    assert settings is not None
    everything = rules()
    chosen = [find(everything, given) for given in ids]
    if settings.json:
        _show_json(chosen or everything)
        return 0
    paint = Paint(sys.stdout, no_color=settings.no_color)
    if not chosen:
        _list(everything, paint)
    for number, rule in enumerate(chosen):
        print(end="\n" if number else "")
        _explain(rule, paint)
    return 0


def find(rules: list[Rule], given: str) -> Rule:
    """The rule of that id. Raises: RuleUnknown."""
    from kandil.errors import RuleUnknown

    wanted = f"KG-{given.strip().upper().removeprefix('KG-')}"
    ids = {rule.id: rule for rule in rules}
    if wanted in ids:
        return ids[wanted]
    of_area = [known for known in ids if known.startswith(f"{wanted}-")]
    short = {known.removeprefix("KG-"): known for known in ids}  # what all have in common would make all alike
    alike = [short[name] for name in get_close_matches(wanted.removeprefix("KG-"), short, n=NEAR)]
    raise RuleUnknown(given, tuple(of_area or alike))


def _show_json(rules: Iterable[Rule]) -> None:
    from kandil import __version__
    from kandil.cli.json_lines import write_json

    names = ("id", "severity", "summary", "explanation", "reference", "false_positives")
    listed = [{name: getattr(rule, name) for name in names} for rule in rules]
    write_json({"rules": listed, "schema": SCHEMA, "kandil_version": __version__})


def _title(rule: Rule) -> str:
    area = rule.id.split("-")[1]
    return _TITLES.get(area, area.lower())


def _list(rules: list[Rule], paint: Paint) -> None:
    from kandil.cli.findings_text import SEVERITY_STYLES

    width = max(len(rule.id) for rule in rules)
    groups: dict[str, list[Rule]] = {}
    for rule in rules:
        groups.setdefault(_title(rule), []).append(rule)
    for title, group in groups.items():
        print(paint("bold", title))
        for rule in group:
            severity = paint(SEVERITY_STYLES[rule.severity], f"{rule.severity:<10}")
            print(f"  {rule.id:<{width}}  {severity}  {rule.summary}")


def _explain(rule: Rule, paint: Paint) -> None:
    from kandil.cli.findings_text import EFFECTS, SEVERITY_STYLES, explanation

    severity = paint(SEVERITY_STYLES[rule.severity], rule.severity)
    print(f"{paint('bold', rule.id)}  {severity}, which {EFFECTS[rule.severity]}")
    print(f"  {rule.summary}\n")
    for line in explanation(rule):
        print(f"  {line}")
