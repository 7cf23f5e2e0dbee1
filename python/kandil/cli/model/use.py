"""`kandil model use`: the model of this terminal session."""

from __future__ import annotations

import click

from kandil.cli.group import Settings, common_options
from kandil.cli.naming import naming_options

HELP = """\b
Examples:
  kandil model use claude-sonnet-5-5
  kandil model use ./tiny.gguf
  kandil model use                      which is in force, and why
  kandil model use --clear

Say which model this terminal session uses where none is named.

It is in force in this window, pane or login alone, with the shells and scripts that are started in it, and until it is
closed; without a terminal, for as long as whatever began the session. It goes before the project's default and yours;
KANDIL_DEFAULTS_MODEL and -m go before it. Without NAME, the model in force is shown: where nobody named one, that is
the best that is configured.

\b
Exit: 0 done; 3 no such model, or none is configured; 8 the file is no model; 9 a file of settings is wrong.
"""

SCHEMA = "kandil.model.use/1"


@click.command("use", help=HELP, short_help="Say which model this terminal session uses.")
@click.argument("name", required=False)
@click.option("--clear", is_flag=True, help="None of its own: the defaults are in force again.")
@click.option("-q", "--quiet", is_flag=True, help="Print the model's name alone.")
@naming_options
@common_options
@click.pass_context
def command(
    ctx: click.Context, *, name: str | None, clear: bool, quiet: bool, explain: bool, no_input: bool
) -> int:  # fmt: skip
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.cli.model import in_force
    from kandil.registry import session

    settings = ctx.find_object(Settings)
    assert settings is not None
    if clear and name is not None:
        raise click.UsageError("name a model, or say --clear", ctx)
    if not clear and name is None:
        return in_force.show(SCHEMA, json=settings.json, quiet=quiet)
    before, after = session.model(), None
    if name is None:
        session.clear()
    else:
        after = in_force.given(name, explain=explain, no_input=no_input)
        session.use(after)
    now = in_force.named()
    if settings.json:
        write_report(SCHEMA, before=before, after=after, in_force=in_force.as_fields(now))
    elif quiet:
        print(printable(after or ""), end="\n" if after else "")
    else:
        print(printable(_said(before, after)))
    if after and session.is_this_process():
        in_force.say("warning: this session ends with this command; `kandil model default` stays")
    if after and now and now.name != after:
        in_force.say(f"note: {now.name} is in force: {now.why}")
    return 0


def _said(before: str | None, after: str | None) -> str:
    was = f"; it was {before}" if before not in (None, after) else ""
    if after is not None:
        return f"this terminal session uses {after}{was}"
    return f"this terminal session has no model of its own{' any more' if before else ''}{was}"
