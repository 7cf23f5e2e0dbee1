"""What a reference names exactly: addresses, sizes and digests, from a hub, a registry, a URL, or the catalogue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest

from kandil import profiles
from kandil.config import Config
from kandil.credentials import Keys
from kandil.discovery import Hub, Tag, Url, files_of, newest
from kandil.errors import OfferUnknown, OfferUnsafe, ReferenceWrong, ReplyUnreadable, SourceRefused
from kandil.profiles import Profile, Weights
from kandil.secret import Secret
from tests.discovery.conftest import digest, lead
from tests.support import secret_service
from tests.support.servers.hub import TOKEN
from tests.support.servers.model_hub import ModelHub
from tests.support.servers.registry import MANIFEST, Registry

REPO = "acme/Tiny-GGUF"
VISION = {
    "tiny-Q4_K_M.gguf": b"four",
    "tiny-Q8_0.gguf": b"eight bits",
    "mmproj-F32.gguf": b"thirty-two",
    "mmproj-F16.gguf": b"sixteen",
    "imatrix.gguf": b"no model",
    "README.md": b"hi",
}


@pytest.mark.parametrize(
    ("reference", "file"),
    [
        (f"hf:{REPO}", "tiny-Q4_K_M.gguf"),
        (f"hf:{REPO}:Q8_0", "tiny-Q8_0.gguf"),
        (f"hf:{REPO}:q8_0", "tiny-Q8_0.gguf"),
        (f"hf:{REPO}/tiny-Q8_0.gguf", "tiny-Q8_0.gguf"),
        (f"hf.co/{REPO}:Q8_0", "tiny-Q8_0.gguf"),
        (f"https://huggingface.co/{REPO}/blob/main/tiny-Q8_0.gguf?download=true", "tiny-Q8_0.gguf"),
    ],
)
async def test_a_file_of_a_repository(settings: Config, hub: ModelHub, reference: str, file: str) -> None:
    revision = hub.publish(REPO, VISION)
    offer = await files_of(reference, settings)
    (remote,) = offer.weights
    assert (remote.name, remote.size_bytes, remote.sha256) == (file, len(VISION[file]), digest(VISION[file]))
    assert remote.url == f"{hub.url}/{REPO}/resolve/{revision}/{file}"
    assert (remote.revision, remote.digest_source) == (revision, hub.url.removeprefix("http://"))
    ((role, projector),) = offer.others
    assert (role, projector.sha256) == ("projector", digest(b"sixteen"))
    assert (offer.license, offer.publisher, offer.updated) == ("apache-2.0", "acme", "2026-11-01T00:00:00.000Z")
    assert httpx2.get(remote.url, follow_redirects=True, trust_env=False).content == VISION[file]


async def test_a_revision_is_what_it_was(settings: Config, hub: ModelHub) -> None:
    first = hub.publish(REPO, {"tiny-Q8_0.gguf": b"first"})
    second = hub.publish(REPO, {"tiny-Q8_0.gguf": b"second"})
    assert (await files_of(f"hf:{REPO}@{first}:Q8_0", settings)).sha256 == digest(b"first")
    latest = await files_of(f"hf:{REPO}:Q8_0", settings)
    assert (latest.revision, latest.sha256) == (second, digest(b"second"))
    with pytest.raises(OfferUnknown):
        await files_of(f"hf:{REPO}@{'0' * 40}:Q8_0", settings)


async def test_parts_are_one_offer_in_their_order(settings: Config, hub: ModelHub) -> None:
    parts = [f"Q8_0/tiny-Q8_0-{at:05}-of-00003.gguf" for at in (1, 2, 3)]
    lacking = "Q4_0/tiny-Q4_0-00002-of-00002.gguf"
    hub.publish(REPO, {name: name.encode() for name in [*reversed(parts), lacking]})
    for reference in (f"hf:{REPO}:Q8_0", f"hf:{REPO}/{parts[0]}"):
        offer = await files_of(reference, settings)
        assert [one.name for one in offer.weights] == parts
        assert offer.size_bytes == sum(map(len, parts))
        assert offer.sha256 is None
    with pytest.raises(OfferUnknown) as raised:
        await files_of(f"hf:{REPO}:Q4_0", settings)
    assert raised.value.candidates == (f"hf:{REPO}:Q8_0",)


async def test_a_wrong_quantisation_is_told_the_right_ones(settings: Config, hub: ModelHub) -> None:
    hub.publish(REPO, {f"tiny-{name}.gguf": name.encode() for name in ("Q2_K", "Q4_K_M", "Q8_0")})
    with pytest.raises(OfferUnknown) as raised:
        await files_of(f"hf:{REPO}:Q4_K_S", settings)
    assert raised.value.exit_code == 3
    assert raised.value.candidates[0] == f"hf:{REPO}:Q4_K_M"
    assert len(raised.value.candidates) == 3


async def test_two_models_of_one_quantisation_are_told_apart_by_their_files(settings: Config, hub: ModelHub) -> None:
    hub.publish(REPO, {"base-Q8_0.gguf": b"a", "chat-Q8_0.gguf": b"b"})
    with pytest.raises(OfferUnknown) as raised:
        await files_of(f"hf:{REPO}:Q8_0", settings)
    assert raised.value.candidates == (f"hf:{REPO}/base-Q8_0.gguf", f"hf:{REPO}/chat-Q8_0.gguf")


@pytest.mark.parametrize("repo", [REPO, "paged/Tiny-GGUF"])
async def test_digests_are_in_the_tree_where_the_repository_does_not_give_them(
    settings: Config, hub: ModelHub, repo: str
) -> None:
    revision = hub.publish(repo, VISION)
    told = hub.repositories[repo]
    tree = [{"type": "directory", "path": "folder", "oid": "x", "size": 0}] + [
        {"type": "file", "path": one["rfilename"], "size": one["size"], "lfs": {"oid": one["lfs"]["sha256"]}}
        for one in told["siblings"]
    ]
    for name in (repo, f"{repo}/revision/{revision}"):
        hub.tell(f"models/{name}", told | {"siblings": [{"rfilename": name} for name in VISION]})
    hub.tell(f"models/{repo}/tree/{revision}", tree[:3] if repo.startswith("paged") else tree)
    hub.tell(f"models/{repo}/tree/{revision}/2", tree[3:])
    for name, content in [("tiny-Q4_K_M.gguf", b"four"), ("tiny-Q8_0.gguf", b"eight bits")]:
        offer = await files_of(f"hf:{repo}/{name}", settings)
        assert (offer.sha256, offer.size_bytes) == (digest(content), len(content))
        assert offer.others


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with secret_service.secret_service() as bus:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus)
        yield


async def test_a_key_goes_where_nothing_is_said_without_one(settings: Config, hub: ModelHub, keyring: None) -> None:
    hub.publish("closed/Tiny-GGUF", VISION)
    hub.publish(REPO, VISION)
    keys = Keys()
    with pytest.raises(OfferUnknown, match="auth set huggingface"):
        await files_of("hf:closed/Tiny-GGUF", settings, keys=keys)
    keys = Keys()
    await keys.set("huggingface", Secret(TOKEN))
    offer = await files_of("hf:closed/Tiny-GGUF", settings, keys=keys)
    assert offer.weights[0].key_name == "huggingface"
    hub.under.forget()
    await files_of(f"hf:{REPO}", settings, keys=keys)
    assert [one.authorization for one in hub.under.asked()] == [""]
    assert not offer.files[0].url.count(TOKEN)


async def test_what_was_said_for_a_key_is_not_kept(settings: Config, hub: ModelHub, keyring: None) -> None:
    hub.publish("closed/Tiny-GGUF", VISION)
    keys = Keys()
    await keys.set("huggingface", Secret(TOKEN))
    await files_of("hf:closed/Tiny-GGUF", settings, keys=keys)
    with pytest.raises(OfferUnknown):
        await files_of("hf:closed/Tiny-GGUF", settings)


async def test_the_layers_of_a_tag(settings: Config, ollama_registry: Registry) -> None:
    layers = {
        "model": b"weights",
        "template": b"{{ .Prompt }}",
        "license": b"MIT",
        "params": b"{}",
        "projector": b"eyes",
    }
    manifest = ollama_registry.push("library/tiny", "1b", layers)
    offer = await files_of("ollama:tiny:1b", settings)
    (weights,) = offer.weights
    assert (weights.sha256, weights.size_bytes, weights.name) == (digest(b"weights"), len(b"weights"), "model.gguf")
    assert {role: remote.sha256 for role, remote in offer.others} == {
        role: digest(content) for role, content in layers.items() if role != "model"
    }
    assert (offer.revision, offer.quantization, offer.publisher) == (manifest, "Q8_0", None)
    for remote in offer.files:
        content = httpx2.get(remote.url, trust_env=False).content
        assert hashlib.sha256(content).hexdigest() == remote.sha256


async def test_a_tag_of_somebody_elses_registry(ollama_registry: Registry) -> None:
    ollama_registry.push("acme/tiny", "latest", {"model": b"weights"})
    host = ollama_registry.url.removeprefix("http://")
    offer = await files_of(f"ollama:{host}/acme/tiny", lead())
    assert (offer.reference, offer.host, offer.publisher) == (f"ollama:{host}/acme/tiny:latest", host, "acme")


async def test_a_tag_that_is_not_there(settings: Config, ollama_registry: Registry) -> None:
    ollama_registry.push("library/tiny", "latest", {"model": b"weights"})
    for reference in ("ollama:tiny:2b", "ollama:nothing", "ollama:acme/nothing:x"):
        with pytest.raises(OfferUnknown):
            await files_of(reference, settings)


async def test_a_tag_without_weights_runs_elsewhere(settings: Config, ollama_registry: Registry) -> None:
    ollama_registry.push("library/cloud", "latest", {"params": b"{}"})
    with pytest.raises(OfferUnknown, match="no model in it"):
        await files_of("ollama:cloud", settings)


def manifest(hub: ModelHub, told: object) -> Config:
    """A registry that gives this as a manifest, whatever it is."""
    path = hub.under.root / "files" / "v2" / "library" / "tiny" / "manifests" / "latest"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(told))
    return lead(registry=f"{hub.url}/direct")


def layer(kind: str = "model", **more: object) -> dict[str, object]:
    base = {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{'0' * 64}", "size": 1}
    return base | more


@pytest.mark.parametrize(
    "layers",
    [
        [layer(digest="sha256:../../x")],
        [layer(digest="sha512:" + "0" * 128)],
        [layer(size=-1)],
        [layer(size=10**30)],
        [layer(), layer("license", size=10**12)],
        [layer()] + [layer("license")] * 100,
    ],
)
async def test_a_manifest_that_no_honest_registry_has(hub: ModelHub, layers: list[object]) -> None:
    with pytest.raises(OfferUnsafe):
        await files_of("ollama:tiny", manifest(hub, {"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers}))


@pytest.mark.parametrize(
    "told", [{}, {"layers": None}, [], {"layers": [{"mediaType": 1}]}, {"layers": [layer(size="1")]}]
)
async def test_a_manifest_that_is_none(hub: ModelHub, told: object) -> None:
    with pytest.raises(ReplyUnreadable):
        await files_of("ollama:tiny", manifest(hub, told))


@pytest.mark.parametrize(
    "name",
    ["../tiny.gguf", "/etc/tiny.gguf", "a/../../tiny.gguf", "a//b.gguf", "tiny\n.gguf", "\u202efugg.gguf", "~/x.gguf",
     ".kandil/x.gguf", "a\\b.gguf", "C:x.gguf", "x" * 300 + ".gguf", "/".join("abcdefghij") + ".gguf"],
)  # fmt: skip
async def test_a_name_that_leads_elsewhere_is_no_file(settings: Config, hub: ModelHub, name: str) -> None:
    hub.publish(REPO, {"tiny.gguf": b"model"})
    told = hub.repositories[REPO]
    hub.tell(f"models/{REPO}", told | {"siblings": [told["siblings"][0] | {"rfilename": name}]})
    with pytest.raises(OfferUnsafe):
        await files_of(f"hf:{REPO}", settings)


@pytest.mark.parametrize("size", [-1, 10**20])
async def test_a_size_that_no_file_has(settings: Config, hub: ModelHub, size: int) -> None:
    hub.publish(REPO, {"tiny.gguf": b"model"})
    told = hub.repositories[REPO]
    sibling = told["siblings"][0]
    hub.tell(f"models/{REPO}", told | {"siblings": [sibling | {"lfs": sibling["lfs"] | {"size": size}}]})
    with pytest.raises(OfferUnsafe):
        await files_of(f"hf:{REPO}", settings)


@pytest.mark.parametrize(
    "said", ["", "<html>", "[" * 500_000, "[]", '{"siblings": 7}', '{"siblings": [{"lfs": []}]}', "1e999"]
)
async def test_an_answer_that_is_none(settings: Config, hub: ModelHub, said: str) -> None:
    hub.tell(f"models/{REPO}", said)
    with pytest.raises((ReplyUnreadable, OfferUnknown)):
        await files_of(f"hf:{REPO}", settings)


async def test_a_commit_that_is_none_is_not_asked_for(settings: Config, hub: ModelHub) -> None:
    hub.publish(REPO, {"tiny.gguf": b"model"})
    hub.tell(f"models/{REPO}", hub.repositories[REPO] | {"sha": "../../../x"})
    offer = await files_of(f"hf:{REPO}", settings)
    assert offer.weights[0].url == f"{hub.url}/{REPO}/resolve/main/tiny.gguf"


async def test_another_commit_than_was_asked_for(settings: Config, hub: ModelHub) -> None:
    revision = hub.publish(REPO, {"tiny.gguf": b"model"})
    hub.tell(f"models/{REPO}/revision/{revision}", hub.repositories[REPO] | {"sha": "0" * 40})
    with pytest.raises(OfferUnsafe):
        await files_of(f"hf:{REPO}@{revision}", settings)


async def test_what_a_registry_says_of_a_model_is_what_its_manifest_means(
    settings: Config, ollama_registry: Registry
) -> None:
    ollama_registry.push("library/tiny", "latest", {"model": b"weights"}, file_type="Q4_0")
    config = json.dumps({"model_format": "gguf", "model_family": "llama", "file_type": "Q4_0"}).encode()
    ollama_registry.corrupt(config)
    offer = await files_of("ollama:tiny", settings)
    assert offer.quantization is None
    assert offer.sha256 == digest(b"weights")


async def test_a_url_names_a_file_and_all_its_parts() -> None:
    offer = await files_of("https://example.org/a%20b/tiny%20Q8_0.gguf?x=1", lead(), sha256="A" * 64)
    (remote,) = offer.weights
    assert (remote.url, remote.name) == ("https://example.org/a%20b/tiny%20Q8_0.gguf?x=1", "tiny Q8_0.gguf")
    assert (remote.sha256, remote.digest_source, remote.key_name) == ("a" * 64, "--sha256", None)
    offer = await files_of("https://example.org/t-00001-of-00003.gguf", lead())
    assert [one.url[-21:] for one in offer.weights] == [f"t-0000{at}-of-00003.gguf" for at in (1, 2, 3)]


async def test_a_file_that_the_catalogue_knows_is_known_wherever_it_is() -> None:
    known = next(one for one in profiles.every() if one.weights and one.weights.sha256 and one.source == "gguf")
    assert known.weights
    offer = await files_of("https://example.org/renamed.gguf", lead(), sha256=known.weights.sha256)
    assert offer.profile_id is not None
    found = profiles.find(offer.profile_id)
    assert found
    assert found.weights
    assert found.weights.sha256 == known.weights.sha256


@pytest.mark.parametrize(
    ("reference", "sha256", "error"),
    [
        ("https://example.org/readme.md", None, OfferUnknown),
        ("https://example.org/..%2Fx.gguf", None, OfferUnknown),
        ("https://example.org/t-00009-of-00003.gguf", None, OfferUnknown),
        ("https://example.org/t-00001-of-99999.gguf", None, OfferUnknown),
        ("https://example.org/t-00001-of-00002.gguf", "0" * 64, ReferenceWrong),
        ("https://example.org/t.gguf", "0" * 63, ReferenceWrong),
        ("hf:acme", None, ReferenceWrong),
        ("hf:../../x", None, ReferenceWrong),
        ("ollama:a/b/c/d/e", None, ReferenceWrong),
        ("qwen", None, OfferUnknown),
    ],
)
async def test_what_names_no_file(reference: str, sha256: str | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        await files_of(reference, lead(), sha256=sha256)


async def test_a_digest_that_its_source_does_not_give(settings: Config, hub: ModelHub) -> None:
    hub.publish(REPO, VISION)
    assert (await files_of(f"hf:{REPO}:Q8_0", settings, sha256=digest(b"eight bits"))).weights[
        0
    ].digest_source == "--sha256"
    with pytest.raises(OfferUnsafe):
        await files_of(f"hf:{REPO}:Q8_0", settings, sha256="0" * 64)


def catalogued(revision: str | None, sha256: str | None) -> Profile:
    known = next(one for one in profiles.every() if one.source == "gguf" and one.weights and one.weights.sha256)
    weights = Weights(repo=REPO, files=("tiny-Q8_0.gguf",), revision=revision, sha256=sha256, size_bytes=5)
    return replace(known, weights=weights)


async def test_a_profile_is_what_the_catalogue_has_pinned_or_the_newest(settings: Config, hub: ModelHub) -> None:
    revision = hub.publish(REPO, {"tiny-Q8_0.gguf": b"first"})
    hub.publish(REPO, {"tiny-Q8_0.gguf": b"second"})
    profile = catalogued(revision, digest(b"first"))
    pinned = await files_of(profile, settings)
    assert (pinned.revision, pinned.sha256, pinned.profile_id) == (revision, digest(b"first"), profile.id)
    assert (await files_of(profile, settings, newest=True)).sha256 == digest(b"second")
    with pytest.raises(OfferUnsafe):
        await files_of(catalogued(revision, "0" * 64), settings)


async def test_the_catalogues_digest_holds_where_the_source_gives_none(settings: Config, hub: ModelHub) -> None:
    revision = hub.publish(REPO, {"tiny-Q8_0.gguf": b"first"})
    told = hub.repositories[REPO]
    plain = [{key: one[key] for key in ("rfilename", "size")} for one in told["siblings"]]
    hub.tell(f"models/{REPO}/revision/{revision}", told | {"siblings": plain})
    hub.tell(f"models/{REPO}/tree/{revision}", [{"type": "file", "path": "tiny-Q8_0.gguf", "size": 5}])
    (remote,) = (await files_of(catalogued(revision, "1" * 64), settings)).weights
    assert (remote.sha256, remote.digest_source) == ("1" * 64, "kandil's catalogue")


async def test_a_profile_of_ollamas_is_its_tag(settings: Config, ollama_registry: Registry) -> None:
    profile = profiles.find("qwen2.5-coder:7b")
    assert profile
    ollama_registry.push("library/qwen2.5-coder", "7b", {"model": b"weights"})
    offer = await files_of(profile, settings)
    assert offer.profile_id == profile.id
    assert not offer.verified, "these are not the weights that the catalogue knows"


async def test_a_profile_without_files_is_nobodys() -> None:
    profile = next(one for one in profiles.every() if one.weights is None)
    with pytest.raises(OfferUnknown):
        await files_of(profile, lead())


async def test_a_source_that_wants_to_be_left_alone_says_so(hub: ModelHub) -> None:
    (hub.under.folder / "api" / "models" / "acme").mkdir(parents=True)
    for name in ("one", "two", "three"):
        (hub.under.folder / "api" / "models" / "acme" / name).write_text("{}")
    settings = lead(huggingface=f"{hub.url}/busy")
    errors = []
    for name in ("one", "two", "three"):
        with pytest.raises((SourceRefused, OfferUnknown)) as raised:
            await files_of(f"hf:acme/{name}", settings)
        errors.append(raised.value)
    refused = [error for error in errors if isinstance(error, SourceRefused)]
    assert refused
    assert {error.status for error in refused} == {429}


def test_the_newest_of_a_reference_has_no_revision() -> None:
    assert newest("hf:a/b@abc:Q8_0") == Hub(repo="a/b", quantization="Q8_0")
    assert newest("ollama:a/b:c") == Tag(namespace="a", model="b", tag="c")
    assert newest("https://example.org/x.gguf") == Url(url="https://example.org/x.gguf")
    with pytest.raises(ValueError, match="names no model"):
        newest("qwen")
