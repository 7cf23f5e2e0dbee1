"""Which commands there are. A command's module is imported when the command is called, or its help is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from click.shell_completion import CompletionItem

COMMANDS = {
    "ask": "Ask a model, in the cloud or in a file.",
    "auth": "Keep the keys of providers in the system's keyring.",
    "batch": "Send files of requests to a model.",
    "config": "Show and change kandil's settings.",
    "doctor": "Check this machine and kandil's own files, and say what to mend.",
    "inspect": "Show what a GGUF file says of itself.",
    "model": "See what models there are, and which fit this machine.",
    "refactor": "Change code towards a goal, with a diff first, and an undo.",
    "review": "Find defects in code, each shown where it stands.",
    "rules": "List and explain what is looked for in GGUF files.",
    "setup": "From nothing to a first answer, step by step.",
    "sign": "Sign a model file or folder.",
    "test": "Generate tests that pass, are stable, and catch mutants.",
    "undo": "Take back what kandil changed last.",
    "verify": "Check that model files are the published ones, and sound.",
}
"""Every command, with its line in `kandil --help`; `kandil.cli.NAME` has the command as `command`."""


HELP = """From a model's name to a model that you can trust and call.

\b
kandil setup               from nothing to a first answer
kandil model add NAME      fetch, verify and try a model
kandil model fit           what this machine can run
kandil model show NAME     everything that is known of a model
kandil verify              every model file on this machine
kandil inspect FILE.gguf   what a file says of itself
kandil doctor              what is wrong with this machine's setup

`kandil COMMAND --help` has examples. `kandil /verify` is `kandil verify`.
"""


class LazyGroup(click.Group):
    """The commands of `summaries`, each its `home`'s `command`; `/verify` is `verify`."""

    summaries: ClassVar[Mapping[str, str]] = COMMANDS

    def home(self, name: str) -> str:
        return f"kandil.cli.{name}"

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from importlib import import_module

        name = cmd_name.removeprefix("/")
        if name not in self.summaries:
            return None
        command = import_module(self.home(name)).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0].removeprefix("/")
        if name not in self.summaries and not name.startswith("-"):
            raise click.exceptions.NoSuchCommand(name, possibilities=self.summaries, ctx=ctx)
        return super().resolve_command(ctx, [name, *args[1:]])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        slash = "/" if incomplete.startswith("/") else ""
        names = ((slash + name, text) for name, text in self.summaries.items())
        return [CompletionItem(name, help=text) for name, text in names if name.startswith(incomplete)]


class GivenPath(click.Path):
    """A path as it was typed: whether it is there and can be read is for the command to find and to say."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail("an empty path names nothing.", param, ctx)
        return value


class OptionalValue(click.Option):
    """An option that may stand alone, and then has the value `bare`; another is given after `=`, never as a word."""

    def __init__(self, *args: Any, bare: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.bare = bare


class Command(click.Command):
    """A command that may have `OptionalValue`s."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        alone = {
            name: option.bare for option in self.params if isinstance(option, OptionalValue) for name in option.opts
        }
        end = args.index("--") if "--" in args else len(args)
        args = [f"{word}={alone[word]}" if word in alone else word for word in args[:end]] + args[end:]
        return super().parse_args(ctx, args)


def weights_option(command: Callable[..., int]) -> Callable[..., int]:
    """`--weights` and `--weights=full`: None, "sample" or "full"."""
    return click.option(
        "--weights",
        cls=OptionalValue,
        bare="sample",
        type=click.Choice(["sample", "full"]),
        metavar="[=full]",
        help="Look for NaN and infinity in a sample of each tensor, or in all of it.",
    )(command)


class Settings:
    """What every command takes. It is filled while the arguments are parsed, so that an error is shown as asked."""

    def __init__(self) -> None:
        self.json = False
        self.debug = False
        self.no_color = False


def _store(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: FBT001 (click calls it)
    if value and param.name:
        setattr(ctx.find_object(Settings), param.name, True)


def _flag(name: str, text: str) -> Callable[[Any], Any]:
    return click.option(name, is_flag=True, is_eager=True, expose_value=False, callback=_store, help=text)


def common_options(command: Callable[..., int]) -> Callable[..., int]:
    """`--json`, `--no-color` and `--debug`, kept in the context's `Settings`."""
    for name, text in (
        ("--debug", "Show the traceback of an error."),
        ("--no-color", "No colours (as NO_COLOR=1)."),
        ("--json", "Print JSON."),
    ):
        command = _flag(name, text)(command)
    return command


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 (click calls it)
    if value:
        from kandil import __version__

        click.echo(f"{ctx.info_name} {__version__}")
        ctx.exit()


version_option = click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
)


@click.group(cls=LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@version_option
@_flag("--debug", "Show the traceback of an error.")
def kandil() -> None:
    pass
