"""Repositories for tests."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_WHO = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", *_WHO, *args], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode(errors="surrogateescape").strip()


def made(folder: Path, **texts: str) -> Path:
    """A repository with these files, as ``app_py=…``, committed."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(text)
    if texts:
        commit(folder)
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "more")
