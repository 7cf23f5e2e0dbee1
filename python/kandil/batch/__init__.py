"""Many completions at once: as fast as limits allow, and nothing lost.

A file of rows: `plan` reads it and says what it will cost, `run` carries the plan out.

- `order`: what is asked for; `plan`: what was found; `lanes`: a model, as the core sends to it; `run`: the conversation
  with the core; `deciding`, `failures`: what becomes of a row without an answer; `state`: how far a batch is, for others.
"""

from kandil.batch.order import Filling, Order, Sending, errors_file, schema
from kandil.batch.plan import LanePlan, Plan, plan
from kandil.batch.run import Progress, Summary, run

__all__ = [
    "Filling", "LanePlan", "Order", "Plan", "Progress", "Sending", "Summary", "errors_file", "plan", "run", "schema",
]  # fmt: skip
