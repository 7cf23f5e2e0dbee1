"""The views of a GGUF header: a page of facts, its keys, its tensors; the same as JSON."""

from __future__ import annotations

import math
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from kandil.cli.escape import printable, shortened
from kandil.cli.findings_text import SEVERITY_STYLES, advice, finding_line, worst_first
from kandil.cli.inspect_value import LARGE_BYTES, LONG, count_or_none, read, summary, text_or_none
from kandil.cli.json_lines import write_json
from kandil.cli.sizes import human_count, human_size
from kandil.errors import ValueUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kandil._core import Finding, Header
    from kandil.cli.terminal import Paint

SCHEMA = "kandil.inspect/1"


@dataclass(frozen=True, slots=True)
class Quantisation:
    """The tensors of one ggml type."""

    type: str
    tensors: int
    elements: int
    size_bytes: int

    @property
    def bits_per_weight(self) -> float:
        return 8 * self.size_bytes / self.elements if self.elements else 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What the page shows. None: the file does not say."""

    path: str
    sha256: str | None
    size_bytes: int
    gguf_version: int
    big_endian: bool
    architecture: str | None
    name: str | None
    license: str | None
    parameters: int
    tensors: int
    quantisation: tuple[Quantisation, ...]
    context_length: int | None
    tokenizer: str | None
    vocabulary: int | None
    chat_template: bool
    split_number: int | None
    split_count: int | None
    findings: tuple[Finding, ...]


def facts(header: Header, path: str, findings: Iterable[Finding]) -> Facts:
    """All of it, from the header alone."""
    from kandil.verify import known_digest

    architecture = text_or_none(header, "general.architecture")
    tokens = "tokenizer.ggml.tokens"
    return Facts(
        path=path,
        sha256=known_digest(path),
        size_bytes=header.file_size_bytes,
        gguf_version=header.version,
        big_endian=header.big_endian,
        architecture=architecture,
        name=text_or_none(header, "general.name"),
        license=text_or_none(header, "general.license"),
        parameters=sum(math.prod(tensor.shape) for tensor in header.tensors),
        tensors=header.tensor_count,
        quantisation=_mix(header),
        context_length=count_or_none(header, f"{architecture}.context_length"),
        tokenizer=_joined(text_or_none(header, "tokenizer.ggml.model"), text_or_none(header, "tokenizer.ggml.pre")),
        vocabulary=header.count(tokens) if tokens in header else None,
        chat_template="tokenizer.chat_template" in header,
        split_number=count_or_none(header, "split.no"),
        split_count=count_or_none(header, "split.count"),
        findings=tuple(findings),
    )


def _joined(*parts: str | None) -> str | None:
    return " / ".join(part for part in parts if part) or None


def _mix(header: Header) -> tuple[Quantisation, ...]:
    kinds: dict[str, list[int]] = {}
    for tensor in header.tensors:
        sums = kinds.setdefault(tensor.type, [0, 0, 0])
        sums[0] += 1
        sums[1] += math.prod(tensor.shape)
        sums[2] += tensor.size_bytes
    mix = [Quantisation(kind, *sums) for kind, sums in kinds.items()]
    return tuple(sorted(mix, key=lambda part: -part.size_bytes))


def show(facts: Facts, paint: Paint) -> None:
    """Prints the page, then what is wrong with the file."""
    print(paint("bold", printable(facts.path)))
    for label, text in _rows(facts):
        if text:
            print(f"  {label:<14}  {text}")
    for part in facts.quantisation:
        size = (
            f"{part.tensors:>5} tensors  {human_size(part.size_bytes):>9}  {part.bits_per_weight:>5.2f} bits per weight"
        )
        print(f"  {'':<14}  {printable(part.type):<8} {size}")
    for finding in worst_first(facts.findings):
        print(f"  {paint(SEVERITY_STYLES[finding.severity], f'{finding.severity:<14}')}  {finding_line(finding)}")
    more = advice(facts.findings)
    if more:
        print(f"  {'':<14}  → {more}")


def _rows(facts: Facts) -> list[tuple[str, str]]:
    """Safe to print."""
    split = ""
    if facts.split_count:
        split = f"part {(facts.split_number or 0) + 1} of {facts.split_count}"
    whole = sum(part.size_bytes for part in facts.quantisation)
    bits = f"  ({8 * whole / facts.parameters:.2f} bits per weight)" if facts.parameters else ""
    version = f"GGUF {facts.gguf_version}{', big-endian' if facts.big_endian else ''}"
    return [
        ("name", shortened(facts.name or "", 100)),
        ("architecture", shortened(facts.architecture or "not given", 100)),
        ("license", shortened(facts.license or "", 100)),
        ("parameters", f"{human_count(facts.parameters)}{bits}" if facts.tensors else "none: no tensors in this file"),
        ("context", f"{facts.context_length} tokens" if facts.context_length is not None else ""),
        ("tokenizer", shortened(facts.tokenizer or "", 100)),
        ("vocabulary", f"{facts.vocabulary} tokens" if facts.vocabulary is not None else ""),
        ("chat template", "yes" if facts.chat_template else "no"),
        ("split", split),
        ("on disk", f"{human_size(facts.size_bytes)}  {version}"),
        ("sha256", facts.sha256 or "not known: `kandil verify` computes it"),
        ("tensors", f"{facts.tensors}" if facts.tensors else "none"),
    ]


def show_metadata(header: Header, paint: Paint) -> None:
    """Prints a line a key: name, type, value as far as it fits."""
    width = max(40, shutil.get_terminal_size((160, 24)).columns)
    print(f"\n{paint('bold', f'{len(header)} keys')}")
    for key in header.keys():  # noqa: SIM118 (a header is no dict)
        shown, kind = shortened(key, 80), header.type(key)
        start = f"  {shown:<40}  {kind:<15}  "
        print(f"{start}{paint('dim', summary(header, key, max(20, width - len(start))))}")


def show_tensors(header: Header, paint: Paint) -> None:
    """Prints a line a tensor."""
    print(f"\n{paint('bold', f'{header.tensor_count} tensors')}")
    if header.tensor_count:
        heads = f"  {'name':<40}  {'type':<8}  {'shape':<24}  {'offset':>14}  {'size':>9}"
        print(paint("dim", heads))
    for tensor in header.tensors:
        shape = " x ".join(map(str, tensor.shape))
        place = f"{tensor.offset:>14}  {human_size(tensor.size_bytes):>9}"
        print(f"  {shortened(tensor.name, 80):<40}  {printable(tensor.type):<8}  {shape:<24}  {place}")


def show_json(facts: Facts, header: Header, *, metadata: bool, tensors: bool) -> None:
    """Prints one object; long arrays are given by their count alone, `--key` has them whole."""
    from kandil import __version__

    fields = {name: getattr(facts, name) for name in Facts.__slots__ if name not in ("findings", "quantisation")}
    fields["quantisation"] = [asdict(part) | {"bits_per_weight": part.bits_per_weight} for part in facts.quantisation]
    fields["findings"] = _picked(facts.findings, "id", "severity", "message", "offset")
    if metadata:
        fields["metadata"] = {key: _json_value(header, key) for key in header.keys()}  # noqa: SIM118 (no dict)
    if tensors:
        fields["tensor_list"] = _picked(header.tensors, "name", "type", "shape", "offset", "size_bytes")
    write_json(fields | {"schema": SCHEMA, "kandil_version": __version__})


def _picked(values: Iterable[object], *names: str) -> list[dict[str, object]]:
    return [{name: getattr(value, name) for name in names} for value in values]


def _json_value(header: Header, key: str) -> dict[str, object]:
    count = header.count(key)
    entry: dict[str, object] = {"type": header.type(key)}
    if count is not None:
        entry["count"] = count
    size_bytes = header.value_size_bytes(key)
    if size_bytes > LARGE_BYTES:
        entry["size_bytes"] = size_bytes
    elif count is None or count <= LONG:
        try:
            entry["value"] = read(header, key)
        except ValueUnreadable as error:
            entry["error"] = error.reason
    return entry
