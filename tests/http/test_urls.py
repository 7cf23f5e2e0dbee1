"""URLs that are asked, and those that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kandil.errors import UrlUnusable
from kandil.http import urls


@pytest.mark.parametrize(
    ("text", "host", "port", "target"),
    [
        ("https://api.example.com/v1/chat?x=1#part", "api.example.com", 443, "/v1/chat?x=1"),
        ("HTTPS://API.Example.COM.:8443", "api.example.com", 8443, "/"),
        ("https://bücher.example/ä", "xn--bcher-kva.example", 443, "/%C3%A4"),
        ("https://[2606:4700::1111]:444/a", "2606:4700::1111", 444, "/a"),
        ("https://192.168.1.4/v1", "192.168.1.4", 443, "/v1"),
        ("http://localhost:11434/api/chat", "localhost", 11434, "/api/chat"),
        ("http://127.0.0.1/", "127.0.0.1", 80, "/"),
        ("http://[::1]:8080/", "::1", 8080, "/"),
        ("https://host/models/gemini:stream%20x?alt=sse", "host", 443, "/models/gemini:stream%20x?alt=sse"),
        ("https://host?q", "host", 443, "/?q"),
    ],
)
def test_read(text: str, host: str, port: int, target: str) -> None:
    url = urls.parse(text)
    assert (url.host, url.port, url.target) == (host, port, target)


@pytest.mark.parametrize(
    "text",
    [
        "", "api.example.com/v1", "ftp://host/", "file:///etc/passwd", "https://", "https:///path", "https://host:0/",
        "https://host:99999/", "https://host:x/", "https://user@host/", "https://user:secret@host/", "https://ho st/",
        "https://host/\r\nx: y", "https://host/\t", "https://host\\@other/", "https://host/\x00", "https://[::1/",
        "http://example.com/", "http://10.0.0.1/", "http://0.0.0.0/", "http://localhost.example.com/", "http://127.1/",
        "http://2130706433/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://127.0.1/",
        "https://0177.0.0.1/", "https://169.254.169.254/latest", "https://[fe80::1]/", "https://[::ffff:169.254.169.254]/",
        "https://[::]/", "https://metadata.google.internal/", "https://metadata.google.internal./", "https://ho%73t/",
        "https://-host/", "https://a..b/", f"https://{'a' * 64}.com/", f"https://{'a.' * 127}com/",
        f"https://h/{'x' * 9000}",         "https://xn--\u00ad/", "javascript:alert(1)", "https://host/\x85",
    ],
)  # fmt: skip
def test_never_asked(text: str) -> None:
    with pytest.raises(UrlUnusable) as refused:
        urls.parse(text)
    assert refused.value.exit_code == 9
    assert "secret" not in refused.value.message


def test_a_long_host_is_refused_in_no_time() -> None:
    with pytest.raises(UrlUnusable):
        urls.parse(f"https://{'a' * 8000}!/")


@given(st.text(max_size=80), st.sampled_from(["", "https://", "http://", "https://h/", "//", "/", "?", "https://["]))
def test_any_text_is_a_url_or_an_error_of_ours(text: str, start: str) -> None:
    base = urls.parse("https://example.com/a/b?c")
    for read in (urls.parse, lambda given: urls.joined(base, given)):
        try:
            url = read(start + text)
        except UrlUnusable:
            continue
        assert url.target.startswith("/")
        assert (url.host + url.target).isascii()
        assert not any(character.isspace() for character in str(url))
        assert urls.parse(str(url)) == url


def test_joined() -> None:
    base = urls.parse("https://example.com/a/b?c")
    assert str(urls.joined(base, "../d")) == "https://example.com/d"
    assert str(urls.joined(base, "//other.example/x")) == "https://other.example/x"
    assert str(urls.joined(base, "https://other.example:8443")) == "https://other.example:8443/"
