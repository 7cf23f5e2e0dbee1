"""The keys of one run: read once each, when first asked for, with a deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import trio

from kandil import profiles
from kandil.credentials.keyring import Unavailable
from kandil.credentials.machine import advice, machine
from kandil.errors import KandilError, KeyMissing, KeyringLocked, KeyringSlow, KeyringUnavailable
from kandil.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kandil.credentials.keyring import Entry, Keyring, Kind

DEADLINE_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 120.0
"""For a person at a terminal, who may be typing the keyring's password into a window."""
_KEY: Final = "api_key_"
_ORGANISATION: Final = "org_"
_PREFIXES: Final = (_KEY, _ORGANISATION)
_ORDER: Final[tuple[Kind, ...]] = ("kernel", "desktop")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a keyring has for a provider."""

    provider: str
    keyring: str
    """``the Secret Service``, ``the Linux kernel keyring``, …"""
    kind: Kind
    key: bool
    organisation: bool
    expires_in_seconds: int | None = None
    """Rounded down; None: it stays, or nobody says how long."""


class Keys:
    """The keys that this user keeps on this machine, in the desktop's keyring or in the kernel's.

    The kernel's goes first: what is there was put there by hand, for a time, and reading it asks nobody. A keyring that
    was chosen for Python's `keyring` package, by PYTHON_KEYRING_BACKEND or its settings, is the only one that is used.

    Every call has `deadline_seconds`. With `on_wait`, somebody is there to answer a keyring that asks for its password:
    it is told what is waited for, and `PATIENCE_SECONDS` are left.

    Raises, wherever a keyring is used: KeyringLocked, KeyringSlow, KeyringUnavailable, KeyringRefused.
    """

    def __init__(
        self, *, deadline_seconds: float = DEADLINE_SECONDS, on_wait: Callable[[str], None] | None = None
    ) -> None:
        self._deadline_seconds = deadline_seconds
        self._on_wait = on_wait
        self._threads = trio.CapacityLimiter(20)  # one that hangs holds its place
        self._found: dict[Kind, Keyring | None] = {}
        self._reasons: dict[Kind, str] = {}
        self._locks: dict[str, trio.Lock] = {}
        self._read: dict[str, Secret | KandilError | None] = {}
        self._places: dict[str, Kind] = {}

    async def get(self, provider: str) -> Secret:
        """The provider's key. Raises: KeyMissing, and as the class says."""
        key = await self.find(provider)
        if key is None:
            raise KeyMissing(provider, hint=await self.how_to_set(provider))
        return key

    async def find(self, provider: str) -> Secret | None:
        """The provider's key, if there is one. Where there is no keyring at all, there is none."""
        return await self._once(_KEY + provider)

    async def organisation(self, provider: str) -> str | None:
        """Whom the provider is to bill, where the user has said so: it stands where the key stands."""
        if await self.find(provider) is None:
            return None
        found = await self._once(_ORGANISATION + provider)
        return None if found is None else found.reveal()

    async def set(
        self,
        provider: str,
        key: Secret,
        *,
        organisation: str | None = None,
        kind: Kind = "desktop",
        expires_seconds: int | None = None,
    ) -> Kept:
        """The key is kept, in the place of an older one; so is `organisation`, where it is given.

        Only the kernel's keyring knows `expires_seconds`. Nothing is kept in another place than that of this `kind`.
        """
        ring = await self.ready(provider, kind)
        texts = {_KEY + provider: key}
        if organisation is not None:
            texts[_ORGANISATION + provider] = Secret(organisation)
        for account, text in texts.items():
            await self._ask(ring, partial(ring.write, account, text.reveal(), expires_seconds=expires_seconds))
        if kind == "desktop" and (kernel := await self._ring("kernel")):
            for prefix in _PREFIXES:  # an older one there would go first
                await self._ask(kernel, partial(kernel.remove, prefix + provider))
        self._read |= texts
        self._places[provider] = kind
        account = _ORGANISATION + provider
        entries = texts if organisation is not None else await self._ask(ring, partial(ring.entries, [account]))
        return Kept(
            provider=provider,
            keyring=ring.title,
            kind=kind,
            key=True,
            organisation=account in entries,
            expires_in_seconds=expires_seconds,
        )

    async def ready(self, provider: str, kind: Kind = "desktop") -> Keyring:
        """There is a keyring of this kind; it may be locked. Raises: KeyringUnavailable: what this machine needs."""
        ring = await self._ring(kind)
        if ring is None:
            hint = await self.how_to_set(provider) if kind == "desktop" else None
            raise KeyringUnavailable(self._reasons[kind], hint=hint, machine=machine())
        return ring

    async def remove(self, provider: str) -> tuple[str, ...]:
        """Key and organisation are gone from every keyring; which ones had them. Raises: KeyMissing."""
        had = []
        accounts = [prefix + provider for prefix in _PREFIXES]
        for ring in await self._rings():
            entries = await self._ask(ring, partial(ring.entries, accounts))  # a locked one may have none of them
            removed = [
                await self._ask(ring, partial(ring.remove, account)) for account in accounts if account in entries
            ]
            had += [ring.title] if any(removed) else []
        self._read |= dict.fromkeys(accounts)
        if not had:
            raise KeyMissing(provider, hint="`kandil auth list` shows which are kept")
        return tuple(had)

    async def kept(self, providers: Iterable[str] = ()) -> list[Kept]:
        """What the keyrings have, by provider. Those of `providers` are looked for; others are found where they can be.

        No key is read where a keyring can tell without, and none is unlocked.
        """
        accounts = [prefix + provider for provider in providers for prefix in _PREFIXES]
        found: list[Kept] = []
        for ring in await self._rings():
            entries = await self._ask(ring, partial(ring.entries, accounts))
            found += [_kept(name, ring, entries) for name in {_provider(account) for account in entries} if name]
        return sorted(found, key=lambda one: one.provider)

    async def providers(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Those of `ids` that have a key."""
        ids = list(ids)
        having = {one.provider for one in await self.kept(ids) if one.key}
        return tuple(name for name in ids if name in having)

    async def states(self) -> dict[Kind, tuple[str, bool | None]]:
        """The keyrings in force by kind: what each is called, and whether it is locked.

        None: it cannot be told without asking somebody.
        """
        return {ring.kind: (ring.title, await self._ask(ring, ring.is_locked)) for ring in await self._rings()}

    def reason(self, kind: Kind) -> str | None:
        """Why there is no keyring of this kind, where one was looked for."""
        return self._reasons.get(kind)

    async def how_to_set(self, provider: str) -> str:
        """What keeps a key for the provider on a machine such as this."""
        if await self._ring("desktop") is not None:
            known = profiles.provider(provider)
            where = f" (get one at {known.console_url})" if known and known.console_url else ""
            return f"`kandil auth set {provider}` asks for it{where}"
        await self._ring("kernel")
        return advice(provider, kernel=self._reasons.get("kernel"), here=machine())

    async def _once(self, account: str) -> Secret | None:
        async with self._locks.setdefault(account, trio.Lock()):
            if account not in self._read:
                try:
                    self._read[account] = await self._first(account)
                except KandilError as error:
                    self._read[account] = error
            found = self._read[account]
            if isinstance(found, KandilError):
                raise found
            return found

    async def _first(self, account: str) -> Secret | None:
        provider = _provider(account) or ""
        kinds = _ORDER if account.startswith(_KEY) else (self._places[provider],)
        for kind in kinds:
            ring = await self._ring(kind)
            text = None if ring is None else await self._ask(ring, partial(ring.read, account))
            if text:
                self._places[provider] = kind
                return Secret(text)
        return None

    async def _rings(self) -> list[Keyring]:
        """Those that can be used, in their order."""
        return [ring for kind in _ORDER if (ring := await self._ring(kind)) is not None]

    async def _ring(self, kind: Kind) -> Keyring | None:
        """The keyring of this kind that is used, if there is one; `_reasons` has why there is none."""
        async with self._locks.setdefault(kind, trio.Lock()):
            if kind not in self._found:
                title = "the desktop's keyring" if kind == "desktop" else "the kernel's keyring"
                try:
                    self._found[kind] = await self._within(title, partial(_opened, kind))
                except Unavailable as error:
                    self._found[kind], self._reasons[kind] = None, error.reason
            return self._found[kind]

    async def _ask(self, ring: Keyring, ask: Callable[[], _Value]) -> _Value:
        try:
            return await self._within(ring.title, ask)
        except Unavailable as error:
            refusal = KeyringLocked(ring.title) if error.locked else KeyringUnavailable(f"{ring.title}: {error.reason}")
        raise refusal

    async def _within(self, title: str, ask: Callable[[], _Value]) -> _Value:
        """What `ask` gives or raises, from a thread that is left alone at the deadline. Raises: KeyringSlow."""
        waited_seconds = self._deadline_seconds + (PATIENCE_SECONDS if self._on_wait else 0)
        ended: list[_Ended[_Value]] = []  # an error that went through the nursery would come out as a group

        async def tell() -> None:
            await trio.sleep(self._deadline_seconds)
            if self._on_wait:
                self._on_wait(title)

        with trio.move_on_after(waited_seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tell)
                ended.append(await trio.to_thread.run_sync(_Ended, ask, abandon_on_cancel=True, limiter=self._threads))
                nursery.cancel_scope.cancel()
        if not ended:
            raise KeyringSlow(title, waited_seconds)
        return ended[0].value()


class _Ended(Generic[_Value]):
    """How a call has ended."""

    def __init__(self, ask: Callable[[], _Value]) -> None:
        self._values: list[_Value] = []
        self._error: Exception | None = None
        try:
            self._values.append(ask())
        except Exception as error:  # noqa: BLE001 (it is raised where it was waited for)
            self._error = error

    def value(self) -> _Value:
        """What the call gave. Raises: what it raised."""
        if self._error is not None:
            raise self._error
        return self._values[0]


def _opened(kind: Kind) -> Keyring:
    """Raises: Unavailable, KeyringRefused."""
    from kandil.credentials import desktop, kernel  # noqa: PLC0415 - slow to import

    name = desktop.chosen()
    if name is not None and (name == desktop.KERNEL) != (kind == "kernel"):
        raise Unavailable(f"{name} is chosen in its place, by PYTHON_KEYRING_BACKEND or keyringrc.cfg")
    if kind == "desktop":
        return desktop.DesktopKeyring(name) if name else desktop.best()
    ring = kernel.KernelKeyring()
    ring.is_locked()
    return ring


def _kept(provider: str, ring: Keyring, entries: Mapping[str, Entry]) -> Kept:
    key = entries.get(_KEY + provider)
    return Kept(
        provider=provider,
        keyring=ring.title,
        kind=ring.kind,
        key=key is not None,
        organisation=_ORGANISATION + provider in entries,
        expires_in_seconds=key.expires_in_seconds if key else None,
    )


def _provider(account: str) -> str | None:
    for prefix in _PREFIXES:
        if account.startswith(prefix):
            return account.removeprefix(prefix) or None
    return None
