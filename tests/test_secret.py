"""What looks like an API key, and what does not. The keys are made here: shapes of real ones, random insides."""

from __future__ import annotations

import hashlib
import random
import string
import uuid

import pytest

from kandil.secret import looks_like_key

_ALNUM = string.ascii_letters + string.digits
_URLSAFE = _ALNUM + "-_"
_SHAPES = {
    "OpenAI, by project": ("sk-proj-", _URLSAFE, 148),
    "OpenAI, older": ("sk-", _ALNUM, 48),
    "OpenAI, service account": ("sk-svcacct-", _URLSAFE, 100),
    "Anthropic": ("sk-ant-" + "api03-", _URLSAFE, 95),
    "OpenRouter": ("sk-or-v1-", "0123456789abcdef", 64),
    "DeepSeek, DashScope": ("sk-", string.ascii_lowercase + string.digits, 32),
    "Groq": ("gsk_", _ALNUM, 52),
    "Hugging Face": ("hf_", string.ascii_letters, 34),
    "Google": ("AIza", _URLSAFE, 35),
    "xAI": ("xai-", _ALNUM, 80),
    "Perplexity": ("pplx-", _ALNUM, 48),
    "NVIDIA": ("nvapi-", _URLSAFE, 64),
    "Cerebras": ("csk-", string.ascii_lowercase + string.digits, 48),
    "Replicate": ("r8_", _ALNUM, 37),
    "Fireworks": ("fw_", _ALNUM, 24),
    "Together": ("tgp_v1_", _URLSAFE, 43),
    "GitHub": ("ghp_", _ALNUM, 36),
    "Cohere": ("", _ALNUM, 40),
    "Mistral, DeepInfra": ("", _ALNUM, 32),
}


def _made(shape: tuple[str, str, int], count: int) -> list[str]:
    prefix, alphabet, length = shape
    chance = random.Random(f"{prefix}{length}")
    return [prefix + "".join(chance.choices(alphabet, k=length)) for _ in range(count)]


@pytest.mark.parametrize("shape", _SHAPES.values(), ids=_SHAPES)
def test_keys_are_seen(shape: tuple[str, str, int]) -> None:
    made = _made(shape, 200)
    seen = sum(map(looks_like_key, made))
    assert seen >= (199 if shape[0] else 196), [key for key in made if not looks_like_key(key)]


@pytest.mark.parametrize(
    "around", ["Bearer {}", "  {}\n", '"{}"', "key={}", "https://a.example/v1?key={}", "say {} to it"]
)
def test_a_key_is_seen_among_other_text(around: str) -> None:
    (key,) = _made(_SHAPES["Google"], 1)
    assert looks_like_key(around.format(key))


def test_a_key_with_its_id_before_it_is_seen() -> None:
    (secret,) = _made(("", _ALNUM, 16), 1)
    assert looks_like_key(f"{uuid.UUID(int=7).hex}.{secret}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "qwen2.5-coder:7b",
        "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo",
        "Qwen3-30B-A3B-Instruct-2507-Q4_K_M",
        "DeepSeek-R1-Distill-Llama-70B-Q4_K_M-00001-of-00002.gguf",
        "claude-sonnet-4-5-20250929",
        "pplx-70b-online-2024-01-25",
        "hf_transformer_small_finetuned_english",
        "sk-learn-classifier-small",
        "NousHermes2Mixtral8x7BDPOInstructPreviewModel",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "https://huggingface.co/org/repo/resolve/0a1B2c3D4e5F6a7B8c9D0e1F2a3B4c5D6e7F8a9B/file.gguf",
        "/home/User/.cache/huggingface/hub/models--Qwen--Qwen2.5-Coder-7B-Instruct-GGUF/blobs",
        "~/.local/share/kandil/models",
        hashlib.sha256(b"a").hexdigest(),
        "sha256:" + hashlib.sha256(b"b").hexdigest(),
        hashlib.sha256(b"c").hexdigest().upper(),
        hashlib.sha1(b"revision").hexdigest(),
        hashlib.md5(b"d").hexdigest(),
        str(uuid.UUID(int=2**127 + 12345)),
        "https://github.com/org/repo/.github/workflows/release.yml@refs/heads/main",
        "somebody@example.com",
        "You are a careful reviewer. Answer in at most 200 words, in Markdown, and name files by their paths.",
        "Donaudampfschifffahrtsgesellschaftskapitän" * 3,
    ],
)
def test_what_is_no_key_is_not_taken_for_one(text: str) -> None:
    assert not looks_like_key(text)


def test_digests_are_never_taken_for_keys() -> None:
    digests = [hashlib.new(name, bytes([at])).hexdigest() for name in ("md5", "sha1", "sha256") for at in range(250)]
    assert not [digest for digest in digests if looks_like_key(digest)]
