"""What the commands that work with code share: which model, which files, what it may cost, what is kept of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.naming import naming_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from kandil.assist.asking import Asking, Transcript
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.profiles import Profile
    from kandil.providers import Request
    from kandil.serving import Place


_FRAME_SECONDS = 0.2


def model_options(command: Callable[..., int]) -> Callable[..., int]:
    """`model`, `concurrency`, `budget`, `save`, `dry_run`, `quiet`, and what `naming_options` has."""
    for option in (
        naming_options,
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but what came of it, warnings and errors."),
        click.option("-n", "--dry-run", is_flag=True, help="Show files, tokens and cost; send nothing."),
        click.option("--save", metavar="FILE", help="Write what was asked, by hash, and what came of it."),
        click.option(
            "--budget", type=click.FloatRange(0, min_open=True), metavar="USD", help="Stop before more is spent."
        ),
        click.option(
            "-c", "--concurrency", type=click.IntRange(1, 256), default=4, metavar="N", help="At most so many calls."
        ),
        click.option("-m", "--model", metavar="NAME", help="The model, or a GGUF file."),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Work:
    """What a command of these was told: `asked` has what `model_options` takes."""

    asked: Mapping[str, Any]
    settings: Config
    say: Callable[[str], None]

    async def place(self) -> Place:
        """Where the model that was named answers, or that stands for none. Raises: KandilError."""
        from kandil import serving
        from kandil.registry import choice

        name = self.asked["model"]
        if name is None:
            chosen = await choice.choose(self.settings, task="chat", keys=self._keys())
            self.say(f"{chosen.name}: {chosen.why}")
            name = chosen.name
        return await serving.place(self._named(name), self.settings, self.say)

    @asynccontextmanager
    async def asking(self, requests: Sequence[Request], place: Place, transcript: Transcript) -> AsyncGenerator[Asking]:
        """See `kandil.assist.asking`. How far it is moves in a line of standard error."""
        import trio

        from kandil.assist.asking import asking
        from kandil.cli.terminal import MovingLine

        async def move() -> None:
            begun, before = trio.current_time(), len(transcript.calls)
            while True:
                await trio.sleep(_FRAME_SECONDS)
                spent = f", ${transcript.spent_usd:,.4f}" if transcript.spent_usd else ""
                answers = len(transcript.calls) - before
                MovingLine.draw(f"{answers} of {len(requests)} answers, {trio.current_time() - begun:.0f} s{spent}")

        try:
            async with (
                asking(
                    requests,
                    place,
                    self.settings,
                    transcript,
                    keys=self._keys(),
                    concurrency=self.asked["concurrency"],
                    budget_usd=self.asked["budget"],
                    notice=self.say,
                ) as opened,
                trio.open_nursery() as nursery,
            ):
                if not self.asked["quiet"]:
                    nursery.start_soon(move)
                yield opened
                nursery.cancel_scope.cancel()
        finally:
            MovingLine.wipe()

    def save(self, name: str, fields: Mapping[str, Any], transcript: Transcript) -> None:
        """Writes what came of it and each call, where a file was named. Raises: FileUnwritable."""
        from kandil.cli.json_lines import as_json
        from kandil.cli.target import replace_file
        from kandil.secret import redacted

        if self.asked["save"]:
            calls = [asdict(call) for call in transcript.calls]
            whole = {"schema": f"kandil.{name}-transcript/1", **fields, "calls": calls}
            replace_file(self.asked["save"], (redacted(as_json(whole)) + "\n").encode())

    def _keys(self) -> Keys:
        from kandil.cli.keys import open_keys

        return open_keys(no_input=self.asked["no_input"])

    def _named(self, name: str) -> Profile | Path:
        from kandil.cli.naming import resolved
        from kandil.registry import choice

        if choice.is_path(name):
            return Path(name)
        return resolved(name, explain=self.asked["explain"], no_input=self.asked["no_input"]).profile
