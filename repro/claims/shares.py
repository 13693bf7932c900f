"""Statistics that count: shares of runs, their differences, extremes, constants and ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from repro.claims.estimate import NAN, Estimate, only_zero
from repro.claims.sample import UNITS, Lost, Point, Sample
from repro.errors import ConfigError
from repro.report.proportions import paired_shares
from repro.report.statistics import share_difference as newcombe
from repro.report.statistics import share_interval

LOST = ("out", "hit", "miss")  # what a run without a usable number is in a share


def share(
    samples: Sequence[Sample],
    bound: float,
    *,
    below: float | None = None,
    above: float | None = None,
    each: str = "run",
    lost: str = "out",
) -> Estimate:
    """The share of runs (or, with `each: value`, of single values) below or above a threshold.

    A run whose metric is a list counts where any of its values does. A run without a usable number
    is left `out`, or is a `hit` or a `miss`. The interval is Wilson's, p the exact binomial test's
    against the bound.
    """
    hits = _hits(samples[0], below, above, each, lost)
    found = share_interval(int(hits.sum()), int(hits.size))
    p = float(stats.binomtest(found.count, found.n, bound).pvalue) if found.n else NAN
    count = ("count", f"{found.count} of {found.n}")
    return Estimate(found.share, found.low, found.high, found.n, f"{each}s", p,
                    "share, Wilson; p: exact binomial", share=True, details=(count,))  # fmt: skip


def share_difference(
    samples: Sequence[Sample],
    bound: float,
    *,
    below: float | None = None,
    above: float | None = None,
    paired: bool = True,
    unit: str | None = None,
    lost: str = "out",
) -> Estimate:
    """First share minus second: paired by unit with McNemar's exact p, or unpaired with Fisher's.

    Newcombe's intervals; n is that of the smaller share. A paired unit counts where any of its
    runs does, of the runs (data and model seed) that both have, where there are any. A run without
    a usable number is left `out`, or is a `hit` or a `miss`.
    """
    only_zero(bound, "share_difference is compared")
    if not paired:
        return _unpaired(samples, below, above, lost)
    kind = unit or samples[0].unit
    if common := set.intersection(*(_counted(sample, lost) for sample in samples)):
        samples = [sample.of_runs(common) for sample in samples]
    first, second = (_by_unit(sample, kind, below, above, lost) for sample in samples)
    both = [key for key in first if key in second]
    if not both:
        return Estimate(NAN, method="no unit has both")
    found = paired_shares([first[k] for k in both], [second[k] for k in both])
    counts = [sum(which[k] for k in both) for which in (first, second)]
    details = (
        ("counts", f"{counts[0]} and {counts[1]} of {len(both)}"),
        ("only the first, only the second", f"{found.only_first}, {found.only_second}"),
    )
    gap = found.interval
    return Estimate(gap.mean, gap.low, gap.high, len(both), UNITS[kind], found.p,
                    "difference of paired shares, Newcombe; p: McNemar, exact",
                    details=details)  # fmt: skip


def largest(samples: Sequence[Sample], bound: float) -> Estimate:
    """The largest value of any run: every row is checked, nothing is estimated."""
    return _extreme(samples[0], np.max, "largest of all values")


def smallest(samples: Sequence[Sample], bound: float) -> Estimate:
    """The smallest value of any run: every row is checked, nothing is estimated."""
    return _extreme(samples[0], np.min, "smallest of all values")


def farthest(samples: Sequence[Sample], bound: float) -> Estimate:
    """The value of any run that is farthest from the bound: every row is checked."""
    name = f"of all values, the farthest from {bound:g}"
    return _extreme(samples[0], lambda found: found[np.argmax(np.abs(found - bound))], name)


def common_value(samples: Sequence[Sample], bound: float) -> Estimate:
    """The one value that all rows have, such as a number of parameters; nan where they differ."""
    values = sorted(set(samples[0].all_values().tolist()))
    n = len(samples[0].points)
    if len(values) == 1:
        return Estimate(values[0], values[0], values[0], n, method="same in every row", exact=True)
    shown = ", ".join(f"{value:g}" for value in values[:5])
    return Estimate(NAN, n=n, method="rows disagree", exact=True, details=(("values", shown),))


def rank(samples: Sequence[Sample], bound: float, *, data_seed: int) -> Estimate:
    """The place of one data seed among all, 1 being the highest value."""
    values = samples[0].series("data_seed")
    if data_seed not in values.index:
        return Estimate(NAN, n=len(values), method=f"data seed {data_seed} has no row")
    place = float((values > values[data_seed]).sum() + 1)
    details = (("its value", f"{values[data_seed]:.4f}"), ("the highest", f"{values.max():.4f}"),
               ("whose data seed is", f"{values.idxmax()}"))  # fmt: skip
    return Estimate(place, place, place, len(values), UNITS["data_seed"], exact=True,
                    method=f"rank of data seed {data_seed}", details=details)  # fmt: skip


def _unpaired(
    samples: Sequence[Sample], below: float | None, above: float | None, lost: str
) -> Estimate:
    hits = [_hits(sample, below, above, "run", lost) for sample in samples]
    if not all(one.size for one in hits):
        return Estimate(NAN, method="one of the two has no run")
    shares = [share_interval(int(one.sum()), int(one.size)) for one in hits]
    gap = newcombe(*shares)
    table = np.asarray([[one.count, one.n - one.count] for one in shares])
    p = float(stats.fisher_exact(table).pvalue)
    counts = " and ".join(f"{one.count} of {one.n}" for one in shares)
    return Estimate(gap.mean, gap.low, gap.high, min(one.n for one in shares), "runs", p,
                    "difference of shares, Newcombe; p: Fisher, exact",
                    details=(("counts", counts),))  # fmt: skip


def _hits(
    sample: Sample, below: float | None, above: float | None, each: str, lost: str
) -> NDArray[np.bool_]:
    """Whether each run (those with a number first, then the lost ones) or value is a hit."""
    if each not in ("run", "value"):
        raise ConfigError(f"each: {each} does not exist; write run or value")
    if lost not in LOST or (each == "value" and lost != "out"):
        valid = "out" if each == "value" else f"one of {', '.join(LOST)}"
        raise ConfigError(f"lost: {lost} cannot be counted; write {valid}")
    if each == "value":
        return _passes(sample.all_values(), below, above)
    runs = [bool(_passes(np.asarray(p.values), below, above).any()) for p in sample.points]
    runs += [] if lost == "out" else [lost == "hit"] * len(sample.lost)
    return np.asarray(runs, dtype=bool)


def _counted(sample: Sample, lost: str) -> set[tuple[int, int]]:
    """The (data seed, model seed) pairs of the runs that a share counts."""
    runs: list[Point | Lost] = [*sample.points, *(() if lost == "out" else sample.lost)]
    return {(run.data_seed, run.model_seed) for run in runs}


def _by_unit(
    sample: Sample, unit: str, below: float | None, above: float | None, lost: str
) -> dict[object, bool]:
    found: dict[object, bool] = {}
    hits = _hits(sample, below, above, "run", lost)
    runs: list[Point | Lost] = [*sample.points, *sample.lost]
    for run, hit in zip(runs, hits, strict=False):  # the lost ones may be left out
        seeds = (run.data_seed, run.model_seed)
        key = seeds if unit == "run" else getattr(run, unit)
        found[key] = found.get(key, False) or bool(hit)
    return found


def _passes(
    values: NDArray[np.float64], below: float | None, above: float | None
) -> NDArray[np.bool_]:
    if (below is None) == (above is None):
        raise ConfigError("a share counts values below or above a threshold; give one of the two")
    passed = values < below if below is not None else values > (above or 0.0)
    return np.asarray(passed, dtype=bool)


def _extreme(sample: Sample, function: object, what: str) -> Estimate:
    values = sample.all_values()
    if not values.size:
        return Estimate(NAN, method="no finite value", exact=True)
    if sample.lost:  # a run without a finite number has failed the check
        what = f"{len(sample.lost)} of the runs have no finite number"
        return Estimate(NAN, n=len(sample.points), method=what, exact=True)
    found = float(function(values))  # type: ignore[operator]
    return Estimate(found, found, found, len(sample.points), "runs", method=what, exact=True)
