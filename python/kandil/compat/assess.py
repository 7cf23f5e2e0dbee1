"""Whether a model fits: what it needs against what there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from kandil.compat.cache import CELLS, TYPES, padded, rates
from kandil.compat.compute import workspace_of
from kandil.compat.placement import Loads, Model
from kandil.compat.report import Need, Report, Share, Verdict, gib
from kandil.compat.room import Device, Room, room_of
from kandil.compat.shape import ShapeUnusable
from kandil.compat.sources import Known, coarser, known
from kandil.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil._core import Header
    from kandil.hardware import Hardware

USUAL_CONTEXT: Final = 4096
"""What a model is assessed with unless it is asked for more, or was trained with less."""
_MOST_CONTEXT: Final = 2**31 - CELLS
_COARSE: Final = (3, 2)
"""RAM is 1.5 times the file, where nothing but its size is known."""

Types: TypeAlias = str | tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Ask:
    """The caller's wishes, checked."""

    context: int | None
    key_type: str
    value_type: str
    offload: int | None
    sequences: int
    flash_attention: bool
    force: bool


def assess(
    model: Profile | Header | Sequence[Header],
    hardware: Hardware,
    *,
    context: int | None = None,
    kv_type: Types = "f16",
    offload: int | None = None,
    ram_bytes: int | None = None,
    vram_bytes: int | None = None,
    disk_bytes: int | None = None,
    sequences: int = 1,
    flash_attention: bool = True,
    present_bytes: int = 0,
    force: bool = False,
) -> Report:
    """A report on a profile, or on a file by its header, or on all files of a model by theirs. Reads the header alone.

    `context`: tokens of all `sequences` together; None: 4096, or what the model was trained with where that is less.
    `kv_type`: of keys and values, or of each. `offload`: llama.cpp's ``n_gpu_layers``; None: as many as the GPUs hold.
    `ram_bytes`, `vram_bytes`, `disk_bytes`: what may be used, in place of what is free; no reserve is taken from it.
    `present_bytes`: so much of a profile's files is here already. `flash_attention`: llama.cpp's default where it can.

    Raises: ValueError for a type of cache that llama.cpp does not have, and numbers that are none.
    """
    keys, values = (kv_type, kv_type) if isinstance(kv_type, str) else kv_type
    for kind in (keys, values):
        if kind not in TYPES:
            raise ValueError(f"{kind} is no type of cache: {', '.join(TYPES)}")
    amounts = (context, offload, ram_bytes, vram_bytes, disk_bytes, present_bytes)
    if any(amount is not None and amount < 0 for amount in amounts) or sequences < 1 or context == 0:
        raise ValueError("context and sequences begin at 1, sizes and layers at 0")
    ask = _Ask(context, keys, values, offload, sequences, flash_attention, force)
    found = known(model)
    room = room_of(hardware, ram_bytes, vram_bytes, disk_bytes)
    if found.basis == "cloud":
        return Report(
            model=found.name, basis="cloud", verdict="fits", forced=force, trained_context=found.trained_context
        )
    size = found.size_bytes if isinstance(model, Profile) else None
    disk = max((size or 0) - present_bytes, 0)
    if found.numbers is None or found.cache is None or found.weights is None:
        return _coarse(found, room, ask, disk)
    try:
        return _exact(found, room, ask, disk)
    except ShapeUnusable as error:
        return _coarse(coarser(found, str(error)), room, ask, disk)


def _exact(found: Known, room: Room, ask: _Ask, disk: int) -> Report:
    numbers, cache, weights = found.numbers, found.cache, found.weights
    assert numbers is not None
    assert cache is not None
    assert weights is not None
    types = (ask.key_type, ask.value_type)
    work = workspace_of(found.architecture, numbers, cache, types, flash_attention=ask.flash_attention)
    own = rates(cache, *types, flash_attention=ask.flash_attention)
    model = Model(weights, own, cache.window, work, ask.sequences)
    trained = found.trained_context
    context = ask.context or min(USUAL_CONTEXT, trained or USUAL_CONTEXT)
    layers, loads = _placed(model, room.devices, ask.offload, context)
    verdict, reasons = _judged(loads, room)
    wrong = _unsound(found, ask)
    if context > _MOST_CONTEXT:
        wrong = (*wrong, f"llama.cpp takes no context of {context} tokens")
    if wrong:
        verdict, reasons = "blocked", (*wrong, *reasons)
    return _report(
        found, room, ask, disk,
        verdict=verdict,
        reasons=reasons,
        ram=loads.ram,
        gpus=tuple(
            Share(device.name, count, need, device.usable_bytes)
            for device, (count, need) in zip(room.devices, loads.gpus, strict=True)
        ) if room.devices else (),
        context=context,
        largest_context=0 if wrong else _largest(model, room, ask.offload, trained),
        layers=model.layers,
        gpu_layers=layers,
    )  # fmt: skip


def _placed(model: Model, devices: Sequence[Device], offload: int | None, context: int) -> tuple[int, Loads]:
    layers = model.most_gpu_layers(devices, context) if offload is None else min(offload, model.layers)
    layers = layers if devices else 0
    return layers, model.loads(layers, devices, context)


def _judged(loads: Loads, room: Room) -> tuple[Verdict, tuple[str, ...]]:
    for device, (_, need) in zip(room.devices, loads.gpus, strict=True) if room.devices else ():
        if need.total_bytes > device.usable_bytes:
            return "blocked", (f"{device.name} needs {gib(need.total_bytes)}, {gib(device.usable_bytes)} is free",)
    shared = sum((need for device, (_, need) in zip(room.devices, loads.gpus, strict=True) if device.unified), Need())
    return _judged_ram(loads.ram + shared, room)


def _judged_ram(need: Need, room: Room) -> tuple[Verdict, tuple[str, ...]]:
    usable, total = room.ram_usable_bytes, room.ram_total_bytes
    if usable is None:
        if total is None or need.total_bytes <= total:
            return "unknown", ()
        usable = total
    if need.total_bytes <= usable:
        return "fits", ()
    held = need.total_bytes - need.weights_bytes
    if held <= usable:
        return "pages", ()
    return "blocked", (f"RAM: {gib(held)} is needed beside the weights, {gib(usable)} is free",)


def _largest(model: Model, room: Room, offload: int | None, trained: int | None) -> int | None:
    """The most context that fits, found by halving: needs grow with it."""
    if room.ram_usable_bytes is None or trained is None:
        return None

    def fits(steps: int) -> bool:
        _, loads = _placed(model, room.devices, offload, steps * CELLS)
        return _judged(loads, room)[0] == "fits"

    least, most = 0, min(trained, _MOST_CONTEXT) // CELLS
    if fits(max(most, 1)):
        return most * CELLS or trained
    while least < most:
        middle = (least + most + 1) // 2
        if fits(middle):
            least = middle
        else:
            most = middle - 1
    return least * CELLS


def _unsound(found: Known, ask: _Ask) -> tuple[str, ...]:
    """Why llama.cpp would not make such a cache (``llama_init_from_model``)."""
    cache = found.cache
    if cache is None or not cache.attends:
        return ()
    wrong = []
    for part, kind, lengths in (("keys", ask.key_type, cache.key_heads), ("values", ask.value_type, cache.value_heads)):
        block = TYPES[kind][0]
        if odd := [length for length in lengths if length % block]:
            wrong.append(f"{part} of type {kind} need heads of a multiple of {block} numbers; these have {odd[0]}")
    if cache.latent and ask.key_type != ask.value_type:
        wrong.append("latent attention has one cache: keys and values must be of one type")
    if TYPES[ask.value_type][0] > 1 and (not ask.flash_attention or found.architecture == "grok"):
        wrong.append(f"values of type {ask.value_type} need flash attention")
    return tuple(wrong)


def _coarse(found: Known, room: Room, ask: _Ask, disk: int) -> Report:
    """By the file's size: on one GPU as a whole, or else in RAM."""
    if found.size_bytes is None:
        return _report(found, room, ask, disk, verdict="unknown", reasons=(), ram=Need())
    size = found.size_bytes
    up, down = _COARSE
    need = Need(size, 0, size * up // down - size)
    for device in room.devices if ask.offload != 0 else ():
        if need.total_bytes <= device.usable_bytes and not device.unified:
            share = Share(device.name, 0, need, device.usable_bytes)
            return _report(found, room, ask, disk, verdict="fits", reasons=(), ram=Need(), gpus=(share,))
    verdict, reasons = _judged_ram(need, room)
    return _report(found, room, ask, disk, verdict=verdict, reasons=reasons, ram=need)


def _report(
    found: Known, room: Room, ask: _Ask, disk: int, *, verdict: Verdict, reasons: tuple[str, ...], ram: Need,
    gpus: tuple[Share, ...] = (), context: int | None = None, largest_context: int | None = None,
    layers: int | None = None, gpu_layers: int | None = None,
) -> Report:  # fmt: skip
    context = context or ask.context
    if room.disk_free_bytes is not None and disk > room.disk_free_bytes:
        if verdict == "pages" and room.ram_usable_bytes is not None:
            reasons = (*reasons, f"RAM: {gib(ram.total_bytes)} is needed, {gib(room.ram_usable_bytes)} is free")
        verdict = "blocked"
        reasons = (*reasons, f"disk: {gib(disk)} is to be downloaded, {gib(room.disk_free_bytes)} is free")
    return Report(
        model=found.name,
        basis=found.basis,
        verdict=verdict,
        reasons=reasons,
        warnings=(*found.warnings, *_warnings(found, room, ask, verdict, context)),
        forced=ask.force,
        context=context,
        trained_context=found.trained_context,
        largest_context=largest_context,
        key_type=ask.key_type,
        value_type=ask.value_type,
        ram=ram,
        vram=sum((share.need for share in gpus), Need()),
        gpus=gpus,
        layers=layers,
        gpu_layers=gpu_layers,
        ram_usable_bytes=room.ram_usable_bytes,
        vram_usable_bytes=sum(device.usable_bytes for device in room.devices),
        disk_needed_bytes=disk,
        disk_free_bytes=room.disk_free_bytes,
    )


def _warnings(found: Known, room: Room, ask: _Ask, verdict: Verdict, context: int | None) -> list[str]:
    said = [f"{what} is not known, and not counted on" for what in room.unknown_gpus]
    if ask.offload and not room.devices:
        said.append("there is no GPU to offload layers to: they stay in RAM")
    if verdict == "pages":
        said.append("the weights are more than memory holds: they are read from the disk again for each token")
    trained = found.trained_context
    if trained is not None and context is not None and padded(context) > max(padded(trained), CELLS):
        said.append(f"trained with a context of {trained} tokens: beyond it, answers lose their sense")
    return said
