"""Tests that a model writes, run apart: those are kept that pass, always, and notice when the code is wrong."""

from kandil.assist.testing.interpreter import Interpreter, found
from kandil.assist.testing.judging import Dropped, Kept
from kandil.assist.testing.plan import Part, Plan, plan
from kandil.assist.testing.run import Coverage, Generation, Result, run
from kandil.assist.testing.running import copied

__all__ = [
    "Coverage",
    "Dropped",
    "Generation",
    "Interpreter",
    "Kept",
    "Part",
    "Plan",
    "Result",
    "copied",
    "found",
    "plan",
    "run",
]
