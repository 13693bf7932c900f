"""Rows of the same configs that another scale has, taken over instead of being made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from repro.jobs import Job
from repro.runner.paths import StorePaths
from repro.runner.rows import Row, key_of
from repro.runner.store import Store

SHARING = ("reduced", "paper")  # smoke and quick are there to try the project: they really run


def take_over(todo: Iterable[Job], store: Store) -> int:
    """Copy the rows that jobs of one scale would make, where another scale has them; say how many.

    A config's id leaves the scale out: `SHARING` scales that differ in seeds and arms alone share
    their runs. A row without the arrays that are wanted now is not taken. Its provenance stays,
    but for what the scale reduces, and names the scale in `taken_over_from`.

    Raises:
        StoreError: a result file that cannot be read or written.
    """
    taken = 0
    for other in _others(store.paths):
        for job in todo:
            rows = [_copied(row, job, other, store) for row in _usable(job, other, store)]
            taken += len(rows) - len(store.append(job.task, rows))
    return taken


def _others(paths: StorePaths) -> list[Store]:
    if paths.scale not in SHARING:
        return []
    others = [scale for scale in SHARING if scale != paths.scale]
    return [Store(StorePaths(paths.results, scale)) for scale in others]


def _usable(job: Job, other: Store, store: Store) -> Iterator[Row]:
    """Rows of a job's seeds that the other scale has, with the arrays that the job keeps."""
    there = other.among(job.task, job.id, job.seeds)
    wanted = there.keys() - store.among(job.task, job.id, there).keys()
    if not wanted:
        return
    for row in other.read(job.task):
        seeds = key_of(row).seeds
        if row["id"] == job.id and seeds in wanted and _has_arrays(row, job, other):
            yield row


def _has_arrays(row: Row, job: Job, other: Store) -> bool:
    if row["status"] != "done" or not job.keeps_arrays(key_of(row).seeds):
        return True
    return row["arrays"] is not None and (other.paths.root / row["arrays"]).exists()


def _copied(row: Row, job: Job, other: Store, store: Store) -> Row:
    """The row as this scale has it; its arrays are written first."""
    name = None
    if row["arrays"] is not None and job.keeps_arrays(key_of(row).seeds):
        name = row["arrays"]
        store.place_arrays(Path(name).name, (other.paths.root / name).read_bytes())
    origin = {
        **row["provenance"],
        "reductions": list(job.options.get("reductions") or []),
        "taken_over_from": other.paths.scale,
    }
    return {**row, "arrays": name, "provenance": origin}
