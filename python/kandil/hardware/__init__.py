"""What this machine has for models, as this process may use it.

`await detect()` asks every source at once and gives a `Hardware`: `Cpu`, `Memory`, `Disk`, `Gpu`s, and a `Source` for
each that was asked, which is `found`, `none` or `unknown` with its reasons. It does not fail.

- `detection`: that function. `roots`: where Linux shows its state, and how it is read.
- `cpu`, `memory`, `disk`: the machine; `cgroup`: what the control groups leave of it.
- `gpu`: one GPU. `nvidia`, `amd`, `intel`, `apple`: who finds them; `pci`, `drm`: what Linux's drivers tell of them.
"""

from kandil.hardware.cpu import Cpu
from kandil.hardware.detection import Hardware, Source, detect
from kandil.hardware.disk import Disk
from kandil.hardware.gpu import Gpu
from kandil.hardware.memory import Memory
from kandil.hardware.roots import Roots

__all__ = ["Cpu", "Disk", "Gpu", "Hardware", "Memory", "Roots", "Source", "detect"]
