"""`kandil setup`: from nothing to a first answer."""

from __future__ import annotations

import sys

import click

from kandil.cli.group import GivenPath, Settings, common_options

HELP = """Find out what this machine can do, keep keys, get a model that fits, and ask it something.

\b
Examples:
  kandil setup
  kandil setup --task code
  kandil setup --answers team.toml             nobody is asked

It asks step by step, and does nothing that it has not shown before. Everything can be left out, or done again later:
what is there already is seen. Ctrl-C leaves at any point; what was done until then stays, and nothing is half done.

\b
A file of answers, for machines where nobody sits:
  providers = ["local", "openai"]
  model = "qwen3:4b"          # or "recommended", or "none"
  default = true              # the model is used where none is named
Keys have no place in it. `kandil auth set openai --key-stdin` keeps one before.

\b
Exit: 0 done; 2 nobody is there to ask, or the answers are wrong; 4 nothing fits this machine; 5 a key is missing or
rejected; 6 the network; 7 the download was interrupted, or the disk is full; 8 the file is bad; 130 left.
"""


@click.command("setup", help=HELP, short_help="From nothing to a first answer, step by step.")
@click.option("--answers", metavar="FILE", type=GivenPath(), help="Take the answers from this TOML file.")
@click.option(
    "--task", type=click.Choice(["chat", "code", "vision"]), default="chat", show_default=True, help="What for."
)
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, answers: str | None, task: str) -> int:
    from kandil.cli.keys import is_asking
    from kandil.cli.setup import walk
    from kandil.cli.setup.answers import Person, from_file
    from kandil.errors import NobodyToAsk

    settings = ctx.find_object(Settings)
    assert settings is not None
    if answers is None and not is_asking():
        raise NobodyToAsk("kandil setup")
    who = Person() if answers is None else from_file(answers)
    return walk.through(who, task, settings, sys.stderr if settings.json else sys.stdout)
