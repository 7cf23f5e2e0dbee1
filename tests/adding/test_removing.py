"""What goes with a model, and what never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from kandil import adding, paths
from kandil.adding import updating
from kandil.errors import RecordUnknown
from kandil.registry import store
from kandil.registry.records import Record


@pytest.fixture
def own() -> Path:
    return paths.make_private(paths.models_dir())


def file(path: Path, content: bytes = b"weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def record(name: str, *files: Path, earlier: tuple[Path, ...] = ()) -> None:
    known = [{"path": str(one), "sha256": "0" * 64} for one in files]
    provenance = {"files": known, "earlier_files": [str(one) for one in earlier]}
    store.add(Record(name=name, files=tuple(str(one) for one in files), provenance=provenance))


def test_a_model_in_the_folder_of_the_records_takes_no_record_with_it(own: Path) -> None:
    record("one", file(own / "one.gguf"))
    record("two", file(own / "deep" / "two.gguf"))
    adding.remove(adding.plan_removal("one"))
    assert not (own / "one.gguf").exists()
    assert [one.name for one in store.every().records] == ["two"]


def test_what_came_with_the_weights_goes_with_the_last_of_them(own: Path) -> None:
    folder = own / "registry.example" / "tiny" / "1b"
    record("one", file(folder / "model.gguf"))
    record("two", file(folder / "other.gguf"))
    for name in ("SHA256SUMS", "template.txt", "params.json"):
        file(folder / name)
    adding.remove(adding.plan_removal("one"))
    assert {one.name for one in folder.iterdir()} == {"other.gguf", "SHA256SUMS", "template.txt", "params.json"}
    adding.remove(adding.plan_removal("two"))
    assert not (own / "registry.example").exists()
    assert own.exists()


def test_what_a_person_has_put_beside_stays(own: Path) -> None:
    folder = own / "host" / "repo"
    record("one", file(folder / "model.gguf"))
    note = file(folder / "notes.txt")
    adding.remove(adding.plan_removal("one"))
    assert note.exists()


def test_files_elsewhere_stay_and_so_do_those_that_links_lead_to(own: Path, tmp_path: Path) -> None:
    mine = file(tmp_path / "mine.gguf")
    (own / "host").mkdir()
    link = own / "host" / "link.gguf"
    link.symlink_to(mine)
    record("one", mine, link)
    plan = adding.plan_removal("one")
    assert (plan.removed, [path for path, _ in plan.kept]) == ((link,), [mine])
    adding.remove(plan)
    assert mine.exists()
    assert not link.is_symlink()


def test_a_link_of_ones_own_into_kandils_folder_stays(own: Path, tmp_path: Path) -> None:
    kept = file(own / "host" / "model.gguf")
    link = tmp_path / "model.gguf"
    link.symlink_to(kept)
    record("one", link)
    adding.remove(adding.plan_removal("one"))
    assert link.is_symlink()
    assert kept.exists()


def test_a_file_that_another_model_has_under_another_path_stays(own: Path, tmp_path: Path) -> None:
    kept = file(own / "host" / "model.gguf")
    (tmp_path / "alias").symlink_to(own)
    record("one", kept)
    record("two", tmp_path / "alias" / "host" / "model.gguf")
    plan = adding.plan_removal("one")
    assert plan.removed == ()
    assert plan.kept == ((kept, "two uses it"),)


def test_a_hard_link_frees_nothing(own: Path, tmp_path: Path) -> None:
    mine = file(tmp_path / "mine.gguf", b"x" * 100_000)
    (own / "host").mkdir()
    (own / "host" / "link.gguf").hardlink_to(mine)
    record("one", own / "host" / "link.gguf")
    record("two", file(own / "host" / "two.gguf", b"x" * 100_000))
    assert adding.plan_removal("one").freed_bytes == 0
    assert adding.plan_removal("two").freed_bytes >= 100_000


def test_a_file_that_is_gone_already_is_no_hindrance(own: Path) -> None:
    record("one", own / "host" / "model.gguf")
    adding.remove(adding.plan_removal("one"))
    with pytest.raises(RecordUnknown):
        store.existing("one")


def test_pruning_takes_what_kandil_fetched_and_nobody_uses(own: Path, tmp_path: Path) -> None:
    blob = file(tmp_path / "ollama" / "blobs" / "sha256-1")
    old, shared, now = (file(own / "host" / number / "model.gguf") for number in "123")
    record("one", now, earlier=(blob, old, shared, now))
    record("two", shared)
    gone, freed = updating.prune("one")
    assert gone == (old,)
    assert freed > 0
    assert [path.exists() for path in (blob, old, shared, now)] == [True, False, True, True]
    assert updating.prune("one") == ((), 0)
