"""Names of the user's models: which there can be, and a file of its own for each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil import registry
from kandil.errors import NameUnusable
from kandil.registry import Record


@pytest.mark.parametrize(
    "name",
    ["", " ", " a", "a ", "a  b", "a\nb", "a\x1bb", "a\u202eb", "a\u00a0b", "-x", "x" * 201, "e\u0301", "\ud800"],
)
def test_what_nobody_could_type_or_see_is_no_name(name: str) -> None:
    with pytest.raises(NameUnusable):
        registry.add(Record(name=name))
    assert registry.every().records == ()


@pytest.mark.parametrize("name", ["con", "COM1.x", "nul", "Qwen 3", "a%2fb", "a/b", ".hidden", "..", "é", "模型", "~"])
def test_names_of_every_kind_are_kept_apart(name: str) -> None:
    registry.add(Record(name="qwen 3"))
    registry.add(Record(name=name))
    assert {record.name for record in registry.every().records} == {"qwen 3", name}
    assert registry.find(name) == Record(name=name)


@pytest.mark.parametrize("device", ["con", "prn", "aux", "nul", "com1", "lpt9", "con.txt", "CON"])
def test_no_file_has_the_name_of_a_device(device: str) -> None:
    assert registry.file_of(device).name.partition(".")[0] not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert registry.file_of(f"{device}x").name != registry.file_of(device).name


@pytest.mark.parametrize(
    "name", ["..", ".", "a/../../b", "/etc/passwd", "A:b", "ünï", "x" * 500, "con", "\ud800", "a\x00b"]
)
def test_a_file_s_name_is_safe(name: str) -> None:
    path = registry.file_of(name)
    assert path.parent == registry.file_of("x").parent
    assert len(path.name.encode()) < 240
    assert path.name.isascii()
    assert path.name == path.name.lower()
    assert not path.name.startswith(".")


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_two_names_have_two_files(first: str, second: str) -> None:
    assert (registry.file_of(first).name.casefold() == registry.file_of(second).name.casefold()) is (first == second)
