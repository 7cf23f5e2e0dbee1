"""Rounds of requests over real sockets: what is under way at once, when each is due, what each answer is read as."""

from __future__ import annotations

import gzip
from itertools import pairwise

import pytest
import trio

from kandil import providers
from kandil.benchmark.load import Level
from kandil.benchmark.reading import Exchange, Sample, Waits, sample
from kandil.benchmark.round import opened
from kandil.completions import Target
from kandil.credentials import Keys
from kandil.limits import Bucket, Limiter, Limits
from kandil.profiles import Profile
from tests.support.servers import raw

DONE = b'data: {"choices":[{"delta":{"content":"%s"},"finish_reason":"stop"}]}\n\n'
STREAM = b"content-type: text/event-stream\r\n"
SECOND = 1_000_000_000


def target(url: str) -> Target:
    profile = Profile(id="mine", name="mine", source="user", provider="mine", protocol="openai", api_model="m",
                      base_url=url, date="2026-01-01")  # fmt: skip
    return Target(model="mine", endpoint=providers.endpoint(profile, None))


async def sent(url: str, level: Level, bucket: Bucket | None = None, *, seed: int = 1) -> tuple[Sample, ...]:
    async with opened(target(f"{url}v1"), Keys(), bucket) as rounds:
        bodies = [rounds.body(seed, number, 40, 8, None) for number in range(level.requests)]
        return (await rounds.sent(bodies, level, seed=seed)).samples


def most_at_once(samples: tuple[Sample, ...]) -> int:
    moments = sorted([(one.sent_ns, 1) for one in samples] + [(one.ended_ns, -1) for one in samples])
    running, most = 0, 0
    for _, change in moments:
        running += change
        most = max(most, running)
    return most


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_so_many_are_under_way_and_no_more(concurrency: int) -> None:
    waiting, together = 0, trio.Event()

    async def answer(stream: trio.abc.Stream, _asked: bytes) -> None:
        nonlocal waiting
        waiting += 1
        if waiting >= concurrency:
            together.set()
        await together.wait()  # for ever, were there fewer at once
        await stream.send_all(raw.reply(DONE % b"hi", STREAM))

    async with raw.serving(answer) as server:
        samples = await sent(server.url, Level(requests=12, concurrency=concurrency))
        assert server.connections == concurrency
    assert [one.error for one in samples] == [None] * 12
    assert most_at_once(samples) == concurrency


async def test_limits_hold_back_and_count_for_no_time() -> None:
    async with raw.serving(raw.reply(DONE % b"hi", STREAM)) as server:
        bucket = Limiter(shared=False).bucket("mine/m", Limits(concurrency=1))
        samples = await sent(server.url, Level(requests=6, concurrency=4), bucket)
    assert [one.error for one in samples] == [None] * 6
    assert most_at_once(samples) == 1


async def test_who_stops_holds_no_limit() -> None:
    asked = trio.Event()

    async def never(_stream: trio.abc.Stream, _asked: bytes) -> None:
        asked.set()
        await trio.sleep_forever()

    bucket = Limiter(shared=False).bucket("mine/m", Limits(concurrency=1))
    async with raw.serving(never) as server, trio.open_nursery() as nursery:
        nursery.start_soon(sent, server.url, Level(requests=3, concurrency=2), bucket)
        await asked.wait()
        assert bucket.wait_seconds() > 0
        nursery.cancel_scope.cancel()
    assert bucket.wait_seconds() == 0


async def test_an_open_loop_sends_when_a_request_is_due() -> None:
    level = Level(requests=40, concurrency=1000, rate_per_second=400)
    async with raw.serving(raw.reply(DONE % b"hi", STREAM)) as server:
        samples = sorted(await sent(server.url, level), key=lambda one: one.due_ns)
        again = sorted(await sent(server.url, level), key=lambda one: one.due_ns)
        other = sorted(await sent(server.url, level, seed=2), key=lambda one: one.due_ns)
    assert all(one.sent_ns >= one.due_ns for one in samples)
    gaps, same, others = ([b.due_ns - a.due_ns for a, b in pairwise(run)] for run in (samples, again, other))
    assert gaps == same, "the same seed"
    assert gaps != others


def read(parts: list[bytes], head: dict[str, str] | None = None, status: int = 200) -> Sample:
    """Of parts that came a second apart, from the second second on."""
    ends, body, moments = 0, b"".join(parts), []
    for at, part in enumerate(parts, 2):
        ends += len(part)
        moments.append((at * SECOND, ends))
    said = (SECOND, status, list((head or {}).items()), True)
    exchange = Exchange(0, 0, 0, said, moments, body, len(parts) * SECOND * 2, None)
    return sample(exchange, target("http://localhost/").endpoint, Waits())


def piece(text: str, name: str = "content") -> bytes:
    return b'data: {"choices":[{"delta":{"%s":"%s"}}]}\n\n' % (name.encode(), text.encode())


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":9}}\n\n'


def test_a_piece_has_the_moment_at_which_its_last_byte_came() -> None:
    one, other = piece("b"), piece("c")
    role = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    found = read(
        [role, piece("a", "reasoning_content"), one[:9], one[9:] + other, DONE % b"d", USAGE + b"data: [DONE]\n\n"]
    )
    assert found.error is None
    assert (found.first_ns, found.first_answer_ns, found.last_ns, found.ended_ns) == (
        3 * SECOND, 5 * SECOND, 6 * SECOND, 7 * SECOND,
    )  # fmt: skip
    assert found.gaps_ns == (2 * SECOND, 0, SECOND), "two pieces came in one read"
    assert (found.output_tokens, found.counted_by, found.token_ns) == (9, "usage", 3 * SECOND / 8)


def test_a_compressed_stream_is_read_too() -> None:
    packed = gzip.compress(piece("a") + DONE % b"b")
    assert read([packed[:20], packed[20:]], {"content-encoding": "gzip"}).output_tokens == 2
    bad = read([packed[:-12] + b"x" * 12], {"content-encoding": "gzip"})
    assert bad.error is not None
    assert read([packed], {"content-encoding": "br"}).error is not None


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([piece("a")], 200, "stream-broken"),
        ([b'data: {"error":{"message":"overloaded"}}\n\n'], 200, None),
        ([b"<html>"], 200, "reply-unreadable"),
        ([b"{}"], 404, None),
        ([], 302, "redirect-refused"),
        ([], 200, "stream-broken"),
    ],
)
def test_what_is_no_answer_is_an_error(parts: list[bytes], status: int, code: str | None) -> None:
    found = read(parts, {"location": "https://elsewhere.example/"}, status)
    assert found.error is not None
    assert code in (None, found.error.code)
    assert found.output_tokens is None


def test_speeds_as_llama_cpp_timed_itself() -> None:
    timings = b'data: {"choices":[],"timings":{"prompt_per_second":120.5,"predicted_per_second":30.25}}\n\n'
    assert read([DONE % b"a", timings]).server_speeds == (120.5, 30.25)
    for hostile in (b'"timings"', b'data: {"timings":[]}', b'data: {"timings":{"prompt_per_second":"1"}}'):
        assert read([piece(r"\"timings\"") + DONE % b"a", b": " + hostile + b"\n\n"]).server_speeds is None


def test_prompts_differ_from_their_first_words_on() -> None:
    from kandil.benchmark.prompts import prompt

    texts = [prompt(1, number, 100) for number in range(200)]
    assert len({text[:30] for text in texts}) == 200
    assert texts == [prompt(1, number, 100) for number in range(200)]
    assert {len(text.split()) for text in texts} == {100}
