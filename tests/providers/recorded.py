"""Answers that servers gave, and who they were."""

from __future__ import annotations

from pathlib import Path

from kandil import profiles
from kandil.providers import Decoder, Endpoint, Event, decoder, endpoint

FOLDER = Path(__file__).parent / "transcripts"
STREAMS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".sse", ".ndjson", ".json"})


def at(protocol: str, **fields: object) -> Endpoint:
    """A provider that nobody curated."""
    described = {"id": "mine", "name": "mine", "source": "user", "provider": "house", "api_model": "m", **fields}
    base_url = "https://llm.example.org/v1" if protocol == "openai" else "https://llm.example.org"
    return endpoint(profiles.from_fields({"base_url": base_url, "protocol": protocol, **described}), None)


def endpoint_of(name: str) -> Endpoint:
    """Who answers in the transcript `name`."""
    if "responses" in name:
        return at("openai", endpoint="responses")
    found = [protocol for word, protocol in _PROTOCOLS.items() if word in name]
    return at(found[0] if found else "openai")


_PROTOCOLS = {"messages": "anthropic", "gemini": "gemini", "ollama": "ollama"}


def transcript(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def events(reading: Decoder, *chunks: bytes) -> list[Event]:
    found = [event for chunk in chunks for event in reading.feed(chunk)]
    return found + reading.end()


def replay(name: str) -> list[Event]:
    return events(decoder(endpoint_of(name)), transcript(name))
