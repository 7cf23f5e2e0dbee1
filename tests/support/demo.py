"""`make demo`: a small library of good and bad files, what kandil says of it, and how it gets a model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.support import answering, small_library
from tests.support.servers import model_hub


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
        get(root)
        say("Next: `.venv/bin/kandil verify` looks at every model on this machine. README.md has the rest.")


def get(root: Path) -> None:
    """A model from its name to its first answer, out of a hub on this machine, where nginx and llama.cpp are."""
    if not shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or find_spec("xllamacpp") is None:
        say("Not shown: how a model is fetched, for which nginx and xllamacpp are needed here.")
        return
    say("From a name to a model that answers: out of a hub on this machine, as from Hugging Face.")
    (root / "hub").mkdir()
    with model_hub.model_hub(root / "hub") as hub:
        hub.publish("demo/Tiny-GGUF", {"tiny-Q8_0.gguf": answering.model()})
        kandil(root, "config", "set", "sources.huggingface.base_url", hub.url)
        for line in (
            ("model", "discover", "tiny", "--source", "huggingface"),
            ("model", "add", "hf:demo/Tiny-GGUF:Q8_0", "--yes"),
            ("ask", "-m", "tiny:q8_0", "hello"),
            ("model", "show", "tiny:q8_0", "--provenance", "--check"),
        ):
            if code := kandil(root, *line):
                sys.exit(f"kandil should have done this, and exited with {code}")


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
