"""Files that a real llama.cpp loads in the sandbox, or does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from kandil.errors import ExtraMissing, FileUnreadable, RuntimeNotFound, SandboxUnavailable
from kandil.sandbox import LoadReport, load_test, trial
from kandil.sandbox.layers import REQUIRED
from tests.support import loadable
from tests.support.gguf_files import SOUND, shard
from tests.support.gguf_hostile import HOSTILE
from tests.support.runtimes import xllamacpp

Builder = Callable[[], bytes]
CRASHES = {"KG-LOAD-CRASH", "KG-LOAD-GARBAGE", "KG-LOAD-TIMEOUT"}


@pytest.fixture
def runtime() -> Path:
    return xllamacpp()


def results(report: LoadReport) -> dict[str, str]:
    return {level.name: level.result for level in report.levels}


def ids(report: LoadReport) -> list[str]:
    return [finding.id for finding in report.findings]


async def load(tmp_path: Path, made: bytes, **options: object) -> LoadReport:
    path = tmp_path / "m.gguf"
    path.write_bytes(made)
    return await load_test(path, **options)  # type: ignore[arg-type]


async def test_a_model_is_loaded_and_decodes(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.model())
    assert (report.status, report.reason, report.findings) == ("passed", None, ())
    assert results(report) == {"header": "passed", "model": "passed"}
    assert report.levels[0].reason == "14 keys and 12 tensors, as kandil's scan sees them"
    assert report.levels[1].reason == "loaded, 3 tokens decoded"
    assert {name: state for name, state in report.layers.items() if name in REQUIRED} == dict.fromkeys(
        REQUIRED, "active"
    )
    assert report.runtime is not None
    assert report.runtime.path == str(runtime)
    assert set(report.versions) == {"ggml", "llama"}
    assert report.last_step == "model: decode 2"


async def test_a_vocabulary_is_loaded_without_weights(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.vocabulary())
    assert results(report) == {"header": "passed", "model": "passed"}
    assert report.levels[1].reason == "a vocabulary of 260 tokens, without weights"


async def test_level_1_reads_the_header_alone(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.no_layers(), level=1)
    assert (report.status, results(report)) == ("passed", {"header": "passed"})


async def test_numbers_that_are_none(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.nan())
    assert (report.status, ids(report), report.blocks) == ("failed", ["KG-LOAD-NAN"], True)
    assert report.reason == "260 of 260 logits are NaN or infinite"


async def test_a_model_that_says_nothing_passes_with_a_note(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.model(output=0.0))
    assert (report.status, ids(report), report.blocks) == ("passed", ["KG-LOAD-CONSTANT"], False)


async def test_a_model_for_embeddings_gives_no_token(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.embedding())
    assert (report.status, report.findings) == ("passed", ())
    assert report.levels[1].reason == "loaded and computed; this architecture gives no next token"


async def test_an_aborting_loader_is_a_finding_with_its_last_words(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.no_layers())
    assert (report.status, ids(report), report.blocks) == ("failed", ["KG-LOAD-CRASH"], True)
    assert results(report) == {"header": "passed", "model": "failed"}
    assert report.reason is not None
    assert "SIGABRT" in report.reason
    assert "GGML_ASSERT" in report.reason
    assert report.last_step is not None
    assert report.last_step.startswith("model: load: ")


async def test_a_string_that_c_programs_see_shorter(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.nul_in_a_string())
    assert (ids(report), report.blocks) == (["KG-LOAD-DIFFERS"], True)
    assert results(report) == {"header": "failed"}
    message = "the value of 'general.name': the loader sees 'innocent', kandil's scan 'innocent\\x00not'"
    assert report.findings[0].message == message


@pytest.mark.parametrize("build", [loadable.cut_in_its_weights, loadable.layer_missing])
async def test_what_the_loader_refuses_is_reported_with_its_reason(
    tmp_path: Path, runtime: Path, build: Builder
) -> None:
    report = await load(tmp_path, build())
    assert (report.status, ids(report), report.blocks) == ("failed", ["KG-LOAD-REFUSED"], False)
    assert results(report) == {"header": "passed", "model": "failed"}
    assert report.reason is not None
    assert "error loading model" in report.reason


async def test_a_header_that_both_refuse(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.model()[:3000])
    assert (report.status, ids(report), results(report)) == ("failed", ["KG-LOAD-REFUSED"], {"header": "failed"})


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (loadable.unknown_architecture, "this loader does not know such files: "),
        (loadable.projector, "a projector: it is loaded together with a model"),
        (lambda: shard(0, 3), "a shard of a model: "),
    ],
)
async def test_what_cannot_be_loaded_alone_or_by_this_loader_is_no_fault(
    tmp_path: Path, runtime: Path, build: Builder, why: str
) -> None:
    report = await load(tmp_path, build())
    assert (report.status, report.findings) == ("passed", ())
    assert results(report) == {"header": "passed", "model": "not-possible"}
    assert (report.levels[1].reason or "").startswith(why)


async def test_what_does_not_fit_is_not_tried(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.model(), memory_bytes=256 << 20)
    assert results(report) == {"header": "passed", "model": "not-possible"}
    assert report.levels[1].reason == "it needs about 512 MiB, and 256 MiB were given (--memory)"


async def test_a_loader_that_is_not_ready_in_time_says_nothing_of_the_file(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.model(), timeout_seconds=0.001, runtime=runtime)
    assert (report.status, report.levels, report.findings, report.runtime) == ("not-tested", (), (), None)
    assert report.refused_runtimes == {str(runtime): "it was not ready after 0.0 s"}


async def test_a_third_opinion(tmp_path: Path, runtime: Path) -> None:
    report = await load(tmp_path, loadable.model(), cross_check=True)
    assert results(report) == {"header": "passed", "model": "passed", "reference": "passed"}


async def test_a_third_opinion_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "find_spec", lambda _name: None)
    with pytest.raises(ExtraMissing, match="packages"):
        await load(tmp_path, loadable.model(), cross_check=True)


async def test_a_third_opinion_that_cannot_be_had_is_told(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kandil.sandbox.supervisor.folders", lambda: ())
    monkeypatch.setattr(trial, "find", lambda _named: ([], []))
    report = await load(tmp_path, loadable.model(), cross_check=True)
    assert results(report) == {"reference": "not-possible"}
    assert (report.status, report.reason) == ("not-tested", "ModuleNotFoundError: No module named 'kandil'")


async def test_without_python_there_is_no_sandbox(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(SandboxUnavailable, match="no process can be started: No such file or directory"):
        await load(tmp_path, loadable.model())


async def test_no_loader_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "find", lambda _named: ([], []))
    report = await load(tmp_path, loadable.model())
    assert (report.status, report.levels, report.runtime) == ("not-tested", (), None)
    assert report.hint == "pip install 'kandil[local]' brings a llama.cpp"


async def test_a_library_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "libllama.so").write_bytes(b"\x7fELF and nothing more")
    report = await load(tmp_path, loadable.model(), runtime=tmp_path)
    assert report.status == "not-tested"
    assert list(report.refused_runtimes) == [str(tmp_path / "libllama.so")]
    with pytest.raises(RuntimeNotFound, match="no library"):
        await load(tmp_path, loadable.model(), runtime=tmp_path.parent)


async def test_a_library_of_something_else_reads_nothing(tmp_path: Path) -> None:
    import _cffi_backend

    report = await load(tmp_path, loadable.model(), runtime=_cffi_backend.__file__)
    assert (report.status, report.levels) == ("not-tested", ())
    assert list(report.refused_runtimes.values()) == ["this library has none of gguf's functions"]


async def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable):
        await load_test(tmp_path / "none.gguf")


async def every(tmp_path: Path, builders: dict[str, Builder]) -> dict[str, LoadReport]:
    """The report of each, two at a time."""
    reports: dict[str, LoadReport] = {}
    limiter = trio.CapacityLimiter(2)

    async def one(name: str, build: Builder) -> None:
        async with limiter:
            (tmp_path / name).write_bytes(build())
            reports[name] = await load_test(tmp_path / name)

    async with trio.open_nursery() as nursery:
        for name, build in builders.items():
            nursery.start_soon(one, name, build)
    return reports


async def test_parsers_agree_on_sound_files(tmp_path: Path, runtime: Path) -> None:
    reports = await every(tmp_path, SOUND)
    assert {name: report.findings for name, report in reports.items() if report.blocks} == {}
    read = {name for name, report in reports.items() if results(report).get("header") == "passed"}
    assert read >= SOUND.keys() - {"big_endian"}


async def test_hostile_files_end_in_a_report(tmp_path: Path, runtime: Path) -> None:
    reports = await every(tmp_path, {name: build for name, (build, _) in HOSTILE.items()})
    assert {report.status for report in reports.values()} <= {"passed", "failed", "not-tested"}
    assert all(dataclasses.asdict(report)["layers"]["seccomp"] == "active" for report in reports.values())
    assert not {name for name, report in reports.items() if CRASHES & set(ids(report))}
