"""`kandil config reload`."""

from __future__ import annotations

import click

from kandil.cli.group import Settings, common_options

HELP = """\b
Examples:
  kandil config reload
  kandil config reload --dry-run      check and compare; write nothing

Read the settings again, check them, and say what has changed in the user's file since the last reload.

Every command reads the files when it starts, so nothing waits for this. A file of an older version is brought to this
one, and kept as config.toml.v1.bak. Without an earlier reload, all that the file says is new.

\b
Exit: 0 the files are sound; 9 a file cannot be used.
"""


@click.command("reload", help=HELP, short_help="Read the files again, and say what has changed.")
@click.option("-n", "--dry-run", is_flag=True, help="Write nothing.")
@common_options
@click.pass_context
def command(ctx: click.Context, *, dry_run: bool) -> int:
    from kandil import paths
    from kandil.cli.config.text import note_fields, setting_line, value_text, warn
    from kandil.cli.json_lines import write_report
    from kandil.config import load, snapshot
    from kandil.config.editing import migrate

    settings = ctx.find_object(Settings)
    assert settings is not None
    file, config = paths.config_file(), load()
    backup = migrate(file=file, dry_run=dry_run)
    now, before = snapshot.current(file), snapshot.last(file) or {}
    names = sorted(key for key in {*now, *before} if now.get(key) != before.get(key))
    changes = [{"key": key, "before": before.get(key), "after": now.get(key)} for key in names]
    if not dry_run:
        snapshot.keep(file, now)
    if settings.json:
        write_report(
            "kandil.config.reload/1",
            path=file, changes=changes, backup=backup, dry_run=dry_run, warnings=note_fields(config.warnings),
        )  # fmt: skip
        return 0
    for change in changes:
        print(f"{setting_line(str(change['key']), change['after'])}  (was {value_text(change['before'])})")
    if not changes:
        print("nothing has changed")
    kept = [f"the file was of an older version; as it was: {backup}"] if backup else []
    warn([*kept, *config.warnings], settings)
    return 0
