"""Rows of an experiment by arm: a metric's value for each data seed, and its table lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from repro.errors import MissingResult
from repro.figures.lost import lost_sentences
from repro.figures.rows import Rows, records

Values = dict[int, float]  # data seed -> the mean over its model seeds


def task_rows(rows: Rows, task: str, experiment: str) -> list[dict[str, Any]]:
    """Rows of a task, finished or diverged, sorted by arm and seeds.

    Raises: MissingResult where there is none.
    """
    chosen = [row for row in records(rows) if row["task"] == task]
    if not chosen:
        raise MissingResult(
            f"there is no row of the task {task}; make them with "
            f"`repro run experiment={experiment}`"
        )
    return sorted(chosen, key=lambda r: (r.get("arm") or "", r["data_seed"], r["model_seed"]))


def by_data_seed(rows: Iterable[Mapping[str, Any]], metric: str) -> Values:
    """A metric's mean over model seeds, by data seed; diverged rows are left out."""
    found: dict[int, list[float]] = {}
    for row in rows:
        value = row["metrics"].get(metric) if row["status"] == "done" else None
        if value is not None and np.isfinite(value):
            found.setdefault(int(row["data_seed"]), []).append(float(value))
    return {seed: float(np.mean(values)) for seed, values in sorted(found.items())}


def differences(first: Values, second: Values) -> list[float]:
    """First minus second, over the data seeds that both have."""
    return [first[seed] - second[seed] for seed in first if seed in second]


def lost_notes(rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> list[str]:
    """A sentence for each arm with diverged runs."""
    arms = [(str(row.get("arm") or ""), row["status"] == "done") for row in rows]
    return lost_sentences((labels.get(arm, arm) or "runs", done) for arm, done in arms)
