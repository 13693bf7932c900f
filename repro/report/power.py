"""How many data seeds a decision takes: sample sizes for a wanted power."""

from __future__ import annotations

import math

from scipy import stats

POWER = 0.8
MOST = 1_000_000  # beyond this no experiment would be run; the answer is then None


def t_test_power(dz: float, n: int, alpha: float = 0.05) -> float:
    """Return the power of a two-sided one-sample (paired) t test at a true effect dz.

    Source: the noncentral t distribution; Cohen 1988, chapter 2.
    """
    critical = float(stats.t.ppf(1 - alpha / 2, n - 1))
    shift = dz * n**0.5
    above = float(stats.nct.sf(critical, n - 1, shift))
    return above + float(stats.nct.cdf(-critical, n - 1, shift))


def pairs_for_power(dz: float, power: float = POWER, alpha: float = 0.05) -> int | None:
    """Return the fewest pairs with which a two-sided paired t test has the power; None: too many.

    Raises:
        ValueError: for a power that is not between alpha and 1.
    """
    if not alpha < power < 1:
        raise ValueError(f"power is {power}; give one between {alpha} and 1, such as 0.8")
    size = abs(dz)
    if math.isnan(size) or size == 0:
        return None
    z = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power))
    n = max(2, math.floor((z / size) ** 2) - 2)  # a little less than the t test needs
    if n > MOST:
        return None
    while t_test_power(size, n, alpha) < power:
        n += 1
    return n


def equivalence_n(
    gap: float, sd: float, margin: float, power: float = POWER, alpha: float = 0.05
) -> int | None:
    """Return the n with which two one-sided tests at a true `gap` have the power; None: never.

    The normal approximation n = ((z_alpha + z_power') sd / (margin - |gap|))^2, with the
    type-II error shared by both sides where the gap is 0.

    Source: Chow, Shao & Wang 2008, Sample size calculations in clinical research, section 3.1.
    """
    room = margin - abs(gap)
    if room <= 0 or math.isnan(sd):
        return None
    beta = (1 - power) / 2 if gap == 0 else 1 - power
    z = float(stats.norm.ppf(1 - alpha) + stats.norm.ppf(1 - beta))
    n = max(2, math.ceil((z * sd / room) ** 2))
    return n if n <= MOST else None


def share_n(share: float, bound: float, power: float = POWER, alpha: float = 0.05) -> int | None:
    """Return the n with which a one-sample test tells a true share from a bound; None: too many.

    Source: the normal approximation with the variance of each side, Fleiss et al. 2003, eq. 2.14.
    """
    if share == bound or math.isnan(share):
        return None
    z_alpha, z_power = (float(stats.norm.ppf(q)) for q in (1 - alpha / 2, power))
    spread = z_alpha * (bound * (1 - bound)) ** 0.5 + z_power * (share * (1 - share)) ** 0.5
    n = max(2, math.ceil((spread / (share - bound)) ** 2))
    return n if n <= MOST else None
