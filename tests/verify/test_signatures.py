from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kandil.errors import ConfigInvalid, SigningFailed
from kandil.verify import sha256_files
from kandil.verify.signatures import bundle, signing
from tests.support import parts
from tests.support.signing import KeyPair, certificate_chain, key_pair
from tests.support.stores import gguf, put
from tests.verify.runs import run

parts.need_package("model_signing")


def sign(root: Path, keys: KeyPair, **options: Any) -> Path:
    planned = signing.plan(root)
    digests = dict(zip(planned.files, sha256_files(list(planned.files.values())), strict=True))
    signing.sign(planned, digests, private_key=keys.private, **options)
    return planned.signature


def rewrite(signature: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Alters what was signed and leaves the signature as it is."""
    read = json.loads(signature.read_text())
    statement = json.loads(base64.b64decode(read["dsseEnvelope"]["payload"]))
    change(statement)
    read["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    signature.write_text(json.dumps(read))


@pytest.fixture
def keys(tmp_path: Path) -> KeyPair:
    return key_pair(tmp_path)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    put(folder / "a.gguf", gguf("a"))
    put(folder / "sub" / "b.gguf", gguf("b"))
    put(folder / "README.md", b"a model")
    return folder


async def test_what_a_trusted_key_signed_is_ok_and_names_the_signer(model: Path, keys: KeyPair) -> None:
    sign(model, keys)
    outcome = await run(model, trust_keys=[keys.public])
    assert outcome.statuses() == {"a.gguf": "ok", "b.gguf": "ok"}
    assert {result.signed_by for result in outcome.results} == {str(keys.public)}
    assert outcome["a.gguf"].expected_source == "model.sig"
    assert outcome.summary.warnings == ()


async def test_an_untrusted_signature_says_nothing_of_the_files(model: Path, keys: KeyPair) -> None:
    signature = sign(model, keys)
    outcome = await run(model)
    assert outcome.statuses() == {"a.gguf": "unverified", "b.gguf": "unverified"}
    assert [result.signed_by for result in outcome.results] == [None, None]
    assert outcome.summary.warnings == (f"{signature}: signed by nobody who is trusted here; it is not used",)


async def test_another_key_is_not_trusted(model: Path, keys: KeyPair, tmp_path: Path) -> None:
    sign(model, keys)
    outcome = await run(model, trust_keys=[key_pair(tmp_path, "other").public])
    assert set(outcome.statuses().values()) == {"unverified"}


async def test_a_file_that_changed_after_signing_is_a_mismatch(model: Path, keys: KeyPair) -> None:
    sign(model, keys)
    put(model / "a.gguf", gguf("another"))
    outcome = await run(model, trust_keys=[keys.public])
    assert outcome.statuses() == {"a.gguf": "mismatch", "b.gguf": "ok"}
    assert outcome["a.gguf"].signed_by is None
    assert outcome.summary.exit_code == 8


async def test_a_signature_stands_above_a_list_that_anyone_can_write(model: Path, keys: KeyPair) -> None:
    sign(model, keys)
    put(model / "a.gguf", gguf("another"))
    (digest,) = sha256_files([model / "a.gguf"])
    (model / "SHA256SUMS").write_text(f"{digest.hex()}  a.gguf\n")
    assert (await run(model, trust_keys=[keys.public]))["a.gguf"].status == "mismatch"


async def test_a_list_that_disagrees_with_a_valid_signature_is_heard(model: Path, keys: KeyPair) -> None:
    sign(model, keys)
    (model / "SHA256SUMS").write_text(f"{'0' * 64}  a.gguf\n")
    result = (await run(model, trust_keys=[keys.public]))["a.gguf"]
    assert (result.status, result.expected_source) == ("mismatch", "SHA256SUMS")


async def test_an_altered_signature_by_a_trusted_key_is_malicious(model: Path, keys: KeyPair) -> None:
    signature = sign(model, keys)

    def other_digest(statement: dict[str, Any]) -> None:
        statement["predicate"]["resources"][1]["digest"] = "0" * 64

    rewrite(signature, other_digest)
    outcome = await run(model, trust_keys=[keys.public])
    assert outcome["a.gguf"].status == "malicious"
    assert [finding.id for finding in outcome["a.gguf"].findings] == ["KG-SIG-FORGED"]


async def test_a_single_file_is_signed_beside_it_whatever_its_name(model: Path, keys: KeyPair) -> None:
    sign(model / "a.gguf", keys)
    (model / "a.gguf").rename(model / "renamed.gguf")
    (model / "a.gguf.sig").rename(model / "renamed.gguf.sig")
    outcome = await run(model, trust_keys=[keys.public])
    assert outcome["renamed.gguf"].signed_by == str(keys.public)
    assert outcome["b.gguf"].status == "unverified"


async def test_a_signature_beside_the_folder_that_it_signs(model: Path, keys: KeyPair) -> None:
    sign(model, keys).rename(model.parent / "model.sig")
    outcome = await run(model, trust_keys=[keys.public])
    assert {result.signed_by for result in outcome.results} == {str(keys.public)}


async def test_signed_files_that_are_gone_are_told(model: Path, keys: KeyPair) -> None:
    signature = sign(model, keys)
    (model / "README.md").unlink()
    outcome = await run(model, trust_keys=[keys.public])
    assert outcome.summary.warnings == (
        f"{signature}: {keys.public} signed files that are not there: {model / 'README.md'}",
    )


async def test_publishers_come_from_the_configuration(
    model: Path, keys: KeyPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(model, keys)
    monkeypatch.setenv("KANDIL_CONFIG_DIR", str(tmp_path))
    (tmp_path / "config.toml").write_text('[publishers.acme]\npublic_key = "key.pub"\n')
    outcome = await run(model)
    assert {result.signed_by for result in outcome.results} == {"acme"}


async def test_a_certificate_is_trusted_through_its_root(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, other = certificate_chain(tmp_path), tmp_path / "other"
    other.mkdir()
    sign(model, KeyPair(chain.private, chain.private), certificate=chain.certificate, chain=(chain.root,))
    monkeypatch.setenv("KANDIL_CONFIG_DIR", str(tmp_path))
    for root, signer in ((certificate_chain(other).root, None), (chain.root, "acme")):
        (tmp_path / "config.toml").write_text(f'[publishers.acme]\ncertificates = ["{root}"]\n')
        assert (await run(model))["a.gguf"].signed_by == signer


async def test_a_configuration_that_cannot_be_read_stops_a_run_with_signatures(
    model: Path, keys: KeyPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KANDIL_CONFIG_DIR", str(tmp_path))
    (tmp_path / "config.toml").write_text("[publishers.acme]\n")
    assert set((await run(model)).statuses().values()) == {"unverified"}
    sign(model, keys)
    with pytest.raises(ConfigInvalid, match=r"publishers\.acme"):
        await run(model)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no signature of a model"),
        (b"{}", "no signature of a model"),
        (b"[" * 100_000, "no signature of a model"),
        (b'{"verificationMaterial": {}, "dsseEnvelope": {"payload": "AAAA"}}', "no signature of a model"),
        (b"\x00" * 100, "no signature of a model"),
    ],
)
async def test_what_is_no_signature_is_told_and_passed_over(model: Path, content: bytes, why: str) -> None:
    put(model / "model.sig", content)
    outcome = await run(model)
    assert set(outcome.statuses().values()) == {"unverified"}
    assert why in outcome.summary.warnings[0]


async def test_what_is_no_file_is_not_waited_for(model: Path) -> None:
    os.mkfifo(model / "a.sig")
    (model / "b.sig").symlink_to("/dev/zero")
    outcome = await run(model)
    assert set(outcome.statuses().values()) == {"unverified"}
    assert [warning.split(": ")[1] for warning in outcome.summary.warnings] == [
        "it is no regular file; it is not used"
    ] * 2


@pytest.mark.parametrize("place", ["resource", "subject"])
async def test_a_name_that_no_file_can_have_is_none(model: Path, keys: KeyPair, place: str) -> None:
    signature = sign(model, keys)

    def unpaired(statement: dict[str, Any]) -> None:
        of = statement["predicate"]["resources"] if place == "resource" else statement["subject"]
        of[0]["name"] = "\ud800"

    rewrite(signature, unpaired)
    outcome = await run(model, trust_keys=[keys.public])
    assert set(outcome.statuses().values()) == {"unverified"}
    assert "it is no signature of a model" in outcome.summary.warnings[0]


async def test_what_a_signature_says_is_shown_in_short(model: Path, keys: KeyPair) -> None:
    def long(statement: dict[str, Any]) -> None:
        statement["predicateType"] = "A" * 100_000

    rewrite(sign(model, keys), long)
    (warning,) = (await run(model)).summary.warnings
    assert "its predicate is AAAA" in warning
    assert len(warning) < 400


async def test_one_folder_s_signatures_are_looked_at_up_to_a_number(
    model: Path, keys: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kandil.verify.signatures._MOST", 2)
    for name in ("x", "y", "z"):
        put(model / f"{name}.sig", b"{}")
    warnings = (await run(model)).summary.warnings
    assert f"{model}: of its 3 signatures the first 2 are used" in warnings
    assert len(warnings) == 3


async def test_what_else_goes_wrong_makes_no_signature_forged(
    model: Path, keys: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature = sign(model, keys)
    full = OSError(28, "No space left on device")

    def fails(*_args: object, **_options: object) -> None:
        raise full

    monkeypatch.setattr("tempfile.TemporaryDirectory", fails)
    outcome = await run(model, trust_keys=[keys.public])
    assert set(outcome.statuses().values()) == {"unverified"}
    assert outcome.summary.warnings == (f"{signature}: not checked; {keys.public}: No space left on device",)


async def test_a_key_that_cannot_be_read_is_told_and_hides_no_other(model: Path, keys: KeyPair, tmp_path: Path) -> None:
    signature = sign(model, keys)
    none = tmp_path / "none.pub"
    outcome = await run(model, trust_keys=[none])
    assert outcome.summary.warnings == (f"{signature}: not checked; {none}: No such file or directory",)
    outcome = await run(model, trust_keys=[none, keys.public])
    assert {result.signed_by for result in outcome.results} == {str(keys.public)}


async def test_other_threads_keep_their_standard_output(
    model: Path, keys: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kandil.verify.signatures import trust

    seen = []
    known = trust.known

    def looked(*args: Any) -> Any:
        seen.append(sys.stdout)
        return known(*args)

    monkeypatch.setattr(trust, "known", looked)
    sign(model, keys)
    before = sys.stdout
    await run(model, trust_keys=[keys.public])
    assert seen == [before] * len(seen)
    assert len(seen) == 2  # to sign, to check


@pytest.mark.parametrize("order", ["trusted first", "trusted second", "none"])
async def test_the_first_of_several_signatures_counts(model: Path, keys: KeyPair, order: str) -> None:
    signature = sign(model, keys)
    read = json.loads(signature.read_text())
    (good,) = read["dsseEnvelope"]["signatures"]
    bad = good | {"sig": base64.b64encode(b"x" * 70).decode()}
    several = {"trusted first": [good, bad], "trusted second": [bad, good], "none": []}
    read["dsseEnvelope"]["signatures"] = several[order]
    signature.write_text(json.dumps(read))
    outcome = await run(model, trust_keys=[keys.public])
    assert outcome["a.gguf"].status == ("ok" if order == "trusted first" else "malicious")


async def test_a_text_that_two_readers_read_differently_proves_nothing(model: Path, keys: KeyPair) -> None:
    signature = sign(model, keys)
    text = signature.read_text()
    payload = json.loads(text)["dsseEnvelope"]["payload"]
    statement = json.loads(base64.b64decode(payload))
    statement["predicate"]["resources"][1]["digest"] = sha256_files([model / "README.md"])[0].hex()
    other = base64.b64encode(json.dumps(statement).encode()).decode()
    assert text.count(payload) == 1
    signature.write_text(text.replace(f'"{payload}"', f'"{payload}", "payload": "{other}"'))
    outcome = await run(model, trust_keys=[keys.public])
    assert {result.signed_by for result in outcome.results} == {None}


@pytest.mark.parametrize("name", ["../a.gguf", "/etc/passwd", "sub/../../a", ""])
def test_names_that_lead_out_of_the_folder_are_refused(model: Path, keys: KeyPair, name: str) -> None:
    signature = sign(model, keys)

    def outside(statement: dict[str, Any]) -> None:
        statement["predicate"]["resources"][0]["name"] = name

    rewrite(signature, outside)
    with pytest.raises(bundle.NotASignature, match="leads out of the model's folder"):
        bundle.read(os.fsencode(signature))


def test_other_digests_than_sha256_of_files_are_named(model: Path, keys: KeyPair) -> None:
    signature = sign(model, keys)

    def shards(statement: dict[str, Any]) -> None:
        statement["predicate"]["serialization"]["method"] = "shards"

    rewrite(signature, shards)
    with pytest.raises(bundle.NotASignature, match="it signs sha256 of shards"):
        bundle.read(os.fsencode(signature))


def test_the_published_verifier_accepts_what_kandil_signs(model: Path, keys: KeyPair) -> None:
    from model_signing import verifying

    (model / ".gitattributes").write_text("* lfs")
    for root in (model, model / "a.gguf"):
        signature = sign(root, keys)
        config = verifying.Config().use_elliptic_key_verifier(public_key=keys.public)  # type: ignore[no-untyped-call]
        config.verify(root, signature)
        (model / "a.gguf.sig").unlink(missing_ok=True)


async def test_kandil_accepts_what_the_published_signer_signs(model: Path, keys: KeyPair) -> None:
    from model_signing import signing as published

    config = published.Config().use_elliptic_key_signer(private_key=keys.private)  # type: ignore[no-untyped-call]
    config.sign(model, model / "model.sig")
    outcome = await run(model, trust_keys=[keys.public])
    assert {result.signed_by for result in outcome.results} == {str(keys.public)}


def test_an_encrypted_key_needs_its_passphrase(model: Path, tmp_path: Path) -> None:
    keys = key_pair(tmp_path, "locked", b"open sesame")
    assert signing.is_encrypted(keys.private)
    for passphrase in (None, b"wrong"):
        with pytest.raises(SigningFailed, match=r"locked\.pem"):
            sign(model, keys, passphrase=passphrase)
    assert not (model / "model.sig").exists()
    assert sign(model, keys, passphrase=b"open sesame").exists()


def test_a_link_to_a_folder_is_not_signed(model: Path) -> None:
    (model / "link").symlink_to(model / "sub")
    with pytest.raises(SigningFailed, match="a link to a folder"):
        signing.plan(model)
