"""What the user has added: a record a model, ``models/<name>.metadata.json`` in kandil's data folder."""

from kandil.registry.records import Record
from kandil.registry.store import Records, add, check, every, existing, file_of, find, profiles, remove, update, used

__all__ = [
    "Record",
    "Records",
    "add",
    "check",
    "every",
    "existing",
    "file_of",
    "find",
    "profiles",
    "remove",
    "update",
    "used",
]
