"""Statistics of relations: a trend along a config value or the arms, and a correlation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from repro.claims.estimate import NAN, Estimate, only_zero
from repro.claims.means import TESTS, or_sign
from repro.claims.sample import UNITS, Sample, paired_units
from repro.errors import ConfigError
from repro.report.association import rank_correlation, spearman
from repro.report.paired import paired
from repro.report.statistics import signed_rank_p
from repro.report.trend import page_trend, slopes

TREND_TESTS = (*TESTS, "page")
FEWEST = 4
PAGE_LEVELS = 3
COLLINEAR = 1e-9  # a determinant of rank correlations below it


def trend(
    samples: Sequence[Sample],
    bound: float,
    *,
    along: str,
    levels: list[str | int | float] | None = None,
    at: list[float] | None = None,
    test: str = "t",
    unit: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
    step: str = "",
) -> Estimate:
    """The mean over units of the slope along a config key (or `arm`), with Page's trend test.

    With two selections the slope is that of first minus second. `levels` gives an order where the
    values have none, `at` their places on the axis, and `step` is a word for one step of it; both
    axes may be logarithmic. p is the t test's, Wilcoxon's or, for a bound of 0, Page's
    (one-sided, doubled).

    Raises:
        ConfigError: for an unknown test, or Page's with a bound other than 0.
    """
    if test not in TREND_TESTS:
        raise ConfigError(f"test: {test} does not exist; write one of {', '.join(TREND_TESTS)}")
    if test == "page":
        only_zero(bound, "a trend by Page's test is compared")
    chosen = levels or samples[0].levels(along)
    table, kind = _by_level(samples, along, chosen, unit)
    if len(chosen) < 2 or len(table) < 2:
        return Estimate(NAN, n=len(table), method=f"fewer than two levels of {along} or two units")
    places = np.asarray(at or _places(chosen), dtype=float)
    values = np.log(table.to_numpy()) if log_y else table.to_numpy()
    steep = slopes(values, (np.log(places) if log_x else places).tolist())
    found = paired(steep - bound)
    interval = found.interval.shifted(bound)
    if test == "page" and len(chosen) < PAGE_LEVELS:
        return Estimate(NAN, n=len(table), method=f"Page's test takes three levels of {along}")
    details = [(f"{along} {level}", f"mean {table[i].mean():.4f}")
               for i, level in enumerate(chosen)]  # fmt: skip
    p = {"t": or_sign(found.t_p, steep, bound), "wilcoxon": found.wilcoxon_p, "page": NAN}[test]
    if len(chosen) >= PAGE_LEVELS:
        page = page_trend(values)
        p = min(1.0, 2 * min(page.p, page_trend(-values).p)) if test == "page" else p
        details.append(("Page, rising", f"L {page.statistic:.0f}, one-sided p {page.p:.2g}"))
    details.append(("Wilcoxon of the slopes against 0", f"p {signed_rank_p(steep):.2g}"))
    each = f" per {step}" if step else ""
    return Estimate(interval.mean, interval.low, interval.high, len(table), UNITS[kind], p,
                    f"mean slope along {along}{each}, {interval.method}; p: {test}",
                    tuple(steep.tolist()), details=tuple(details))  # fmt: skip


def correlation(
    samples: Sequence[Sample],
    bound: float,
    *,
    unit: str | None = None,
    within: str | None = None,
) -> Estimate:
    """Spearman's rank correlation of the first two; given a third, the partial one.

    With `within: data_seed` each value is taken relative to its data seed's mean over model
    seeds, which asks whether initialisations that do better on one also do better on the other;
    every mean costs a degree of freedom, in p and in the interval.
    """
    only_zero(bound, "a correlation is compared")
    table, kind = paired_units(samples, "run" if within else unit)
    taken = 0
    if within:
        table, groups = _centred(table, within)
        taken = max(0, groups - 1)
    ranks = table.rank()
    if len(table) < FEWEST + taken + len(samples) - 2 or (np.ptp(ranks, axis=0) == 0).any():
        return Estimate(NAN, n=len(table), method="too few units, or one does not vary")
    if len(samples) == 3:
        return _partial(ranks, UNITS[kind], taken)
    found = spearman(table[0].to_numpy(), table[1].to_numpy(), taken=taken)
    return Estimate(found.rho, found.low, found.high, found.n, UNITS[kind], found.p,
                    "Spearman's rho, Bonett-Wright")  # fmt: skip


def _partial(ranks: pd.DataFrame, unit: str, taken: int) -> Estimate:
    """Spearman's partial rho: the variable that is held fixed costs a degree of freedom."""
    among = np.corrcoef(ranks.to_numpy().T)
    if np.linalg.det(among) < COLLINEAR:
        return Estimate(NAN, n=len(ranks), method="one selection's ranks follow from the others'")
    inverse = np.linalg.inv(among)
    rho = float(-inverse[0, 1] / (inverse[0, 0] * inverse[1, 1]) ** 0.5)
    found = rank_correlation(rho, len(ranks), taken=taken + 1)
    return Estimate(found.rho, found.low, found.high, found.n, unit, found.p,
                    "Spearman's partial rho, Bonett-Wright")  # fmt: skip


def _centred(table: pd.DataFrame, within: str) -> tuple[pd.DataFrame, int]:
    """The runs less their group's mean, those of groups of several, and how many groups it is."""
    place = {"data_seed": 0, "model_seed": 1}.get(within)
    if place is None:
        raise ConfigError(f"within: {within} does not exist; write data_seed or model_seed")
    groups = table.groupby([key[place] for key in table.index])
    table = table[groups[0].transform("size") > 1]
    groups = table.groupby([key[place] for key in table.index])
    return table - groups.transform("mean"), groups.ngroups


def _by_level(
    samples: Sequence[Sample], along: str, levels: Sequence[object], unit: str | None
) -> tuple[pd.DataFrame, str]:
    """A unit's value (or difference) at each level, and what the units are."""
    found = [sample.at(along, level) for level in levels for sample in samples]
    table, kind = paired_units(found, unit)
    step = len(samples)
    columns = {
        i: table[i * step] - table[i * step + 1] if step == 2 else table[i * step]
        for i in range(len(levels))
    }
    return pd.DataFrame(columns), kind


def _places(levels: Sequence[object]) -> list[float]:
    if all(isinstance(level, int | float) for level in levels):
        return [float(level) for level in levels]  # type: ignore[arg-type]
    return [float(i) for i in range(len(levels))]
