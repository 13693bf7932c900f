"""The values that pass between plan, launcher, worker and experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class SeedPair(NamedTuple):
    """The two seeds of a row: which data set, and which initialisation, order and noise."""

    data_seed: int
    model_seed: int


@dataclass(frozen=True)
class Cell:
    """One frozen science config and every seed pair that an experiment asks of it."""

    experiment: str
    scale: str
    id: str
    task: str
    config: dict[str, Any]
    seeds: tuple[SeedPair, ...]
    seconds_per_seed: float
    mib_per_seed: float = 0.0  # of a pack's peak memory; 0: not known
    arm: str = ""  # of its experiment; "": the experiment has none


@dataclass(frozen=True)
class Job:
    """A frozen config and a pack of seeds: what one worker trains in one go.

    `options` holds what may change how a job runs but never what it finds: device, threads,
    checkpoint interval, the folder of downloaded data sets, whose arrays are kept (`keep_arrays`
    true, false or a list of data seeds, `keep_model_seeds` the same of model seeds).
    """

    id: str
    task: str
    scale: str
    config: dict[str, Any]
    seeds: tuple[SeedPair, ...]
    expected_seconds: float
    options: dict[str, Any] = field(default_factory=dict)

    def keeps_arrays(self, seeds: SeedPair) -> bool:
        """Whether a seed's arrays are stored."""
        return all(
            wanted if isinstance(wanted, bool) else seed in wanted
            for wanted, seed in (
                (self.options.get("keep_arrays", True), seeds.data_seed),
                (self.options.get("keep_model_seeds", True), seeds.model_seed),
            )
        )


@dataclass(frozen=True)
class Outcome:
    """What one seed of a job found: its status, metrics and the arrays that figures need."""

    seeds: SeedPair
    status: str  # done | diverged
    metrics: dict[str, Any]
    arrays: dict[str, Any] | None = None  # name -> numpy array


class Interrupted(Exception):
    """Raised inside a job that was asked to stop, after its checkpoint is on disk."""


@dataclass
class Context:
    """What a running job may ask of its worker."""

    device: str = "cpu"
    checkpoint: Path | None = None  # where this job's checkpoint belongs; None: keep none
    resume_from: Path | None = None  # a checkpoint of the same config, its seeds and maybe more
    checkpoint_minutes: float = 5.0
    data: Path = Path("data")  # where downloaded data sets are
    tf32: bool = False  # whether a GPU may round the factors of its products to 10 bits
    keep_arrays: bool = True  # whether any of the job's seeds keeps its arrays
    progress: Callable[[int, int], None] = lambda step, steps: None
    stop_requested: Callable[[], bool] = lambda: False
    resumed_at: int | None = None  # set by the task when it goes on from a checkpoint


class Task(Protocol):
    """A kind of job: frozen config and seeds in, one outcome a seed out."""

    def __call__(
        self, config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context
    ) -> list[Outcome]:
        """Run the job and return one outcome a seed, in the order of `seeds`."""
        ...
