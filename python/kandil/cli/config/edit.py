"""`kandil config edit`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.errors import KandilError

HELP = """\b
Examples:
  kandil config edit
  EDITOR='code --wait' kandil config edit

Edit the user's config.toml in $VISUAL or $EDITOR.

A copy is edited. It takes the file's place when it is sound; otherwise what is wrong is said, and in a terminal it can
be edited again. What was typed is never lost: a copy that is not taken stays, and its place is named. With a key in it
it is deleted.

\b
Exit: 0 replaced, or nothing was changed; 1 there is no editor, or it failed; 9 the copy cannot be used.
"""


@click.command("edit", help=HELP, short_help="Edit the file; what is wrong is said before it is replaced.")
@common_options
@click.pass_context
def command(ctx: click.Context) -> int:
    from kandil import paths
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.config import editing
    from kandil.config.document import content_of
    from kandil.errors import SecretInConfig

    settings = ctx.find_object(Settings)
    assert settings is not None
    file, editor = paths.config_file(), _editor()
    seen = content_of(file)
    before = seen or editing.template().encode()
    copy = Path(tempfile.mkdtemp(prefix="kandil-config-")) / file.name  # editors put files of their own beside it
    copy.write_bytes(before)
    try:
        changed = _edit(editor, copy, file, seen)
    except SecretInConfig:
        shutil.rmtree(copy.parent)
        print("what you wrote was deleted, because a key was in it", file=sys.stderr)
        raise
    except BaseException:
        if copy.exists() and copy.read_bytes() != before:
            print(f"what you wrote is in {printable(copy)}", file=sys.stderr)
        else:
            shutil.rmtree(copy.parent)
        raise
    shutil.rmtree(copy.parent)
    if settings.json:
        write_report("kandil.config.edit/1", path=file, changed=changed)
    else:
        print(f"{printable(file)}: {'replaced' if changed else 'nothing was changed'}")
    return 0


def _edit(editor: list[str], copy: Path, file: Path, seen: bytes | None) -> bool:
    """Whether the copy took the file's place: edited until it can, or its user gives up. Raises: KandilError."""
    from kandil.config import editing
    from kandil.errors import KandilError

    before = copy.read_bytes()
    while True:
        content = _written(editor, copy)
        if content == before:
            return False
        try:
            editing.replace(file, content, seen=seen)
        except KandilError as error:
            if not _again(error):
                raise
        else:
            return True


def _editor() -> list[str]:
    """The command to edit with. Raises: KandilError."""
    from kandil.errors import KandilError

    for name in ("VISUAL", "EDITOR"):
        try:
            if words := shlex.split(os.environ.get(name, "")):
                return words
        except ValueError as error:
            raise KandilError(f"{name} is no command: {error}", hint="export EDITOR=nano") from error
    usual = ("sensible-editor", "nano", "vi") if sys.stdin.isatty() else ()
    for name in usual:
        if shutil.which(name):
            return [name]
    raise KandilError("there is no editor to use", hint="set EDITOR, or use `kandil config set KEY VALUE`")


def _written(editor: list[str], copy: Path) -> bytes:
    """What the user has made of the copy. Raises: KandilError."""
    from kandil.errors import KandilError

    try:
        code = subprocess.run([*editor, str(copy)], check=False).returncode  # noqa: S603 (the user's own editor)
    except OSError as error:
        raise KandilError(f"cannot run {editor[0]}: {error.strerror}", hint="set EDITOR") from error
    if code:
        raise KandilError(f"{editor[0]} ended with {code}; nothing was replaced")
    try:
        return copy.read_bytes()
    except OSError as error:
        raise KandilError(f"{editor[0]} has left no file: {error.strerror}; nothing was replaced") from error


def _again(error: KandilError) -> bool:
    """Whether the user wants to mend it."""
    from kandil.cli.escape import printable

    if not sys.stdin.isatty():
        return False
    print(f"error: {printable(error.message)}", file=sys.stderr)
    return click.confirm("Edit it again?", default=True, err=True)
