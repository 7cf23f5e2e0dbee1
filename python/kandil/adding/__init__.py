"""From a name to a model that can be trusted and called: found, fetched, verified, tried, recorded. And its end.

`plan` finds out what that takes, `apply` does it: each step is done once, and what was interrupted goes on.

- `plan`: what adding does. `apply`: its steps. `placing`: files in kandil's folder. `provenance`: where files come
  from. `updating`, `removing`.
"""

from kandil.adding.apply import Step, apply
from kandil.adding.plan import AddPlan, models_in, plan
from kandil.adding.removing import RemovePlan, plan_removal, remove
from kandil.adding.updating import find_updates

__all__ = ["AddPlan", "RemovePlan", "Step", "apply", "find_updates", "models_in", "plan", "plan_removal", "remove"]
