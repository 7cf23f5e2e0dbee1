"""What `kandil model add` and `update` show: the plan, each step as it ends, and how far a download is."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from kandil.cli.escape import printable
from kandil.cli.fit_text import human_bytes, verdict
from kandil.cli.json_lines import write_json, write_report
from kandil.cli.sizes import human_size, human_time
from kandil.cli.table import cut
from kandil.cli.terminal import Paint, is_terminal
from kandil.secret import redacted

if TYPE_CHECKING:
    from kandil.adding import AddPlan, Step
    from kandil.cli.group import Settings
    from kandil.download import Progress
    from kandil.errors import KandilError
    from kandil.registry import Record

_FRAME_SECONDS: Final = 0.1
_EVENT_SECONDS: Final = 1.0
_MARKS: Final = {"ok": ("green", "ok"), "unknown": ("yellow", "unknown"), "skipped": ("dim", "-")}
_BAR: Final = 24


class Screen:
    """For one run. Results go to standard output; what moves, and what is said, to standard error."""

    def __init__(self, settings: Settings) -> None:
        self._json = settings.json
        self._paint = Paint(sys.stdout, no_color=settings.no_color)
        self._moving = not settings.json and is_terminal(sys.stderr)
        self._line = ""
        self._shown_at = 0.0
        self._fetching = False

    def say(self, text: str) -> None:
        self._wipe()
        print(redacted(printable(text)), file=sys.stderr, flush=True)

    def said(self, text: str) -> None:
        """A result."""
        self._wipe()
        if not self._json:
            print(redacted(printable(text)), flush=True)

    def plan(self, plan: AddPlan, *, dry_run: bool) -> None:
        """What is about to be done."""
        if self._json:
            if dry_run:
                write_report("kandil.model.add-plan/1", **plan_fields(plan))
            return
        out = sys.stdout if dry_run else sys.stderr
        print(Paint(out)("bold", printable(plan.name)), file=out)
        for title, text in _lines(plan):
            print(printable(f"  {title:<10} {text}"), file=out, flush=True)

    def step(self, step: Step) -> None:
        self._fetching = step.name == "download" and step.state == "begun"
        if step.state == "begun":
            self._draw(f"  {step.name} …")
            return
        self._wipe()
        if self._json:
            told = {"step": step.name, "state": step.state, "seconds": step.seconds, "what": step.what}
            write_json({"event": "step", **told})
            return
        style, word = _MARKS[step.state]
        line = f"  {step.name:<10} {self._paint(style, f'{word:<8}')} {_time(step.seconds):>8}  "
        print((line + redacted(printable(step.what))).rstrip(), flush=True)

    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._json and now - self._shown_at >= _EVENT_SECONDS:
            from dataclasses import asdict

            self._shown_at = now
            write_json({"event": "progress", **asdict(progress)})
        elif self._moving and now - self._shown_at >= _FRAME_SECONDS:
            self._shown_at = now
            self._draw(_in_a_line(progress))

    def failed(self, *, stopped: bool = False) -> None:
        """What moved is gone. Who has stopped a download is told that nothing is lost."""
        self._wipe()
        if stopped and self._fetching:
            self.say("stopped: what has come is kept, and the same command goes on from there")

    def added(self, record: Record) -> None:
        if self._json:
            write_report("kandil.model.add/1", name=record.name, files=list(record.files), provenance=record.provenance)
            return
        print(printable(f'added {record.name}. Ask it: kandil ask -m {_quoted(record.name)} "…"'))

    def not_added(self, what: str, error: KandilError) -> None:
        """One of several."""
        if self._json:
            write_json({"event": "not-added", "what": what, "error": error.code, "message": redacted(error.message)})
        self.say(f"{what} is not added: {error.message}" + (f" ({error.hint})" if error.hint else ""))

    def _draw(self, text: str) -> None:
        if self._moving:
            self._wipe()
            self._line = cut(printable(text), shutil.get_terminal_size().columns - 1)
            print(self._line, end="\r", file=sys.stderr, flush=True)

    def _wipe(self) -> None:
        if self._line:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._line = ""


def _quoted(name: str) -> str:
    import shlex

    return shlex.quote(name)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _in_a_line(progress: Progress) -> str:
    """`model.gguf  ██████──────  1.2 of 4.4 GB  82.1 MB/s  39 s left  1.1 GB verified`."""
    done, total = progress.bytes_done, progress.bytes_total
    parts = [f"  {progress.file}"]
    if total:
        filled = _BAR * min(done, total) // total
        parts.append("█" * filled + "─" * (_BAR - filled))
        parts.append(f"{human_size(done)} of {human_size(total)}")
    else:
        parts.append(human_size(done))
    if progress.rate_bytes_per_second:
        parts.append(f"{human_size(int(progress.rate_bytes_per_second))}/s")
        if total:
            parts.append(f"{human_time((total - done) / progress.rate_bytes_per_second)} left")
    parts.append(f"{human_size(progress.bytes_verified)} verified")
    if progress.shared:
        parts.append("by another kandil")
    return "  ".join(parts)


def _lines(plan: AddPlan) -> list[tuple[str, str]]:
    """Title and text, of what there is to say."""
    lines = _what(plan)
    if plan.folder is not None:
        lines.append(("to", str(plan.folder)))
    if plan.report is not None:
        lines.append(("fits", verdict(plan.report)))
    if plan.missing_bytes:
        lines.append(("disk", f"{human_bytes(plan.missing_bytes)} to come, {human_bytes(plan.free_bytes)} free"))
    if plan.key_for is not None:
        lines.append(("key", f"one for {plan.key_for} is needed: it is asked for, checked, and kept in the keyring"))
    if plan.replaces is not None:
        lines.append(("replaces", f"what was added on {(plan.replaces.added_at or 'a day that is not known')[:10]}"))
    return lines


def _what(plan: AddPlan) -> list[tuple[str, str]]:
    offer, profile = plan.offer, plan.profile
    lines = []
    if offer is not None:
        revision = f", revision {offer.revision[:12]}" if offer.revision else ""
        lines.append(("from", f"{offer.host}: {offer.name}{revision}"))
        lines.append(("files", ", ".join(f"{one.name}{_size(one.size_bytes)}" for one in offer.files)))
        digest = (
            "published by its source"
            if all(one.sha256 for one in offer.files)
            else "not published: it cannot be told whether the file is the one that was meant"
        )
        if offer.verified:
            digest += ", and several independent sources agree"
        lines.append(("digest", digest))
        if profile and profile.weights and profile.weights.sha256 not in (None, offer.sha256):
            lines.append(("note", f"its source has other weights by now than the catalogue of {profile.date} knows"))
        if offer.license:
            lines.append(("licence", offer.license))
        if offer.gated:
            lines.append(("gated", "its publisher gives it to those who have agreed to the terms: a key is needed"))
        lines += [("here", f"{name} is {path}") for name, path in plan.here.items()]
    elif plan.files:
        lines.append(("files", ", ".join(map(str, plan.files))))
    elif profile is not None:
        lines.append(("answers", f"{profile.provider}, as {profile.api_model}"))
    return lines


def _size(size_bytes: int | None) -> str:
    return (
        ""
        if size_bytes is None
        else f" ({human_bytes(size_bytes) if size_bytes >= 1 << 20 else f'{size_bytes:,} bytes'})"
    )


def plan_fields(plan: AddPlan) -> dict[str, Any]:
    """For JSON."""
    from dataclasses import asdict

    from kandil.cli.fit_text import report_fields

    offer = plan.offer
    return {
        "name": plan.name,
        "profile": plan.profile.id if plan.profile else None,
        "source": offer.source if offer else None,
        "reference": offer.reference if offer else None,
        "revision": offer.revision if offer else None,
        "license": offer.license if offer else None,
        "files": [asdict(one) for one in offer.files] if offer else [{"path": str(one)} for one in plan.files],
        "here": {name: str(path) for name, path in plan.here.items()},
        "folder": str(plan.folder) if plan.folder else None,
        "missing_bytes": plan.missing_bytes,
        "free_bytes": plan.free_bytes,
        "key_for": plan.key_for,
        "fit": report_fields(plan.report) if plan.report else None,
    }
