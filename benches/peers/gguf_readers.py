"""One reader over the GGUF files whose paths come on stdin, NUL-separated: `gguf_readers.py NAME`.

The first file is read once before the clock starts; then wall and CPU seconds for all files are printed. Each reader
does what it does when it is asked for a file's metadata and tensors, no more.
"""

from __future__ import annotations

import ctypes
import glob
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Paths = Sequence[bytes]


def scan(paths: Paths) -> None:
    from kandil import _core

    run = _core.Run([(path, os.stat(path).st_size, "scan") for path in paths])
    done = 0
    while not run.finished:
        for outcome in run.take(0.5):
            assert outcome.error is None, outcome.error
            assert outcome.header is not None
            assert not outcome.findings, outcome.findings
            done += 1
    assert done == len(paths)


def header(paths: Paths) -> None:
    from kandil import _core

    for path in paths:
        assert _core.Header.open(path).data_offset is not None


def llama_cpp(paths: Paths) -> None:
    library, parameters = _llama_cpp()
    for path in paths:
        context = library.gguf_init_from_file(path, parameters)
        assert context, path
        library.gguf_free(context)


def _llama_cpp(_kept: list[tuple[ctypes.CDLL, ctypes.Structure]] = []) -> tuple[ctypes.CDLL, ctypes.Structure]:  # noqa: B006 (kept on purpose)
    if _kept:
        return _kept[0]

    class Parameters(ctypes.Structure):
        _fields_ = [("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p)]

    found = importlib.util.find_spec("xllamacpp")
    assert found is not None
    assert found.origin is not None
    [path] = glob.glob(str(Path(found.origin).parent / "xllamacpp*.so"))
    library = ctypes.CDLL(path)
    library.gguf_init_from_file.argtypes = [ctypes.c_char_p, Parameters]
    library.gguf_init_from_file.restype = ctypes.c_void_p
    library.gguf_free.argtypes = [ctypes.c_void_p]
    _kept.append((library, Parameters(no_alloc=True, ctx=None)))
    return _kept[0]


def gguf_inspect(paths: Paths) -> None:
    from gguf_inspect.parser import parse_gguf

    for path in paths:
        parse_gguf(os.fsdecode(path))


def gguf_parser(paths: Paths) -> None:
    from gguf_parser import GGUFParser

    for path in paths:
        GGUFParser(os.fsdecode(path)).parse()


def gguf(paths: Paths) -> None:
    from gguf import GGUFReader

    for path in paths:
        GGUFReader(os.fsdecode(path))


READERS: dict[str, Callable[[Paths], None]] = {
    "scan": scan,
    "header": header,
    "llama.cpp": llama_cpp,
    "gguf-inspect": gguf_inspect,
    "gguf-parser": gguf_parser,
    "gguf": gguf,
}


def main() -> None:
    read = READERS[sys.argv[1]]
    paths = [path for path in sys.stdin.buffer.read().split(b"\0") if path]
    if sys.argv[1] != "gguf" or len(paths) > 1:  # it takes many seconds a file: there imports are nothing
        read(paths[:1])
    wall, cpu = time.perf_counter(), time.process_time()
    read(paths)
    print(time.perf_counter() - wall, time.process_time() - cpu)


if __name__ == "__main__":
    main()
