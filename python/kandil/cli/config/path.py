"""`kandil config path`."""

from __future__ import annotations

import click

from kandil.cli.group import Settings, common_options

HELP = """\b
Examples:
  kandil config path
  kandil config path --json | jq -r .user.path

Print where the user's config.toml is, or would be, and the project's file where there is one.
"""


@click.command("path", help=HELP, short_help="Print where the files are.")
@common_options
@click.pass_context
def command(ctx: click.Context) -> int:
    import os

    from kandil import paths
    from kandil.cli.escape import printable
    from kandil.cli.json_lines import write_report
    from kandil.config.effective import project_file

    settings = ctx.find_object(Settings)
    assert settings is not None
    user, project = paths.config_file(), project_file()
    if settings.json:
        write_report(
            "kandil.config.path/1",
            user={"path": user, "exists": os.path.exists(user)},
            project={"path": project} if project else None,
        )
        return 0
    print(printable(user))
    if project:
        print(printable(project))
    return 0
