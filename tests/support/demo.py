"""`make demo`: a small library of good and bad files, and what kandil says of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import small_library


def main() -> None:
    """Writes the library, verifies it twice, inspects a file of it. Exits 0 if kandil noticed what is wrong."""
    with tempfile.TemporaryDirectory(prefix="kandil-demo-") as folder:
        root = Path(folder)
        small_library.write(root)
        say(f"A library of model files in {root}, written for this demo:")
        for sample in small_library.SAMPLES:
            print(f"  {sample.path:<34}  {sample.what}")
        print(f"  {small_library.OLLAMA + '/':<34}  a store as Ollama lays it out, sound")
        say("Is each file the one that was published, and sound?")
        code = kandil(root, "verify", "models", "ollama")
        if code != 8:
            sys.exit(f"kandil should have found bad files and exited with 8; it exited with {code}")
        print("exit code 8: something is wrong with a file. That is what this demo is about; a script would stop here.")
        say("Again: what has not changed is not read again.")
        kandil(root, "verify", "--quiet", "models", "ollama")
        print("(--quiet prints the paths of the bad files alone)")
        say("No digest is published for mine. Pin today's, and any later change is noticed:")
        kandil(root, "verify", "--pin", "models/mine.Q8_0.gguf")
        say("What does a file say of itself?")
        kandil(root, "inspect", small_library.SAMPLES[0].path)
        say("Next: `.venv/bin/kandil verify` looks at every model on this machine. README.md has the rest.")


def say(text: str) -> None:
    """A line of the narrator's."""
    print(f"\n# {text}", flush=True)


def kandil(root: Path, *args: str) -> int:
    """Runs the installed command as a person would, with what it keeps kept below `root`. Its exit code."""
    command = Path(sys.executable).with_name("kandil")
    print(f"$ kandil {' '.join(args)}", flush=True)
    theirs = ("XDG_", "KANDIL_", "OLLAMA_", "HF_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    environment["HOME"] = str(root / "home")
    return subprocess.run([command, *args], cwd=root, env=environment, check=False).returncode


if __name__ == "__main__":
    main()
