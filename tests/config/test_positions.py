"""Where keys and values stand, beside what tomllib reads."""

from __future__ import annotations

import tomllib
from typing import Any

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from kandil.config.positions import line_and_column, places

_EVERYTHING = '''# [not] a = "table"
version=2 # x
"a b".'c'.d = """x ] # "" [t] \\\\""" # hi
[t]  # c
e = [1, [2, "]"], {q = 1, z.y = 'it'},
 # comment ]
 3]
date = 1979-05-27 07:32:00Z
lit = \'\'\'
[no]
a'b\'\'\'\'\'
\t[ u . "v" ] # ]
w={}
f = -inf
[[rows]]
x=1
[[rows]]
y="\\""
'''


def test_every_kind_of_key_and_value() -> None:
    assert tomllib.loads(_EVERYTHING)
    found = {
        ".".join(path): (line_and_column(_EVERYTHING, place.key), _EVERYTHING[place.value : place.end])
        for path, place in places(_EVERYTHING).items()
    }
    assert found["version"] == ((2, 1), "2")
    assert found["a b.c.d"] == ((3, 11), '"""x ] # "" [t] \\\\"""')
    assert found["t"][0] == (4, 2)
    assert found["t.e"] == ((5, 1), "[1, [2, \"]\"], {q = 1, z.y = 'it'},\n # comment ]\n 3]")
    assert found["t.date"] == ((8, 1), "1979-05-27 07:32:00Z")
    assert found["t.lit"] == ((9, 1), "'''\n[no]\na'b'''''")
    assert (found["u"][0], found["u.v"][0]) == ((12, 4), (12, 8))
    assert found["u.v.w"] == ((13, 1), "{}")
    assert found["u.v.f"] == ((14, 1), "-inf")
    assert (found["rows"][0], found["rows.x"][0], found["rows.y"]) == ((15, 3), (16, 1), ((18, 1), '"\\""'))


def test_lines_that_end_as_on_windows() -> None:
    text = 'a = 1\r\n[b]\r\n  c = """x\r\ny""" # d\r\ne = 2'
    found = {path: line_and_column(text, place.key) for path, place in places(text).items()}
    assert found == {("a",): (1, 1), ("b",): (2, 2), ("b", "c"): (3, 3), ("b", "e"): (5, 1)}


_names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
_scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12) | st.just('a\n"b"\\'),
    st.datetimes(),
)
_tables = st.recursive(
    st.dictionaries(_names, _scalars | st.lists(_scalars, max_size=3), max_size=4),
    lambda inner: st.dictionaries(_names, _scalars | inner | st.lists(inner, min_size=1, max_size=2), max_size=4),
    max_leaves=10,
)


@given(_tables)
def test_every_value_that_tomllib_reads_stands_where_it_is_said_to(data: dict[str, Any]) -> None:
    text = tomlkit.dumps(data)
    read = tomllib.loads(text)
    found = places(text)

    def follow(table: dict[str, Any], above: tuple[str, ...]) -> None:
        for name, value in table.items():
            place = found[*above, name]
            if isinstance(value, dict):
                follow(value, (*above, name))
            elif not (isinstance(value, list) and text[place.value] != "["):  # an array of tables
                assert tomllib.loads(f"value = {text[place.value : place.end]}")["value"] == value

    follow(read, ())
