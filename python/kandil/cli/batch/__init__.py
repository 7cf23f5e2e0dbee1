"""`kandil batch`: files of requests, answered within the limits. One module a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import click

from kandil.cli.group import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

HELP = """\b
Examples:
  kandil batch run prompts.jsonl -o results.jsonl -m gpt-5-mini
  kandil batch status results.jsonl        how far it is, from another terminal
  kandil batch cancel results.jsonl        stop it; the same `run` goes on later

Send a file of requests to a model: as fast as its limits allow, never faster, and with nothing lost.

Each line of the input is a request: OpenAI's batch form, {"messages": …}, {"prompt": …}, or text. Each answer is a line
of the output as soon as it is there. After a crash, a full disk or Ctrl-C the same command goes on, and no request that
has an answer is sent again.
"""


class BatchGroup(LazyGroup):
    summaries: ClassVar[Mapping[str, str]] = {
        "cancel": "Stop a batch that runs.",
        "fetch": "Get the answers to what was submitted.",
        "merge": "Join the outputs of several runs.",
        "run": "Send a file of requests.",
        "split": "Divide a file of requests into parts.",
        "status": "Show how far a batch is.",
        "submit": "Give a file of requests to a provider's batch API.",
    }

    def home(self, name: str) -> str:
        return f"kandil.cli.batch.{name}"


@click.group("batch", cls=BatchGroup, help=HELP, short_help="Send files of requests to a model.")
def command() -> None:
    pass
