"""A work module: a third opinion on a header, by the reader that GGUF's authors publish (the `gguf` package).

It takes 12 to 30 seconds of a CPU for 150 000 tokens.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from kandil._core import Header
from kandil.sandbox.reading import TYPES, sound

_MOST = 20


def prepare(_task: dict[str, Any], fd: int) -> Callable[[Callable[[str], None]], dict[str, object]]:
    """Imports the package. Raises: ImportError."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    import mmap  # noqa: F401, PLC0415 (numpy imports it when it needs it, and then nothing can be)

    import numpy as np  # noqa: PLC0415 (an extra)
    from gguf import GGUFReader  # noqa: PLC0415 (an extra)

    file = os.fdopen(fd, "rb", closefd=False)

    def work(step: Callable[[str], None]) -> dict[str, object]:
        step("reference: read")
        began = time.perf_counter()
        header = Header.open(fd)
        try:
            reader = GGUFReader(file)  # type: ignore[arg-type]  # numpy.memmap takes an open file as well
        except (ValueError, KeyError, IndexError, OverflowError, UnicodeDecodeError) as error:
            reason = f"{type(error).__name__}: {error}"[:400]
            rule = "KG-LOAD-DIFFERS" if sound(header) else "KG-LOAD-REFUSED"
            return _report(began, "failed", reason, [[rule, f"the reference reader refuses the header: {reason}"]])
        step("reference: compare")
        found = [text for _, text in zip(range(_MOST), _differences(reader, header, np), strict=False)]
        if found:
            reason = "the reference reader reads the header differently"
            return _report(began, "failed", reason, [["KG-LOAD-DIFFERS", message] for message in found])
        return _report(began, "passed", None, [])

    return work


def _report(began: float, result: str, reason: str | None, findings: list[list[str]]) -> dict[str, object]:
    milliseconds = (time.perf_counter() - began) * 1000
    level = {
        "name": "reference",
        "milliseconds": milliseconds,
        "result": result,
        "reason": reason,
        "findings": findings,
    }
    return {"versions": {}, "levels": [level]}


def _differences(reader: Any, header: Header, np: Any) -> Iterator[str]:  # noqa: ANN401
    fields = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    if list(fields) != header.keys():
        unlike = sorted(set(fields) ^ set(header.keys()))[:_MOST]
        yield f"the keys differ: {', '.join(map(repr, unlike)) or 'their order'}"
        return
    for name, field in fields.items():
        kind = _kind(field)
        if kind == "array[]" and header.count(name) == 0:
            continue  # the reader does not say of what type nothing is
        if kind != header.type(name):
            yield f"the type of {name!r}: the reference reader sees {kind}, kandil's scan {header.type(name)}"
        elif not _same(field, header[name], np):
            yield f"the value of {name!r}: the reference reader sees another one than kandil's scan"
    if len(reader.tensors) != header.tensor_count:
        yield f"the reference reader sees {len(reader.tensors)} tensors, kandil's scan {header.tensor_count}"
    for seen, own in zip(reader.tensors, header.tensors, strict=False):
        shape = tuple(int(dimension) for dimension in seen.shape)
        one = (seen.name, shape, seen.tensor_type.name.lower(), int(seen.data_offset), int(seen.n_bytes))
        other = (own.name, own.shape, own.type.lower(), own.offset, own.size_bytes)
        if one != other:
            yield f"tensor {own.name!r}: the reference reader sees {one!r}, kandil's scan {other!r}"


def _kind(field: Any) -> str:  # noqa: ANN401
    names = [TYPES[int(kind)] for kind in field.types]
    return names[0] if names[0] != "array" else f"array[{names[-1] if len(names) > 1 else ''}]"


def _same(field: Any, own: Any, np: Any) -> bool:  # noqa: ANN401
    parts = [field.parts[place] for place in field.data]
    values = own if isinstance(own, list) else [own]
    if len(parts) != len(values):
        return False
    if values and isinstance(values[0], str):
        return all(bytes(part).decode("utf-8", "replace") == text for part, text in zip(parts, values, strict=True))
    if not values:
        return True
    seen = np.concatenate(parts)
    return bool(np.array_equal(seen, np.array(values).astype(seen.dtype), equal_nan=seen.dtype.kind == "f"))
