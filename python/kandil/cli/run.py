"""How every command ends: errors, exit codes, Ctrl-C, a closed pipe. The only `trio.run`."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kandil.cli.group import Settings, kandil

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

    from kandil.errors import KandilError

FAILED, USAGE, NAME, BUG, INTERRUPTED, PIPE_CLOSED, TERMINATED = 1, 2, 3, 70, 130, 141, 143
_LONGEST_MESSAGE = 2000
"""Characters. It repeats what was given, which has no end."""
_STDOUT_ERRORS = (errno.EPIPE, errno.ENOSPC, errno.EIO)
_Result = TypeVar("_Result")
_FATAL = (KeyboardInterrupt, click.Abort, BrokenPipeError, click.ClickException)


class Terminated(click.Abort):
    """SIGTERM came, and the command has stopped as for Ctrl-C."""


def main(args: list[str], command: click.Command = kandil, name: str = "kandil") -> int:
    """The exit code of `NAME ARGS`, which is `command`; whatever happened has been said."""
    for closed in ("stdin", "stdout", "stderr"):
        if getattr(sys, closed) is None:  # as by `>&-`: no file that is opened later may get its number
            setattr(sys, closed, open(os.devnull, "r" if closed == "stdin" else "w"))  # noqa: SIM115 (open to the end)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # never fail on what a terminal's encoding lacks
    settings, out = Settings(), sys.stdout
    try:
        code = command.main(args, prog_name=name, standalone_mode=False, obj=settings)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (each is shown)
        settings.json = settings.json or "--json" in args  # where parsing failed before it came there
        settings.debug = settings.debug or "--debug" in args
        return _ended(sole_error(error), settings)
    except SystemExit:
        if sys.stdout is not out:  # click's way where the reader of the pipe has gone: it has wrapped the stream
            return _refused(BrokenPipeError())
        raise
    return int(code or 0)


def run_async(command: Callable[[], Awaitable[_Result]]) -> _Result:
    """What `command` returns. The first Ctrl-C or SIGTERM cancels it, the second ends the process at once.

    Raises: click.Abort or Terminated, once it has stopped.
    """
    import trio

    _keep_keys_out_of_logs()
    return trio.run(_interruptible, command)


@functools.cache
def _keep_keys_out_of_logs() -> None:
    """No log record has the text of a living secret: what speaks HTTP logs headers, for whoever turns that on."""
    import logging

    from kandil.secret import redacted

    make = logging.getLogRecordFactory()

    def without_secrets(*args: Any, **fields: Any) -> logging.LogRecord:
        record = make(*args, **fields)
        with contextlib.suppress(TypeError, ValueError):  # what cannot be formatted: whoever prints it says so
            if (told := record.getMessage()) != (clean := redacted(told)):
                record.msg, record.args = clean, ()
        if record.exc_info:  # a formatter takes the text that is there
            record.exc_text = redacted(logging.Formatter().formatException(record.exc_info))
        return record

    logging.setLogRecordFactory(without_secrets)


async def _interruptible(command: Callable[[], Awaitable[_Result]]) -> _Result:
    import signal

    import trio

    token = trio.lowlevel.current_trio_token()
    came: list[int] = []
    with trio.CancelScope() as scope:

        def stop(number: int, _frame: FrameType | None) -> None:
            if came:
                _end_at_once(128 + number)
            came.append(number)
            token.run_sync_soon(scope.cancel)

        before = {number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGINT, signal.SIGTERM)}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # as in a shell's background job
                signal.signal(number, stop)
        try:
            return await command()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    raise Terminated if came == [signal.SIGTERM] else click.Abort


def _end_at_once(code: int) -> None:
    """Nothing is waited for: what the ledger has is whole at any moment."""
    from kandil.cli.terminal import is_terminal

    with contextlib.suppress(OSError):
        if is_terminal(sys.stderr):
            os.write(sys.stderr.fileno(), b"\r\x1b[K\x1b[?25h")  # the cursor is back
    os._exit(code)


def sole_error(error: BaseException) -> BaseException:
    """The error to speak of: nurseries wrap theirs in groups."""
    while isinstance(error, BaseExceptionGroup):
        fatal = error.subgroup(_FATAL)
        error = (fatal or error).exceptions[0]
    return error


def interrupted_code(error: BaseException) -> int:
    """The exit code after Ctrl-C, or after SIGTERM."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


def _ended(error: BaseException, settings: Settings) -> int:
    if isinstance(error, OSError) and error.filename is None and error.errno in _STDOUT_ERRORS:
        return _refused(error)
    try:
        sys.stdout.flush()
        return _said(error, settings)
    except OSError as refused:
        return _refused(refused)


def _refused(error: OSError) -> int:
    """Standard output takes no more; nothing is left to be flushed at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        # The reader has gone, as `head` does. The code is not 0: what was left unsaid may be a bad file.
        return PIPE_CLOSED
    # A full disk behind `>`: what was printed before is there, and standard error is left to say so.
    print(f"error: standard output cannot be written: {error.strerror}", file=sys.stderr)
    return FAILED


def _said(error: BaseException, settings: Settings) -> int:
    from kandil.errors import KandilError
    from kandil.secret import without_keys

    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        if settings.json:
            _show("interrupted", "interrupted", None, settings)
        return interrupted_code(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return USAGE
    if settings.debug and not isinstance(error, click.ClickException):
        _traceback(error)
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f"`{context.command_path} --help` says what there is" if context else None
        _show("usage", without_keys(error.format_message()), hint, settings)  # it repeats what was typed
        return error.exit_code
    if isinstance(error, KandilError):
        message, fields = error.message, _fields(error)
        if error.exit_code == NAME:  # it repeats what was typed, where a key may have been
            message = without_keys(message)
            fields = {name: without_keys(one) if isinstance(one, str) else one for name, one in fields.items()}
        _show(error.code, message, error.hint, settings, fields)
        return error.exit_code
    again = None if settings.debug else "please report it, with what `kandil --debug …` prints"
    _show("bug", f"kandil has a bug: {type(error).__name__}: {error}", again, settings)
    return BUG


def _show(
    code: str, message: str, hint: str | None, settings: Settings, fields: dict[str, object] | None = None
) -> None:
    from kandil.cli.escape import printable, shortened
    from kandil.cli.terminal import Paint
    from kandil.secret import redacted

    message, hint = redacted(message), redacted(hint or "") or None
    if settings.json:
        from kandil.cli.json_lines import write_report

        told = {name: _redacted(value) for name, value in (fields or {}).items()}
        write_report("kandil.error/1", error={"code": code, "message": message, "hint": hint, **told})
        return
    paint = Paint(sys.stderr, no_color=settings.no_color)
    print(f"{paint('red', 'error:')} {shortened(message, _LONGEST_MESSAGE)}", file=sys.stderr)
    if hint:
        print(f"{paint('cyan', 'hint:')} {printable(hint)}", file=sys.stderr)


def _redacted(value: object) -> object:
    from kandil.secret import redacted

    match value:
        case str():
            return redacted(value)
        case list() | tuple():
            return [_redacted(one) for one in value]
        case dict():
            return {name: _redacted(one) for name, one in value.items()}
        case _:
            return value


def _fields(error: KandilError) -> dict[str, object]:
    kept = ((name, value) for name, value in vars(error).items() if name not in ("message", "hint"))
    return {name: value for name, value in kept if not name.startswith("_")}


def _traceback(error: BaseException) -> None:
    import traceback

    from kandil.cli.escape import printable
    from kandil.secret import redacted, without_keys

    told = without_keys(redacted("".join(traceback.format_exception(error))))
    print(printable(told, lines=True), file=sys.stderr, end="")
