"""How much memory is free, and so how many seeds a pack may hold."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from repro.runner import cgroup

PROCESS_MIB = 600  # of a worker before its first seed: Python, torch and its kernels
USABLE = 0.8  # of what is free: others need some, too
_MEMINFO = Path("/proc/meminfo")
_VMSTAT = Path("/proc/vmstat")


def seeds_that_fit(mib_per_seed: float, mib: float | None) -> int | None:
    """Returns how many seeds a worker can hold in `mib`, at least one; None: not known."""
    if not mib_per_seed or mib is None:
        return None
    return max(1, int((USABLE * mib - PROCESS_MIB) / mib_per_seed))


def mib_a_worker(workers: int, gpus: Sequence[str]) -> float | None:
    """Returns the free MiB for each of `workers` here; None where the system is silent.

    `gpus` has an entry a worker where they compute on GPUs.
    """
    free = free_gpu_mib(gpus) if gpus else free_mib()
    sharing = max(gpus.count(gpu) for gpu in gpus) if gpus else workers
    return None if free is None else free / sharing


def free_mib() -> float | None:
    """Returns the MiB that processes may still take, here or in their container; None: unknown."""
    machine = _entry(_MEMINFO, "MemAvailable:")
    lefts = [None if machine is None else machine / 1024, cgroup.free_mib()]
    return min((left for left in lefts if left is not None), default=None)


def kernel_kills() -> int | None:
    """Returns how many processes the kernel has killed for want of memory; None: unknown."""
    return _entry(_VMSTAT, "oom_kill")


def _entry(file: Path, name: str) -> int | None:
    """Returns the number that one of the kernel's tables has under a name."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.split()[0] == name]
    return int(found[0]) if found else None


def free_gpu_mib(gpus: Sequence[str]) -> float | None:
    """Returns the free MiB of the fullest of some GPUs, found without torch; None if silent."""
    query = ["nvidia-smi", f"--id={','.join(sorted(set(gpus)))}", "--query-gpu=memory.free"]
    query.append("--format=csv,noheader,nounits")
    try:
        answer = subprocess.run(
            query, capture_output=True, text=True, timeout=30, check=True, env=os.environ
        )
        return min(float(line) for line in answer.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
