"""Answers taken apart: which tests are in them, and what is left with some of them."""

from __future__ import annotations

import pytest

from kandil.assist.testing.generated import NoTests, generated, imported

_TEXT = '''"""About."""
import os
import sys
from shop.price import label, total

LIMIT = 3
UNUSED = os.system("true")
sys.path.insert(0, "src")


def made():
    return LIMIT


@pytest.fixture
def box():
    return made()


@pytest.mark.parametrize(
    "amount", [1, 2]
)
def test_label(amount):
    assert label(amount)


class TestTotal:
    """Sums."""

    def test_none(self):
        assert total([]) == 0

    async def test_box(self, box):
        assert total(box)


for name in ("a", "b"):
    globals()[name] = 1

if __name__ == "__main__":
    pytest.main()
'''


def test_the_longest_fenced_block_is_taken() -> None:
    answer = f"Sure, run it with:\n```sh\npytest\n```\n\n```python\n{_TEXT}```\nThat is all."
    assert generated(answer).names == ("test_label", "TestTotal::test_none", "TestTotal::test_box")
    assert generated(_TEXT).names == generated(answer).names, "and all of it where there is none"
    assert generated(f"~~~~py\r\n{_TEXT}~~~~").names == generated(answer).names


def test_a_test_with_what_it_needs() -> None:
    assert generated(_TEXT).only({"TestTotal::test_box"}) == (
        '"""About."""\nfrom shop.price import total\n\nLIMIT = 3\n\n\n'
        "def made():\n    return LIMIT\n\n\n@pytest.fixture\ndef box():\n    return made()\n\n\n"
        'class TestTotal:\n    """Sums."""\n\n\n    async def test_box(self, box):\n        assert total(box)\n'
    )


def test_the_decorators_of_a_test_go_with_it() -> None:
    tests = generated(_TEXT)
    assert "parametrize" in tests.only({"test_label"})
    assert "parametrize" not in tests.only({"TestTotal::test_none"})
    assert "class" not in tests.only({"test_label"})


def test_nothing_is_done_wherever_the_file_is_imported() -> None:
    tests = generated(_TEXT)
    for word in ("sys.path", "globals", "__main__", "os.system"):
        assert word not in tests.only(set(tests.names))


def test_a_name_that_is_there_twice() -> None:
    tests = generated("def test_a():\n    assert 1\n\ndef test_a():\n    assert 2\n")
    assert (tests.names, tests.twice) == (("test_a",), ("test_a",))
    assert tests.only({"test_a"}) == "def test_a():\n    assert 1\n"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("I cannot.", "does not parse"),
        ("```python\ndef test_a(:\n```", "does not parse"),
        ("```python\nx = '\0'\n```", "does not parse"),
        ("```python\nimport os\n```", "no test in it"),
        ("", "no test in it"),
        ("```python\ndef check():\n    pass\n```", "no test in it"),
    ],
)
def test_no_tests(answer: str, why: str) -> None:
    with pytest.raises(NoTests, match=why):
        generated(answer)


def test_what_is_imported() -> None:
    assert imported("import a.b\nfrom c import d as e\nfrom . import f\n") == {"a.b", "c", "c.d"}
    assert imported("import (") == set()
