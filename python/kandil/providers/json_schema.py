"""What a JSON Schema must be like for some providers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def is_strict(schema: object) -> bool:
    """Whether OpenAI's ``strict`` takes it: every object requires each of its properties, and has no others."""
    if isinstance(schema, (list, tuple)):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    named = schema.get("properties")
    if schema.get("type") == "object" or isinstance(named, Mapping):
        required = schema.get("required")
        asked = set(map(str, required)) if isinstance(required, (list, tuple)) else set()
        if schema.get("additionalProperties") is not False or asked != set(named if isinstance(named, Mapping) else ()):
            return False
    return all(map(is_strict, schema.values()))


def instruction(system: str | None, schema: Mapping[str, Any]) -> str:
    """The system prompt for a provider that promises JSON, and not of which schema: the schema goes with the prompt."""
    asked = f"Answer with JSON of this JSON Schema, and with nothing else:\n{json.dumps(schema, ensure_ascii=False)}"
    return f"{system}\n\n{asked}" if system else asked
