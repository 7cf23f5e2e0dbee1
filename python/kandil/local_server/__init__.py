"""A GGUF file is a model too: llama.cpp's server for it, in a child process, on loopback, with a key of its own.

`serve` starts one for as long as its context lasts, or finds one that was kept; `running` and `stop` are about those
that were kept. The caller has verified the file.
"""

from kandil.local_server.kept import Kept, running, stop
from kandil.local_server.server import Served, serve

__all__ = ["Kept", "Served", "running", "serve", "stop"]
