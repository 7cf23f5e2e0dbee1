"""What kind of machine this is, by what can be seen, and how a key is kept on such a one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Machine = Literal["CI", "container", "WSL", "SSH", "desktop", "server"]
_DESKTOP: Final = ("WAYLAND_DISPLAY", "DISPLAY", "XDG_CURRENT_DESKTOP")
_CI: Final = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TEAMCITY_VERSION", "BUILDKITE", "TF_BUILD")
_CONTAINER: Final = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")


def machine(environment: Mapping[str, str] | None = None, root: Path = Path("/")) -> Machine:
    """The first that fits. A CI's job runs in a container, a container under WSL: the inner one decides."""
    environment = os.environ if environment is None else environment
    if any(environment.get(name, "").lower() not in ("", "0", "false") for name in _CI):
        return "CI"
    if "container" in environment or any((root / name.lstrip("/")).exists() for name in _CONTAINER):
        return "container"
    if _is_wsl(root):
        return "WSL"
    if "SSH_CONNECTION" in environment or "SSH_TTY" in environment:
        return "SSH"
    if sys.platform in ("darwin", "win32") or any(name in environment for name in _DESKTOP):
        return "desktop"
    return "server"


def advice(provider: str, *, kernel: str | None, here: Machine) -> str:
    """What makes it possible to keep a key here. `kernel`: why the kernel's keyring cannot; None: it can."""
    into_kernel = f"`kandil auth set {provider} --keyring kernel`"
    if kernel is not None:
        fallback = f"the kernel's keyring cannot be used either: {kernel}"
        if here in ("container", "CI"):
            fallback += " (Docker: a --security-opt seccomp=… that allows add_key and keyctl)"
        return f"{_desktop(here)}; {fallback}"
    ways: dict[Machine, str] = {
        "CI": f"pipe the job's secret into {into_kernel[:-1]} --key-stdin`: it is gone with the machine",
        "container": f"{into_kernel} keeps it in the kernel's memory, which the host's root can read",
        "WSL": f"{into_kernel} keeps it for 24 hours (--expires), or until WSL shuts down; or {_desktop(here)}",
        "SSH": f"{into_kernel} keeps it in memory for 24 hours (--expires); or {_desktop(here)}",
        "desktop": f"{_desktop(here)}; until then {into_kernel} keeps it in memory",
        "server": f"{into_kernel} keeps it in memory for 24 hours (--expires)",
    }
    return ways[here]


def _desktop(here: Machine) -> str:
    match here:
        case "desktop":
            return "install and unlock GNOME Keyring, KWallet or KeePassXC's Secret Service, and log in again"
        case "SSH":
            return "log in to this machine's desktop once, so that its keyring is open"
        case "WSL":
            return "install gnome-keyring, and run kandil under `dbus-run-session`"
        case _:
            return "there is no desktop that could keep keys"


def _is_wsl(root: Path) -> bool:
    try:
        release = (root / "proc/sys/kernel/osrelease").read_text(encoding="ascii", errors="replace").lower()
    except OSError:
        return False
    return "microsoft" in release or "wsl" in release
