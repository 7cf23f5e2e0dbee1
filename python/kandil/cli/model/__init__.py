"""`kandil model`: which models there are, which fit, and what they are called. One module a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import click

from kandil.cli.group import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

HELP = """\b
Examples:
  kandil model list                     those on this machine, and those that you added
  kandil model fit                      what this machine can run, with how much context
  kandil model show qwen2.5-coder:7b    everything that is known of one

See what models there are, whether they fit this machine, and what they are called.

A model's name may be its id, an alias, a provider's own name or hf.co/OWNER/REPO:QUANT, in any spelling. A name that is
only like one is asked about, or refused where nobody is there to ask.
"""


class ModelGroup(LazyGroup):
    summaries: ClassVar[Mapping[str, str]] = {
        "add": "Add a model: fetch, verify, try, record it.",
        "alias": "Give a model another name.",
        "aliases": "List the other names of models.",
        "benchmark": "Measure how fast models answer.",
        "discover": "Look for models at all sources.",
        "default": "Say which model a project uses, or you do.",
        "fit": "Rank what this machine can run.",
        "list": "List the models on this machine and those that you added.",
        "ps": "List the local models that are kept loaded.",
        "rm": "Remove a model that you added.",
        "show": "Show everything that is known of a model.",
        "stop": "End local models that are kept loaded.",
        "test": "Call a model, step by step, and say what works.",
        "update": "Fetch newer revisions of what you added.",
        "use": "Say which model this terminal session uses.",
    }

    def home(self, name: str) -> str:
        return f"kandil.cli.model.{name}"


@click.group("model", cls=ModelGroup, help=HELP, short_help="See what models there are, and which fit.")
def command() -> None:
    pass
