"""kandil's library without the command around it: reads paths, NUL-separated, from stdin; prints wall and CPU seconds.

The clock starts when everything is imported and the kernels are chosen.
"""

from __future__ import annotations

import argparse
import os
import sys
import time


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="sha256", choices=["sha256", "blake3", "scan"])
    parser.add_argument("--blake3", default="never", choices=["auto", "always", "never"])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--one-core", action="store_true")
    options = parser.parse_args()
    if options.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    from kandil import _core

    _core.kernels()
    jobs = [(path, os.stat(path).st_size, options.mode) for path in sys.stdin.buffer.read().split(b"\0") if path]
    wall, cpu = time.perf_counter(), time.process_time()
    run = _core.Run(jobs, threads=options.threads, blake3=options.blake3)
    done = 0
    while not run.finished:
        for outcome in run.take(0.5):
            if outcome.error:
                sys.exit(f"{os.fsdecode(jobs[outcome.index][0])}: {outcome.error}")
            done += 1
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if done != len(jobs):
        sys.exit(f"{done} of {len(jobs)} files were read")
    print(wall, cpu)


if __name__ == "__main__":
    main()
