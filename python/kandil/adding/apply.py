"""What was planned is done, step by step; the record is written last."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import trio

from kandil import download, serving
from kandil.adding.placing import copied, linked, write_sums
from kandil.adding.plan import is_same
from kandil.adding.provenance import named, provenance
from kandil.adding.removing import files_of
from kandil.completions import open_client
from kandil.errors import (
    DigestDiffers,
    DownloadForbidden,
    ExtraMissing,
    FileUnreadable,
    FileUnwritable,
    FindingsUnaccepted,
    NotTrusted,
    ReplyUnreadable,
)
from kandil.paths import make_private
from kandil.profiles import Profile
from kandil.providers import Message, Request
from kandil.registry import store
from kandil.registry.key_check import check_key
from kandil.registry.records import Record, now
from kandil.serving import Place, located, trust
from kandil.verify import LoadOptions, good_statuses, verify
from kandil.verify.arrival import arrived

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from kandil.adding.plan import AddPlan
    from kandil.config import Config
    from kandil.credentials import Keys
    from kandil.download import Progress
    from kandil.secret import Secret
    from kandil.verify import FileResult

Name = Literal["key", "download", "digest", "structure", "sandbox", "answer", "record"]
State = Literal["begun", "ok", "unknown", "skipped"]
_PROMPT: Final = "Answer with one word: ready?"
_TOKENS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of a step. One that fails is an error."""

    name: Name
    state: State
    seconds: float | None = None
    what: str = ""


async def apply(
    plan: AddPlan,
    settings: Config,
    *,
    keys: Keys,
    key: Secret | None = None,
    accepted: frozenset[str] = frozenset(),
    connections: int = 4,
    rate_bytes_per_second: int | None = None,
    tell: Callable[[Step], None] = lambda _: None,
    progress: Callable[[Progress], None] = lambda _: None,
    notice: Callable[[str], None] = lambda _: None,
) -> Record:
    """The model can be used: its record, which was written last. What is interrupted goes on when it is done again.

    `key` is checked, and kept where the provider takes it. `accepted`: ids of suspicious findings that a person has
    seen and takes; nobody can accept what is malformed, malicious, or not what was published.

    Raises:
        KeyRejected, and what keyrings fail with.
        DownloadError, DigestDiffers, NetworkError.
        NotTrusted: a file is bad.
        FindingsUnaccepted: a file is suspicious; its findings are in the error.
        KandilError: the model does not answer.
        FileUnwritable.
    """
    work = _Work(plan, settings, keys, tell, notice)
    if key is not None:
        await work.keep_key(key)
    results: list[FileResult] = []
    weights: tuple[Path, ...] = ()
    if plan.is_local:
        weights, others = await work.files(connections, rate_bytes_per_second, progress)
        results = await work.verified(weights, others, accepted)
    context = await work.answer(weights)
    return await work.record(weights, results, accepted, context)


@dataclass(frozen=True, slots=True)
class _Work:
    plan: AddPlan
    settings: Config
    keys: Keys
    tell: Callable[[Step], None]
    notice: Callable[[str], None]

    @asynccontextmanager
    async def step(self, name: Name) -> AsyncGenerator[list[str]]:
        """Its state, if it is not ok, and what is to be said of it are appended to the list."""
        self.tell(Step(name=name, state="begun"))
        began, said = time.monotonic(), [""]
        yield said
        state: State = "ok"
        if said[-1] in ("unknown", "skipped"):
            state = said.pop()  # type: ignore[assignment]
        self.tell(Step(name=name, state=state, seconds=time.monotonic() - began, what=said[-1]))

    async def keep_key(self, key: Secret) -> None:
        profile = self.plan.profile
        assert profile is not None
        async with self.step("key") as said:
            checked = await check_key(profile.provider, profile, self.settings.api.get(profile.provider), key)
            kept = await self.keys.set(profile.provider, key)
            told = "is taken" if checked.accepted else "was not asked for, so nothing is known of it"
            said.append(f"{told}; kept in {kept.keyring}")

    # -- files --------------------------------------------------------------------------------------------------------

    async def files(
        self,
        connections: int,
        rate: int | None,
        progress: Callable[[Progress], None],
    ) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """Those with weights, in order, and the others: all are on this disk, as published."""
        plan = self.plan
        if plan.offer is None:
            return await trio.to_thread.run_sync(self._given), ()
        assert plan.folder is not None
        folder = await trio.to_thread.run_sync(make_private, plan.folder)
        paths = await self._here(folder)
        missing = [one for one in plan.offer.files if one.name not in paths]
        async with self.step("download") as said:
            fetch = partial(
                download.fetch,
                missing,
                folder,
                connections=connections,
                rate_bytes_per_second=rate,
                progress=progress,
                notice=self.notice,
            )
            try:
                fetched = await fetch()
            except DownloadForbidden:  # no keyring is asked for what everybody may have
                if (secret := await self._secret()) is None:
                    raise
                fetched = await fetch(secret=secret)
            await trio.to_thread.run_sync(_note, fetched)
            said.append(_fetched(fetched, list(paths.values())))
            if not fetched:
                said.append("skipped")
        paths |= {remote.name: one.path for remote, one in zip(missing, fetched, strict=True)}
        weights = tuple(paths[one.name] for one in plan.offer.weights)
        models = [paths[one.name] for role, one in plan.offer.others if role in ("projector", "adapter")]
        return weights, tuple(models)

    async def _here(self, folder: Path) -> dict[str, Path]:
        """Those that another store has, linked: a file that is not what its store calls it is left there."""
        assert self.plan.offer is not None
        paths = {}
        for remote in self.plan.offer.files:
            if (path := self.plan.here.get(remote.name)) is None:
                continue
            (result,) = await _results([path], None)
            if result.sha256 == remote.sha256:
                paths[remote.name] = await trio.to_thread.run_sync(linked, path, folder / remote.name)
            else:
                self.notice(f"warning: {path} is not what was published as {remote.name}, which is fetched")
        return paths

    async def _secret(self) -> Secret | None:
        """For the source, where its user keeps one."""
        names = {one.key_name for one in self.plan.fetched if one.key_name}
        return await self.keys.find(names.pop()) if len(names) == 1 else None

    def _given(self) -> tuple[Path, ...]:
        """The user's own files, where they are or where they were to be."""
        plan = self.plan
        if plan.folder is None:
            return plan.files
        make_private(plan.folder)
        placed = []
        for path in plan.files:
            to = plan.folder / path.name
            placed.append(linked(path, to) if plan.way == "link" else copied(path, to))
            if plan.way == "link" and placed[-1] != to:
                raise FileUnwritable(str(to), f"there can be no hard link to {path}; --copy copies it")
        return tuple(placed)

    # -- trust --------------------------------------------------------------------------------------------------------

    async def verified(
        self, weights: Sequence[Path], others: Sequence[Path], accepted: frozenset[str]
    ) -> list[FileResult]:
        """What is known of each file, those with weights first: all are as published, sound, and were loaded."""
        try:
            async with self.step("digest") as said:
                results = await _results([*weights, *others], None)
                said.append(_compared(self.plan, results))
            async with self.step("structure") as said:
                said.append(_judged(results, accepted))
            async with self.step("sandbox") as said:
                loaded = await self._loaded(results[: len(weights)], said)
        except NotTrusted as error:
            raise await trio.to_thread.run_sync(self._rejected, error) from None
        return [*loaded, *results[len(weights) :]]

    def _rejected(self, error: NotTrusted) -> NotTrusted:
        """A bad file that kandil has fetched has no name any more that anything would load it by."""
        path = Path(error.path)
        if self.plan.offer is None or self.plan.folder is None or not path.is_relative_to(self.plan.folder):
            return error
        rejected = path.with_name(f"{path.name}.rejected")
        path.replace(rejected)
        return NotTrusted(str(rejected), error.status, error.reason)

    async def _loaded(self, results: list[FileResult], said: list[str]) -> list[FileResult]:
        if all(one.sha256 and trust.was_loaded(one.sha256) for one in results):
            said.append("it was loaded before, and has not changed")
            return results
        results = await _results([one.path for one in results], LoadOptions())
        for one in results:
            _check(one)
            if one.sha256 and one.load is not None and one.load.status == "passed":
                trust.remember(one.sha256)
        reports = [one.load for one in results if one.load is not None]
        untested = next((one for one in reports if one.status == "not-tested"), None)
        if not reports or untested is not None:
            reason = untested.reason if untested else "the sandbox could not load it here"
            said += [f"{reason}{f' ({untested.hint})' if untested and untested.hint else ''}", "unknown"]
            return results
        runtime = next((named(one.runtime) for one in reports if one.runtime), "llama.cpp")
        off = sorted({name for one in reports for name, state in one.layers.items() if state != "active"})
        said.append(f"loaded by {runtime}" + (f", without {', '.join(off)}" if off else ""))
        return results

    # -- use ----------------------------------------------------------------------------------------------------------

    async def answer(self, weights: Sequence[Path]) -> int | None:
        """One real call. The model's context window, in tokens, where its files say it."""
        plan = self.plan
        profile = plan.profile or _unknown(plan.name)
        found = None
        if plan.is_local:
            found = await trio.to_thread.run_sync(located.of_files, profile, [str(path) for path in weights])
            place = Place(profile=profile, located=found)
        else:
            place = await serving.place(profile, self.settings, self.notice)
        async with self.step("answer") as said:
            try:
                said.append(await self._asked(place))
            except ExtraMissing as error:
                said += [f"{error.message}: {error.hint}", "unknown"]
        if found is None or plan.profile is not None:
            return profile.context_window
        header = found.headers[0]
        window = header.get(f"{header.get('general.architecture')}.context_length")
        return window if isinstance(window, int) and window > 0 else None

    async def _asked(self, place: Place) -> str:
        request = Request(messages=(Message("user", _PROMPT),), max_tokens=_TOKENS)
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                open_client(self.settings.limits, keys=self.keys, notice=self.notice)
            )
            target, request = await stack.enter_async_context(
                serving.target(place, request, self.notice, force=self.plan.forced)
            )
            answer = await stack.enter_async_context(client.answer(target, request))
            async for _ in answer:
                pass
            if not (answer.text or answer.reasoning).strip():
                raise ReplyUnreadable(target.endpoint.provider, "the answer is empty")
            seconds = answer.first_token_seconds
            text = " ".join((answer.text or answer.reasoning).split())[:40]
            return f'"{text}"' + (f", first token after {seconds:.2f} s" if seconds is not None else "")

    async def record(
        self, weights: Sequence[Path], results: Sequence[FileResult], accepted: frozenset[str], context: int | None
    ) -> Record:
        plan, profile, before = self.plan, self.plan.profile, self.plan.replaces
        known = [
            name
            for name in ("vision", "tools", "reasoning", "json")
            if profile and getattr(profile, f"supports_{name}")
        ]
        fields: dict[str, Any] = {
            "source": plan.offer.source if plan.offer else "file" if plan.files else "catalogue",
            "sha256": results[0].sha256 if len(weights) == 1 else None,
            "size_bytes": sum(one.size_bytes or 0 for one in results) or None,
            "verified_at": now() if results else None,
            "capabilities": tuple(known),
            "context_window": context,
            "provider": profile.provider if profile and not plan.is_local else "local",
            "files": tuple(str(one.path) for one in results),
            "forced": plan.forced,
            "profile_id": profile.id if profile else None,
            "profile": None,
            "provenance": provenance(plan, results, accepted) if results else None,
        }
        if before is not None and results:
            fields["provenance"]["earlier_files"] = _earlier(before, results)
        async with self.step("record") as said:
            if plan.offer is not None and plan.folder is not None:
                await trio.to_thread.run_sync(write_sums, plan.folder, plan.offer)
            new = Record(name=plan.name, added_at=now()) if before is None else before
            made = replace(new, **fields)
            await trio.to_thread.run_sync(self._keep, made)
            said.append(str(store.file_of(plan.name)))
        return made

    def _keep(self, record: Record) -> None:
        """The record is there, also where another process has added the very same by now. Raises: RecordExists."""
        there = store.find(record.name)
        replacing = there is not None and (self.plan.replaces is not None or is_same(there, self.plan))
        store.add(record, replacing=replacing)


def _earlier(before: Record, results: Sequence[FileResult]) -> list[str]:
    """Files of the record that is replaced, which are kept until they are pruned, and are none of the new one's."""
    now = {str(one.path) for one in results}
    return [file for file in files_of(before) if file not in now]


def _unknown(name: str) -> Profile:
    return Profile(id=name, name=name, source="user", provider="local", protocol="openai", api_model=name)


def _note(fetched: Sequence[download.Fetched]) -> None:
    """What was found of files as they came is not looked for again."""
    for one in fetched:
        if one.outcome is not None:
            arrived(one.path, one.outcome)


def _fetched(fetched: Sequence[download.Fetched], linked: Sequence[Path]) -> str:
    size = sum(one.size_bytes for one in fetched)
    reused = sum(one.reused_bytes for one in fetched)
    told = [f"{size:,} bytes"] if fetched else []
    told += [f"{reused:,} of them were here"] if reused else []
    told += [f"{len(linked)} on this machine already"] if linked else []
    return ", ".join(told)


async def _results(paths: Sequence[Path], load: LoadOptions | None) -> list[FileResult]:
    """In the order of the paths. What was verified before and has not changed is not read again."""
    found = {one.path: one async for one in verify(list(paths), load=load)}
    return [found[path] for path in paths]


def _check(result: FileResult) -> None:
    """Raises: FileUnreadable, NotTrusted."""
    if result.status == "error":
        raise FileUnreadable(str(result.path), result.message or "it could not be verified")
    if result.status not in good_statuses():
        raise NotTrusted(str(result.path), result.status, trust.why(result))


def _compared(plan: AddPlan, results: Sequence[FileResult]) -> str:
    """Who has published these digests. Raises: DigestDiffers, NotTrusted, FileUnreadable."""
    remotes = {}
    if plan.offer is not None:
        models = [one for role, one in plan.offer.others if role in ("projector", "adapter")]
        remotes = dict(zip((one.path for one in results), (*plan.offer.weights, *models), strict=True))
    sources = []
    for result in results:
        _check(result)
        remote = remotes.get(result.path)
        if remote is not None and remote.sha256 and remote.sha256 != result.sha256:
            raise DigestDiffers(
                result.path.name, remote.sha256, result.sha256 or "", remote.digest_source or "", result.path
            )
        sources.append(remote.digest_source if remote and remote.sha256 else result.expected_source)
    named = [one for one in dict.fromkeys(sources) if one]
    if not named:
        return f"{results[0].sha256}, which nobody has published"
    return f"as published by {', '.join(named)}" + ("" if all(sources) else "; of some files nobody has published one")


def _judged(results: Sequence[FileResult], accepted: frozenset[str]) -> str:
    """Raises: FindingsUnaccepted."""
    findings = [(one.path.name, finding) for one in results for finding in one.findings]
    open_ones = [(name, one) for name, one in findings if one.severity == "suspicious" and one.id not in accepted]
    if open_ones:
        raise FindingsUnaccepted(tuple((one.id, f"{name}: {one.message}") for name, one in open_ones))
    suspicious = sorted({one.id for _, one in findings if one.severity == "suspicious"})
    return f"sound, but for what was accepted: {', '.join(suspicious)}" if suspicious else "sound"
