"""What could not be used beside the files is said, on stderr."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import type_of_run


def test_a_damaged_ledger_is_set_aside_and_the_person_is_told(run: type_of_run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "ledger.sqlite3").write_bytes(b"this is no database, and long enough to be read as one" * 20)
    done = run("verify", "none.gguf", KANDIL_DATA_DIR=str(data))
    assert "warning: the ledger was damaged" in done.stderr
    assert list(data.glob("ledger.sqlite3.damaged-*"))
