"""Where a row comes from: code, versions and device, but no host and no path."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]


def _git(*arguments: str) -> str | None:
    """Returns what git answers in the package's folder, or None where it cannot."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(_PACKAGE), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    return answer.stdout.strip()


@functools.cache
def revision() -> tuple[str | None, bool | None]:
    """Returns the commit of the package's checkout and whether the package differs from it.

    Both are None without git, or where the package is not tracked (an installed copy, say, that
    happens to lie inside another project's checkout). Only the package counts as changed: new
    rows in results/ do not make the code dirty.
    """
    if not _git("ls-files", "--error-unmatch", "__init__.py"):
        return None, None
    changes = _git("status", "--porcelain", "--", ".")
    return _git("rev-parse", "HEAD"), None if changes is None else bool(changes)


@functools.cache
def versions() -> dict[str, str | None]:
    """Returns the versions that a result may depend on; None for what is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("torch", "numpy", "scipy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def device_name(device: str) -> str:
    """Returns the device's model where torch is loaded and knows it, or the device's own name."""
    torch = sys.modules.get("torch")
    if torch is None or not device.startswith("cuda"):
        return device
    try:
        return str(torch.cuda.get_device_name(torch.device(device)))
    except (RuntimeError, AssertionError):
        return device


def threads() -> int | None:
    """Returns how many threads the computation may use: torch's word, or OMP_NUM_THREADS."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    declared = os.environ.get("OMP_NUM_THREADS", "")
    return int(declared) if declared.isdigit() else None


def now() -> str:
    """Returns the time, UTC, as ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe(device: str, started: str, seconds: float) -> dict[str, Any]:
    """Returns the part of a row's provenance that is the same for every job."""
    commit, dirty = revision()
    return {
        "revision": commit,
        "dirty": dirty,
        "versions": versions(),
        "device": device_name(device),
        "threads": threads(),
        "started": started,
        "seconds": round(seconds, 3),
    }
