"""The user's settings: ``config.toml`` in kandil's configuration folder. No file means no settings."""

from kandil.config.publisher import Publisher, publishers

__all__ = ["Publisher", "publishers"]
