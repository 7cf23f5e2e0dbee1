"""How many tokens rows have, as the core counts them, beside what single calls are taken for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil import _core
from kandil.providers import Image, Message, Request, estimate_input_tokens

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('aZ 7\n"\\/éя日😀\u2028'))
PICTURE = Image(b"\x89PNG", "image/png")
ROUNDING = 1
"""What is just half a token may be rounded to either side: Python adds up fractions, the core does not."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("estimates")


def counted(folder: Path, body: dict[str, Any], *, ascii_only: bool) -> int:
    rows = folder / "rows.jsonl"
    rows.write_text(json.dumps(body, ensure_ascii=ascii_only) + "\n", encoding="utf-8")
    recorded = _core.BatchRecorded.read(folder / "none", folder / "no-errors", mend=False)
    ((_, count, _, input_tokens, *_),) = _core.BatchIndex.scan(rows, _core.BatchForm(), recorded).lanes
    assert count == 1
    return input_tokens


@given(st.lists(TEXTS, min_size=1, max_size=4), st.none() | TEXTS.filter(bool), st.booleans())
def test_a_conversation_counts_as_in_a_single_call(
    folder: Path, texts: list[str], system: str | None, ascii_only: bool
) -> None:
    request = Request(messages=tuple(Message("user", text) for text in texts), system=system)
    said = [] if system is None else [{"role": "system", "content": system}]
    said += [{"role": "user", "content": text} for text in texts]
    found = counted(folder, {"messages": said}, ascii_only=ascii_only)
    assert abs(found - estimate_input_tokens(request)) <= ROUNDING


@given(TEXTS, st.integers(1, 3))
def test_pictures_count_as_in_a_single_call(folder: Path, text: str, pictures: int) -> None:
    request = Request(messages=(Message("user", text, (PICTURE,) * pictures),))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5000}}
    parts = [{"type": "text", "text": text}, *[picture] * pictures]
    found = counted(folder, {"messages": [{"role": "user", "content": parts}]}, ascii_only=False)
    assert abs(found - estimate_input_tokens(request)) <= ROUNDING
