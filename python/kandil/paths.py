"""Where kandil keeps its files.

The folders are the platform's own (``~/.local/share/kandil`` and the like) unless ``KANDIL_DATA_DIR``,
``KANDIL_CONFIG_DIR``, ``KANDIL_CACHE_DIR`` and ``KANDIL_STATE_DIR`` name others.
"""

from __future__ import annotations

import os
from pathlib import Path


def data_dir() -> Path:
    """What must not be lost: models, the ledger, records. ``KANDIL_DATA_DIR``."""
    override = os.environ.get("KANDIL_DATA_DIR")
    if override:
        return Path(os.path.expanduser(override))
    import platformdirs  # noqa: PLC0415 - most commands of most runs never ask

    return Path(platformdirs.user_data_dir("kandil", appauthor=False))


def config_file() -> Path:
    """The user's settings, which kandil reads and never needs; see :mod:`kandil.config`. ``KANDIL_CONFIG_DIR``."""
    override = os.environ.get("KANDIL_CONFIG_DIR")
    if override:
        return Path(os.path.expanduser(override)) / "config.toml"
    import platformdirs  # noqa: PLC0415

    return Path(platformdirs.user_config_dir("kandil", appauthor=False)) / "config.toml"


def state_dir() -> Path:
    """What may be lost without harm: what kandil saw last. ``KANDIL_STATE_DIR``."""
    override = os.environ.get("KANDIL_STATE_DIR")
    if override:
        return Path(os.path.expanduser(override))
    import platformdirs  # noqa: PLC0415

    return Path(platformdirs.user_state_dir("kandil", appauthor=False))


def cache_dir() -> Path:
    """What can be found out again. ``KANDIL_CACHE_DIR``."""
    override = os.environ.get("KANDIL_CACHE_DIR")
    if override:
        return Path(os.path.expanduser(override))
    import platformdirs  # noqa: PLC0415

    return Path(platformdirs.user_cache_dir("kandil", appauthor=False))


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
