"""Whether a model fits this machine, and with how much context.

`assess` computes what llama.cpp would allocate: weights, what it remembers of tokens, and what it computes in. By a
file's header, the first two are exact: tests compare them with llama.cpp's own figures. The third is an estimate:
with flash attention at most 4 % off for the published models that are tested with up to 40960 tokens, and up to
half too much beyond; without it, 17 %. On a GPU it has not been compared.
"""

from __future__ import annotations

from kandil.compat.assess import assess
from kandil.compat.ranking import TASKS, Fit, Task, fits
from kandil.compat.report import Need, Report, Share
from kandil.compat.shape import shape_of

__all__ = ["TASKS", "Fit", "Need", "Report", "Share", "Task", "assess", "fits", "shape_of"]
