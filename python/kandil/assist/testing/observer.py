"""A plugin of pytest's, for the Python of whoever's tests run: which tests passed, and which lines of one file ran.

It is copied and named `kandil_observer`, and imports nothing of kandil's. `KANDIL_OBSERVER` has its order, as JSON. Its
report is lines of standard output, each behind the order's mark; no test can write to the descriptor by accident, as
pytest captures what they print.
"""

# ruff: noqa: ANN401 - pytest is not imported for its types: it is somebody else's, of any version

from __future__ import annotations

import atexit
import importlib
import json
import os
import sys
import threading
from typing import Any

import pytest

_ORDER = json.loads(os.environ.pop("KANDIL_OBSERVER"))
_OUT = os.dup(1)
_FUNCTION = 1
"""``inspect.CO_OPTIMIZED``, which the bodies of modules and classes have not."""
_LONGEST = 6000


class Observer:
    """What is seen of one run."""

    def __init__(self) -> None:
        self.lines: set[int] = set()
        self.ran: set[int] = set()
        self.tests: list[list[str]] = []
        self.detail = ""
        self.network = False
        self.in_test = False
        self._files: dict[str, bool] = {}

    def is_wanted(self, name: str) -> bool:
        known = self._files.get(name)
        if known is None:
            known = self._files[name] = os.path.realpath(name) == _ORDER["file"]
        return known

    def saw(self, code: Any, line: int) -> None:
        self.lines.add(line)
        if self.in_test and code.co_flags & _FUNCTION:
            self.ran.add(line)

    def say(self, what: dict[str, Any]) -> None:
        said = ("\n" + _ORDER["mark"] + json.dumps(what) + "\n").encode(errors="replace")
        while said:
            said = said[os.write(_OUT, said) :]


_observer = Observer()


def _watch_lines() -> None:
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        atexit.register(sys.settrace, None)  # at the very end of Python globals are gone
        threading.settrace(_called)
        sys.settrace(_called)
        return
    tool = next(number for number in (3, 4, 5, 1) if monitoring.get_tool(number) is None)
    monitoring.use_tool_id(tool, "kandil")
    monitoring.register_callback(tool, monitoring.events.LINE, _at_line)
    monitoring.set_events(tool, monitoring.events.LINE)


def _at_line(code: Any, line: int) -> Any:
    if _observer.is_wanted(code.co_filename):
        _observer.saw(code, line)
    return sys.monitoring.DISABLE  # type: ignore[attr-defined,unused-ignore]  # until the next test


def _called(frame: Any, _event: str, _argument: object) -> Any:
    return _lined if _observer.is_wanted(frame.f_code.co_filename) else None


def _lined(frame: Any, event: str, _argument: object) -> Any:
    if event == "line":
        _observer.saw(frame.f_code, frame.f_lineno)
    return _lined


def _audit(event: str, arguments: tuple[Any, ...], observer: Observer = _observer) -> None:
    # no globals are read: at the very end of Python they are gone
    wants = event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
    if observer.in_test and (wants or (event == "socket.__new__" and arguments[1] in {2, 10})):
        observer.network = True  # AF_INET and AF_INET6


def executable(code: Any) -> set[int]:
    """The lines that can run, of this code and all in it."""
    found = {line for _, _, line in code.co_lines() if line}
    for inner in code.co_consts:
        if hasattr(inner, "co_lines"):
            found |= executable(inner)
    return found


sys.addaudithook(_audit)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """From here on the module may be imported; before, other plugins are, which would take longer while watched."""
    _watch_lines()


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """The module is imported before any test is, so that no test runs its import, and none counts as failed by it."""
    try:
        module = importlib.import_module(_ORDER["module"])
        found = getattr(module, "__file__", None) or ""
    except BaseException as error:  # noqa: BLE001 - a module may end the program
        _observer.detail = f"{_ORDER['module']} cannot be imported: {type(error).__name__}: {error}"
    else:
        if os.path.realpath(found) == _ORDER["file"]:
            return
        _observer.detail = f"{_ORDER['module']} is imported from {found or 'nowhere'}"
    _observer.say({"not_imported": _observer.detail[:_LONGEST]})
    pytest.exit("kandil", returncode=4)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    if _ORDER["reverse"]:
        items.reverse()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol() -> Any:
    _observer.say({"began": True})
    if hasattr(sys, "monitoring"):
        sys.monitoring.restart_events()
    _observer.in_test = True
    yield
    _observer.in_test = False


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        _observer.detail = _observer.detail or report.longreprtext


def pytest_runtest_logreport(report: Any) -> None:
    outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
    if report.when == "call" or outcome != "passed":
        _observer.tests.append([report.nodeid, outcome])
    if report.failed:
        _observer.detail = _observer.detail or report.longreprtext


def pytest_sessionfinish() -> None:
    with open(_ORDER["file"], "rb") as file:
        can_run = executable(compile(file.read(), _ORDER["file"], "exec", dont_inherit=True))
    seen = {"lines": sorted(_observer.lines), "ran": sorted(_observer.ran), "executable": sorted(can_run)}
    told = {"tests": _observer.tests, "detail": _observer.detail[-_LONGEST:], "network": _observer.network}
    _observer.say({**seen, **told})
