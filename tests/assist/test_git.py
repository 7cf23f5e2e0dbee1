"""What a repository says is run, is not: git is asked, and does as little as it can."""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from kandil.assist import sources
from kandil.assist.git import Git
from kandil.errors import GitFailed, GitMissing
from tests.assist.repositories import git, made

CODE = "old = 1\n"
DRIVERS = ("clean", "smudge", "process")


def hostile(folder: Path) -> Path:
    """Whose every program, where git starts it, leaves a file beside the repository."""
    made(folder, app_py=CODE, touched_txt=CODE)
    (folder / ".gitattributes").write_text("*.py filter=own diff=own\n")
    (folder / "app.py").write_text(CODE + "new = 2\n")
    os.utime(folder / "touched.txt", (1, 1))
    started = f"touch '{folder.parent / 'started'}'; cat"
    keys = ["core.fsmonitor", "core.pager", "core.sshCommand", "diff.external", "diff.own.command", "diff.own.textconv"]
    for key in (*keys, *(f"filter.own.{driver}" for driver in DRIVERS)):
        git(folder, "config", key, started)
    git(folder, "config", "filter.own.required", "true")
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman"):
        hook = folder / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\n{started}\n")
        hook.chmod(0o755)
    return folder


def content(folder: Path) -> dict[Path, str]:
    """All but git's record of what it has looked at."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "index")
    return {path: sha256(path.read_bytes()).hexdigest() for path in files}


def test_no_program_of_a_repository_is_started_and_nothing_in_it_changes(tmp_path: Path) -> None:
    folder = hostile(tmp_path / "hostile")
    before = content(folder)
    sources.below(*sources.rooted([str(folder)]))
    for revision in ("HEAD", None, "HEAD..HEAD"):
        sources.changed(folder, [], revision)
    assert not (tmp_path / "started").exists()
    assert content(folder) == before
    subprocess.run(["git", "diff"], cwd=folder, check=False, capture_output=True)
    assert (tmp_path / "started").exists(), "git by itself starts them"


@pytest.mark.parametrize("where", ["included", "of the worktree"])
def test_nor_one_that_is_named_in_another_file(tmp_path: Path, where: str) -> None:
    folder = made(tmp_path / "hostile", app_py=CODE)
    (folder / ".gitattributes").write_text("*.py filter=own\n")
    (folder / "app.py").write_text(CODE + "new = 2\n")
    started = f"touch '{tmp_path / 'started'}'; cat"
    if where == "included":
        (folder / "more").write_text(f'[filter "own"]\nclean = "{started}"\n')
        git(folder, "config", "include.path", "../more")
    else:
        git(folder, "config", "extensions.worktreeConfig", "true")
        git(folder, "config", "--worktree", "filter.own.clean", started)
    found = sources.changed(folder, ["app.py"], "HEAD")
    assert [one.changed for one in found.files] == [frozenset({2})]
    assert not (tmp_path / "started").exists()


def test_the_users_own_filters_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "folder", app_py="OLD = 1\n")
    (tmp_path / "config").write_text('[filter "upper"]\nclean = tr a-z A-Z\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    (folder / ".gitattributes").write_text("*.py filter=upper\n")
    (folder / "app.py").write_text("old = 1\n")
    assert sources.changed(folder, ["app.py"], "HEAD").files == ()


def test_a_filter_that_cannot_be_turned_off_is_refused(tmp_path: Path) -> None:
    folder = made(tmp_path / "hostile", app_py=CODE)
    git(folder, "config", "filter.a=b.clean", "cat")
    with pytest.raises(GitFailed, match=r"cannot be turned off: filter\.a=b"):
        sources.changed(folder, [], "HEAD")


def test_files_elsewhere_are_not_the_repositorys(tmp_path: Path) -> None:
    """Its `core.worktree` says that the user's own folder is its working tree."""
    (tmp_path / "private.py").write_text("mine = 1\n")
    folder = made(tmp_path / "hostile", private_py="theirs = 1\n")
    git(folder, "config", "core.worktree", "../..")
    for asked in (lambda: sources.rooted([str(folder)]), lambda: sources.changed(folder, [], "HEAD")):
        with pytest.raises(GitFailed, match="which is not its folder"):
            asked()


def test_nothing_is_fetched(tmp_path: Path) -> None:
    """What a partial clone lacks is not there; git would ask a program that the repository names for it."""
    whole = made(tmp_path / "whole", app_py=CODE)
    git(whole, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{whole}", "part")
    part = tmp_path / "part"
    git(part, "config", "remote.origin.uploadpack", f"touch '{tmp_path / 'started'}'; git-upload-pack")
    (part / "app.py").write_text("new = 2\n")
    with pytest.raises(GitFailed):
        sources.changed(part, [], "HEAD")
    assert not (tmp_path / "started").exists()
    subprocess.run(["git", "diff", "HEAD"], cwd=part, check=False, capture_output=True)
    assert (tmp_path / "started").exists(), "git by itself starts it"


def test_whose_repository_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "folder", app_py=CODE)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own, for its tests
    with pytest.raises(GitFailed, match="dubious ownership") as caught:
        sources.rooted([str(folder)])
    assert caught.value.hint == f"if you trust its owner: git config --global --add safe.directory '{folder}'"


def test_git_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitMissing):
        Git(tmp_path).top()
