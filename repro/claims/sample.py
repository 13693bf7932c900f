"""A selection's numbers out of stored rows, by unit: a data seed, a model seed or a run."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from repro.claims.schema import Selection
from repro.nearest import suggestion
from repro.nested import flatten

UNITS = {"data_seed": "data seeds", "model_seed": "model seeds", "run": "runs"}
REDUCE: dict[str, Callable[[np.ndarray], Any]] = {
    "mean": np.mean,
    "sd": lambda values: np.std(values, ddof=1),
    "min": np.min,
    "max": np.max,
    "median": np.median,
    "sum": np.sum,
}


@dataclass(frozen=True)
class Point:
    """A run's selected values (several where the metric is a list), its seeds, config and arm."""

    data_seed: int
    model_seed: int
    values: tuple[float, ...]
    row: Mapping[str, Any]

    @property
    def data_set(self) -> str:
        """What two runs on the same data share: the data seed and the data's config."""
        about = {"seed": self.data_seed, "data": self.row["config"]["data"]}
        return json.dumps(about, sort_keys=True)


class Lost(NamedTuple):
    """A run without a usable number: it diverged, or its number is not finite."""

    id: str
    data_seed: int
    model_seed: int


@dataclass(frozen=True)
class Sample:
    """A selection's runs; `lost` are those that diverged or whose number is not finite.

    `lacks` says which metric none of the rows has, and the nearest that they have.
    """

    name: str
    points: tuple[Point, ...]
    lost: tuple[Lost, ...] = ()
    lacks: str = ""

    @property
    def unit(self) -> str:
        """What varies: data seeds, or model seeds where all runs share one data set."""
        return "data_seed" if len({p.data_seed for p in self.points}) != 1 else "model_seed"

    def series(self, unit: str) -> pd.Series:
        """A value a unit, sorted: the mean of its runs and of a run's several values.

        A run is known by its seeds and its config's id.
        """
        means = [float(np.mean(point.values)) for point in self.points]
        if unit == "run":
            runs = [(p.data_seed, p.model_seed, str(p.row["id"])) for p in self.points]
            return pd.Series(dict(zip(runs, means, strict=True)), dtype=float).sort_index()
        keys = [getattr(point, unit) for point in self.points]
        return pd.Series(means, dtype=float).groupby(keys).mean().sort_index()

    def all_values(self) -> np.ndarray:
        """Every value of every run."""
        return np.asarray([value for point in self.points for value in point.values], dtype=float)

    def by_data_set(self) -> dict[str, float]:
        """A value a data set: the mean of its runs."""
        found: dict[str, list[float]] = {}
        for point in self.points:
            found.setdefault(point.data_set, []).extend(point.values)
        return {name: float(np.mean(values)) for name, values in found.items()}

    def whole_runs(self) -> set[tuple[int, int]]:
        """The (data seed, model seed) pairs that have as many runs here as any other pair."""
        counts = Counter((p.data_seed, p.model_seed) for p in self.points)
        most = max(counts.values(), default=0)
        return {pair for pair, count in counts.items() if count == most}

    def of_runs(self, runs: Collection[tuple[int, int]]) -> Sample:
        """The runs, lost ones too, of these (data seed, model seed) pairs."""
        kept = tuple(p for p in self.points if (p.data_seed, p.model_seed) in runs)
        lost = tuple(one for one in self.lost if (one.data_seed, one.model_seed) in runs)
        return replace(self, points=kept, lost=lost)

    def at(self, key: str, level: object) -> Sample:
        """The runs whose config (or `arm`) has this value at a dotted key."""
        chosen = tuple(p for p in self.points if _lookup(p.row, key) == level)
        return Sample(f"{self.name} at {key}={level}", chosen)

    def levels(self, key: str) -> list[Any]:
        """The values that a config key (or `arm`) takes, ascending."""
        found = {_lookup(point.row, key) for point in self.points} - {None}
        return sorted(found)


def select(name: str, wanted: Selection, rows: Iterable[Mapping[str, Any]]) -> Sample:
    """Take a selection's numbers out of an experiment's rows.

    Rows that were stored before a metric was measured do not have it; they are left out.
    """
    chosen = [row for row in rows if matches(wanted, row)]
    done = [row for row in chosen if row["status"] == "done"]
    found = [(row, _values(wanted, row["metrics"])) for row in done]
    known = [(row, values) for row, values in found if values is not None]
    lacks = _lacks(wanted, done[-1]["metrics"]) if done and not known else ""
    points = tuple(
        Point(int(row["data_seed"]), int(row["model_seed"]), values, row)
        for row, values in known
        if _finite(values)
    )
    without = [row for row in chosen if row["status"] != "done"]
    without += [row for row, values in known if not _finite(values)]
    return Sample(name, points, tuple(map(_lost, without)), lacks)


def related(sample: Sample, wanted: Selection, others: Mapping[str, Sample]) -> Sample:
    """Take `less` off a sample and divide it by `per`, data set by data set.

    A run whose data set the other sample does not have is lost.
    """
    for name, operation in ((wanted.less, np.subtract), (wanted.per, np.divide)):
        if name is None:
            continue
        other = others[name].by_data_set()
        points = tuple(
            replace(point, values=tuple(operation(point.values, other[point.data_set]).tolist()))
            for point in sample.points
            if point.data_set in other
        )
        gone = [p.row for p in sample.points if p.data_set not in other]
        sample = Sample(sample.name, points, (*sample.lost, *map(_lost, gone)))
    return sample


def matches(wanted: Selection, row: Mapping[str, Any]) -> bool:
    """Whether a row, or anything with a config and seeds, belongs to a selection."""
    if wanted.arm is not None and row.get("arm") != wanted.arm:
        return False
    if wanted.data_seeds is not None and row["data_seed"] not in wanted.data_seeds:
        return False
    if wanted.model_seeds is not None and row["model_seed"] not in wanted.model_seeds:
        return False
    return all(_allows(value, _lookup(row, key)) for key, value in wanted.where.items())


def paired_units(samples: Sequence[Sample], unit: str | None = None) -> tuple[pd.DataFrame, str]:
    """The units that every sample has, a column a sample, and what the units are.

    Where the samples have runs of the same data and model seed, those alone are compared; samples
    that share no run (of other model seeds, say) are compared by the means of all of theirs. Of
    a sample of several configs only the seeds count that have all of them: a mean over fewer
    (energies, depths) would be of something else.
    """
    kind = unit or ("data_seed" if any(s.unit == "data_seed" for s in samples) else "model_seed")
    single = kind == "run" and len(samples) == 1  # each of its runs stands for itself
    if not single and (common := set.intersection(*(one.whole_runs() for one in samples))):
        samples = [sample.of_runs(common) for sample in samples]
    columns = [sample.series(kind) for sample in samples]
    if kind == "run" and len(samples) > 1:  # of different configs, so paired by their seeds
        columns = [column.groupby(level=[0, 1]).mean() for column in columns]
    return pd.DataFrame(dict(enumerate(columns))).dropna(), kind


def _finite(values: Sequence[float]) -> bool:
    return bool(values) and all(map(math.isfinite, values))


def _lost(row: Mapping[str, Any]) -> Lost:
    return Lost(str(row["id"]), int(row["data_seed"]), int(row["model_seed"]))


def _allows(wanted: object, value: object) -> bool:
    return value in wanted if isinstance(wanted, list) else value == wanted


def _lookup(row: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401 - whatever the config holds
    if key == "arm":
        return row.get("arm")
    found: Any = row["config"]
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _metric(metrics: Mapping[str, Any], path: str) -> np.ndarray | None:
    """The numbers at a path, (values,); None where the row has no such metric."""
    found: Any = metrics
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    if isinstance(found, Mapping):
        return None
    numbers = found if isinstance(found, list) else [found]
    return np.asarray([math.nan if one is None else float(one) for one in numbers], dtype=float)


def _values(wanted: Selection, metrics: Mapping[str, Any]) -> tuple[float, ...] | None:
    found = _metric(metrics, wanted.metric)
    other = {path: _metric(metrics, path) for path in (wanted.minus, wanted.over) if path}
    if found is None or any(value is None for value in other.values()):
        return None
    if wanted.item is not None:
        found = found[wanted.item : wanted.item + 1]
    if wanted.minus:
        found = found - other[wanted.minus]
    if wanted.over:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = found / other[wanted.over]
    if wanted.reduce:
        found = np.asarray([REDUCE[wanted.reduce](found)])
    if wanted.log:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.log(found)
    return tuple(found.tolist())


def _lacks(wanted: Selection, metrics: Mapping[str, Any]) -> str:
    paths = flatten(metrics)
    asked = (wanted.metric, wanted.minus, wanted.over)
    path = next((one for one in asked if one and one not in paths), wanted.metric)
    return f"{wanted.experiment} with {path} ({suggestion(path, paths)})"
