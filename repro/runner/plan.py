"""The plan: what of each composed cell is done, and the jobs that make the rest."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from repro.config.compose import Composition
from repro.jobs import Cell, Job, SeedPair
from repro.runner import checkpoints
from repro.runner.launch import LocalOptions
from repro.runner.memory import mib_a_worker, seeds_that_fit
from repro.runner.paths import StorePaths
from repro.runner.sharing import local_options
from repro.runner.store import Store

LARGEST_PACK = 60  # on a CPU: the largest that was measured, and per seed the fastest
LARGEST_GPU_PACK = 64
SMALLEST_PACK = 2  # a pack of one pays the whole overhead of an iteration for one seed
Key = tuple[Path, str, str, str]  # results, scale, task, id: what makes two cells the same work


class StoreReader(Protocol):
    """What a plan asks of a store."""

    paths: StorePaths

    def done(self, task: str, id: str) -> Mapping[SeedPair, str]:
        """The status of each stored row of a config."""
        ...

    def failed(self, id: str) -> set[SeedPair]:
        """Seeds of a config whose last attempt failed."""
        ...


Memory = Callable[[int, tuple[str, ...]], float | None]  # workers and their GPUs -> MiB for each
OpenStore = Callable[[Path, str], StoreReader]  # results folder and scale -> its store


@dataclass(frozen=True)
class PlannedCell:
    """A cell and which of its seeds are where: every seed is in exactly one of the four sets."""

    cell: Cell
    composition: Composition
    paths: StorePaths
    done: frozenset[SeedPair]
    diverged: frozenset[SeedPair]
    failed: frozenset[SeedPair]  # a recorded failure and no row
    missing: frozenset[SeedPair]  # no row and no failure

    @property
    def left(self) -> frozenset[SeedPair]:
        """Seeds without a row: what a run would make."""
        return self.failed | self.missing

    @property
    def work_seconds(self) -> float:
        """Expected time of what is left, in seconds of one worker."""
        return self.cell.seconds_per_seed * len(self.left)

    @functools.cached_property
    def workers(self) -> int:
        """How many jobs run at a time."""
        return local_options(self.composition.launcher, self.composition.run).workers

    @property
    def expected_seconds(self) -> float:
        """Expected time of what is left, in seconds, its seeds shared by the workers."""
        return self.work_seconds / max(1, min(self.workers, len(self.left)))

    @property
    def key(self) -> Key:
        """What two cells that are the same work share."""
        return (self.composition.results, self.cell.scale, self.cell.task, self.cell.id)


def open_store(results: Path, scale: str) -> Store:
    """The store of a scale."""
    return Store(StorePaths(results, scale))


def plan(compositions: Iterable[Composition], open_: OpenStore = open_store) -> list[PlannedCell]:
    """Every cell of the compositions with the state of its seeds, in order.

    Raises:
        StoreError: a result file that cannot be read.
    """
    stores: dict[tuple[Path, str], StoreReader] = {}
    planned = []
    for composition in compositions:
        place = (composition.results, composition.scale)
        if place not in stores:
            stores[place] = open_(*place)
        planned += [_planned(cell, composition, stores[place]) for cell in composition.cells]
    return planned


def expected_seconds(planned: Iterable[PlannedCell]) -> float:
    """Expected time of what is left of some cells that run beside each other, in seconds.

    A row that several of them share counts once. With fewer seeds than workers a cell cannot keep
    all of them busy, but others fill the gaps.
    """
    alone = {one.key: one for one in sorted(planned, key=lambda one: len(one.left))}
    shared = sum(one.work_seconds / one.workers for one in alone.values())
    return max([shared, *(one.expected_seconds for one in alone.values())])


def jobs(planned: Sequence[PlannedCell]) -> list[Job]:
    """The jobs that make what is left, cells of one id merged so that no row is made twice."""
    merged: dict[Key, list[PlannedCell]] = {}
    for one in planned:
        merged.setdefault(one.key, []).append(one)
    memory = functools.cache(mib_a_worker)  # asked once: on GPUs the answer takes a while
    return [job for same in merged.values() for job in _jobs(same, memory)]


def pack(
    seeds: Iterable[SeedPair],
    together: Iterable[set[SeedPair]],
    workers: int,
    seeds_per_pack: int | None,
    largest: int = LARGEST_PACK,
) -> list[tuple[SeedPair, ...]]:
    """Seeds in packs: those of one checkpoint stay together, the rest is split evenly.

    Args:
        seeds: what is left to do.
        together: groups that a checkpoint on disk covers.
        workers: how many packs can run at a time.
        seeds_per_pack: the most seeds a pack; None: spread over the workers.
        largest: the most seeds a pack where `seeds_per_pack` does not say.
    """
    rest = set(seeds)
    packs = []
    for group in sorted(together, key=len, reverse=True):
        if group & rest:
            packs.append(tuple(sorted(group & rest)))
            rest -= group
    if seeds_per_pack is None:
        rounds = _ceil(len(rest), largest * workers)  # in each of which no worker is idle
        even = max(SMALLEST_PACK, _ceil(len(rest), max(1, rounds * workers)))
        seeds_per_pack = min(largest, even)
    return packs + _even(sorted(rest), seeds_per_pack)


def _planned(cell: Cell, composition: Composition, store: StoreReader) -> PlannedCell:
    asked = frozenset(cell.seeds)
    statuses = store.done(cell.task, cell.id)
    rows = asked & statuses.keys()
    diverged = frozenset(pair for pair in rows if statuses[pair] == "diverged")
    failed = (asked - rows) & store.failed(cell.id)
    return PlannedCell(
        cell=cell,
        composition=composition,
        paths=store.paths,
        done=rows - diverged,
        diverged=diverged,
        failed=failed,
        missing=asked - rows - failed,
    )


def _jobs(same: Sequence[PlannedCell], memory: Memory) -> list[Job]:
    first = same[0]
    cell, composition = first.cell, first.composition
    left = frozenset[SeedPair]().union(*(one.left for one in same))
    if not left:
        return []
    launcher = composition.launcher
    options = local_options(launcher, composition.run)
    groups = checkpoints.groups(first.paths, cell.id)
    largest = _largest_pack(cell.mib_per_seed, launcher, options, memory)
    packs = pack(left, groups, options.workers, launcher["seeds_per_pack"], largest)
    label = cell.arm or cell.config["model"]["name"]
    own = {"label": label, **_kept(same)}
    return [
        Job(
            id=cell.id,
            task=cell.task,
            scale=cell.scale,
            config=cell.config,
            seeds=seeds,
            expected_seconds=cell.seconds_per_seed * len(seeds),
            options=job_options(composition) | own,
        )
        for seeds in packs
    ]


def _kept(same: Sequence[PlannedCell]) -> dict[str, bool | list[int]]:
    """Whose arrays are kept: the data seeds, and the model seeds where they are limited."""
    model_seeds = kept_by_any(same, "keep_model_seeds")
    limited = {} if model_seeds is True else {"keep_model_seeds": model_seeds}
    return {"keep_arrays": kept_by_any(same), **limited}


def kept_by_any(same: Iterable[PlannedCell], key: str = "keep_arrays") -> bool | list[int]:
    """The data (or model) seeds whose arrays one of the experiments that share a config wants."""
    wanted = [one.composition.run[key] for one in same]
    if True in wanted:
        return True
    return sorted({seed for seeds in wanted if seeds for seed in seeds}) or False


def _largest_pack(
    mib_per_seed: float, launcher: Mapping[str, Any], options: LocalOptions, memory: Memory
) -> int:
    """The most seeds for which a worker, here or on a cluster, has the memory and the use."""
    if launcher["name"] == "slurm":
        on_gpu = launcher["gpus_per_task"] > 0
        mib = None if on_gpu else 1024.0 * launcher["memory_gb"]  # a GPU's is not known here
    else:
        on_gpu = bool(options.gpus)
        mib = memory(options.workers, options.dealt)
    largest = LARGEST_GPU_PACK if on_gpu else LARGEST_PACK
    return min(largest, seeds_that_fit(mib_per_seed, mib) or largest)


def job_options(composition: Composition) -> dict[str, Any]:
    """What a job of a composition is told beside its config: device, folders, words for rows."""
    wanted = ("device", "threads", "tf32", "checkpoint_minutes")
    return {
        **{name: composition.run[name] for name in wanted if name in composition.run},
        "data": str(composition.data),
        "experiment": composition.experiment,
        "reductions": list(composition.reductions),
    }


def _even(seeds: list[SeedPair], size: int) -> list[tuple[SeedPair, ...]]:
    """`seeds` in as few packs of at most `size` as possible, whose sizes differ by one at most."""
    if not seeds:
        return []
    count = _ceil(len(seeds), size)
    edges = [round(index * len(seeds) / count) for index in range(count + 1)]
    return [tuple(seeds[a:b]) for a, b in itertools.pairwise(edges)]


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)
