"""Code changed towards a goal: blocks that apply exactly, results that parse, nothing written that is not agreed to."""

from kandil.assist.refactor.check import Outcome, check
from kandil.assist.refactor.plan import Part, Plan, plan
from kandil.assist.refactor.run import Refactoring, run
from kandil.assist.refactor.texts import Texts, read

__all__ = ["Outcome", "Part", "Plan", "Refactoring", "Texts", "check", "plan", "read", "run"]
