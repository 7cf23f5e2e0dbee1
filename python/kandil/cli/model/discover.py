"""`kandil model discover`: which models there are, and where."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import Settings, common_options

if TYPE_CHECKING:
    from kandil.discovery import Found, Offer
    from kandil.errors import KandilError

HELP = """\b
Examples:
  kandil model discover qwen2.5 coder
  kandil model discover hf:bartowski/Qwen2.5-7B-Instruct-GGUF     its quantisations
  kandil model discover llama3.1:8b --source ollama-registry
  kandil model discover gemma --offline                           what is known from before

Look for models at all sources at once: the catalogue, an Ollama on this machine, Hugging Face, and a registry that
speaks Ollama's protocol, which has no search and is asked for a tag of that name.

The same weights are one line, whoever has them, and a repository is one: the quantisation to recommend; hf:OWNER/REPO
has the others. The best come first: by name, by whether they fit this machine, by
how far their digests can be trusted. REFERENCE is what `kandil model add` takes. A source that fails is named, and
keeps no other back. Answers are kept for cache.ttl_seconds; sources.NAME.base_url says where a mirror is.

\b
Exit: 0 found; 3 nothing is called so; 6 nothing was found, and a source that may have it has failed.
"""
_SAID_SECONDS = 60
"""A younger answer is as good as new."""
_HEADS = ("REFERENCE", "SOURCE", "QUANT", "SIZE", "FITS", "UPDATED", "TRUST")


@click.command("discover", help=HELP, short_help="Look for models at all sources.")
@click.argument("query", nargs=-1, required=True)
@click.option(
    "--source", "sources", multiple=True, help="Of this one alone; can be given several times.",
    type=click.Choice(["catalogue", "ollama", "huggingface", "ollama-registry"]),
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="So many lines.")
@click.option("--offline", is_flag=True, help="Ask nobody: what is known from before, however old.")
@click.option("--refresh", is_flag=True, help="Ask everybody anew.")
@click.option("-q", "--quiet", is_flag=True, help="Print references alone.")
@click.option("--no-input", is_flag=True, help="Never ask for a keyring's password.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, query: tuple[str, ...], limit: int, quiet: bool, **asked: Any) -> int:
    from kandil.cli.run import run_async

    settings = ctx.find_object(Settings)
    assert settings is not None
    words = " ".join(" ".join(query).split())
    if not words:
        raise click.UsageError("there is nothing to look for", ctx)
    if asked["offline"] and asked["refresh"]:
        raise click.UsageError("--offline asks nobody, and --refresh everybody", ctx)
    found = run_async(partial(_found, words, asked))
    offers = found.offers[:limit]
    if settings.json:
        _show_json(found, offers)
    elif quiet:
        from kandil.cli.escape import printable

        for one in offers:
            print(printable(one.reference))
    else:
        _show(found, offers, settings, offline=asked["offline"])
    if offers:
        return 0
    error = _nothing(found, words, asked["sources"])
    if settings.json:
        return error.exit_code
    raise error


async def _found(query: str, asked: dict[str, Any]) -> Found:
    from kandil import config, discovery
    from kandil.cli.keys import open_keys
    from kandil.hardware import detect

    return await discovery.search(
        query,
        config.load(),
        sources=asked["sources"] or discovery.SOURCES,
        keys=open_keys(no_input=asked["no_input"]),
        hardware=await detect(),
        offline=asked["offline"],
        refresh=asked["refresh"],
    )


def _nothing(found: Found, query: str, sources: tuple[str, ...]) -> KandilError:
    """Why there is nothing: a source might have known it and has failed, or no source has it.

    Most machines have no Ollama: where others answer, that says nothing.
    """
    from kandil.errors import OfferUnknown

    failures = [error for source, error in found.failures if source != "ollama" or sources == ("ollama",)]
    return failures[0] if failures else OfferUnknown(query, "no source has anything that is called so")


def _show(found: Found, offers: tuple[Offer, ...], settings: Settings, *, offline: bool) -> None:
    from kandil.cli.escape import printable
    from kandil.cli.sizes import human_time
    from kandil.cli.table import table
    from kandil.cli.terminal import Paint

    if offers:
        paint = Paint(sys.stdout, no_color=settings.no_color)
        yielding = (("UPDATED", 0), ("TRUST", 0), ("QUANT", 0), ("SOURCE", 0), ("REFERENCE", 30))
        for line in table(_HEADS, [_row(one) for one in offers], paint, numbers=("SIZE",), yielding=yielding):
            print(line)
    if offers or len(found.failures) > 1:
        for source, error in found.failures:
            print(printable(f"{source}: {error.message}"), file=sys.stderr)
    more = len(found.offers) - len(offers)
    notes = [f"{more} more with --limit {len(found.offers)}"] if more else []
    if found.age_seconds and (offline or found.age_seconds >= _SAID_SECONDS):
        notes.append(f"the oldest answer is {human_time(found.age_seconds)} old (--refresh asks anew)")
    if notes:
        print("; ".join(notes), file=sys.stderr)


def _row(offer: Offer) -> tuple[str, ...]:
    from kandil.cli.fit_text import human_bytes, where

    report = offer.report
    fits = "?" if report is None else where(report) if report.fits else "no"
    trust = "verified" if offer.verified else "digest" if offer.sha256 else ""
    also = f" (+{len(offer.also)})" if offer.also else ""
    return (
        offer.reference,
        ("here, " if offer.here else "") + offer.source + also,
        offer.quantization or "",
        human_bytes(offer.size_bytes) if offer.size_bytes else "",
        fits,
        (offer.updated or "")[:10],
        trust,
    )


def _show_json(found: Found, offers: tuple[Offer, ...]) -> None:
    from kandil.cli.json_lines import write_report

    write_report(
        "kandil.model.discover/1",
        offers=[_fields(one) for one in offers],
        failures=[{"source": source, "code": error.code, "message": error.message} for source, error in found.failures],
        age_seconds=found.age_seconds,
    )


def _fields(offer: Offer) -> dict[str, Any]:
    from dataclasses import asdict

    from kandil.cli.fit_text import report_fields

    fields = asdict(offer)
    fields["report"] = report_fields(offer.report) if offer.report else None
    fields["weights"] = [asdict(one) for one in offer.weights]
    fields["others"] = [{"role": role, **asdict(one)} for role, one in offer.others]
    return fields
