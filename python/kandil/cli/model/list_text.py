"""The cells of `kandil model list`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kandil.cli.fit_text import human_bytes
from kandil.cli.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kandil.limits import Circuit
    from kandil.profiles import Price, Profile
    from kandil.registry.inventory import Inventory, LocalModel, Placement
    from kandil.registry.listing import Elsewhere, Local
    from kandil.registry.records import Record

LOCAL_HEADS = ("MODEL", "SIZE", "STATE", "RUNS ON", "FROM")
CLOUD_HEADS = ("MODEL", "PROVIDER", "STATE", "LATENCY", "USES", "$ IN/OUT", "LIMITS", "NAMED IN", "FACTS OF")
AVAILABLE_HEADS = ("MODEL", "PROVIDER", "CONTEXT", "CAN", "$ IN/OUT OR SIZE", "STATE", "FACTS OF")
LOCAL_YIELDING = (
    *(("FROM", 0), ("MODEL", 36), ("RUNS ON", 12), ("STATE", 14), ("MODEL", 16), ("RUNS ON", 0), ("SIZE", 0)),
    *(("STATE", 0), ("MODEL", 1)),
)
CLOUD_YIELDING = (
    *(("FACTS OF", 0), ("LIMITS", 0), ("NAMED IN", 0), ("STATE", 28), ("USES", 0), ("PROVIDER", 0), ("STATE", 10)),
    *(("LATENCY", 0), ("$ IN/OUT", 0), ("STATE", 0), ("MODEL", 1)),
)
AVAILABLE_YIELDING = (
    *(("FACTS OF", 0), ("PROVIDER", 0), ("STATE", 28), ("CAN", 0), ("STATE", 10), ("CONTEXT", 0)),
    *(("$ IN/OUT OR SIZE", 0), ("STATE", 0), ("MODEL", 1)),
)
"""What is cut where there is no room for it all: see `kandil.cli.table`."""
_SLOWLY = 10
_STATES = {
    "ok": "verified",
    "unverified": "read, nobody vouches for it",
    "new": "never verified",
    "modified": "modified since it was verified",
}
_PLACES = {
    "gpu": "GPU",
    "cpu": "CPU",
    "pages": "CPU, slowly: from the disk",
    "blocked": "does not fit",
    "unknown": "not known",
}


def local_row(one: Local, now: datetime, default: str | None) -> tuple[str, ...]:
    model = one.model
    names = [one.name, *((model.profile, *model.files) if model else ()), *(one.record.files if one.record else ())]
    name = _marked(one.name, default, names)
    if model is None:
        size = one.record.size_bytes if one.record else None
        missing = "its files are not here" if one.record and one.record.files else "not on this machine"
        return name, human_size(size) if size else "", missing, "", "added" if one.record else "settings"
    role = "" if model.role == "model" else f" ({model.role})"
    role += f" (with {' and '.join(model.also)})" if model.also else ""
    came = model.store if one.record is None else "added" if model.store == "record" else f"added, {model.store}"
    where = f"{runs_on(model.placement)}{speed(one.record)}"
    return name + role, human_size(model.size_bytes), _state(model, now), where, came


def speed(record: Record | None) -> str:
    """`, 31 tokens/s`: as `kandil model benchmark` found it; nothing where it was not asked."""
    found = record.tokens_per_second if record else None
    return "" if found is None else f", {found:.0f} tokens/s" if found >= _SLOWLY else f", {found:.1f} tokens/s"


def _marked(name: str, default: str | None, names: Sequence[str | None]) -> str:
    """The name, and a word behind that of the model that is used where none is named."""
    return f"{name} (default)" if default is not None and default in names else name


def _state(model: LocalModel, now: datetime) -> str:
    said = _STATES.get(model.state, model.state)
    return f"{said}, {ago(model.verified_at, now)}" if model.verified_at else said


def runs_on(placement: Placement | None) -> str:
    """`GPU`, `GPU, 12 of 33 layers`, `CPU`, `does not fit`; nothing for what llama.cpp does not run."""
    if placement is None:
        return ""
    if placement.runs == "partly":
        return f"GPU, {placement.gpu_layers} of {placement.layers} layers"
    rough = " (by size)" if placement.basis == "size" and placement.runs != "unknown" else ""
    return _PLACES[placement.runs] + rough


def cloud_row(one: Elsewhere, now: datetime, default: str | None) -> tuple[str, ...]:
    profile, record = one.profile, one.record
    name = _marked(one.name, default, [profile.id if profile else one.name])
    latency, uses = "", ""
    if record and record.average_latency_ms is not None:
        latency = f"{record.average_latency_ms:.0f} ms{speed(record)}"
    if record and record.usage_count:
        uses = f"{record.usage_count}" + (f", {ago(record.last_used, now)}" if record.last_used else "")
    provider = profile.provider if profile else (record.provider if record else None) or ""
    said = ", ".join([*(["added"] if record else []), *one.settings])
    if profile is None:
        return name, provider, "not in the catalogue", latency, uses, "", "", said, ""
    return (
        *(name, provider, left_alone(one.circuit) or status(profile, now), latency, uses),
        *(price(profile.price), limits((record and record.limits) or profile.limits), said, profile.date),
    )


def left_alone(circuit: Circuit | None) -> str:
    """`left alone for 12 s: failed 5 times`; nothing for a server that works."""
    if circuit is None or circuit.state == "closed":
        return ""
    what = f"failed {circuit.failures} times"
    if circuit.state == "half-open":
        return f"{what}; the next call finds out"
    return f"left alone for {circuit.wait_seconds or 0:.0f} s: {what}"


def available_row(profile: Profile, now: datetime) -> tuple[str, ...]:
    weights = profile.weights
    size = human_size(weights.size_bytes) if weights and weights.size_bytes else ""
    context = f"{profile.context_window:,}" if profile.context_window else ""
    cost = price(profile.price) or size
    return profile.id, profile.provider, context, abilities(profile), cost, status(profile, now), profile.date


def abilities(profile: Profile) -> str:
    """`vision tools reasoning?`: what it can; with a question mark, what nobody says."""
    if profile.kind != "chat":
        return profile.kind
    asked = {
        "vision": profile.supports_vision,
        "tools": profile.supports_tools,
        "reasoning": profile.supports_reasoning,
    }
    return " ".join(name + ("?" if can is None else "") for name, can in asked.items() if can is not False)


def status(profile: Profile, now: datetime) -> str:
    """`retired since 2026-01-05: claude-sonnet-5-5 instead`. The catalogue may be older than that day."""
    if profile.status not in ("deprecated", "retired"):
        return profile.status
    day, known = "", profile.shutdown_date
    if known:
        over = known <= f"{now:%Y-%m-%d}"[: len(known)]
        day = f" since {known}" if profile.status == "retired" else f", to end {known}" if over else f" until {known}"
    return f"{profile.status}{day}" + (f": {profile.successor} instead" if profile.successor else "")


def price(listed: Price | None) -> str:
    """`3/15`: US dollars a million tokens, in and out."""
    if listed is None or (listed.input is None and listed.output is None):
        return ""
    if not listed.input and not listed.output:
        return "free"
    return "/".join("?" if amount is None else f"{amount:g}" for amount in (listed.input, listed.output))


def limits(known: Mapping[str, int]) -> str:
    """`60 requests/minute, 100,000 tokens/minute`"""
    return ", ".join(f"{value:,} {name.replace('_per_', '/').replace('_', ' ')}" for name, value in known.items())


def looked(inventory: Inventory, now: datetime) -> str:
    """When the disk and the memory were looked at, and what was free then."""
    free = []
    if inventory.ram_available_bytes is not None:
        free.append(f"{human_bytes(inventory.ram_available_bytes)} RAM")
    free += [f"{human_bytes(size) if size is not None else 'unknown'} on {name}" for name, size in inventory.gpus]
    memory = f", with {' and '.join(free)} free" if free else ""
    return f"looked at {ago(inventory.taken_at, now)}{memory}; --refresh looks again"


def ago(moment: str, now: datetime) -> str:
    """`3 min ago`; the day after a month."""
    try:
        seconds = (now - datetime.fromisoformat(moment)).total_seconds()
    except (ValueError, TypeError):
        return f"at {moment}"
    if seconds < 60:  # noqa: PLR2004
        return "just now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago" if seconds < 31 * 86_400 else moment[:10]
    raise AssertionError


def current() -> datetime:
    return datetime.now(UTC)
