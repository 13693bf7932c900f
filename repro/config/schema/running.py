"""What surrounds the science: launchers, folders, a run's options and an experiment's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from repro.config.schema.limits import limited

SCALES = ("smoke", "quick", "reduced", "paper")


@dataclass
class Local:
    """This machine; `gpus` are device numbers, `seeds_per_pack` null means shared evenly."""

    name: str
    workers: int | None = limited(at_least=1)
    gpus: list[int] | None = limited(at_least=0)  # noqa: RUF009
    workers_per_gpu: int = limited(at_least=1)
    seeds_per_pack: int | None = limited(at_least=1)
    retries: int = limited(at_least=0)
    on_error: str = limited(choices=("continue", "stop"))


@dataclass
class Slurm:
    """A Slurm cluster; `gpus_per_task`, `cpus`, `memory_gb` and `minutes` are a task's.

    Below 11 minutes submitit could not tell a task that is preempted from one out of time.
    """

    name: str
    partition: str | None
    gpus_per_task: int = limited(at_least=0)
    cpus: int = limited(at_least=1)
    memory_gb: float = limited(above=0.0, example=16.0)
    minutes: int = limited(at_least=11)
    parallel: int = limited(at_least=1)
    sbatch: list[str] = limited()  # noqa: RUF009
    setup: list[str] = limited()  # noqa: RUF009
    warning_seconds: int = limited(at_least=1)
    requeues: int = limited(at_least=0)
    poll_seconds: float = limited(above=0.0, example=15.0)
    seeds_per_pack: int | None = limited(at_least=1)
    retries: int = limited(at_least=0)
    on_error: str = limited(choices=("continue", "stop"))


@dataclass
class Run:
    """What may change how jobs run but never what they find, and where things are.

    `keep_arrays` is true, false or a list of the data seeds whose arrays are kept,
    `keep_model_seeds` true or a list of the model seeds that this is about.
    """

    scale: str = limited(choices=SCALES)
    device: str = limited(choices=("auto", "cpu", "cuda"))
    threads: int | None = limited(at_least=1)
    keep_arrays: Any = limited()  # noqa: RUF009
    keep_model_seeds: Any = limited()  # noqa: RUF009
    tf32: bool = limited()


@dataclass
class Paths:
    """Folders: `results` holds rows and figures, `data` downloads.

    `locks` null means beside what they protect; `spill` keeps rows that `results` cannot take.
    `offline` forbids downloads.
    """

    results: str
    data: str
    locks: str | None
    spill: str
    offline: bool


@dataclass
class Experiment:
    """What an experiment file says in words."""

    paper: str  # the stem of a file in conf/papers
    title: str
    artefacts: str
    figures: str | None
    protocol: str
    deviations: list[str] = limited(example="Where we differ, and why.")  # noqa: RUF009


@dataclass
class Cost:
    """What a seed takes, by arm or model: seconds of one core, and memory of a pack.

    `seconds_per_seed` come besides the updates; `times` is a key of the science config by whose
    value an update's time grows.
    """

    times: str | None
    seconds_per_update: dict[str, float] = limited(at_least=0)  # noqa: RUF009
    seconds_per_seed: dict[str, float] = limited(at_least=0)  # noqa: RUF009
    mib_per_seed: dict[str, float] = limited(at_least=0)  # noqa: RUF009
