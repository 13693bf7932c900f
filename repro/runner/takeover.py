"""Rows of the same configs that another scale has, taken over instead of being made again."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from repro.jobs import Job
from repro.runner.execute import tidy
from repro.runner.locking import claim
from repro.runner.paths import StorePaths
from repro.runner.rows import Row, key_of
from repro.runner.store import Store

SHARING = ("reduced", "paper")  # smoke and quick are there to try the project: they really run


def take_over(todo: Iterable[Job], store: Store) -> int:
    """Copy the rows that jobs of one scale would make, where another scale has them; say how many.

    A config's id leaves the scale out: `SHARING` scales that differ in seeds and arms alone share
    their runs. A row without the arrays that are wanted now is not taken, nor one whose seed
    another process is at work on. Its provenance stays, but for what the scale reduces, and names
    the scale in `taken_over_from`.

    Raises:
        StoreError: a result file that cannot be read or written.
    """
    return sum(_take(job, rows, other, store) for job, rows, other in _offers(todo, store))


def offered(todo: Iterable[Job], store: Store) -> int:
    """How many runs `take_over` would find at another scale; takes none.

    Raises:
        StoreError: a result file that cannot be read.
    """
    return sum(
        len({key_of(row) for row in rows if _wanted(row, job, other)})
        for job, rows, other in _offers(todo, store)
    )


def _offers(todo: Iterable[Job], store: Store) -> Iterator[tuple[Job, list[Row], Store]]:
    """Each job of which another scale has rows, with the rows of its task there."""
    for other in _others(store.paths):
        read = functools.cache(other.read)  # parsed once, however many jobs it serves
        for job in todo:
            if other.among(job.task, job.id, job.seeds):
                yield job, read(job.task), other


def _others(paths: StorePaths) -> list[Store]:
    if paths.scale not in SHARING:
        return []
    others = [scale for scale in SHARING if scale != paths.scale]
    return [Store(StorePaths(paths.results, scale)) for scale in others]


def _take(job: Job, rows: Iterable[Row], other: Store, store: Store) -> int:
    """Copy one job's rows, each under its seed's claim, and return how many they were."""
    with ExitStack() as claims:
        mine = [row for row in rows
                if _wanted(row, job, other) and _claimed(row, store, claims)]  # fmt: skip
        done = store.done(job.task, job.id)  # only now: what is claimed changes no more
        copies = [_copied(row, job, other) for row in mine if key_of(row).seeds not in done]
        names = {row["arrays"] for row in copies} - {None}
        arrays = {name: (other.paths.root / name).read_bytes() for name in names}
        store.append(job.task, copies, arrays)
    if copies:
        tidy(job, store)
    return len(copies)


def _wanted(row: Row, job: Job, other: Store) -> bool:
    """Whether a row is one of the job's, with the arrays that the job keeps."""
    key = key_of(row)
    if key.id != job.id or key.seeds not in job.seeds:
        return False
    if row["status"] != "done" or not job.keeps_arrays(key.seeds):
        return True
    return row["arrays"] is not None and (other.paths.root / row["arrays"]).exists()


def _claimed(row: Row, store: Store, claims: ExitStack) -> bool:
    taken = claim(store.paths.claim(*key_of(row)))
    if taken is not None:
        claims.enter_context(taken)
    return taken is not None


def _copied(row: Row, job: Job, other: Store) -> Row:
    """The row as this scale has it."""
    name = row["arrays"] if job.keeps_arrays(key_of(row).seeds) else None
    origin = {
        **row["provenance"],
        "reductions": list(job.options.get("reductions") or []),
        "taken_over_from": other.paths.scale,
    }
    return {**row, "arrays": name, "provenance": origin}
