"""What a statistic finds: a number with its interval, p and n, and what else a reader wants."""

from __future__ import annotations

from dataclasses import dataclass

from repro.errors import ConfigError

NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """A statistic: value, bounds, n units, two-sided p against the rule's bound.

    `level` is the interval's; `p_against` is the p of the opposite claim where another test
    decides that (of several rivals the one that wins by most), nan where `p` does. `values` has a
    number a unit where the statistic is their mean; an `exact` one (a count, a largest error) is
    known without uncertainty; `share` is a share out of n. `details` are what else was found, as
    (what, text) for a reader.
    """

    value: float
    low: float = NAN
    high: float = NAN
    n: int = 0
    unit: str = "runs"
    p: float = NAN
    method: str = ""
    values: tuple[float, ...] = ()
    exact: bool = False
    share: bool = False
    level: float = 0.95
    p_against: float = NAN
    details: tuple[tuple[str, str], ...] = ()


def only_zero(bound: float, what: str) -> None:
    """Refuse a bound that the p of a statistic could not take into account.

    Raises:
        ConfigError: for a bound other than 0.
    """
    if bound != 0:
        raise ConfigError(f"{what} with 0, not {bound}; use `above: 0` or `below: 0`")
