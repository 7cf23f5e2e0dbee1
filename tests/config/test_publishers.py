from __future__ import annotations

from pathlib import Path

import pytest

from kandil.config import Publisher, publishers
from kandil.errors import ConfigInvalid


def test_no_file_is_no_settings(tmp_path: Path) -> None:
    assert publishers(tmp_path / "config.toml") == ()


def test_paths_are_relative_to_the_file(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[publishers.a]\npublic_key = "a.pub"\n'
        '[publishers.b]\ncertificates = "/b.pem"\n'
        '[publishers.c]\nidentity = "c@example.com"\nissuer = "https://example.com"\ntrust_root = "~/root.json"\n'
    )
    assert publishers(file) == (
        Publisher("a", public_key=tmp_path / "a.pub"),
        Publisher("b", certificates=(Path("/b.pem"),)),
        Publisher("c", identity="c@example.com", issuer="https://example.com", trust_root=home / "root.json"),
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("publishers = 1", "publishers"),
        ("[publishers.a]", "publishers.a"),
        ('[publishers.a]\npublic_key = "k"\nidentity = "i"', "publishers.a"),
        ('[publishers.a]\nidentity = "i"\nissuer = "j"', "publishers.a"),
        ("[publishers.a]\npublic_key = 1", "publishers.a.public_key"),
        ("[publishers.a]\ncertificates = []", "publishers.a.certificates"),
        ("[publishers.a]\ncertificates = [1]", "publishers.a.certificates"),
        ('[publishers.a]\npublic_key = ""', "publishers.a.public_key"),
        ('[publishers.a]\npublic_key = "~nobody-of-that-name/k"', "publishers.a"),
        ("publishers = [", ""),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        publishers(file)
    assert (caught.value.path, caught.value.key, caught.value.exit_code) == (str(file), key, 9)


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigInvalid):
        publishers(file)
