"""All sources at once: the same weights are one offer, the best is first, and who fails keeps nobody back."""

from __future__ import annotations

import pytest

from kandil import profiles
from kandil.config import Config
from kandil.discovery import Offer, search
from kandil.discovery.merging import merged, ranked
from kandil.errors import ConnectionRefused, OfferUnknown, ReferenceWrong, ReplyUnreadable, SourceRefused, SourceSlow
from kandil.hardware import detect
from kandil.resolver import Names
from tests.discovery.conftest import NOBODY, digest, lead
from tests.support.servers.flaky import Fault, network
from tests.support.servers.model_hub import ModelHub
from tests.support.servers.ollama_api import OllamaApi
from tests.support.servers.registry import Registry

REPO = "acme/Tiny-GGUF"


def references(offers: tuple[Offer, ...]) -> list[str]:
    return [one.reference for one in offers]


async def test_every_source_is_asked_and_says_what_it_has(
    settings: Config, hub: ModelHub, ollama_registry: Registry
) -> None:
    hub.publish("acme/GPT-4-GGUF", {"gpt-4-Q8_0.gguf": b"hub"})
    ollama_registry.push("library/gpt-4", "latest", {"model": b"registry"})
    found = await search("gpt-4", settings)
    assert not found.failures
    by_source = {one.source: one for one in reversed(found.offers)}
    assert by_source["ollama"].here
    assert by_source["ollama"].reference == "ollama:gpt-4"
    assert by_source["huggingface"].reference == "hf:acme/GPT-4-GGUF:Q8_0"
    assert by_source["ollama-registry"].reference == "ollama:gpt-4:latest"
    assert by_source["ollama-registry"].size_bytes == len(b"registry")


async def test_the_catalogue_answers_where_no_server_does() -> None:
    found = await search("qwen2.5-coder:7b", lead())
    assert found.offers[0].reference == "qwen2.5-coder:7b"
    assert {source for source, _ in found.failures} == {"ollama", "huggingface", "ollama-registry"}
    assert all(isinstance(error, ConnectionRefused) for _, error in found.failures)


async def test_the_same_weights_are_one_offer(settings: Config, hub: ModelHub, ollama_registry: Registry) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": b"same", "tiny-Q4_0.gguf": b"other"})
    ollama_registry.push("library/tiny", "latest", {"model": b"same"})
    found = await search("tiny", settings, sources=("huggingface", "ollama-registry"))
    (same,) = [one for one in found.offers if one.sha256 == digest(b"same")]
    assert (same.reference, same.also) == (f"hf:{REPO}:Q8_0", ("ollama:tiny:latest",))


def test_a_tag_that_is_here_is_the_registrys_of_the_same_manifest_and_no_other() -> None:
    known = next(one for one in map(profiles.find, ["qwen2.5-coder:7b"]) if one and one.weights)
    assert known.weights
    assert known.weights.manifest_sha256
    here = Offer(
        source="ollama",
        reference="ollama:x:1",
        name="x:1",
        host="here",
        here=True,
        revision=known.weights.manifest_sha256,
    )
    there = Offer(
        source="ollama-registry", reference="ollama:x:1", name="x:1", host="there", revision="0" * 64, sha256="1" * 64
    )
    catalogued, other = merged([here, there])
    assert (catalogued.profile_id, catalogued.sha256) == (known.id, known.weights.sha256)
    assert not other.here, "an older tag of the name is here: those are other weights"


async def test_what_fits_goes_before_what_is_trusted_and_that_before_what_many_took() -> None:
    def offer(name: str, size_bytes: int, **more: object) -> Offer:
        base = {"source": "huggingface", "reference": f"hf:{name}", "name": f"{name}/x", "host": "h"}
        return Offer(**base | {"size_bytes": size_bytes} | more)  # type: ignore[arg-type]

    offers = [
        offer("nobody/Tiny-1", 1000, downloads=1, publisher="nobody"),
        offer("nobody/Tiny-2", 1000, downloads=9000, publisher="nobody"),
        offer("bartowski/Tiny-3", 1000, downloads=0, publisher="bartowski"),
        offer("nobody/Tiny-4", 1000, downloads=0, publisher="nobody", verified=True),
        offer("nobody/Tiny-5", 10**15, downloads=10**9, publisher="nobody", verified=True),
    ]
    best = ranked(offers, "", await detect())
    assert [one.reference[-1] for one in best] == ["4", "3", "2", "1", "5"]
    assert [one.report.fits for one in best if one.report] == [True] * 4 + [False]


async def test_of_a_repository_the_usual_quantisation_is_recommended(settings: Config, hub: ModelHub) -> None:
    sizes = {"Q2_K": 10, "Q4_K_M": 20, "Q6_K": 30}
    hub.publish(REPO, {f"tiny-{name}.gguf": bytes(size) for name, size in sizes.items()})
    found = await search("tiny", settings, sources=("huggingface",), hardware=await detect())
    assert references(found.offers) == [f"hf:{REPO}:Q4_K_M"]
    every = await search(f"hf:{REPO}", settings)
    assert references(every.offers) == [f"hf:{REPO}:{name}" for name in sizes]
    (one,) = (await search(f"hf:{REPO}:q6_k", settings)).offers
    assert one.quantization == "Q6_K"


async def test_a_source_that_is_slow_is_named_and_the_rest_is_there(hub: ModelHub) -> None:
    hub.publish(REPO, {"tiny-Q8_0.gguf": b"model"})
    async with network(hub.url, *[Fault(ends_at=0, how="stall")] * 9) as slow:
        found = await search("tiny", lead(huggingface=hub.url, registry=slow.url), deadline_seconds=0.5)
    assert f"hf:{REPO}:Q8_0" in references(found.offers)
    failures = dict(found.failures)
    assert isinstance(failures["ollama-registry"], SourceSlow)
    assert isinstance(failures["ollama"], ConnectionRefused)
    assert "huggingface" not in failures


async def test_one_repository_that_fails_keeps_no_other_back(settings: Config, hub: ModelHub) -> None:
    hub.publish("acme/Tiny-good-GGUF", {"good-Q8_0.gguf": b"good"})
    hub.publish("acme/Tiny-bad-GGUF", {"bad-Q8_0.gguf": b"bad"})
    hub.tell("models/acme/Tiny-bad-GGUF", "<html>")
    found = await search("tiny", settings, sources=("huggingface",))
    by_reference = {one.reference: one for one in found.offers}
    assert by_reference["hf:acme/Tiny-good-GGUF:Q8_0"].size_bytes == len(b"good")
    assert "hf:acme/Tiny-bad-GGUF:Q8_0" in by_reference, "it was listed"
    ((source, error),) = found.failures
    assert source == "huggingface"
    assert isinstance(error, ReplyUnreadable)


async def test_a_repository_that_is_not_there_is_said(settings: Config) -> None:
    found = await search("hf:acme/nothing", settings)
    assert not found.offers
    ((source, error),) = found.failures
    assert source == "huggingface"
    assert isinstance(error, OfferUnknown)


async def test_only_the_sources_that_are_named_are_asked(hub: ModelHub, ollama_server: OllamaApi) -> None:
    found = await search("gpt", lead(ollama=ollama_server.url), sources=("ollama",))
    assert {one.source for one in found.offers} == {"ollama"}
    assert not found.failures
    assert not hub.under.asked()


async def test_a_server_that_errs_is_named_with_its_status(hub: ModelHub) -> None:
    found = await search("tiny", lead(huggingface=f"{hub.url}/nowhere"), sources=("huggingface",))
    ((_, error),) = found.failures
    assert isinstance(error, SourceRefused)
    assert error.status == 404


async def test_a_file_that_is_named_already_is_not_searched_for() -> None:
    with pytest.raises(ReferenceWrong):
        await search(f"{NOBODY}/model.gguf", lead())


async def test_other_names_of_the_catalogue_count(settings: Config) -> None:
    found = await search("gemma", settings, sources=("catalogue",))
    assert found.offers[0].profile_id == Names().search("gemma")[0].profile.id


async def test_of_what_the_catalogue_has_a_repository_adds_no_other_quantisation(hub: ModelHub) -> None:
    known = next(one for one in profiles.every() if one.source == "gguf" and one.weights and one.weights.sha256)
    assert known.weights
    assert known.weights.repo
    assert known.weights.quantization == "Q4_K_M"
    repo = known.weights.repo
    hub.publish(repo, {f"x-{name}.gguf": name.encode() for name in ("Q2_K", "Q4_K_M", "Q8_0")})
    told = hub.repositories[repo]
    told["siblings"][1]["lfs"]["sha256"] = known.weights.sha256
    hub.tell(f"models/{repo}", told)
    found = await search(known.id, lead(huggingface=hub.url), sources=("catalogue", "huggingface"))
    (one,) = [one for one in found.offers if one.sha256 == known.weights.sha256]
    assert (one.source, one.also) == ("catalogue", (f"hf:{repo}:Q4_K_M",))
    assert not [one for one in found.offers if one.source == "huggingface"]


async def test_an_ollama_that_calls_its_models_oddly(hub: ModelHub) -> None:
    hub.tell("tags", {"models": [{"name": "../x"}, {"name": "x:1\n"}, {"name": "x:2", "size": -5, "digest": "é"}]})
    found = await search("x", lead(ollama=hub.url), sources=("ollama",))
    assert [(one.reference, one.size_bytes) for one in found.offers] == [("ollama:x:2", None)]


async def test_no_other_registry_is_asked_than_the_configured_one(ollama_registry: Registry) -> None:
    ollama_registry.push("library/tiny", "latest", {"model": b"weights"})
    host = ollama_registry.url.removeprefix("http://")
    assert not (await search(f"{host}/library/tiny", lead(), sources=("ollama-registry",))).offers
    assert (await search(f"ollama:{host}/library/tiny", lead())).offers
