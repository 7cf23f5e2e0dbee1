"""`kandil model default`: the model of a project, or of its user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kandil.cli.group import Settings, common_options
from kandil.cli.naming import naming_options

if TYPE_CHECKING:
    from kandil.config.editing import Change

HELP = """\b
Examples:
  kandil model default claude-sonnet-5-5         in this project
  kandil model default --user qwen2.5-coder:7b   everywhere else
  kandil model default models/tiny.gguf          a file of the project's
  kandil model default                           which is in force, and why
  kandil model default --clear

Say which model is used where none is named: in this project, or with --user wherever no project says another.

It is defaults.model in the project's .kandil.toml, which is made in the repository's root, or in this folder outside of
one; with --user in your config.toml. A project's file comes with a clone, so it may name only such files as are in the
project, and kandil verifies those as it does all others before it loads them.

\b
Exit: 0 done; 3 no such model, or none is configured; 8 the file is no model; 9 a file of settings is wrong.
"""

SCHEMA = "kandil.model.default/1"
_KEY = ("defaults", "model")


@click.command("default", help=HELP, short_help="Say which model a project uses, or you do.")
@click.argument("name", required=False)
@click.option("--user", is_flag=True, help="Wherever no project says another.")
@click.option("--clear", is_flag=True, help="No default any more.")
@click.option("-q", "--quiet", is_flag=True, help="Print the model's name alone.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@naming_options
@common_options
@click.pass_context
def command(
    ctx: click.Context, *, name: str | None, user: bool, clear: bool, quiet: bool, dry_run: bool, explain: bool,
    no_input: bool,
) -> int:  # fmt: skip
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.cli.model import in_force

    settings = ctx.find_object(Settings)
    assert settings is not None
    if clear and name is not None:
        raise click.UsageError("name a model, or say --clear", ctx)
    if not clear and name is None:
        return in_force.show(SCHEMA, json=settings.json, quiet=quiet)
    file = _file(ctx, user=user)
    after = None if name is None else in_force.given(name, explain=explain, no_input=no_input)
    if after is not None and not user:
        after = _of_project(after, file, ctx)
    change = _changed(file, after, dry_run=dry_run)
    now = None if dry_run else in_force.named()
    if settings.json:
        write_report(
            SCHEMA,
            file=file,
            before=change.before,
            after=after,
            backup=change.backup,
            dry_run=dry_run,
            in_force=in_force.as_fields(now),
        )
    elif quiet:
        print(printable(after or ""), end="\n" if after else "")
    else:
        print(printable(_said(change, dry_run=dry_run)))
    if after and now and now.said != ("user" if user else "project"):
        in_force.say(f"note: {now.name} is in force: {now.why}")
    if after and not user and now and now.profile and now.profile.source == "user":
        in_force.say(f"note: {after} is a model that you added: others who have the project do not have it")
    return 0


def _file(ctx: click.Context, *, user: bool) -> Path:
    """The file of settings that is meant, there or not."""
    from kandil import paths
    from kandil.config.effective import project_file
    from kandil.config.keys import PROJECT_FILE

    if user:
        return paths.config_file()
    if found := project_file():
        return found
    try:
        here, home = Path.cwd(), Path.home()
    except FileNotFoundError as error:
        raise click.UsageError("the folder that this was started in is gone", ctx) from error
    if here == home:
        raise click.UsageError("your home folder is no project: say --user, or go to the project's folder", ctx)
    upwards = [here, *here.parents]
    projects = upwards[: upwards.index(home)] if home in upwards else upwards
    root = next((one for one in projects if os.path.exists(one / ".git")), here)
    return root / PROJECT_FILE


def _of_project(model: str, file: Path, ctx: click.Context) -> str:
    """What the project's file says for the model: the place in the project of a file that is in it."""
    from kandil.registry.choice import is_path, is_within

    if not is_path(model):
        return model
    if not is_within(model, file.parent):
        raise click.UsageError(f"{model} is not in the project {file.parent}: say --user", ctx)
    return os.path.join(".", os.path.relpath(os.path.realpath(model), os.path.realpath(file.parent)))


def _changed(file: Path, after: str | None, *, dry_run: bool) -> Change:
    """The file says so. Who could read it still can: a project's is for all who work on it."""
    from kandil import paths
    from kandil.config import editing

    project = file != paths.config_file()
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
    if after is None:
        change = editing.remove(_KEY, file=file, dry_run=dry_run)
    else:
        change = editing.assign(_KEY, after, file=file, dry_run=dry_run)
    if project and not dry_run and file.exists():
        file.chmod(mode)
    return change


def _said(change: Change, *, dry_run: bool) -> str:
    would = "would be" if dry_run else "is"
    was = f"; it was {change.before}" if change.before not in (None, change.after) else ""
    kept = f"; the file was of an older version, and is kept as {change.backup}" if change.backup else ""
    if change.after is None:
        return f"no model {would} the default in {change.file}{was}{kept}"
    return f"{change.after} {would} the default in {change.file}{was}{kept}"
