"""The work module of a load: opens the user's own loader, and lets it read and load the file. See `kandil.sandbox`.

It goes from level to level and stops at the first that does not pass. The last step that it said tells where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kandil._core import Header
from kandil.sandbox import loading, reading
from kandil.sandbox.ggml import Library, LibraryUnusable

Step = Callable[[str], None]


def prepare(task: dict[str, Any], fd: int) -> Callable[[Step], dict[str, object]]:
    """Opens the library. Raises: LibraryUnusable."""
    library = Library(task["library"], task["backends"])
    if why := reading.why_not(library):
        raise LibraryUnusable(why)
    stream = library.stream(fd)
    model_not_possible = loading.why_not(library) or task["model_not_possible"]

    def work(step: Step) -> dict[str, object]:
        where = "header: scan"

        def at(name: str) -> None:
            nonlocal where
            where = name
            step(name)

        library.on_abort = lambda message: step(f"{where}: {message}"[:1000])
        levels = []
        header = Header.open(fd)
        for name in task["levels"]:
            began = time.perf_counter()
            if name == "model" and model_not_possible is not None:
                level = _level("not-possible", model_not_possible)
            else:
                level = (_read if name == "header" else _load)(library, stream, header, fd, at)
            levels.append({"name": name, "milliseconds": (time.perf_counter() - began) * 1000, **level})
            if level["result"] != "passed":
                break
        return {"versions": library.versions(), "levels": levels}

    return work


def _level(
    result: loading.Result, reason: str | None = None, rule: str | None = None, messages: list[str] | None = None
) -> dict[str, object]:
    findings = [[rule, message] for message in (messages or [reason or ""])] if rule else []
    return {"result": result, "reason": reason, "findings": findings}


def _read(library: Library, stream: Any, header: Header, fd: int, step: Step) -> dict[str, object]:  # noqa: ANN401
    step("header: read")
    if header.big_endian:
        return _level("not-possible", "its numbers are big-endian, and this machine's are not")
    library.errors.clear()
    view = reading.read(library, stream)
    if not view:
        return _refused(library, header)
    step("header: compare")
    found = reading.differences(library, view, header, fd)
    if found:
        return _level("failed", "two parsers read the header differently", "KG-LOAD-DIFFERS", found)
    return _level("passed", f"{len(header)} keys and {header.tensor_count} tensors, as kandil's scan sees them")


def _refused(library: Library, header: Header) -> dict[str, object]:
    reason = "; ".join(library.errors) or "it gave no reason"
    sound = reading.sound(header)
    if sound and "invalid ggml type" in reason:
        return _level("not-possible", f"this loader does not know a tensor type: {reason}")
    if sound:
        said = f"the loader refuses the header, and kandil's scan finds it sound: {reason}"
        return _level("failed", reason, "KG-LOAD-DIFFERS", [said])
    return _level("failed", reason, "KG-LOAD-REFUSED", [f"the loader refuses the header: {reason}"])


def _load(library: Library, stream: Any, header: Header, _fd: int, step: Step) -> dict[str, object]:  # noqa: ANN401
    why = loading.not_a_model(header)
    if why is not None:
        return _level("not-possible", why)
    loaded = loading.load(library, stream, header, step)
    return _level(loaded.result, loaded.reason, loaded.rule)
