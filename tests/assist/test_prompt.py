"""What is sent with a question."""

import os
import threading
from pathlib import Path

import pytest

from kandil.assist.prompt import LARGEST_TEXT_BYTES, Part, composed, decoded, image, schema, secrets, text_file
from kandil.errors import AttachmentUnusable, PromptEmpty

KEY = "sk-proj-" + "a1B2" * 12


def test_a_question_alone_stands_as_it_is() -> None:
    assert composed("why?", ()) == "why?"


def test_a_text_alone_stands_as_it_is() -> None:
    assert composed("", [Part("standard input", "why?\n")]) == "why?\n"


def test_parts_are_named_and_come_before_the_question() -> None:
    told = composed("explain", [Part('a "b".py', "x = 1\n"), Part("empty", " \n"), Part("c<d", "y")])
    first = '<document name="a &quot;b&quot;.py">\nx = 1\n</document>'
    assert told == first + '\n\n<document name="c&lt;d">\ny\n</document>\n\nexplain'


@pytest.mark.parametrize("parts", [[], [Part("a", "\n")]])
def test_nothing_is_no_question(parts: list[Part]) -> None:
    with pytest.raises(PromptEmpty):
        composed(" \n", parts)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_with_and_without_a_mark(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Grüße, 世界".encode(encoding))
    assert text_file(tmp_path / "a.txt").text == "Grüße, 世界"


@pytest.mark.parametrize("content", [b"\xff\x00\x01", b"a\0b", b"caf\xe9"])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(AttachmentUnusable, match=r"no (UTF-8 )?text"):
        decoded("a.bin", content)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """As of a shell's `<(git diff)`."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"from a pipe",))
    writer.start()
    assert text_file(tmp_path / "pipe").text == "from a pipe"
    writer.join()


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux has it")
def test_a_file_whose_size_is_not_known_before_is_read_to_its_end() -> None:
    assert "VmRSS:" in text_file(Path("/proc/self/status")).text


def test_a_device_is_refused() -> None:
    with pytest.raises(AttachmentUnusable, match="no file"):
        text_file(Path("/dev/zero"))


def test_what_is_too_large_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(LARGEST_TEXT_BYTES + 1)
    for name, reason in (("large", "more than"), ("none", "No such file"), (".", "folder")):
        with pytest.raises(AttachmentUnusable, match=reason):
            text_file(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n rest", "image/png"),
        (b"\xff\xd8\xff\xe0 rest", "image/jpeg"),
        (b"GIF89a rest", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_a_picture_is_told_by_its_bytes(content: bytes, media_type: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    found = image(tmp_path / "a")
    assert (found.content, found.media_type) == (content, media_type)
    assert repr(content[:4])[2:-1] not in repr(found)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"<html>")
    with pytest.raises(AttachmentUnusable, match="no PNG"):
        image(tmp_path / "a.png")


@pytest.mark.parametrize(("content", "reason"), [("[1]", "is an object"), ("{", "no JSON"), ("[" * 100_000, "no JSON")])
def test_a_schema_is_a_json_object(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(AttachmentUnusable, match=reason):
        schema(tmp_path / "s.json")


def test_keys_are_found_by_part_and_line_and_not_repeated() -> None:
    parts = [Part("the prompt", "why?"), Part(".env", f"# mine\nOPENAI_API_KEY={KEY}\n")]
    assert secrets(parts) == ((".env", 2),)


def test_a_file_of_keys_names_its_first_lines_alone() -> None:
    assert secrets([Part("keys", f"{KEY}\n" * 1000)]) == tuple(("keys", line) for line in range(1, 6))
