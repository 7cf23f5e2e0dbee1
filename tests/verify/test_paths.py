from __future__ import annotations

import stat
from pathlib import Path

import pytest

from kandil import paths


@pytest.mark.parametrize("kind", ["config", "data", "cache", "state"])
def test_each_folder_can_be_moved(monkeypatch: pytest.MonkeyPatch, kind: str, home: Path) -> None:
    folder = getattr(paths, f"{kind}_dir")
    monkeypatch.delenv(f"KANDIL_{kind.upper()}_DIR", raising=False)
    assert folder().is_relative_to(home)
    assert folder().name == "kandil"
    monkeypatch.setenv(f"KANDIL_{kind.upper()}_DIR", "~/elsewhere")
    assert folder() == home / "elsewhere"


def test_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    made = paths.make_private(tmp_path / "a" / "b")
    assert made.is_dir()
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    assert paths.make_private(made) == made
