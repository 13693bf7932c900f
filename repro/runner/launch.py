"""How the local launcher shares this machine out between its workers."""

from __future__ import annotations

import difflib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from repro.errors import ConfigError

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


def cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_gpus() -> tuple[str, ...]:
    """Returns the GPUs that this process may use, found without torch; none where none answer."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return _listed(os.environ["CUDA_VISIBLE_DEVICES"])
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(answer.stdout.split())


def _listed(gpus: object) -> tuple[str, ...]:
    """Returns device names from `0,2`, a number or a list."""
    parts = gpus.split(",") if isinstance(gpus, str) else gpus
    if isinstance(parts, int):
        parts = [parts]
    if not isinstance(parts, Sequence):
        raise ConfigError(f"launcher.gpus is {gpus!r}. Write it as [0,2], or null for all.")
    return tuple(text for text in (str(part).strip() for part in parts) if text)


@dataclass(frozen=True)
class LocalOptions:
    """The options of the local launcher.

    `workers` jobs run at a time; None means `workers_per_gpu` on each GPU, or one on the CPU.
    `gpus` are the devices to share among them; None means all that are visible, () none.
    `threads` a worker; None shares the cores. `retries` is how often a job whose worker died is
    tried again in the same run.
    """

    workers: int | None = None
    gpus: tuple[str, ...] | None = None
    workers_per_gpu: int = 1
    threads: int | None = None
    retries: int = 1
    on_error: str = "continue"
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: A value makes no sense.
        """
        for name, least in (
            ("workers", 1),
            ("workers_per_gpu", 1),
            ("threads", 1),
            ("retries", 0),
        ):
            value = getattr(self, name)
            if value is None and name in ("workers", "threads"):
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ConfigError(
                    f"launcher.{name} is {value!r}. Give a whole number from {least} on."
                )
        if self.on_error not in ("continue", "stop"):
            raise ConfigError(f"launcher.on_error is {self.on_error!r}. Choose continue or stop.")

    @classmethod
    def of(cls, given: LocalOptions | Mapping[str, Any]) -> LocalOptions:
        """Returns options from the launcher's section of the configuration.

        `name` and `seeds_per_pack` are for others, who choose the launcher and pack the seeds.

        Raises:
            ConfigError: An option does not exist or its value makes no sense.
        """
        if isinstance(given, LocalOptions):
            return given
        known = [entry.name for entry in fields(cls)]
        others = ("name", "seeds_per_pack")
        values = {name: value for name, value in given.items() if name not in others}
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)[0]
                raise ConfigError(f"launcher has no option {name!r}. Did you mean {near!r}?")
        if values.get("gpus") is not None:
            values["gpus"] = _listed(values["gpus"])
        extra = values.get("environment") or {}
        values["environment"] = {str(name): str(value) for name, value in extra.items()}
        return cls(**values)

    def environments(self, devices: set[str], threads: int | None = None) -> list[dict[str, str]]:
        """Returns what each worker's environment adds to this process's own.

        `devices` are those that the jobs ask for; where all ask for the CPU, no GPU is shown to
        them. `threads` is what the jobs ask for, where `self.threads` is None.
        """
        gpus = () if devices == {"cpu"} else self.gpus
        gpus = visible_gpus() if gpus is None else gpus
        count = self.workers or len(gpus) * self.workers_per_gpu or 1
        share = self.threads or threads or max(1, cores() // count)
        common = {**WORKER_ENVIRONMENT, **dict.fromkeys(THREAD_COUNTS, str(share))}
        shown = [gpus[number % len(gpus)] if gpus else "" for number in range(count)]
        return [{**common, "CUDA_VISIBLE_DEVICES": gpu, **self.environment} for gpu in shown]
