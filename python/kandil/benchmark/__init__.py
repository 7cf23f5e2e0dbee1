"""How fast models answer, measured: `plan` says what that takes and costs, `run` does it, `beside` compares it.

Moments are taken in the core as bytes are read from their socket; what the bytes say is read when a round is over. A
closed loop keeps so many requests under way; an open loop sends them at the moments of a Poisson process, and their
times count from these moments, whatever was late.

- `load`: what is asked, and how often; `prompts`: of so many tokens; `plan`: for which models, at what price.
- `round`: requests and what came, with its moments; `reading`: a sample of each; `figures`: what samples say together.
- `run`: all of it; `memory`: what a local server takes; `report`: as JSON; `compare`: ratios; `plot`: a
  `picture` of them.
"""

from kandil.benchmark.compare import Ratio, beside, between, earlier
from kandil.benchmark.figures import Figures, Quantile, Spread
from kandil.benchmark.load import Level, Load
from kandil.benchmark.plan import ModelPlan, Plan, plan
from kandil.benchmark.plot import plot
from kandil.benchmark.report import SCHEMA, fields
from kandil.benchmark.run import Measured, Progress, remember, run

__all__ = [
    "SCHEMA",
    "Figures",
    "Level",
    "Load",
    "Measured",
    "ModelPlan",
    "Plan",
    "Progress",
    "Quantile",
    "Ratio",
    "Spread",
    "beside",
    "between",
    "earlier",
    "fields",
    "plan",
    "plot",
    "remember",
    "run",
]
