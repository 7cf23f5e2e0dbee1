"""The user's settings: ``config.toml`` in kandil's configuration folder, version 2. No file means no settings.

`load()` is what is in force: an environment variable before the project's ``.kandil.toml``, before the user's file,
before what is built in. `keys` has the table of all settings; `editing` changes the file and leaves the rest of it as
its user wrote it. Nothing secret belongs there, and what looks like a key is refused.
"""

from kandil.config.document import Note
from kandil.config.effective import Api, Cache, Config, Defaults, Limits, ModelSettings, Origin, load
from kandil.config.publisher import Publisher, publishers

__all__ = [
    "Api",
    "Cache",
    "Config",
    "Defaults",
    "Limits",
    "ModelSettings",
    "Note",
    "Origin",
    "Publisher",
    "load",
    "publishers",
]
