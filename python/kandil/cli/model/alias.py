"""`kandil model alias`: a name of the user's own for a model."""

from __future__ import annotations

import click

from kandil.cli.group import Settings, common_options

HELP = """\b
Examples:
  kandil model alias work claude-sonnet-5-5
  kandil model alias local qwen2.5-coder:7b
  kandil model alias --rm work

Give a model another name, or take one away with --rm. The names are in config.toml, under [aliases].

TARGET may be any name that `kandil model show` takes; what is written is the model's own. A model's own name cannot be
another's. A name that kandil knows otherwise is refused without --shadow: it would mean something else from then on.

\b
Exit: 0 done; 2 the name cannot be one; 3 no such model, or no such alias; 9 the file cannot be used.
"""


@click.command("alias", help=HELP, short_help="Give a model another name.")
@click.argument("name")
@click.argument("target", required=False)
@click.option("--rm", "remove", is_flag=True, help="Take the name away.")
@click.option("--shadow", is_flag=True, help="Even where kandil knows the name, in whatever spelling.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, name: str, target: str | None, remove: bool, shadow: bool, dry_run: bool) -> int:
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report

    settings = ctx.find_object(Settings)
    assert settings is not None
    if remove == (target is not None):
        raise click.UsageError("name a TARGET, or say --rm to take the name away", ctx)
    before, after = (
        _removed(name, dry_run=dry_run) if target is None else _added(name, target, shadow=shadow, dry_run=dry_run)
    )
    if settings.json:
        write_report("kandil.model.alias/1", name=name, before=before, after=after, dry_run=dry_run)
        return 0
    would = "would stand" if dry_run else "stands"
    if after is None:
        print(printable(f"{name} {would} for nothing of yours any more; it was {before}"))
    else:
        print(printable(f"{name} {would} for {after}" + (f"; it was {before}" if before not in (None, after) else "")))
    return 0


def _added(name: str, target: str, *, shadow: bool, dry_run: bool) -> tuple[str | None, str]:
    """What the alias stood for, and what it stands for now."""
    from kandil.cli.naming import known_names, shadowed
    from kandil.config import editing
    from kandil.errors import NameTaken
    from kandil.registry.names import checked

    names = known_names()
    profile_id = names.resolve(target).profile.id
    if names.profile(checked(name)):
        raise NameTaken(name, name, hint="take another name: a model's own goes before every alias")
    if not shadow and (meant := shadowed(name)):
        raise NameTaken(name, meant[0])
    change = editing.assign(("aliases", name), profile_id, dry_run=dry_run)
    return str(change.before) if change.before is not None else None, profile_id


def _removed(name: str, *, dry_run: bool) -> tuple[str, None]:
    from kandil.cli.naming import known_names
    from kandil.config import editing
    from kandil.errors import AliasUnknown

    aliases = known_names().aliases
    if name not in aliases:
        raise AliasUnknown(name, tuple(aliases))
    editing.remove(("aliases", name), dry_run=dry_run)
    return aliases[name], None
