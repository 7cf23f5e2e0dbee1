from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from kandil.profiles.published import PublishedFile, PublishedFiles
from kandil.verify import judge as module
from kandil.verify.facts import Facts
from kandil.verify.hints import hint
from kandil.verify.item import Expected, Item
from kandil.verify.judge import Reading, judge
from kandil.verify.result import Finding, Severity, Status, Summary

GOOD, OTHER = b"\x01" * 32, b"\x02" * 32


def facts(*severities: Severity, sha256: bytes | None = GOOD, size_bytes: int = 10, is_gguf: bool = True) -> Facts:
    found = tuple(Finding(f"KG-{severity}", severity, f"{severity} thing") for severity in severities)
    return Facts(size_bytes, 1, 1, 1, 1, sha256, is_gguf=is_gguf, findings=found)


def item(expected: bytes | None = None, *, pin: bool = False, binding: bool = True, name: bytes = b"m.gguf") -> Item:
    one = Item(b"/models/" + name, b"/models/" + name)
    if expected is not None and pin:
        one.pin = Expected(expected.hex(), "pinned 2026-01-01", pin=True)
    elif expected is not None:
        one.expected = Expected(expected.hex(), "SHA256SUMS", binding=binding, local=True)
    return one


@pytest.mark.parametrize(
    ("severities", "expected", "pin", "status"),
    [
        ((), GOOD, False, "ok"),
        ((), None, False, "unverified"),
        (("note",), GOOD, False, "ok"),
        (("note", "suspicious"), GOOD, False, "suspicious"),
        (("suspicious",), None, False, "suspicious"),
        (("malformed", "suspicious"), GOOD, False, "malformed"),
        (("malicious", "malformed"), GOOD, False, "malicious"),
        ((), OTHER, False, "mismatch"),
        (("malformed",), OTHER, False, "mismatch"),
        (("malicious",), OTHER, False, "malicious"),
        ((), OTHER, True, "changed"),
        (("malformed",), OTHER, True, "changed"),
        (("malicious",), OTHER, True, "malicious"),
    ],
)
def test_the_worse_of_digest_and_structure_is_the_status(
    severities: tuple[Severity, ...], expected: bytes | None, pin: bool, status: Status
) -> None:
    result = judge(item(expected, pin=pin), Reading(facts(*severities), "sha256"))
    assert result.status == status
    if expected == OTHER and set(severities) & {"malformed", "malicious"}:
        assert result.message is not None
        assert "structure is malformed too" in result.message or "digest is not" in result.message


def test_findings_count_for_what_is_or_claims_to_be_a_gguf_file() -> None:
    reading = Reading(facts("malformed", is_gguf=False), "sha256")
    one = item()
    assert judge(one, reading).findings == ()
    one.claims_gguf = True
    assert judge(one, reading).status == "malformed"


def test_what_can_only_confirm_confirms_and_nothing_more() -> None:
    assert judge(item(GOOD, binding=False), Reading(facts(), "sha256")).status == "ok"
    result = judge(item(OTHER, binding=False), Reading(facts(), "sha256"))
    assert (result.status, result.expected) == ("unverified", None)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> PublishedFiles:
    def one(file: str, sha256: bytes, sources: int, *other: bytes) -> PublishedFile:
        digests = tuple(digest.hex() for digest in other)
        return PublishedFile("a/b", file, sha256.hex(), 10, "m", None, None, None, None, None, sources, digests)

    first, twin = one("m.gguf", GOOD, 2, b"\x03" * 32), one("twin.gguf", b"\x04" * 32, 2)
    single = one("single.gguf", b"\x05" * 32, 1)
    files = PublishedFiles(
        {published.sha256: published for published in (first, twin, single) if published.sha256},
        dict.fromkeys(first.other_sha256, first),
        {"m.gguf": (first,), "twin.gguf": (twin, twin), "single.gguf": (single,)},
    )
    monkeypatch.setattr(module, "published_files", lambda: files)
    return files


def test_a_published_digest_is_ok_under_any_name(listed: PublishedFiles) -> None:
    result = judge(item(name=b"renamed.gguf"), Reading(facts(), "sha256"))
    assert (result.status, result.expected_source) == ("ok", "published: a/b m.gguf")


def test_an_earlier_upload_is_said_to_be_one(listed: PublishedFiles) -> None:
    result = judge(item(), Reading(facts(sha256=b"\x03" * 32), "sha256"))
    assert result.status == "unverified"
    assert result.message == "an earlier upload of a/b m.gguf, or one that only some sources list"


@pytest.mark.parametrize(
    ("name", "size_bytes", "said"),
    [(b"m.gguf", 10, True), (b"m.gguf", 11, False), (b"twin.gguf", 10, False), (b"single.gguf", 10, False)],
)
def test_a_file_like_a_published_one_is_never_called_bad(
    listed: PublishedFiles, name: bytes, size_bytes: int, said: bool
) -> None:
    result = judge(item(name=name), Reading(facts(sha256=OTHER, size_bytes=size_bytes), "sha256"))
    assert result.status == "unverified"
    assert (result.message is not None) == said


def test_a_list_cannot_pass_other_bytes_off_as_published_ones(listed: PublishedFiles) -> None:
    result = judge(item(OTHER), Reading(facts(sha256=OTHER), "sha256"))
    assert (result.status, result.expected_source) == ("ok", "SHA256SUMS")
    assert (
        result.message == "named and as large as the published a/b m.gguf, but other bytes: a later upload, or altered"
    )
    for digest in (GOOD, b"\x03" * 32):
        assert judge(item(digest), Reading(facts(sha256=digest), "sha256")).message is None
    one = item()
    one.expected = Expected(OTHER.hex(), "ollama manifest m")
    assert judge(one, Reading(facts(sha256=OTHER), "sha256")).message is None


@pytest.mark.parametrize(
    ("said", "status", "source"),
    [
        (Expected(GOOD.hex(), "SHA256SUMS", local=True), "changed", "pinned then"),
        (Expected(GOOD.hex(), "hf download's metadata"), "changed", "pinned then"),
        (Expected(GOOD.hex(), "llama.cpp's ETag", binding=False), "changed", "pinned then"),
        (Expected(GOOD.hex(), "--expect", given=True), "ok", "--expect"),
        (Expected("3" * 64, "ollama blob name"), "mismatch", "ollama blob name"),
    ],
)
def test_only_the_callers_word_stands_above_a_pin(said: Expected, status: Status, source: str) -> None:
    one = item(OTHER, pin=True)
    assert one.pin is not None
    one.expected, one.pin = said, replace(one.pin, source="pinned then")
    result = judge(one, Reading(facts(), "sha256"))
    assert (result.status, result.expected_source) == (status, source)


def test_a_file_with_its_pinned_bytes_can_still_be_another_than_published() -> None:
    one = item(GOOD, pin=True)
    one.expected = Expected(OTHER.hex(), "SHA256SUMS")
    assert judge(one, Reading(facts(), "sha256")).status == "mismatch"
    one.expected = Expected(OTHER.hex(), "llama.cpp's ETag", binding=False)
    assert judge(one, Reading(facts(), "sha256")).status == "ok"


def test_an_oddity_does_not_excuse_a_list_that_contradicts_itself() -> None:
    one = item()
    one.expected = Expected(GOOD.hex(), "SHA256SUMS", others=(OTHER.hex(),))
    assert judge(one, Reading(facts("suspicious"), "sha256")).status == "error"
    assert judge(one, Reading(facts("malformed"), "sha256")).status == "malformed"


def test_every_bad_status_says_what_to_do() -> None:
    for status in get_args(Status):
        assert (hint(status, item()) is None) == (status == "ok")


def test_hints_quote_names_for_the_shell() -> None:
    said = hint("changed", item(name=b"two words; rm -rf.gguf"))
    assert said is not None
    assert "--pin '/models/two words; rm -rf.gguf'" in said


def test_missing_parts_are_to_be_downloaded_not_deleted() -> None:
    said = hint("malformed", item(), Finding("KG-SPLIT-MISSING", "malformed", ""))
    assert said == "download the missing parts into the same folder"


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (("ok", "unverified", "suspicious"), 0),
        (("ok", "mismatch"), 8),
        (("malformed",), 8),
        (("malicious",), 8),
        (("changed", "error"), 8),
        (("ok", "error"), 10),
        ((), 0),
    ],
)
def test_exit_codes(statuses: tuple[Status, ...], code: int) -> None:
    assert Summary(0, 0, 0, 0, 0.0, dict.fromkeys(statuses, 1)).exit_code == code
