"""Many completions at once: as fast as limits allow, and nothing lost.

A file of rows: `plan` reads it and says what it will cost, `run` carries the plan out. Rows of a program's own:
`batch`, which the module itself is when it is called.

- `order`: what is asked for; `plan`: what was found; `run`: how it is carried out, with `progress` and `state` for
  whoever asks how far it is; `conversation`: with the core; `lanes`: a model, as the core sends to it; `deciding`,
  `failures`: what becomes of a row without an answer.
- `stream`: rows of a program's own. `parts`: a file in parts, and results as one.
- `submission`, `submitted`, `fetching`, `provider_batches`, …: the providers' own batch APIs.
"""

import sys
from types import ModuleType

from kandil.batch.order import Filling, Order, Sending, errors_file, schema
from kandil.batch.plan import LanePlan, Plan, plan
from kandil.batch.progress import Progress, Summary
from kandil.batch.run import run
from kandil.batch.stream import Batch, Result, batch, complete_many

__all__ = [
    "Batch", "Filling", "LanePlan", "Order", "Plan", "Progress", "Result", "Sending", "Summary", "batch",
    "complete_many", "errors_file", "plan", "run", "schema",
]  # fmt: skip


class _Callable(ModuleType):
    """`kandil.batch` is this module and, called, `batch`: no order of imports makes a difference."""

    __call__ = staticmethod(batch)


__wrapped__ = batch  # what `inspect.signature` and `help` of the callable module look at

sys.modules[__name__].__class__ = _Callable
