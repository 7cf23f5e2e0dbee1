"""`kandil verify`: what it takes, and how its parts are put together."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NoReturn

import click

from kandil.cli.escape import printable
from kandil.cli.group import Command, GivenPath, Settings, common_options, weights_option
from kandil.cli.sizes import fraction, size_bytes

if TYPE_CHECKING:
    from kandil.cli.verify_reports import Report
    from kandil.cli.verify_screen import Screen
    from kandil.verify import Verification

FRAME_SECONDS = 0.1
_KEY_BYTES = 64 * 1024
HELP = """\b
Examples:
  kandil verify                          every model on this machine
  kandil verify ~/models --full          a folder, each byte read again
  kandil verify --expect DIGEST m.gguf   one file against a digest you have
  kandil verify --check SHA256SUMS       what a list of digests says
  kandil verify --pin ~/models           remember today's digests where none is published
  kandil verify --scrub 5%               read a sample again: has the disk rotted?
  kandil verify --strict --sarif kandil.sarif ~/models
  kandil verify --json ~/models | jq -r 'select(.status == "mismatch").path'

Check that model files are the published ones, and sound.

PATH is a file, a folder or a glob; without one, every store on this machine is searched: kandil's own, Ollama,
Hugging Face, LM Studio, llama.cpp, Jan, GPT4All. A file that has not changed since it was last read is answered from
kandil's ledger; --full reads it again.

\b
Exit: 0 nothing is wrong; 8 a file is not what it should be, or with --strict is suspicious; 10 a file could not be
checked; 130, 143 interrupted.
"""


@click.command("verify", cls=Command, help=HELP, short_help="Check that model files are the published ones, and sound.")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=GivenPath())
@click.option("--full", is_flag=True, help="Read every byte again, whatever the ledger says.")
@click.option("--sha256", is_flag=True, help="With SHA-256 always, not with the faster BLAKE3 once a file is known.")
@click.option("--scrub", type=fraction, default="0", metavar="PERCENT", help="Read a sample of unchanged files again.")
@click.option("--expect", metavar="DIGEST", help="The SHA-256 that the one file must have.")
@click.option("--pin", is_flag=True, help="Remember the digests of files without a published one.")
@click.option("--check", type=GivenPath(), metavar="FILE", help="Take the expected digests from a SHA256SUMS file.")
@click.option(
    "--trust-key", type=GivenPath(), multiple=True, metavar="FILE", help="A public key whose signatures hold."
)
@click.option("--manifest", type=GivenPath(), metavar="FILE", help="Write what `sha256sum -c` reads; - is stdout.")
@click.option("--sarif", type=GivenPath(), metavar="FILE", help="Write what was found as SARIF 2.1.0; - is stdout.")
@click.option("--strict", is_flag=True, help="A suspicious file is bad too.")
@click.option("--load", is_flag=True, help="Load each sound file too, in the sandbox: see `kandil-sandbox --help`.")
@click.option("--load-memory", type=size_bytes, metavar="SIZE", help="For all loads together.")
@click.option("--allow-weaker", is_flag=True, help="Load although a layer of the sandbox is missing.")
@weights_option
@click.option("--scan-only", is_flag=True, help="Check the structure alone: reads headers, not the data.")
@click.option("--all-files", is_flag=True, help="Every file in a folder, not only model files.")
@click.option("--jobs", type=click.IntRange(0), default=0, metavar="N", help="Threads; 0 is one a CPU.")
@click.option("--max-memory", type=size_bytes, metavar="SIZE", help="Bound the read buffers, as 64MB.")
@click.option("--max-rate", type=size_bytes, metavar="SIZE", help="Read at most this much a second, as 200MB.")
@click.option("--no-cache-pollution", is_flag=True, help="Leave nothing in the page cache that was not there.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the paths of the files that something is wrong with.")
@click.option("-v", "--verbose", is_flag=True, help="List the sound files too.")
@common_options
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> int:
    from kandil.cli.run import run_async

    settings = ctx.find_object(Settings)
    assert settings is not None
    if options["scan_only"] and (options["expect"] or options["pin"] or options["manifest"]):
        raise click.UsageError("--scan-only takes no digests: --expect, --pin and --manifest do not go with it.", ctx)
    if not options["load"] and (options["load_memory"] or options["allow_weaker"]):
        raise click.UsageError("--load-memory and --allow-weaker say how to --load.", ctx)
    if options["scan_only"] and (options["full"] or options["sha256"] or options["scrub"]):
        raise click.UsageError("--scan-only reads no data: --full, --sha256 and --scrub do not go with it.", ctx)
    on_stdout = [option for option in ("manifest", "sarif") if options[option] == "-"]
    if on_stdout and (settings.json or options["quiet"] or len(on_stdout) > 1):
        raise click.UsageError(f"--{on_stdout[0]} - must be alone on stdout.", ctx)
    _check_forced_kernel()
    for key in options["trust_key"]:
        _check_public_key(key)
    return run_async(_Command(settings, options).run)


def _check_forced_kernel() -> None:
    """Raises UsageError: `KANDIL_SHA256` names no kernel of this machine, and all of them would be used."""
    forced = os.environ.get("KANDIL_SHA256")
    if forced:
        from kandil._core import kernels

        if any(not kernel.startswith(f"{forced}x") for some in kernels() for kernel in some.split("+")):
            sets = "portable, shani, avx2, avx512, neon"
            raise click.UsageError(f"KANDIL_SHA256={forced}: not a set of kernels of this machine (one of {sets})")


def _check_public_key(file: str) -> None:
    """Raises FileUnreadable: whoever names a key relies on it, whether or not a signature turns up."""
    from kandil.errors import FileUnreadable

    if os.path.exists(file) and not os.path.isfile(file) and not os.path.isdir(file):
        return  # a pipe gives its bytes once, and not to us
    try:
        with open(file, "rb") as opened:
            head = opened.read(_KEY_BYTES)
    except OSError as error:
        raise FileUnreadable(file, error.strerror or str(error)) from error
    if b"-----BEGIN PUBLIC KEY-----" not in head:
        what = "a private key; the public one is wanted" if b"PRIVATE KEY-----" in head else "not a public key in PEM"
        raise FileUnreadable(file, what, hint="openssl ec -in key.pem -pubout -out key.pub makes one of a private key")


class _Command:
    """One run of `kandil verify`."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self.settings = settings
        self.options = options
        self.stdout_taken = "-" in (options["manifest"], options["sarif"])

    async def run(self) -> int:
        import trio

        screen = self._screen()
        reports = [self._report(screen), *self._files()]
        verification = self._verification()
        self.seen = verification.progress()
        try:
            with verification, screen or nullcontext():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._follow, verification, screen)
                    async for result in verification:
                        if not self.seen.files_total:
                            self.seen = verification.progress()
                        for report in reports:
                            report.result(result)
                    nursery.cancel_scope.cancel()
        except* trio.Cancelled:
            from dataclasses import replace

            for report in reports:
                report.interrupted(replace(self.seen, files_done=verification.progress().files_done))
            raise
        for report in reports:
            report.end(verification.summary)
        for warning in verification.summary.warnings:
            print(f"warning: {printable(warning)}", file=sys.stderr)
        return verification.summary.exit_code

    async def _follow(self, verification: Verification, screen: Screen | None) -> NoReturn:
        """Looks how far it is, ten times a second, until cancelled."""
        import trio

        while True:
            self.seen = verification.progress()
            if screen is not None:
                screen.show(self.seen, trio.current_time())
            await trio.sleep(FRAME_SECONDS)

    def _verification(self) -> Verification:
        from kandil.verify import LoadOptions, verify

        options = self.options
        return verify(
            options["paths"] or None,
            full=options["full"],
            sha256=options["sha256"],
            scrub=options["scrub"],
            expect=options["expect"],
            pin=options["pin"],
            check=options["check"],
            trust_keys=options["trust_key"],
            load=LoadOptions(options["load_memory"], options["allow_weaker"]) if options["load"] else None,
            scan_only=options["scan_only"],
            strict=options["strict"],
            weights=options["weights"],
            jobs=options["jobs"],
            max_memory_bytes=options["max_memory"],
            max_rate_bytes=options["max_rate"],
            drop_cache=True if options["no_cache_pollution"] else None,
            every_file=options["all_files"],
        )

    def _for_people(self) -> bool:
        from kandil.cli.terminal import is_terminal

        plain = self.settings.json or self.options["quiet"] or self.stdout_taken
        return not plain and is_terminal(sys.stdout)

    def _screen(self) -> Screen | None:
        """None where a moving picture would be in the way."""
        from kandil.cli.terminal import is_pipe, is_terminal

        crossed = is_pipe(sys.stdout) or (is_terminal(sys.stdout) and not self._for_people())
        if self.options["quiet"] or self.stdout_taken or crossed or not is_terminal(sys.stderr):
            return None
        from kandil.cli.verify_screen import Screen

        return Screen(no_color=self.settings.no_color)

    def _files(self) -> list[Report]:
        """What is written to files of its own. Raises: FileUnwritable, before anything is read."""
        from kandil.cli.manifest import ManifestReport
        from kandil.cli.sarif import SarifReport

        manifest, sarif, strict = (self.options[name] for name in ("manifest", "sarif", "strict"))
        files: list[Report] = []
        if manifest:
            files.append(ManifestReport(manifest, strict=strict))
        if sarif:
            files.append(SarifReport(sarif, strict=strict))
        return files

    def _report(self, screen: Screen | None) -> Report:
        from kandil.cli import verify_reports as reports
        from kandil.cli.terminal import Paint

        if self.settings.json:
            return reports.JsonReport()
        if self.options["quiet"]:
            return reports.QuietReport()
        out = sys.stderr if self.stdout_taken else sys.stdout
        paint = Paint(out, no_color=self.settings.no_color)
        options = {name: self.options[name] for name in ("strict", "paths")}
        if self._for_people():
            asked = {name: self.options[name] for name in ("verbose", "pin")}
            return reports.TerminalReport(paint, screen, **asked, **options)
        return reports.PlainReport(paint, out, **options)
