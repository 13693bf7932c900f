"""Statistics that are a mean over units: of a selection, of differences, of their differences."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from repro.claims.estimate import NAN, Estimate, only_zero
from repro.claims.sample import UNITS, Sample, paired_units
from repro.errors import ConfigError
from repro.report.association import brown_forsythe
from repro.report.multiplicity import holm
from repro.report.paired import paired
from repro.report.statistics import difference_from, mean_interval, signed_rank_p
from repro.report.trend import friedman

TESTS = ("t", "wilcoxon")
MINUS = "\N{MINUS SIGN}"


def mean(samples: Sequence[Sample], bound: float, *, unit: str | None = None) -> Estimate:
    """The mean over units; p is the one-sample t test's against the bound."""
    values, kind = paired_units(samples[:1], unit)
    column = values[0].to_numpy() if len(values) else np.array([])
    details = [("sd", f"{column.std(ddof=1):.4f}")] if column.size > 1 else []
    return _estimate(column, bound, kind, "mean", details=details)


def paired_difference(
    samples: Sequence[Sample], bound: float, *, unit: str | None = None, test: str = "t"
) -> Estimate:
    """The mean of first minus second over the units that both have.

    p is that of the t test or of Wilcoxon's signed-rank test; the other one, Cohen's dz with its
    interval and how many differences are positive are details.
    """
    table, kind = paired_units(samples, unit)
    gaps = (table[0] - table[1]).to_numpy() if len(table) else np.array([])
    return _estimate(gaps, bound, kind, "paired difference", test)


def interaction(
    samples: Sequence[Sample], bound: float, *, unit: str | None = None, test: str = "t"
) -> Estimate:
    """The mean of (first - second) - (third - fourth) over the units that all four have."""
    table, kind = paired_units(samples, unit)
    gaps = (table[0] - table[1] - table[2] + table[3]).to_numpy() if len(table) else np.array([])
    return _estimate(gaps, bound, kind, "difference of differences", test)


def difference(samples: Sequence[Sample], bound: float, *, unit: str | None = None) -> Estimate:
    """The difference of two means over unlike units: Welch's interval and t test, n the fewer."""
    first, second = (sample.series(unit or sample.unit).to_numpy() for sample in samples)
    ours, theirs = mean_interval(first), mean_interval(second)
    if ours.n < 2 or theirs.n < 2:
        return Estimate(
            ours.mean - theirs.mean, n=min(ours.n, theirs.n), method="difference of means"
        )
    gap = difference_from(ours, theirs.mean, theirs.sd, theirs.n)
    p = float(stats.ttest_ind(first - bound, second, equal_var=False).pvalue)
    counts = ("n of each", f"{ours.n} and {theirs.n}")
    fewer, kind = min(ours.n, theirs.n), UNITS[unit or samples[0].unit]
    return Estimate(gap.mean, gap.low, gap.high, fewer, kind, p, "difference of means, Welch's t",
                    details=(counts,))  # fmt: skip


def best_of_arms(
    samples: Sequence[Sample], bound: float, *, unit: str | None = None, test: str = "t"
) -> Estimate:
    """The first minus whichever other one it beats by least, paired.

    The interval holds for all rivals at once (Bonferroni), since that some rival is better is one
    of several chances; p is the largest. A rule that asks for both is stricter than the
    intersection-union test that ahead of every rival would need, each at 5 %.
    """
    rivals = len(samples) - 1
    level = 1 - 0.05 / rivals
    found = []
    for rival in samples[1:]:
        table, kind = paired_units([samples[0], rival], unit)
        if len(table) == 0:
            return Estimate(NAN, method=f"no run of {rival.name} pairs with {samples[0].name}")
        gaps = (table[0] - table[1]).to_numpy()
        found.append((rival.name, _estimate(gaps, bound, kind, "", test, level)))
    name, least = min(found, key=lambda pair: pair[1].value)
    every = [(f"against {rival}", _short(one)) for rival, one in found]
    method = f"paired difference to the best rival, {name}{_at_once(rivals)}"
    return Estimate(least.value, least.low, least.high, least.n, least.unit,
                    _largest([one.p for _, one in found]), method,
                    least.values, level=level, p_against=_against(least, rivals),
                    details=(*every, *least.details))  # fmt: skip


def ordering(
    samples: Sequence[Sample], bound: float, *, unit: str | None = None, test: str = "t"
) -> Estimate:
    """The smallest step down the declared order of means: each minus the next, paired.

    The interval holds for all steps at once (Bonferroni) and p is the largest, which is stricter
    than the intersection-union test of every step at 5 %; the details hold Holm's p a step.
    """
    table, kind = paired_units(samples, unit)
    if len(table) == 0:
        return Estimate(NAN, method="no unit has all of them")
    count = len(samples) - 1
    level = 1 - 0.05 / count
    steps = [(table[i] - table[j]).to_numpy() for i, j in itertools.pairwise(range(len(samples)))]
    found = [_estimate(step, bound, kind, "", test, level) for step in steps]
    adjusted = holm([one.p for one in found])
    names = [f"{a.name} {MINUS} {b.name}" for a, b in itertools.pairwise(samples)]
    every = [(name, f"{_short(one)}, Holm p {p:.2g}")
             for name, one, p in zip(names, found, adjusted, strict=True)]  # fmt: skip
    least = min(found, key=lambda one: one.value)
    method = f"smallest step of the ordering{_at_once(count)}"
    return Estimate(least.value, least.low, least.high, least.n, least.unit,
                    _largest([one.p for one in found]), method,
                    least.values, level=level, p_against=_against(least, count),
                    details=tuple(every))  # fmt: skip


def repeated_measures(
    samples: Sequence[Sample], bound: float, *, unit: str | None = None
) -> Estimate:
    """The gap between the highest and the lowest mean of several conditions on the same units.

    p is Friedman's, over all conditions; the interval holds for all pairs at once (Bonferroni).

    Raises:
        ConfigError: for a bound other than 0, of which Friedman's test knows nothing.
    """
    only_zero(bound, "repeated_measures is compared")
    table, kind = paired_units(samples, unit)
    if len(table) < 2:
        return Estimate(NAN, n=len(table), method="fewer than two units have all conditions")
    pairs = len(samples) * (len(samples) - 1) // 2
    means = table.mean().to_numpy()
    top, bottom = int(means.argmax()), int(means.argmin())
    gaps = (table[top] - table[bottom]).to_numpy()
    agreement = friedman(table.to_numpy())
    level = 1 - 0.05 / pairs
    found = _estimate(gaps, bound, kind, "", level=level)
    every = [(sample.name, f"mean {means[i]:.4f}") for i, sample in enumerate(samples)]
    every.append(("Friedman", f"χ² {agreement.statistic:.2f}, Kendall's W {agreement.w:.2f}"))
    method = f"highest mean ({samples[top].name}) {MINUS} lowest ({samples[bottom].name})"
    method += f"{_at_once(pairs)}; p: Friedman"
    return Estimate(found.value, found.low, found.high, found.n, found.unit, agreement.p,
                    method, found.values, level=level, details=tuple(every))  # fmt: skip


def spread_difference(
    samples: Sequence[Sample], bound: float, *, unit: str | None = None
) -> Estimate:
    """The difference of two sds over units; p is Brown and Forsythe's, bounds a bootstrap's.

    The bootstrap draws pairs; the test takes the two for independent, which is cautious where
    they go together.

    Raises:
        ConfigError: for a bound other than 0, of which that test knows nothing.
    """
    only_zero(bound, "spread_difference is compared")
    table, kind = paired_units(samples, unit)
    if len(table) < 3:
        return Estimate(NAN, n=len(table), method="fewer than three units have both")
    first, second = table[0].to_numpy(), table[1].to_numpy()
    gap = float(first.std(ddof=1) - second.std(ddof=1))
    found = stats.bootstrap(
        (first, second), lambda a, b, axis: a.std(ddof=1, axis=axis) - b.std(ddof=1, axis=axis),
        paired=True, vectorized=True, method="BCa", rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    _, p = brown_forsythe(first, second)
    sds = ("sds", f"{first.std(ddof=1):.4f} and {second.std(ddof=1):.4f}")
    return Estimate(gap, float(found.low), float(found.high), len(table), UNITS[kind], p,
                    "difference of sds, BCa; p: Brown-Forsythe", details=(sds,))  # fmt: skip


def _estimate(
    values: NDArray[np.float64],
    bound: float,
    kind: str,
    what: str,
    test: str = "t",
    level: float = 0.95,
    details: Sequence[tuple[str, str]] | None = None,
) -> Estimate:
    if test not in TESTS:
        raise ConfigError(f"test: {test} does not exist; write one of {', '.join(TESTS)}")
    found = paired(values - bound, level)
    interval = found.interval.shifted(bound)
    p = {"t": or_sign(found.t_p, values, bound), "wilcoxon": found.wilcoxon_p}[test]
    shown = _paired_details(values, level) if details is None else details
    method = f"{what}, {interval.method}; p: {test}".removeprefix(", ")
    return Estimate(interval.mean, interval.low, interval.high, interval.n, UNITS[kind], p,
                    method, tuple(values.tolist()), details=tuple(shown))  # fmt: skip


def _largest(p: Sequence[float]) -> float:
    """The largest p, nan where one of them is: what was not tested is not shown."""
    return float(np.max(p))


def _against(least: Estimate, chances: int) -> float:
    """The p of the opposite claim, which any of several comparisons can make (Bonferroni)."""
    return min(1.0, chances * least.p)


def or_sign(p: float, values: NDArray[np.float64], bound: float) -> float:
    """The t test's p; where all values are equal, 0 or 1 by whether they are the bound."""
    if not np.isnan(p) or values.size < 2:
        return p
    return 1.0 if values[0] == bound else 0.0


def _paired_details(values: NDArray[np.float64], level: float) -> list[tuple[str, str]]:
    if values.size < 2 or np.ptp(values) == 0:
        return []
    found = paired(values, level)
    dz = found.effect
    return [
        ("t test against 0", f"p {found.t_p:.2g}"),
        ("Wilcoxon against 0", f"p {signed_rank_p(values):.2g}"),
        ("dz", f"{dz.value:.2f} [{dz.low:.2f}, {dz.high:.2f}]"),
        ("above 0", f"{found.positive} of {found.interval.n}"),
    ]


def _at_once(count: int) -> str:
    return f"; the interval holds for all {count} at once" if count > 1 else ""


def _short(found: Estimate) -> str:
    return (
        f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}], n {found.n}, p {found.p:.2g}"
    )
