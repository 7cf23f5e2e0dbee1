"""The steps of `kandil setup`, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from kandil.cli.escape import printable
from kandil.cli.setup import options
from kandil.cli.terminal import Paint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.cli.group import Settings
    from kandil.cli.setup.answers import Answers
    from kandil.credentials import Keys
    from kandil.hardware import Hardware
    from kandil.registry.inventory import LocalModel

_QUESTION: Final = "Say hello in one short sentence."
_STEPS: Final = 5
_SHOWN_PROVIDERS: Final = 8


@dataclass(slots=True)
class _Walk:
    who: Answers
    task: Literal["chat", "code", "vision"]
    settings: Settings
    out: IO[str]
    keys: Keys
    step: int = 0
    kept: set[str] = field(default_factory=set)
    """The providers whose key is here."""

    def say(self, text: str = "") -> None:
        from kandil.secret import redacted

        print(redacted(printable(text)), file=self.out)

    def head(self, title: str) -> None:
        self.step += 1
        paint = Paint(self.out, no_color=self.settings.no_color)
        self.say()
        print(paint("bold", f"{self.step} of {_STEPS}  {title}"), file=self.out, flush=True)


def through(who: Answers, task: Any, settings: Settings, out: IO[str]) -> int:
    """The exit code, when all is done. Raises: click.Abort, where somebody leaves; KandilError."""
    from kandil.cli.keys import open_keys
    from kandil.cli.run import run_async
    from kandil.hardware import detect

    walk = _Walk(who=who, task=task, settings=settings, out=out, keys=open_keys())
    hardware = run_async(detect)
    here = _models_here()
    _show_machine(walk, hardware, here)
    chosen = _choose_providers(walk, here)
    _keep_keys(walk, [one for one in chosen if one != options.LOCAL])
    name = _choose_model(walk, chosen, hardware, here)
    if name is None:
        walk.head("Ready")
        walk.say("  no model was chosen: `kandil model fit` shows what fits, `kandil model add NAME` gets one")
        return 0
    return _get_and_ask(walk, name)


def _models_here() -> tuple[LocalModel, ...]:
    from kandil import config
    from kandil.cli.run import run_async
    from kandil.registry import inventory

    return tuple(one for one in run_async(partial(inventory.look, config.load().cache)).models if one.role == "model")


def _show_machine(walk: _Walk, hardware: Hardware, here: Sequence[LocalModel]) -> None:
    from kandil.cli.fit_text import human_bytes

    walk.head("This machine")
    if hardware.cpu:
        walk.say(f"  processor  {hardware.cpu.model or 'unknown'}, {hardware.cpu.usable_cores} cores")
    if memory := hardware.memory:
        walk.say(f"  memory     {human_bytes(memory.available_bytes)} of {human_bytes(memory.total_bytes)} free")
    for gpu in hardware.gpus:
        free = human_bytes(gpu.free_bytes) if gpu.free_bytes is not None else "unknown"
        walk.say(f"  GPU        {gpu.name}, {free} free")
    if not hardware.gpus:
        walk.say("  GPU        none was found: models run on the processor")
    if disk := hardware.disk:
        walk.say(f"  disk       {human_bytes(disk.free_bytes)} free in {disk.folder}")
    for one in hardware.problems:
        walk.say(f"  {one.name:<10} not known: {'; '.join(one.reasons)}")
    if here:
        walk.say(f"  models     {len(here)} are here already (`kandil model list` shows them)")


def _choose_providers(walk: _Walk, here: Sequence[LocalModel]) -> list[str]:
    from kandil import profiles
    from kandil.cli.run import run_async
    from kandil.errors import KandilError

    walk.head("Who is to answer")
    known = [one.id for one in profiles.providers() if one.auth is not None]
    try:
        walk.kept = set(run_async(partial(walk.keys.providers, known)))
    except KandilError as error:  # all that needs no key goes on
        walk.say(f"  keys cannot be read: {error.message}" + (f" ({error.hint})" if error.hint else ""))
    found = options.providers(walk.kept, here)
    shown = [one for at, one in enumerate(found) if at < _SHOWN_PROVIDERS or one.kept]
    wide = max(len(one.id) for one in shown)
    for at, one in enumerate(shown, 1):
        walk.say(f"  {at:>2}  {one.id:<{wide}}  {one.what}" + ("  (your key is kept)" if one.kept else ""))
    if len(found) > len(shown):
        walk.say(f"      and by name: {', '.join(one.id for one in found if one not in shown)}")
    ordered = shown + [one for one in found if one not in shown]
    return list(dict.fromkeys(walk.who.providers(ordered)))


def _keep_keys(walk: _Walk, providers: Sequence[str]) -> None:
    """Each is asked about before it is kept; one that is rejected is kept nowhere."""
    walk.head("Keys")
    missing = [one for one in providers if one not in walk.kept]
    if not missing:
        walk.say("  none is needed" if not providers else "  all are kept already")
    for provider in missing:
        _keep_key(walk, provider)


def _keep_key(walk: _Walk, provider: str) -> None:
    from kandil.cli.auth.provider import named
    from kandil.cli.run import run_async
    from kandil.errors import KandilError

    chosen, tries = named(provider), 0
    run_async(partial(walk.keys.ready, chosen.id))  # before anybody types a key in vain
    if chosen.console_url:
        walk.say(f"  {chosen.title} issues keys at {chosen.console_url}")
    while True:
        key = walk.who.key(chosen, tries)
        if key is None:
            walk.say(f"  {chosen.id}: left out; `kandil auth set {chosen.id}` keeps a key later")
            return
        try:
            said = run_async(partial(_checked, chosen, key))
        except KandilError as error:
            walk.say(f"  {error.message}")
            tries += 1
            continue
        kept = run_async(partial(walk.keys.set, chosen.id, key))
        walk.kept.add(chosen.id)
        walk.say(f"  {chosen.id}: {said}; kept in {kept.keyring}")
        return


async def _checked(chosen: Any, key: Any) -> str:
    from kandil import config
    from kandil.cli.auth.test import profile_of
    from kandil.registry.key_check import check_key

    api = config.load().api.get(chosen.id)
    checked = await check_key(chosen.id, profile_of(chosen, api), api, key)
    if checked.accepted is None:
        return "it answers everybody, so nothing is known of the key"
    return f"takes the key ({checked.milliseconds:.0f} ms)"


def _choose_model(walk: _Walk, chosen: Sequence[str], hardware: Hardware, here: Sequence[LocalModel]) -> str | None:
    from kandil.cli.table import table
    from kandil.errors import NothingFits

    walk.head("A model")
    found = options.models(chosen, walk.kept, hardware, here, walk.task)
    if not found:
        raise NothingFits("")
    paint = Paint(walk.out, no_color=walk.settings.no_color)
    rows = [
        (str(at), one.name, one.size, one.where, "; ".join(filter(None, (_marks(one), one.what))))
        for at, one in enumerate(found, 1)
    ]
    for line in table(("#", "MODEL", "SIZE", "RUNS", ""), rows, paint, numbers=("#", "SIZE"), yielding=(("", 20),)):
        print(f"  {line}", file=walk.out)
    return walk.who.model(found)


def _marks(option: options.ModelOption) -> str:
    marks = (("here already", option.here), ("recommended", option.recommended))
    return ", ".join(name for name, there in marks if there)


def _get_and_ask(walk: _Walk, name: str) -> int:
    from kandil import registry
    from kandil.cli.model.add import add_one
    from kandil.cli.model.add_screen import Screen
    from kandil.cli.naming import known_names

    walk.head("Get it, and ask it")
    profile = known_names().resolve(name).profile
    record = registry.find(profile.id)
    screen = Screen(walk.settings)
    if record is None:
        asked = _add_options(walk)
        record = add_one(profile, asked, walk.keys, screen)
    assert record is not None
    if walk.who.default(record.name):
        _make_default(walk, record.name)
    walk.say()
    _ask(walk, record.name)
    walk.say()
    walk.say('  next: kandil ask "…"; kandil model list; kandil verify; `kandil setup` again for more')
    if walk.settings.json:
        from kandil.cli.json_lines import write_report

        write_report("kandil.setup/1", model=record.name, keys=sorted(walk.kept))
    return 0


def _add_options(walk: _Walk) -> dict[str, Any]:
    """As `kandil model add` has them where nothing is said; who wrote a file of answers has said yes."""
    from kandil.cli.setup.answers import Person

    return {
        "called": None, "sha256": None, "way": "in-place", "newest": False, "rate": None, "connections": 4,
        "accepted": frozenset(), "force": False, "replace": False, "dry_run": False, "no_input": False,
        "yes": not isinstance(walk.who, Person),
    }  # fmt: skip


def _make_default(walk: _Walk, name: str) -> None:
    from kandil.config import editing

    change = editing.assign(("defaults", "model"), name)
    was = f"; it was {change.before}" if change.before not in (None, change.after) else ""
    walk.say(f"  {name} is used wherever no model is named{was}")


def _ask(walk: _Walk, name: str) -> None:
    """A first answer, as it comes."""
    from kandil.cli.run import run_async

    async def asked() -> None:
        from kandil.assist import stream
        from kandil.cli.answer_text import visible

        async with stream(_QUESTION, model=name, max_tokens=200) as answer:
            print(f"  {name}: ", end="", file=walk.out, flush=True)
            async for _ in answer:
                pass
            print(visible(" ".join(answer.text.split())), file=walk.out, flush=True)

    walk.say(f"  you: {_QUESTION}")
    run_async(asked)
