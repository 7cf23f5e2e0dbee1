"""From a model's name to a model you can trust and call.

What is public stands here and is loaded when it is first used, so that `import kandil` costs nothing:

- `ask(prompt, model=…)`: a whole answer, `Reply`, of a model in the cloud or in a GGUF file; `stream(…)`: an `Answer`
  while it comes, event by event. On trio.
- `batch(model)`: a model, ready for many rows: `async with kandil.batch("gpt-5-mini") as b`, then `async for result in
  b.run(rows)`: a `Result` each; `complete_many(rows, model=…)`: all of them, in their order.
- `verify(paths)`: is every model file the one that was published, and sound? `async for` on trio: `FileResult` by
  `FileResult`, each with its `Finding`s; a `Summary` at the end. `kandil.verify` is also the module that the function
  lives in: the module can be called, so that no order of imports makes a difference.
- `sha256(data)`, `sha256_files(paths)`: digests of 32 bytes, many files at once; `Sha256()`: a stream, as in hashlib.
- `Header.open(path)`: a GGUF file's keys and tensors, read lazily.
- `rules()`: what is checked in GGUF files, `Rule` by `Rule`; a `Finding` has the id of one.
- `KandilError`: the root of every error that is raised on purpose.

The layers below: `cli`; `assist` (questions and answers), `batch`; `serving` (who answers for a model), `registry`
(what the user has added), `completions` (a call, whole), `providers` (what goes over the wire), `resolver`, `compat`,
`local_server`, `verify`, `sandbox`, `credentials`, `http`, `limits`, `config`, `hardware`, `profiles`, `errors`;
`_core` is the Rust extension.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kandil._core import Header, Rule, Sha256, __version__, rules, sha256
    from kandil.assist import Reply, ask, stream
    from kandil.batch import Result, batch, complete_many
    from kandil.completions import Answer
    from kandil.errors import KandilError
    from kandil.profiles import Profile
    from kandil.providers import Message
    from kandil.verify import FileResult, Finding, Summary, sha256_files, verify

__all__ = [
    "Answer",
    "FileResult",
    "Finding",
    "Header",
    "KandilError",
    "Message",
    "Profile",
    "Reply",
    "Result",
    "Rule",
    "Sha256",
    "Summary",
    "__version__",
    "ask",
    "batch",
    "complete_many",
    "rules",
    "sha256",
    "sha256_files",
    "stream",
    "verify",
]

_HOMES = {
    "Answer": "kandil.completions",
    "FileResult": "kandil.verify",
    "Finding": "kandil.verify",
    "Header": "kandil._core",
    "KandilError": "kandil.errors",
    "Message": "kandil.providers",
    "Profile": "kandil.profiles",
    "Reply": "kandil.assist",
    "Result": "kandil.batch",
    "Rule": "kandil._core",
    "Sha256": "kandil._core",
    "Summary": "kandil.verify",
    "__version__": "kandil._core",
    "ask": "kandil.assist",
    "complete_many": "kandil.batch",
    "rules": "kandil._core",
    "sha256": "kandil._core",
    "sha256_files": "kandil.verify",
    "stream": "kandil.assist",
}


if not TYPE_CHECKING:  # a type checker knows the names above, and no others

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415 (costs nothing until then)

        if name in ("batch", "verify"):  # modules that can be called
            return import_module(f"kandil.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module 'kandil' has no attribute {name!r}", name=name)
        value: object = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
