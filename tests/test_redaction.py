"""What a living secret has in a text is taken out of it: in logs, errors and tracebacks."""

from __future__ import annotations

import base64
import gc
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest

from kandil.secret import Secret, redacted

KEY = "sk-proj-a1B2c3D4/e5F6+g7H8 i9J0=="


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY, safe=""),
        quote_plus(KEY),
        base64.b64encode(KEY.encode()).decode(),
        base64.urlsafe_b64encode(b"user:" + KEY.encode()).decode(),
        base64.b64encode(b"me:" + KEY.encode() + b"\n").decode(),
        base64.b64encode(b"anybody:" + KEY.encode()).decode(),
    ],
)
def test_every_form_of_a_living_secret_is_taken_out(form: str) -> None:
    secret = Secret(KEY)
    shown = redacted(f"before {form} after")
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert form[6:-6] not in shown
    assert "****" in shown
    assert repr(secret) == "Secret(****)"


def test_a_dead_secret_is_kept_nowhere() -> None:
    secret = Secret("sk-dead-0123456789")
    del secret
    gc.collect()
    assert redacted("sk-dead-0123456789") == "sk-dead-0123456789"


def test_a_word_is_not_taken_for_a_secret() -> None:
    secret = Secret("ollama")
    assert redacted("ollama runs") == "ollama runs"
    assert str(secret) == "****"


_PROGRAM = """
import logging, sys
from kandil.cli import run
from kandil.secret import Secret

async def command():
    secret = Secret(sys.argv[1])
    logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
    log = logging.getLogger("anything.at.all")
    log.debug("headers %r", {"authorization": f"Bearer {secret.reveal()}"})
    try:
        raise ValueError(secret.reveal())
    except ValueError:
        log.exception("it failed")
    log.debug("%d", "no number")
    class Held(Exception): pass
    raise Held(f"with {secret.reveal()}")

import click
@click.command()
@click.option("--debug", is_flag=True)
def main(debug):
    run.run_async(command)
sys.exit(run.main(["--debug"], main))
"""


def test_logs_and_tracebacks_are_without_keys() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, KEY], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "headers {'authorization': 'Bearer ****'}" in done.stdout
    assert "ValueError: ****" in done.stdout
    assert "Held: with ****" in done.stderr
    assert KEY not in done.stdout + done.stderr
