"""What lies in a store beside the rows that are asked for: stale rows, and rows in spills."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from repro.config.schema import SCALES
from repro.errors import StoreError
from repro.runner import slurm_queue, spill
from repro.runner.plan import PlannedCell
from repro.runner.store import Store
from repro.runner.submissions import Submissions

_NAMED = 8  # ids that a line names at most


def leftovers(
    planned: Sequence[PlannedCell], open_: Callable[[Path, str], Store], everything: bool
) -> list[str]:
    """A line for each kind of leftover in the planned cells' stores.

    `everything` says that the cells are those of all experiments, so that a row of another id is
    one that no experiment asks for (any more): a default or an experiment has changed since.

    Raises:
        StoreError: a result file or a spill that cannot be read.
    """
    lines = []
    for results, scale in dict.fromkeys(one.key[:2] for one in planned):
        here = [one for one in planned if one.key[:2] == (results, scale)]
        store = open_(results, scale)
        for task in store.tasks():
            lines += _old(store, task)
            if everything:
                asked = {one.cell.id for one in here if one.cell.task == task}
                lines += _unasked(store, task, asked)
        lines += _spilled(here[0]) + _submitted(store)
    return lines


def other_scales(planned: Sequence[PlannedCell]) -> list[str]:
    """A line on the scales beside the planned cells' own that have rows, where there are any."""
    first, shown = planned[0].composition, {one.cell.scale for one in planned}
    others = [scale for scale in SCALES if scale not in shown]
    found = ",".join(scale for scale in others if any((first.results / scale).glob("*.jsonl")))
    command = first.told(f"repro status scale={found}")
    return [f"rows of other scales are stored, too: {command}"] if found else []


def _old(store: Store, task: str) -> list[str]:
    count = store.stale(task)
    file = os.path.relpath(store.paths.rows(task))
    what = "an older schema and count no longer; a run makes them anew"
    return [f"{count} stale rows in {file} have {what}"] if count else []


def _unasked(store: Store, task: str, asked: set[str]) -> list[str]:
    found = store.asked_by_none(task, asked)
    if not found:
        return []
    ids = sorted(found)
    named = ", ".join(ids[:_NAMED]) + (", ..." if len(ids) > _NAMED else "")
    file = os.path.relpath(store.paths.rows(task))
    return [
        f"{sum(found.values())} stale rows in {file} are asked for by no experiment as it is"
        f" configured here: {named}"
    ]


def _submitted(store: Store) -> list[str]:
    """What Slurm has been given, with its states where Slurm answers."""
    ids = [one.id for one in Submissions(store.paths).read()]
    if not ids:
        return []
    try:
        found = Counter(slurm_queue.states(ids).values())
    except StoreError as error:
        return [f"{len(ids)} tasks were submitted to Slurm; {error}"]
    told = ", ".join(f"{count} {state}" for state, count in sorted(found.items()))
    return [f"{len(ids)} tasks were submitted to Slurm: {told}; the same run watches them again"]


def _spilled(one: PlannedCell) -> list[str]:
    paths = replace(one.paths, spill=one.composition.spill)
    count = spill.count(paths)
    places = ", ".join(str(path) for path in spill.waiting(paths))
    return [f"{count} rows wait in {places}; the next run stores them"] if count else []
