"""What tests of limits have."""

from tests.limits.clock import autojump_clock

__all__ = ["autojump_clock"]
