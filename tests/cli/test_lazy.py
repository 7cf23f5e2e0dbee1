"""What is not needed is not imported: `kandil --help` answers as fast as click can."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LOADED = """
import sys
{}
print(*sorted(name for name in sys.modules), file=sys.__stderr__)
"""
_KANDIL = """
sys.argv = ["kandil", *{!r}]
from kandil.cli import main
try:
    main()
except SystemExit:
    pass
"""


_CLICK = """
import click
try:
    settings = {{"help_option_names": ["-h", "--help"]}}
    group = click.Group("kandil", commands=list(map(click.Command, ["inspect", "verify"])), context_settings=settings)
    click.version_option("1.0")(group).main({!r})
except SystemExit:
    pass
"""


def loaded(code: str, **environment: str) -> set[str]:
    """The modules that are there after `code` has run in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", _LOADED.format(code)], capture_output=True, text=True, check=True, env=environment
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "args", [["--version"], ["--help"], ["-h"], ["verify", "--help"], ["inspect", "-h"], ["config", "set", "-h"]]
)
def test_help_and_version_import_only_click(args: list[str]) -> None:
    ours = loaded(_KANDIL.format(args))
    assert {name for name in ours - loaded(_CLICK.format(args)) if not name.startswith("kandil")} <= {"__future__"}
    assert "kandil.cli" in ours
    assert not ours & {"trio", "rich", "asyncio", "sqlite3", "json", "platformdirs", "kandil.verify"}


def test_completion_imports_only_click() -> None:
    environment = {"_KANDIL_COMPLETE": "bash_complete", "COMP_WORDS": "kandil ver", "COMP_CWORD": "1"}
    ours = loaded(_KANDIL.format([]), **environment)
    assert "click.shell_completion" in ours
    assert not ours & {"trio", "rich", "asyncio", "sqlite3", "platformdirs", "kandil.verify", "kandil.cli.verify"}


def test_importing_kandil_imports_nothing() -> None:
    assert {name for name in loaded("import kandil") if name.startswith("kandil")} == {"kandil"}


def test_every_public_name_is_there() -> None:
    import kandil

    assert set(kandil.__all__) <= set(dir(kandil))
    for name in kandil.__all__:
        assert getattr(kandil, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        kandil.nonsense  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize(
    "imports",
    [
        "import kandil",
        "import kandil.verify",
        "from kandil.verify import FileResult; import kandil",
        "from kandil import verify; import kandil; assert verify is kandil.verify",
        "import kandil; kandil.FileResult; import kandil.verify.result",
    ],
)
def test_verify_can_be_called_whatever_was_imported_first(imports: str) -> None:
    code = f"{imports}\nassert callable(kandil.verify)\nassert callable(kandil.verify.verify)\n"
    assert "kandil.verify" in loaded(code + "kandil.verify([])")


def test_rules_are_explained_without_trio() -> None:
    assert not loaded(_KANDIL.format(["rules", "voc-byte"])) & {"trio", "sqlite3", "kandil.verify"}
