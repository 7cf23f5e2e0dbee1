"""llama.cpp's server: `python llama_child.py MODEL`, with the key in a line of standard input, until that ends."""

from __future__ import annotations

import os
import sys

import xllamacpp


def main() -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    parameters.model_alias = {"answering"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [sys.stdin.readline().strip()]
    parameters.n_ctx = 2048
    parameters.n_parallel = 2
    parameters.use_jinja = True
    parameters.warmup = False
    parameters.offline = True
    parameters.ui = False
    parameters.verbosity = 1
    server = xllamacpp.Server(parameters)
    print("listening on", server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)


main()
