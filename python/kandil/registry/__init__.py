"""What the user has added: a record a model, and what ties the parts of kandil together."""

from kandil.registry.records import Record, add, every, find, profiles, remove, update, used

__all__ = ["Record", "add", "every", "find", "profiles", "remove", "update", "used"]
