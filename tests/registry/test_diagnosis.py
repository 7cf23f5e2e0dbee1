"""All checks at once: none changes anything, none waits for another, none fails another."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio.testing

from kandil import paths, registry
from kandil.registry import Record
from kandil.registry.diagnosis import SECTIONS, Surroundings, asking, diagnose, disk
from kandil.verify import verify
from tests.support import recorded, stores
from tests.support.diagnosed import checks, leave, machine, sole

KEY = "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0" * 2
SHAPELESS = "deadbeef" * 5 + "feed"
"""A key that no shape tells from a digest."""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    leave(monkeypatch, home)


def test_ids_are_each_of_one_check() -> None:
    ids = [probe.id for probes in SECTIONS.values() for probe in probes]
    assert len(ids) == len(set(ids))
    assert all(probe.what and probe.name for probes in SECTIONS.values() for probe in probes)


async def test_checks_come_in_the_order_of_sections_and_each_at_least_once() -> None:
    came = await diagnose()
    offline = [probe.id for name, probes in SECTIONS.items() if name != "network" for probe in probes]
    assert list(dict.fromkeys(one.id for one in came)) == offline
    assert {one.section for one in await diagnose(["disk", "run"])} == {"run", "disk"}


async def test_an_unknown_section_is_refused() -> None:
    with pytest.raises(KeyError, match="attic"):
        await diagnose(["attic"])


async def test_the_network_is_left_alone_unless_it_is_to_be_checked() -> None:
    found = await checks("network")
    assert len(found) == len(SECTIONS["network"])
    assert {(one.state, one.mend) for [one] in found.values()} == {("unknown", "kandil doctor network --check")}


def grown(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file and folder below, with its times and its content."""
    found = {}
    for folder, _, files in os.walk(root):
        for path in [Path(folder), *(Path(folder, name) for name in files)]:
            status = path.lstat()
            found[str(path)] = status.st_mtime_ns, status.st_ctime_ns, path.read_bytes() if path.is_file() else b""
    return found


async def test_nothing_is_written(home: Path) -> None:
    model = stores.put(paths.models_dir() / "a.gguf", stores.gguf())
    async for _ in verify([model]):
        pass
    registry.add(Record(name="a", files=(str(model),), size_bytes=model.stat().st_size))
    stores.put(paths.config_file(), b"version = 2\n[aliases]\na = 'nobody'\n")
    before = grown(home)
    found = await checks()
    assert found["KD-LIB-002"][0].found.endswith("is sound")
    assert grown(home) == before


async def test_no_key_is_shown(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a part of it, in whatever writing."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("OPENAI_API_KEY", KEY), ("HF_TOKEN", SHAPELESS), ("KANDIL_DEFAULTS_MODEL", KEY)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KANDIL_CACHE_TTL_SECONDS", SHAPELESS)
    monkeypatch.setenv("KANDIL_SHA256", SHAPELESS)
    config = f'version = 2\n[api.openai]\nprotocol = "{SHAPELESS}"\napi_key = "{KEY}"\n'
    stores.put(paths.config_file(), config.encode())
    stores.put(tmp_path / ".kandil.toml", f'[models.gpt]\nsystem = "{KEY}"\n'.encode())
    profile = {"base_url": f"https://user:{SHAPELESS}@example.org/?key={KEY}"}
    odd: list[dict[str, object]] = [{"sha256": KEY}, {"files": [SHAPELESS, 1]}, {"profile": profile}]
    for number, fields in enumerate(odd):
        record = {"schema_version": 2, "name": f"r{number}"} | fields
        stores.put(paths.models_dir() / f"r{number}.metadata.json", json.dumps(record).encode())
    registry.add(Record(name="gone", files=(f"/nowhere/{KEY}",)))
    found = await checks(check=True)
    assert found["KD-REC-002"][0].state == "fail"
    assert {found[one][0].state for one in ("KD-KEY-002", "KD-KEY-003", "KD-KEY-004", "KD-REC-001")} == {"fail"}
    assert [one.state for one in found["KD-KEY-001"]] == ["warn", "warn"]
    said = json.dumps([[one.found, one.mend] for several in found.values() for one in several])
    for secret in (KEY, SHAPELESS):
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
        for form in (secret[:12], secret[-12:], encoded[:12], secret[8:20], secret.encode().hex()[:16]):
            assert form not in said


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The driver and the table of mounts do not answer until the test is over."""
    over = threading.Event()
    monkeypatch.setattr("kandil.hardware.nvidia.read", lambda _: over.wait())
    monkeypatch.setattr(disk, "_mounted", lambda *_: over.wait())
    yield
    over.set()


async def test_simulated_hanging_sources_are_unknown_and_hold_up_nothing(
    hanging: None, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.5  # the others are real threads
    started = trio.current_time()
    found = await checks(around=machine(tmp_path, recorded.laptop()))
    assert trio.current_time() - started == pytest.approx(asking.DEADLINE_SECONDS)
    [mounts], [nvidia] = found["KD-DSK-004"], found["KD-GPU-002"]
    assert (mounts.state, mounts.found) == ("unknown", "no answer within 2.4 s")
    assert (nvidia.state, nvidia.found) == ("warn", "no answer within 2.2 s")
    assert "unknown" not in [one.state for one in (*found["KD-HW-001"], *found["KD-DSK-001"])]


async def test_a_pipe_that_nobody_writes_to_is_not_waited_for() -> None:
    file = paths.config_file()
    paths.make_private(file.parent)
    os.mkfifo(file)
    found = await checks("config", "keys")
    assert [(one.state, one.found) for one in found["KD-CFG-001"]] == [
        ("fail", f"{file}: cannot be read: it is a pipe")
    ]
    assert [one.state for one in (*found["KD-CFG-004"], *found["KD-KEY-001"])] == ["ok", "ok"]


async def test_a_simulated_fault_of_one_check_is_not_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError(KEY)

    monkeypatch.setattr(disk, "_existing", fail)
    found = await checks("disk")
    assert (found["KD-DSK-002"][0].state, found["KD-DSK-003"][0].state) == ("unknown", "ok")
    assert found["KD-DSK-002"][0].found == "this check has failed: ZeroDivisionError"


async def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    one = await sole("KD-DSK-004", "disk", around=machine(tmp_path, {"proc/nothing": ""}))
    assert one.state == "unknown"
    assert one.found == f"No such file or directory: {tmp_path / 'proc/self/mountinfo'}"


async def test_settings_that_cannot_be_used_leave_what_needs_them_unknown() -> None:
    stores.put(paths.config_file(), b"[defaults\n")
    found = await checks("config", "network", check=True)
    assert found["KD-CFG-001"][0].state == "fail"
    for one in ("KD-CFG-006", "KD-CFG-007", "KD-NET-001", "KD-NET-003"):
        assert [(each.state, each.found) for each in found[one]] == [("unknown", "cannot be checked (config-invalid)")]


async def test_another_system_has_its_own_answers() -> None:
    found = await checks("sandbox", "disk", "gpu", around=Surroundings(system="freebsd"))
    assert found["KD-SBX-001"][0].state == "fail"
    assert found["KD-DSK-004"][0].state == "unknown"
    assert {found[one][0].state for one in ("KD-SBX-002", "KD-SBX-003", "KD-SBX-004", "KD-GPU-002")} == {"ok"}
