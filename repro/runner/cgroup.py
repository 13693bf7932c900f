"""What a container or a batch system leaves this process of the memory: Linux's control groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")
_UNLIMITED = 2**60  # version 1 writes a number beyond all memory where there is no limit
_FILES = (  # of version 2 and of version 1
    ("memory.max", "memory.current", ("inactive_file", "active_file")),
    (
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
)


def free_mib() -> float | None:
    """Returns the MiB that the tightest of this process's groups leaves; None without a limit."""
    found = [left for folder in _folders() if (left := _left(folder)) is not None]
    return min(found, default=None)


def _folders() -> Iterator[Path]:
    """Yields the folders of the process's memory groups, each with those around it."""
    try:
        lines = _GROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = _MOUNT / "memory" if controllers else _MOUNT
        folder = root / name.lstrip("/")
        yield folder
        yield from (one for one in folder.parents if one.is_relative_to(root))


def _left(folder: Path) -> float | None:
    """Returns the MiB below a group's limit; pages that only mirror files can be given back."""
    for limit, used, mirrors in _FILES:
        try:
            bound = int((folder / limit).read_text())
            taken = int((folder / used).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):  # not this version, or "max"
            continue
        free = bound - taken + sum(int(stat.get(name, 0)) for name in mirrors)
        return free / 2**20 if bound < _UNLIMITED else None
    return None
