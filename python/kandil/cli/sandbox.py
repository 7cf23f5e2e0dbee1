"""`kandil-sandbox`: what the sandbox is worth here, and loading a file in it."""

from __future__ import annotations

from typing import ClassVar

import click

from kandil.cli.group import LazyGroup, version_option


class SandboxGroup(LazyGroup):
    """The commands of `kandil-sandbox`, which are in `kandil.cli.sandbox_load` and `kandil.cli.sandbox_self`."""

    summaries: ClassVar = {
        "load-test": "Load a model file where it can do no harm.",
        "self-test": "Attack the sandbox from within, and show what holds.",
    }

    def home(self, name: str) -> str:
        return f"kandil.cli.sandbox_{name.removesuffix('-test')}"


@click.group(cls=SandboxGroup, context_settings={"help_option_names": ["-h", "--help"]})
@version_option
def kandil_sandbox() -> None:
    """Open model files where they can do no harm."""


def main() -> int:
    """The exit code of `kandil-sandbox` with this process's arguments."""
    import sys

    from kandil.cli.run import main as run

    return run(sys.argv[1:], kandil_sandbox, "kandil-sandbox")
