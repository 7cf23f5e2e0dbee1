"""How a project is laid out: which files are tests, what modules are called, where new tests belong."""

from __future__ import annotations

from itertools import chain, count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from kandil.assist.testing.running import Module

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_NO_MODULES: Final = frozenset(["conftest.py", "setup.py", "noxfile.py", "__main__.py"])
_MARKS: Final = ("pyproject.toml", "setup.cfg", "setup.py", "pytest.ini", "tox.ini")


def is_test(name: str) -> bool:
    """Whether pytest takes it for a file of tests, were nothing else set."""
    last = PurePosixPath(name).name
    return last.endswith(".py") and (last.startswith("test_") or last.endswith("_test.py"))


def module(name: str, kept: Collection[str]) -> Module | None:
    """What a file is as a module; None: it is none that tests import. `kept`: all files of the project."""
    path = PurePosixPath(name)
    if is_test(name) or path.name in _NO_MODULES or "tests" in path.parts[:-1]:
        return None
    have = frozenset(kept)
    project = _project(path, have)
    root = path.parent
    while str(root / "__init__.py") in have:
        root = root.parent
    if root == path.parent and path.name != "__init__.py":  # in no package: a namespace's, or a file at the top
        root = next((at for at in (project / "src", project) if path.is_relative_to(at)), root)
    parts = path.relative_to(root).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    if not parts or not all(part.isidentifier() for part in parts):
        return None
    return Module(path=name, name=".".join(parts), import_root=_folder(root), project=_folder(project))


def target(tested: Module, existing: Sequence[str], tests: Sequence[str], names: Collection[str]) -> str:
    """A new file beside the tests that the module has, else where the project's tests of such code are.

    Its name is among no `names`: where tests are in no packages, pytest cannot tell files of one name apart.
    """
    folder = PurePosixPath(existing[0]).parent if existing else _folder_of_tests(tested, tests)
    stem = tested.name.rpartition(".")[2]
    usual = (f"test_{stem}.py", f"test_{stem}_generated.py")
    more = (f"test_{stem}_generated_{number}.py" for number in count(2))
    return str(folder / next(name for name in chain(usual, more) if name not in names))


def _project(path: PurePosixPath, have: frozenset[str]) -> PurePosixPath:
    """The nearest folder around it that says that it is a project; the top."""
    for folder in path.parents:
        if any(str(folder / mark) in have for mark in _MARKS):
            return folder
    return PurePosixPath()


def _folder(path: PurePosixPath) -> str:
    return "" if path == PurePosixPath() else str(path)


def _folder_of_tests(tested: Module, tests: Sequence[str]) -> PurePosixPath:
    """Of the project's folders of tests, the one most alike; `tests` where there is none."""
    project = PurePosixPath(tested.project)
    folders = {PurePosixPath(name).parent for name in tests if PurePosixPath(name).is_relative_to(project)}
    own = PurePosixPath(tested.path).parent

    def alike(folder: PurePosixPath) -> tuple[int, int, int, str]:
        ends = _common(folder.parts[::-1], own.parts[::-1])
        return ends, _common(folder.parts, own.parts), -len(folder.parts), str(folder)

    return max(folders, key=alike, default=project / "tests")


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
