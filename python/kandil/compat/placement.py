"""Which layers lie on which GPU, and what each device then holds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from kandil.compat.cache import Rates, cells_of
from kandil.compat.report import Need

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kandil.compat.compute import Workspace
    from kandil.compat.room import Device
    from kandil.compat.weights import Weights

_COPIES: Final = 4
"""``GGML_SCHED_MAX_COPIES`` of ggml."""


@dataclass(frozen=True, slots=True)
class Loads:
    """What lies where: RAM, and each GPU with the number of its layers."""

    ram: Need
    gpus: tuple[tuple[int, Need], ...]


class Model:
    """A model's needs by layer, summed up front, so that each question takes the same few steps."""

    __slots__ = ("_cells", "_states", "_weights", "_window", "_window_cells", "layers", "sequences", "weights", "work")

    def __init__(self, weights: Weights, rates: Sequence[Rates], window: int, work: Workspace, sequences: int) -> None:
        self.weights, self.work, self.sequences = weights, work, sequences
        self.layers = len(weights.layer_bytes) + 1
        self._weights = [0, *accumulate((*weights.layer_bytes, weights.output_bytes))]
        # The output layer caches nothing, and a looped model's later rounds lie with its last layer.
        own = [*rates[: self.layers - 1], sum(rates[self.layers - 1 :], Rates())]
        self._cells = [0, *accumulate(one.each_cell for one in own)]
        self._window_cells = [0, *accumulate(one.each_window_cell for one in own)]
        self._states = [0, *accumulate(one.state for one in own)]
        self._window = window

    def _need(self, start: int, end: int, cells: tuple[int, int], compute_bytes: int, more_bytes: int = 0) -> Need:
        """Of the layers from `start` to before `end`, in a cache of so many cells, and with a window's."""
        every, seen = cells
        return Need(
            self._weights[end] - self._weights[start] + more_bytes,
            (self._cells[end] - self._cells[start]) * every
            + (self._window_cells[end] - self._window_cells[start]) * seen
            + (self._states[end] - self._states[start]) * self.sequences,
            compute_bytes,
        )

    def loads(self, gpu_layers: int, devices: Sequence[Device], context: int) -> Loads:
        """The last `gpu_layers` of all layers, the output as the last, are divided among the GPUs in proportion to what
        is free on each (``llama_model_base::load_tensors``, its default split).
        """
        first = self.layers - gpu_layers if devices else self.layers
        cells = cells_of(context, self._window, self.sequences)
        compute = self._compute(first, context, output=first == self.layers) or self.work.input_at(context)
        here = self._need(0, first, cells, compute, self.weights.input_bytes)
        total, seen, start = sum(device.free_bytes for device in devices), 0, first
        # Whole models on several GPUs work on several batches at once (`pipeline_parallel` of ``llama_context``).
        copies = _COPIES if len(devices) > 1 and first == 0 else 1
        gpus = []
        for device in devices:
            seen += device.free_bytes
            end = first + -(-seen * (self.layers - first) // total) if total else self.layers
            last = start < end == self.layers
            compute = self._compute(end - start, context, output=last, copies=copies)
            gpus.append((end - start, self._need(start, end, cells, compute, self.weights.copied_bytes if last else 0)))
            start = end
        return Loads(here, tuple(gpus))

    def _compute(self, layers: int, context: int, *, output: bool, copies: int = 1) -> int:
        return self.work.at(context, self.sequences, output=output, copies=copies) if layers else 0

    def most_gpu_layers(self, devices: Sequence[Device], context: int) -> int:
        """As many as the GPUs hold; found by halving."""
        least, most = 0, self.layers if devices else 0
        middle = most  # the whole, as it is on most machines with a GPU
        while least < most:
            if on_gpus(self.loads(middle, devices, context), devices):
                least = middle
            else:
                most = middle - 1
            middle = (least + most + 1) // 2
        return least


def on_gpus(loads: Loads, devices: Sequence[Device]) -> bool:
    """Whether every GPU holds its share."""
    pairs = zip(loads.gpus, devices, strict=True) if devices else ()
    return all(need.total_bytes <= device.usable_bytes for (_, need), device in pairs)
