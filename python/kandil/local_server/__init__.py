"""A GGUF file is a model too: llama.cpp's server for it, in a child process, on loopback, with a key of its own.

`serve` starts one for as long as its context lasts, or finds one that was kept, as `found` does alone; `running` and
`stop` are about those that were kept. The caller has verified the file.

- `order`: what is started; `process`: starting and ending it; `child`: its program, and what holds it;
  `failure`: why a model was not loaded.
- `kept`: those that stay. `server`: what callers use.
"""

from kandil.local_server.kept import Kept, running, stop
from kandil.local_server.server import Served, found, serve

__all__ = ["Kept", "Served", "found", "running", "serve", "stop"]
