"""What a path, a pattern or a list of files stands for."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import pytest

import kandil
from kandil.verify import Verification, sha256_files
from kandil.verify.selection import select


def names(paths: list[str], *, check: Path | None = None) -> set[str]:
    selection = select([os.fsencode(path) for path in paths], every_file=False, check=check, machine=None)
    return {os.path.basename(os.fsdecode(item.path)) for item in selection.items}


def test_a_pattern_of_any_depth_ends_where_links_lead_in_circles(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    for folder in (tmp_path, deep):
        (folder / "one").symlink_to(tmp_path)
        (folder / "two").symlink_to(tmp_path)
        (folder / f"{folder.name}.gguf").write_bytes(b"x")
    (deep / "no.txt").write_bytes(b"x")
    selection = select([os.fsencode(tmp_path / "**" / "*.gguf")], every_file=False, check=None, machine=None)
    found = sorted(os.fsdecode(item.path) for item in selection.items)
    assert found == sorted(map(str, (deep / "b.gguf", tmp_path / f"{tmp_path.name}.gguf")))
    assert names([str(tmp_path / "**" / "b" / "*.gguf")]) == {"b.gguf"}


def test_a_listed_folder_is_not_walked(tmp_path: Path) -> None:
    models, outside = tmp_path / "models", tmp_path / "outside"
    models.mkdir()
    outside.mkdir()
    (outside / "private.gguf").write_bytes(b"x")
    (models / "link").symlink_to(outside)
    (models / "SHA256SUMS").write_text(f"{'0' * 64}  link\n")
    # The link is one to a folder, which a walk follows anyway; the list must not make it walk more than models.
    (outside / "notes.txt").write_bytes(b"x")
    assert names([str(models)]) == {"private.gguf"}
    listed = tmp_path / "LIST"
    listed.write_text(f"{'0' * 64}  {outside}\n")
    selection = select(None, every_file=False, check=listed, machine=None)
    assert [(item.path, item.error) for item in selection.items] == [(os.fsencode(outside), "is a folder")]


def test_a_list_given_with_a_folder_adds_what_it_names_there(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "m.gguf").write_bytes(b"x")
    (models / "x.bin").write_bytes(b"x")
    (tmp_path / "else.bin").write_bytes(b"x")
    listed = tmp_path / "LIST"
    listed.write_text("".join(f"{'0' * 64}  {name}\n" for name in ("models/x.bin", "models/gone.bin", "else.bin")))
    assert names([str(models)], check=listed) == {"m.gguf", "x.bin", "gone.bin"}


def test_one_path_is_not_a_sequence_of_paths() -> None:
    for one in ("model.gguf", b"model.gguf", Path("model.gguf")):
        with pytest.raises(TypeError, match="sequence of paths"):
            kandil.verify(one)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="sequence of paths"):
            sha256_files(one)  # type: ignore[arg-type]


def test_verify_has_its_signature() -> None:
    assert next(iter(inspect.signature(kandil.verify).parameters)) == "paths"
    assert isinstance(kandil.verify([]), Verification)
