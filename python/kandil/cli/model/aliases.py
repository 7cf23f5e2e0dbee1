"""`kandil model aliases`: which other names there are."""

from __future__ import annotations

import click

from kandil.cli.group import Settings, common_options

HELP = """\b
Examples:
  kandil model aliases                  every one
  kandil model aliases sonnet           those whose name or target has "sonnet" in it
  kandil model aliases --json | jq -r '.aliases[] | select(.yours).name'

List the other names of models: yours first, then kandil's own.

`kandil model alias NAME TARGET` adds one.

\b
Exit: 0 shown, also where there is none.
"""


@click.command("aliases", help=HELP, short_help="List the other names of models.")
@click.argument("query", required=False, default="")
@click.option("-q", "--quiet", is_flag=True, help="Print the names alone.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, query: str, quiet: bool) -> int:
    from kandil import config, profiles
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    mine = config.load().aliases
    listed = [{"name": name, "target": target, "yours": True} for name, target in sorted(mine.items())]
    for alias in profiles.aliases():
        if alias.name not in mine:
            sources = [profiles.source_title(source) for source in alias.sources]
            fields = {"instead_of": alias.instead_of, "also": alias.also, "sources": sources}
            listed.append({"name": alias.name, "target": alias.target, "yours": False, **fields})
    wanted = query.casefold()
    chosen = [one for one in listed if wanted in f"{one['name']} {one['target']}".casefold()]
    if settings.json:
        write_report("kandil.model.aliases/1", aliases=chosen)
        return 0
    width = max((len(str(one["name"])) for one in chosen), default=0)
    for one in chosen:
        name = printable(str(one["name"]))
        line = f"{name:<{width}}  {printable(str(one['target']))}{'  (yours)' if one['yours'] else ''}"
        print(name if quiet else line)
    return 0
