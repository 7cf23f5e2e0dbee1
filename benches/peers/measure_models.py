"""How fast a model answers, as `kandil model benchmark` and aiperf (NVIDIA's) see it: the same requests, one server.

The server is llama.cpp with a GGUF file that is given, or one whose latencies are known. What is compared is what each
says, and the CPU time that saying it took. aiperf is to be installed in an environment of its own:

    python -m venv aiperf && aiperf/bin/pip install aiperf
    python benches/peers/measure_models.py --aiperf aiperf/bin/aiperf [--model FILE.gguf]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from peers.machine import warn_if_loaded

from kandil.benchmark.prompts import prompt
from tests.support.servers.process import printing
from tests.support.servers.timed import timed

_LLAMA = """
import os, sys, xllamacpp
cores = set(map(int, sys.argv[4].split(",")))
os.sched_setaffinity(0, cores)
parameters = xllamacpp.CommonParams()
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = len(cores)
parameters.model.path, parameters.hostnames, parameters.port = sys.argv[1], ["127.0.0.1"], 0
parameters.n_ctx, parameters.n_parallel, parameters.use_jinja = int(sys.argv[2]), int(sys.argv[3]), True
parameters.offline, parameters.ui, parameters.verbosity = True, False, 1
server = xllamacpp.Server(parameters)
print("listening on", server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)
"""
_TOKENIZER = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
words = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>").save_pretrained(sys.argv[1])
"""
"""aiperf loads one, though the server counts: this one knows words alone, and needs no network."""
_CORES = sorted(os.sched_getaffinity(0))
_SERVER, _CLIENT = _CORES[: len(_CORES) // 2] or _CORES, _CORES[len(_CORES) // 2 :]
"""Apart, so that what a client takes is not missing to the model."""
FIGURES = {
    "first token, ms, mean": ("first_token_ms", "mean", "time_to_first_token", "avg"),
    "first token, ms, p50": ("first_token_ms", "p50", "time_to_first_token", "p50"),
    "first token, ms, p90": ("first_token_ms", "p90", "time_to_first_token", "p90"),
    "token to token, ms, mean": ("inter_token_ms", "mean", "inter_token_latency", "avg"),
    "token to token, ms, p50": ("inter_token_ms", "p50", "inter_token_latency", "p50"),
    "whole answer, ms, p50": ("request_ms", "p50", "request_latency", "p50"),
    "tokens/s": ("output_tokens_per_second", "", "output_token_throughput", "avg"),
    "requests/s": ("requests_per_second", "", "request_throughput", "avg"),
}


@contextmanager
def server(options: argparse.Namespace) -> Iterator[str]:
    if options.model is None:
        with timed(first_seconds=(0.2, 0.6), gap_seconds=(0.01, 0.03)) as known:
            yield known.url
        return
    context = (options.prompt_tokens + options.output_tokens + 256) * options.concurrency
    command = [sys.executable, "-c", _LLAMA, options.model, str(context), str(options.concurrency)]
    command.append(",".join(map(str, _SERVER)))
    with printing(r"listening on (\S+)", command) as url:
        yield url


def ran(command: Sequence[str], home: Path) -> tuple[str, float]:
    """What it printed, and the seconds of CPU that it and all its children took."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", ",".join(map(str, _CLIENT)), *command],
            stdout=out,
            stderr=subprocess.STDOUT if command[0].endswith("aiperf") else None,
            env=os.environ | {"HOME": str(home)},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read()
    if process.returncode:
        sys.exit(f"{command[0]} ended with {process.returncode}: {said[-2000:]}")
    return said, usage.ru_utime + usage.ru_stime


def ours(url: str, options: argparse.Namespace, home: Path) -> tuple[dict[str, Any], float]:
    added = ["model", "add", "mine", "--manual", "--provider", "mine", "--protocol", "openai", "--api-model", "m"]
    kandil = [sys.executable, "-m", "kandil"]
    ran([*kandil, *added, "--base-url", f"{url}/v1", "--replace", "--yes"], home)
    command = [*kandil, "model", "benchmark", "mine", "--json", "--prompt-tokens", str(options.prompt_tokens)]
    command += ["--output-tokens", str(options.output_tokens), "--concurrency", str(options.concurrency)]
    said, cpu = ran([*command, "--requests", str(options.requests)], home)
    return json.loads(said)["models"][0]["levels"][0], cpu


def same_length(url: str, options: argparse.Namespace) -> int:
    """So many words have as many tokens as were asked for: kandil finds that out by itself."""
    words = options.prompt_tokens // 2
    for _ in range(3):
        asked = {"messages": [{"role": "user", "content": prompt(3, words, words)}], "max_tokens": 1}
        head = {"content-type": "application/json"}
        with urlopen(Request(f"{url}/v1/chat/completions", json.dumps(asked).encode(), head)) as answer:
            words = round(words * options.prompt_tokens / json.load(answer)["usage"]["prompt_tokens"])
    return words


def theirs(url: str, options: argparse.Namespace, home: Path) -> tuple[dict[str, Any], float]:
    """Of prompts as long as kandil's, from its own texts."""
    rows = home / "prompts.jsonl"
    words = same_length(url, options) if options.model else options.prompt_tokens
    texts = (prompt(2, number, words) for number in range(options.requests))
    rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    tokenizer = str(home / "tokenizer")
    ran([str(Path(options.aiperf).with_name("python")), "-c", _TOKENIZER, tokenizer], home)
    command = [options.aiperf, "profile", "-m", "m", "--url", url, "--endpoint-type", "chat", "--streaming"]
    command += ["--input-file", str(rows), "--custom-dataset-type", "single_turn", "--tokenizer", tokenizer]
    command += ["--use-server-token-count", "--use-legacy-max-tokens", "--ui-type", "none", "--no-gpu-telemetry"]
    command += [
        "--no-server-metrics",
        "--concurrency",
        str(options.concurrency),
        "--request-count",
        str(options.requests),
    ]
    command += ["--warmup-request-count", str(options.concurrency), "--artifact-dir", str(home / "aiperf")]
    command += ["--extra-inputs", json.dumps({"max_tokens": options.output_tokens, "ignore_eos": True})]
    _, cpu = ran(command, home)
    found = next((home / "aiperf").rglob("profile_export_aiperf.json"))
    report: dict[str, Any] = json.loads(found.read_text())
    return report, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aiperf", required=True, help="the program")
    parser.add_argument("--model", help="a GGUF file for llama.cpp; else a server whose latencies are known")
    parser.add_argument("--prompt-tokens", type=int, default=100)
    parser.add_argument("--output-tokens", type=int, default=32)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--requests", type=int, default=96)
    options = parser.parse_args()
    warn_if_loaded()
    with tempfile.TemporaryDirectory() as folder, server(options) as url:
        own, own_cpu = ours(url, options, Path(folder))
        peer, peer_cpu = theirs(url, options, Path(folder))
    print(f"{'':<26}{'kandil':>12}{'aiperf':>12}{'ratio':>8}")
    for name, (figure, part, other, statistic) in FIGURES.items():
        value = own[figure] if not part else own[figure]["mean"] if part == "mean" else own[figure][part]["value"]
        their = peer[other][statistic]
        print(f"{name:<26}{value:>12.2f}{their:>12.2f}{value / their:>8.3f}")
    print(f"{'CPU of the client, s':<26}{own_cpu:>12.2f}{peer_cpu:>12.2f}{own_cpu / peer_cpu:>8.3f}")


if __name__ == "__main__":
    main()
