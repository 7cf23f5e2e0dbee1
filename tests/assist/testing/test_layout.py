"""Projects of several layouts: what their modules are called, and where new tests belong."""

from __future__ import annotations

import pytest

from kandil.assist.testing.layout import is_test, module, target

_KEPT = [
    "pyproject.toml",
    "app.py",
    "src/shop/__init__.py",
    "src/shop/price.py",
    "src/shop/cli/__init__.py",
    "src/shop/cli/show.py",
    "src/plain/thing.py",
    "python/core/__init__.py",
    "python/core/read.py",
    "tools/pyproject.toml",
    "tools/pack/one.py",
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app.py", ("app", "", "")),
        ("src/shop/price.py", ("shop.price", "src", "")),
        ("src/shop/cli/show.py", ("shop.cli.show", "src", "")),
        ("src/shop/cli/__init__.py", ("shop.cli", "src", "")),
        ("src/plain/thing.py", ("plain.thing", "src", "")),
        ("python/core/read.py", ("core.read", "python", "")),
        ("tools/pack/one.py", ("pack.one", "tools", "tools")),
    ],
)
def test_modules(name: str, expected: tuple[str, str, str]) -> None:
    found = module(name, _KEPT)
    assert found is not None
    assert (found.name, found.import_root, found.project) == expected


@pytest.mark.parametrize(
    "name",
    [
        "test_app.py",
        "app_test.py",
        "tests/made.py",
        "conftest.py",
        "setup.py",
        "a/__main__.py",
        "my-script.py",
        "2/a.py",
    ],
)
def test_no_modules(name: str) -> None:
    assert module(name, _KEPT) is None


def test_what_pytest_takes_for_tests() -> None:
    assert [is_test(name) for name in ("a/test_b.py", "a/b_test.py", "a/testing.py", "test_a.txt")] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("existing", "tests", "expected"),
    [
        ([], [], "tests/test_show.py"),
        ([], ["tests/test_app.py"], "tests/test_show.py"),
        ([], ["tests/test_app.py", "tests/cli/test_main.py"], "tests/cli/test_show.py"),
        ([], ["src/shop/tests/test_price.py", "src/other/tests/test_a.py"], "src/shop/tests/test_show.py"),
        (["checks/test_all.py"], ["checks/test_all.py", "tests/cli/test_a.py"], "checks/test_show.py"),
        (["tests/test_show.py"], ["tests/test_show.py"], "tests/test_show_generated.py"),
        ([], ["tests/a/test_show.py", "tests/b/test_show_generated.py"], "tests/b/test_show_generated_2.py"),
    ],
)
def test_new_tests_stand_where_such_tests_are(existing: list[str], tests: list[str], expected: str) -> None:
    found = module("src/shop/cli/show.py", _KEPT)
    assert found is not None
    assert target(found, existing, tests, {name.rpartition("/")[2] for name in tests}) == expected
