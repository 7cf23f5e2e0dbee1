"""What is right and what is wrong with this machine and with kandil's own files: `kandil doctor`.

`await diagnose()` makes every check at once and gives a `Check` for each thing found: an id that stays the same, a
state, what was found, what mends it. Nothing is changed, nothing secret is read out, and no network is used unless it
is asked for.

- `asking`: that function, the sections, the deadline. `check`: what a check is, and what probes share.
- `running`, `configuration`, `keys`, `machine`, `gpu`, `disk`, `library`, `records`, `sandbox`, `network`: a section
  each, with its `PROBES`.
"""

from kandil.registry.diagnosis.asking import SECTIONS, diagnose
from kandil.registry.diagnosis.check import Check, Probe, Surroundings

__all__ = ["SECTIONS", "Check", "Probe", "Surroundings", "diagnose"]
