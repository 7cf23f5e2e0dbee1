"""Where kandil keeps its files.

Each folder is the platform's own (``~/.local/share/kandil`` and the like) unless ``KANDIL_<KIND>_DIR`` names another.
"""

from __future__ import annotations

import os
from pathlib import Path


def _folder(kind: str) -> Path:
    override = os.environ.get(f"KANDIL_{kind.upper()}_DIR")
    if override:
        return Path(override).expanduser()
    import platformdirs  # noqa: PLC0415 - most commands of most runs never ask

    return Path(getattr(platformdirs, f"user_{kind}_dir")("kandil", appauthor=False))


def config_dir() -> Path:
    """Settings that a person edits. ``KANDIL_CONFIG_DIR``."""
    return _folder("config")


def data_dir() -> Path:
    """What must not be lost: models, the ledger, records. ``KANDIL_DATA_DIR``."""
    return _folder("data")


def cache_dir() -> Path:
    """What can be made again. ``KANDIL_CACHE_DIR``."""
    return _folder("cache")


def state_dir() -> Path:
    """What one run leaves for the next and nobody would miss. ``KANDIL_STATE_DIR``."""
    return _folder("state")


def models_dir() -> Path:
    """Model files that kandil itself downloaded."""
    return data_dir() / "models"


def ledger_file() -> Path:
    """What earlier verifications read; see :mod:`kandil.verify.ledger`."""
    return data_dir() / "ledger.sqlite3"


def make_private(folder: Path) -> Path:
    """The folder exists; those that had to be made are readable by their owner alone."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
