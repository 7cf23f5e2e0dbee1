"""Which files are found, from where they are named, and what of them has changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kandil.assist import sources
from kandil.errors import GitFailed, NoRepository, NoSuchPath, RepositoriesMixed, RevisionUnknown
from tests.assist.repositories import commit, git, made

if TYPE_CHECKING:
    from pathlib import Path

TEN = "".join(f"line_{number} = {number}\n" for number in range(1, 11))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path / "project", a_py="a = 1\n", b_py="b = 1\n")


def below(*paths: Path | str) -> sources.Sources:
    return sources.below(*sources.rooted([str(path) for path in paths]))


def names(found: sources.Sources) -> list[str]:
    return [one.name for one in found.files]


def reasons(found: sources.Sources) -> dict[str, str]:
    return {one.name: one.reason for one in found.skipped}


def lines(found: sources.Sources) -> dict[str, list[int] | None]:
    return {one.name: None if one.changed is None else sorted(one.changed) for one in found.files}


def test_names_start_from_the_top_wherever_one_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "c.py").write_text("c = 1\n")
    (folder.parent / "link").symlink_to(folder / "sub")
    monkeypatch.chdir(folder / "sub")
    for asked in (".", folder / "sub", folder.parent / "link", "../sub/c.py"):
        found = below(asked)
        assert (found.root, names(found)) == (folder, ["sub/c.py"])
    assert names(below("../a.py", folder / "sub")) == ["a.py", "sub/c.py"]
    assert names(below("..")) == ["a.py", "b.py", "sub/c.py"]


def test_a_folder_without_a_repository(tmp_path: Path, folder: Path) -> None:
    plain = tmp_path / "plain"
    (plain / "sub").mkdir(parents=True)
    for name in ("a.py", "sub/b.py", "sub/ignored.py"):
        (plain / name).write_text("x = 1\n")
    (plain / "sub" / ".gitignore").write_text("ignored.py\n")
    found = below(plain)
    assert (found.root, names(found)) == (plain, ["a.py", "sub/.gitignore", "sub/b.py"])
    assert names(below(plain / "sub" / "b.py", plain / "a.py")) == ["a.py", "sub/b.py"]
    assert not (plain / ".git").exists()
    with pytest.raises(RepositoriesMixed):
        below(plain, folder)
    with pytest.raises(NoRepository):
        sources.changed(plain, [], "HEAD")


@pytest.mark.parametrize("name", ["é ü.py", "a*.py", ":(top)x.py", "new\nline.py", '"quoted".py', "-x.py"])
def test_a_file_of_any_name(folder: Path, name: str) -> None:
    (folder / name).write_text("odd = 1\n")
    assert names(below(folder / name)) == [name]
    git(folder, "add", "--all")
    for revision in ("HEAD", None):
        found = sources.changed(folder, [name], revision)
        assert lines(found) == {name: [1]}


def test_a_name_that_is_no_text(folder: Path) -> None:
    name = os.fsdecode(b"\xff.py")
    (folder / name).write_text("odd = 1\n")
    git(folder, "add", "--all")
    assert lines(sources.changed(folder, [], None)) == {name: [1]}


def test_line_ends_and_marks_are_no_part_of_lines(folder: Path) -> None:
    (folder / "a.py").write_bytes(b"\xef\xbb\xbffirst = 1\r\n\tsecond = 2\r\n")
    (found,) = below(folder / "a.py").files
    assert found.lines == ("first = 1", "\tsecond = 2", "")


def test_what_is_ignored_is_not_sent_tracked_or_named_or_not(folder: Path) -> None:
    (folder / "build").mkdir()
    (folder / "build" / "made.py").write_text("made = 1\n")
    (folder / "empty").mkdir()
    (folder / ".gitignore").write_text("build\nb.py\n")
    (folder / "b.py").write_text("b = 2\n")
    (folder / ".git" / "info" / "exclude").write_text("c.py\n:*\n")
    for name in ("c.py", ":(top)d.py"):
        (folder / name).write_text("c = 1\n")
    assert names(below(folder)) == [".gitignore", "a.py"]
    assert reasons(below(folder)) == {"b.py": "named in .gitignore"}
    found = below(*(folder / name for name in ("build", "c.py", ":(top)d.py", "empty", "build/made.py")))
    assert reasons(found) == {
        ":(top)d.py": "named in .gitignore",
        "build": "named in .gitignore",
        "build/made.py": "named in .gitignore",
        "c.py": "named in .gitignore",
        "empty": "there is nothing in it that git would keep",
    }
    git(folder, "add", "b.py")
    for revision in ("HEAD", None):
        found = sources.changed(folder, ["b.py"], revision)
        assert (names(found), reasons(found)) == ([], {"b.py": "named in .gitignore"})


def test_what_is_no_file_of_the_repository(folder: Path) -> None:
    other = made(folder.parent / "other", d_py="d = 1\n")
    git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "module")
    commit(folder)
    made(folder / "nested", e_py="e = 1\n")
    (folder / "link.py").symlink_to("a.py")
    os.mkfifo(folder / "pipe")
    git(folder, "add", "link.py")
    own = "a repository of its own"
    assert reasons(below(folder)) == {"link.py": "a link", "module": own, "nested": own}
    assert names(below(folder / "module")) == names(below(folder / "module" / "d.py")) == ["d.py"]
    with pytest.raises(RepositoriesMixed):
        below(folder / "a.py", folder / "module" / "d.py")
    (folder / "module" / "d.py").write_text("d = 2\n")
    commit(folder / "module")
    assert reasons(sources.changed(folder, [], "HEAD")) == {"link.py": "a link", "module": own}
    git(folder, "add", "module")
    assert reasons(sources.changed(folder, [], None)) == {"link.py": "a link", "module": own}


def test_files_of_secrets_wherever_they_are_named_from(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text("clusters: none\n")
    for path in (tmp_path / ".kube", tmp_path / ".kube" / "config"):
        assert reasons(below(path)) == {"config": "its name is that of a file of secrets"}


def test_before_the_first_commit(tmp_path: Path) -> None:
    folder = made(tmp_path / "new")
    assert below(folder).files == ()
    (folder / "a.py").write_text("a = 1\n")
    assert names(below(folder)) == ["a.py"]
    git(folder, "add", "a.py")
    (folder / "a.py").write_text("a = 1\nb = 2\n")
    assert lines(sources.changed(folder, [], None)) == {"a.py": [1]}
    assert lines(sources.changed(folder, [], "HEAD")) == {"a.py": [1, 2]}


def test_what_is_deleted_renamed_or_of_another_kind(folder: Path) -> None:
    (folder / "ten.py").write_text(TEN)
    (folder / "link").symlink_to("a.py")
    commit(folder)
    (folder / "a.py").unlink()
    git(folder, "mv", "ten.py", "moved.py")
    (folder / "moved.py").write_text(TEN.replace("line_3 = 3", "line_3 = 4"))
    (folder / "b.py").chmod(0o755)
    (folder / "link").unlink()
    (folder / "link").write_text("file = 1\nnow = 2\n")
    assert names(below(folder)) == ["b.py", "link", "moved.py"]
    git(folder, "add", "--all")
    for revision in ("HEAD", None):
        assert lines(sources.changed(folder, [], revision)) == {"b.py": [], "link": [1, 2], "moved.py": [3]}


def test_a_path_that_never_was_is_told(folder: Path) -> None:
    git(folder, "rm", "--quiet", "a.py")
    for revision in ("HEAD", None):
        assert sources.changed(folder, ["a.py"], revision).files == ()
        with pytest.raises(NoSuchPath):
            sources.changed(folder, ["never.py"], revision)


def test_what_is_tracked_and_not_on_disk(folder: Path) -> None:
    git(folder, "update-index", "--skip-worktree", "a.py")
    (folder / "a.py").unlink()
    (folder / "b.py").write_text("b = 2\n")
    assert names(below(folder)) == ["b.py"]
    assert lines(sources.changed(folder, [], "HEAD")) == {"b.py": [1]}


def test_what_git_does_not_compare_counts_whole(folder: Path) -> None:
    (folder / ".gitattributes").write_text("*.py -diff\n")
    (folder / "a.py").write_text("a = 1\nmore = 2\n")
    assert lines(sources.changed(folder, ["a.py"], "HEAD")) == {"a.py": None}


def test_a_file_that_was_only_touched_has_not_changed(folder: Path) -> None:
    os.utime(folder / "a.py", (1, 1))
    (folder / "b.py").write_text("b = 1\nmore = 2\n")
    git(folder, "config", "diff.autoRefreshIndex", "false")
    assert lines(sources.changed(folder, [], "HEAD")) == {"b.py": [2]}


def test_the_users_settings_change_nothing(folder: Path) -> None:
    (folder / "a.py").write_text(TEN)
    commit(folder)
    (folder / "a.py").write_text(TEN.replace("= 2\n", "= 3\n").replace("= 5\n", "= 6\n"))
    odd = ("color.ui=always", "diff.noprefix=true", "diff.interHunkContext=9", "diff.context=9", "diff.relative=true")
    for one in odd:
        git(folder, "config", *one.split("="))
    assert lines(sources.changed(folder, [], "HEAD")) == {"a.py": [2, 5]}


def test_of_a_merge_in_conflict(folder: Path) -> None:
    git(folder, "checkout", "--quiet", "-b", "other")
    (folder / "a.py").write_text("a = 2\n")
    commit(folder)
    git(folder, "checkout", "--quiet", "main")
    (folder / "a.py").write_text("a = 3\n")
    commit(folder)
    with pytest.raises(Exception, match="merge"):
        git(folder, "merge", "other")
    assert reasons(sources.changed(folder, [], None)) == {"a.py": "it is not merged"}
    assert lines(sources.changed(folder, [], "HEAD")) == {"a.py": [1, 3, 4, 5]}
    assert names(below(folder)) == ["a.py", "b.py"]


def test_a_range_is_what_its_end_has(folder: Path) -> None:
    git(folder, "checkout", "--quiet", "-b", "topic")
    (folder / "a.py").write_text("a = 1\ntopic = 1\n")
    commit(folder)
    git(folder, "checkout", "--quiet", "main")
    (folder / "b.py").write_text("b = 1\nmain = 1\n")
    commit(folder)
    (folder / "a.py").write_text("on_disk = 1\n")
    for said, expected in (
        ("main..topic", {"a.py": [2], "b.py": []}),
        ("main...topic", {"a.py": [2]}),
        ("topic...", {"b.py": [2]}),
        ("HEAD~1..", {"b.py": [2]}),
        ("topic", {"a.py": [1], "b.py": [2]}),
    ):
        assert lines(sources.changed(folder, [], said)) == expected
    (found,) = sources.changed(folder, [], "main...topic").files
    assert found.lines == ("a = 1", "topic = 1", "")


@pytest.mark.parametrize("said", ["nope", "-x", "--output=x", "nope..HEAD", "HEAD:a.py", "", "a.py", ":/nope"])
def test_what_is_no_revision(folder: Path, said: str) -> None:
    with pytest.raises(RevisionUnknown):
        sources.changed(folder, [], said)
    assert not (folder / "x").exists()


def test_a_path_in_place_of_a_revision_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(RevisionUnknown) as caught:
        sources.changed(folder, [], "a.py")
    assert caught.value.hint == "it is a path: --diff HEAD a.py"


def test_histories_that_do_not_meet(folder: Path) -> None:
    git(folder, "checkout", "--quiet", "--orphan", "alone")
    (folder / "a.py").write_text("alone = 1\n")
    commit(folder)
    with pytest.raises(GitFailed, match="no commit is before both"):
        sources.changed(folder, [], "main...alone")


def test_what_is_large_is_not_read(folder: Path) -> None:
    (folder / "large.py").write_text("large = 1\n" * 200_000)
    commit(folder)
    large = {"large.py": "more than 1,048,576 bytes"}
    assert reasons(below(folder)) == reasons(sources.changed(folder, [], "HEAD~1")) == large
    assert reasons(sources.changed(folder, [], "HEAD~1..HEAD")) == large


def test_a_pointer_of_large_file_storage(folder: Path) -> None:
    (folder / "data.py").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    assert reasons(below(folder)) == {"data.py": "a pointer of Git LFS"}
