"""How the local launcher shares this machine out between its workers."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Large blocks stay with the process instead of going back to the system after every step, and lie
# in large pages, so that products look fewer of them up. Systems that know no such word ignore it.
WORKER_ENVIRONMENT: dict[str, str] = {
    "MALLOC_MMAP_THRESHOLD_": "33554432",  # the largest that the C library accepts
    "MALLOC_TRIM_THRESHOLD_": "68719476736",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "THP_MEM_ALLOC_ENABLE": "1",
}
THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_IDLE_LOAD = 0.7  # what a machine at rest, or this command's own start, may show


def cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_gpus() -> tuple[str, ...]:
    """Returns the GPUs that this process may use, found without torch; none where none answer."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        named = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
        return tuple(name.strip() for name in named if name.strip())
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(answer.stdout.split())


@dataclass(frozen=True)
class LocalOptions:
    """What the local launcher does: `workers` jobs at a time, the `gpus` dealt to them in turn.

    `threads` a worker; None: what the jobs ask for, or else one, with GPUs a share of the cores:
    on a CPU only a single thread finds the same bit by bit in any pack. `retries` is how
    often a job whose worker died is tried again in the same run; `on_error` is continue or stop.
    """

    workers: int = 1
    gpus: tuple[str, ...] = ()
    threads: int | None = None
    retries: int = 1
    on_error: str = "continue"

    @property
    def dealt(self) -> tuple[str, ...]:
        """The GPU of each worker; none where there are no GPUs."""
        return tuple(itertools.islice(itertools.cycle(self.gpus), self.workers))

    def environments(self, threads: int | None = None) -> list[dict[str, str]]:
        """Returns what each worker's environment adds to this process's own."""
        share = max(1, cores() // self.workers) if self.gpus else 1
        share = self.threads or threads or share
        common = {**WORKER_ENVIRONMENT, **dict.fromkeys(THREAD_COUNTS, str(share))}
        shown = self.dealt or ("",) * self.workers
        return [{**common, "CUDA_VISIBLE_DEVICES": gpu} for gpu in shown]


def crowding(environments: Sequence[Mapping[str, str]]) -> str | None:
    """Returns what to say where the workers' threads would share cores with other processes.

    A worker's threads wait for each other at every operation, so one of them without a core stops
    them all: two runs of two threads each on two cores lose more than nine tenths of their speed.
    None where each worker has one thread or a GPU, and where the cores suffice for all.
    """
    threads = sum(int(one[THREAD_COUNTS[0]]) for one in environments)
    several = threads > len(environments)
    if not several or environments[0]["CUDA_VISIBLE_DEVICES"] or not hasattr(os, "getloadavg"):
        return None
    busy = os.getloadavg()[0]
    if busy + threads <= cores() + _IDLE_LOAD:
        return None
    return (
        f"Other processes keep about {busy:.1f} of {cores()} cores busy, and this run's workers "
        f"have {threads} threads, which wait for each other; threads=1 is faster here."
    )
