"""`kandil model show`: everything that is known of one model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kandil.cli.group import Settings, common_options
from kandil.cli.model.fit import memory_options
from kandil.cli.naming import naming_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kandil.cli.terminal import Paint
    from kandil.compat import Report
    from kandil.profiles import Price, Profile, Weights
    from kandil.resolver import Resolution

HELP = """\b
Examples:
  kandil model show claude-sonnet-5-5
  kandil model show qwen2.5-coder:7b
  kandil model show "claud sonet" --explain
  kandil model show gpt-5 --json | jq .profile.context_window
  kandil model show tiny:q8_0 --provenance            of one that you added: where its files come from
  kandil model show tiny:q8_0 --provenance --check    and whether they are still the same

Show everything that is known of a model: what it can do, what it costs, whether it fits this machine.

NAME may be an id, an alias, a provider's own name, hf.co/OWNER/REPO:QUANT, or near to one of them: then you are asked,
or, without a terminal, it is an error that has the candidates.

\b
Exit: 0 shown; 3 no model has the name, or several have; 8 with --check: a file is not as it was when it was added.
"""

SCHEMA = "kandil.model.show/1"


@click.command("show", help=HELP, short_help="Show everything that is known of a model.")
@click.argument("name")
@click.option("--provenance", is_flag=True, help="Of a model that you added: where its files come from.")
@click.option("--check", is_flag=True, help="With --provenance: read the files again, and compare.")
@memory_options
@naming_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, name: str, explain: bool, no_input: bool, **asked: Any) -> int:
    from kandil.cli.naming import resolved
    from kandil.cli.terminal import Paint

    settings = ctx.find_object(Settings)
    assert settings is not None
    provenance, check = asked.pop("provenance"), asked.pop("check")
    if check and not provenance:
        raise click.UsageError("--check goes with --provenance", ctx)
    if provenance:
        from kandil.cli.model import show_provenance

        return show_provenance.show(name, settings, check=check)
    resolution = resolved(name, explain=explain, no_input=no_input)
    report = _assessed(resolution.profile, asked, ctx)
    if settings.json:
        _show_json(resolution, report)
        return 0
    _show(resolution.profile, report, Paint(sys.stdout, no_color=settings.no_color))
    return 0


def _assessed(profile: Profile, asked: dict[str, Any], ctx: click.Context) -> Report | None:
    """Whether it fits this machine; None for what runs elsewhere."""
    if not profile.local:
        return None
    from kandil.cli.run import run_async
    from kandil.compat import assess
    from kandil.hardware import detect

    try:
        return assess(profile, run_async(detect), **asked)
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from error


def _show_json(resolution: Resolution, report: Report | None) -> None:
    from dataclasses import asdict

    from kandil.cli.fit_text import report_fields
    from kandil.cli.json_lines import write_report
    from kandil.profiles import source_title

    profile = asdict(resolution.profile)
    profile["sources"] = [source_title(source) for source in resolution.profile.sources]
    write_report(
        SCHEMA,
        query=resolution.query,
        rung=resolution.rung,
        also=resolution.also,
        instead_of=resolution.instead_of,
        profile=profile,
        fit=report and report_fields(report),
    )


def _show(profile: Profile, report: Report | None, paint: Paint) -> None:
    from kandil.cli.escape import printable
    from kandil.cli.terminal import wrapped

    print(paint("bold", printable(profile.id)) + (f"  {printable(profile.name)}" if profile.name != profile.id else ""))
    facts = list(_facts(profile, report))
    width = max(len(title) for title, _ in facts)
    for title, text in facts:
        print(f"  {paint('dim', f'{title:<{width}}')}  {wrapped(printable(text), width + 4)}")


def _added(profile: Profile) -> Iterator[tuple[str, str]]:
    """Where its files are, and come from, where its user has added it."""
    from kandil import registry

    record = registry.find(profile.id)
    if record is not None and record.provenance is not None:
        yield "added", f"{(record.added_at or '')[:10]}, {record.provenance.get('reference')} (--provenance says more)"
        yield from (("file", path) for path in record.files)


def _facts(profile: Profile, report: Report | None) -> Iterator[tuple[str, str]]:
    from kandil.cli.fit_text import verdict
    from kandil.profiles import source_title

    since = f", not retired before {profile.not_retired_before}" if profile.not_retired_before else ""
    yield "state", profile.ending() or f"{profile.status}{since}"
    yield "from", _origin(profile)
    if profile.api_model != profile.id:
        yield "called there", profile.api_model
    yield from _added(profile)
    yield "context", _context(profile)
    yield "can", _abilities(profile)
    if profile.price:
        yield "price", _price(profile.price, answers=profile.kind == "chat")
    if profile.limits:
        yield "limits", ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in profile.limits.items())
    if profile.weights:
        yield from _weights(profile.weights)
    if report:
        yield "this machine", verdict(report)
        yield from (("warning", warning) for warning in report.warnings)
    until = f"the world until {profile.knowledge_cutoff}" if profile.knowledge_cutoff else None
    for title, text in (("released", profile.released), ("knows", until), ("note", profile.note)):
        if text:
            yield title, text
    if profile.sources:
        yield "facts", f"of {profile.date}, from " + "; ".join(map(source_title, profile.sources))


def _origin(profile: Profile) -> str:
    from kandil.profiles import provider

    if profile.provider == "local":
        return "a GGUF file, which kandil runs by itself"
    service = provider(profile.provider)
    title = service.name if service else profile.provider
    return f"{title}, {profile.base_url} ({profile.protocol} protocol)"


def _context(profile: Profile) -> str:
    if profile.context_window is None:
        return "unknown"
    parts = [f"{profile.context_window:,} tokens"]
    if profile.max_input_tokens:
        parts.append(f"at most {profile.max_input_tokens:,} in")
    if profile.max_output_tokens:
        parts.append(f"at most {profile.max_output_tokens:,} out")
    return ", ".join(parts)


def _abilities(profile: Profile) -> str:
    """`tools, JSON; not vision; reasoning is unknown`"""
    abilities = {
        "vision": profile.supports_vision,
        "tools": profile.supports_tools,
        "reasoning": profile.supports_reasoning,
        "JSON": profile.supports_json,
    }
    kind = "reranking" if profile.kind == "reranker" else profile.kind
    can = [kind] + [name for name, value in abilities.items() if value]
    cannot = [f"not {name}" for name, value in abilities.items() if value is False]
    unknown = [name for name, value in abilities.items() if value is None]
    parts = [", ".join(can), ", ".join(cannot), f"not known: {', '.join(unknown)}" if unknown else ""]
    return "; ".join(part for part in parts if part)


def _price(price: Price, *, answers: bool) -> str:
    """`$3 in, $15 out, a million tokens`; without `answers` in tokens there is no price out."""
    if price.input == price.output == 0:
        return "free"

    def dollars(amount: float | None) -> str:
        return "unknown" if amount is None else "free" if amount == 0 else f"${amount:g}"

    text = f"{dollars(price.input)} in" + (f", {dollars(price.output)} out" if answers or price.output else "")
    if price.cache_read is not None:
        text += f", {dollars(price.cache_read)} from the cache"
    text += ", a million tokens"
    for tier in price.tiers:
        above = f"{tier['above_input_tokens']:,.0f}"
        text += f"; above {above} tokens in: {dollars(tier.get('input'))} in, {dollars(tier.get('output'))} out"
    if price.off_peak:
        halves = f"{dollars(float(price.off_peak['input']))} in, {dollars(float(price.off_peak['output']))} out"
        text += f"; off peak {halves} (UTC, {price.off_peak['hours_utc']})"
    return text


def _weights(weights: Weights) -> Iterator[tuple[str, str]]:
    from kandil.cli.sizes import human_count, human_size

    parts = []
    if weights.size_bytes is not None:
        parts.append(("" if weights.size_exact else "about ") + human_size(weights.size_bytes))
    if weights.quantization:
        parts.append(weights.quantization)
    if weights.parameters:
        parts.append(f"{human_count(weights.parameters).replace('.00', '')} parameters")
    if weights.architecture:
        parts.append(f"architecture {weights.architecture}")
    yield "weights", ", ".join(parts) or "unknown"
    if weights.repo:
        at = f" at {weights.revision}" if weights.revision else ""
        yield "file", f"{', '.join(weights.files)} in {weights.repo}{at}"
    if weights.license:
        yield "license", weights.license
    if weights.sha256:
        yield "sha256", weights.sha256
