"""Opens what may be hostile where it can do no harm.

`load_test(path)` loads a model file with the llama.cpp that this machine has, and gives a `LoadReport`: `Level`s, and
`LoadFinding`s that have the id of a rule.

- `trial`: that function; `runtimes`: which loaders there are; `result`: the report, and how strictly it is read.
- `work`, `reference`: what is done within, by `reading` (another parser's view of the header, beside kandil's scan) and
  `loading` (all of it, and a few tokens). `ggml`, `declarations`, `_ggml`: the C functions that they call.
- `supervisor`: starts one child for one file, hands it one descriptor and one task, watches it, ends it, and takes its
  report as untrusted bytes. `run_child` is what callers use.
- `child`: the program of that process. It imports a *work module*, lets it prepare, puts the layers on, lets it work.
- `layers`: which layers there are, and which of them must be there.
- `report`: what a child may say, and how strictly it is read.
- `model`: opens a model file, once.
- `cgroup`, `macos`: what only some systems have.
- `probes`, `payloads`, `bait`: the proof, attacks that each run in a child of their own.

A **work module** has `prepare(task, fd)`. It imports and `dlopen`s all that it will need, makes every C callback (later
there is no executable memory to be had), does not look at the file, and returns `work`. With the layers on,
`work(step)` is called: it reads the file through `fd`, calls `step("name")` before whatever may crash, and returns the
report: a dict that JSON can say, under 1 MiB. It cannot open files, import, or start threads unless they were asked
for. This package imports nothing by itself, so that a child that imports from it stays small and quick.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kandil.sandbox.result import Level, LoadFinding, LoadReport
    from kandil.sandbox.trial import load_test

__all__ = ["Level", "LoadFinding", "LoadReport", "load_test"]

if not TYPE_CHECKING:  # a type checker knows the names above, and no others

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'kandil.sandbox' has no attribute {name!r}", name=name)
        from importlib import import_module  # noqa: PLC0415 (a child needs none of it)

        return getattr(import_module(f"kandil.sandbox.{'trial' if name == 'load_test' else 'result'}"), name)
