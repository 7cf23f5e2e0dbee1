"""What `kandil model use` and `kandil model default` say: the model that is used where none is named, and why."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from kandil.cli.escape import printable
from kandil.cli.json_lines import write_report

if TYPE_CHECKING:
    from kandil.registry.choice import Choice


def show(schema: str, *, json: bool, quiet: bool) -> int:
    """Prints it. Raises: as `kandil.registry.choice.choose`."""
    from kandil import config
    from kandil.cli.run import run_async
    from kandil.registry import choice

    chosen = run_async(partial(choice.choose, config.load()))
    if json:
        write_report(schema, in_force=as_fields(chosen))
    else:
        print(printable(chosen.name if quiet else f"{chosen.name}: {chosen.why}"))
    return 0


def named() -> Choice | None:
    """What is in force, if somebody named it; None where what they named cannot be used."""
    from kandil import config
    from kandil.errors import DefaultUnusable
    from kandil.registry import choice

    try:
        return choice.named(config.load())
    except DefaultUnusable as error:
        say(f"warning: {error.message}")
        return None


def as_fields(chosen: Choice | None) -> dict[str, object] | None:
    if chosen is None:
        return None
    return {"name": chosen.name, "said": chosen.said, "where": chosen.where, "why": chosen.why}


def given(name: str, *, explain: bool, no_input: bool) -> str:
    """What to keep of a model that was named: its profile's id, or the absolute path of its file.

    Raises:
        FileUnreadable, NotGguf: it is the path of a file that is no model.
        DefaultUnusable: it is no model to ask.
        NameAmbiguous, NameUnknown: as `kandil.cli.naming.resolved`.
    """
    from kandil._core import Header
    from kandil.cli.naming import resolved
    from kandil.errors import DefaultUnusable, FileUnreadable, NotGguf
    from kandil.registry import choice

    if not choice.is_path(name):
        profile = resolved(name, explain=explain, no_input=no_input).profile
        if profile.kind != "chat":
            raise DefaultUnusable(name, "the command line", f"that is no model to ask: its kind is {profile.kind}")
        return profile.id
    path = os.path.abspath(os.path.expanduser(name))
    try:
        if not Header.open(path).is_gguf:
            raise NotGguf(name, None)
    except OSError as error:
        raise FileUnreadable(name, error.strerror or str(error)) from error
    return path


def say(text: str) -> None:
    print(printable(text), file=sys.stderr)
