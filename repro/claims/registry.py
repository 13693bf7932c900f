"""Which statistics a claim may name, how many selections each takes, and its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from repro.claims import means, relations, shares
from repro.claims.estimate import NAN, Estimate
from repro.claims.sample import Sample

Statistic = Callable[..., Estimate]  # samples, the rule's bound, and arguments by name


@dataclass(frozen=True)
class Entry:
    """A statistic and how many selections it takes.

    One that is `partial` does with the first selection and any `fewest` - 1 others that have rows.
    """

    function: Statistic
    fewest: int
    most: int | None
    partial: bool = False

    @property
    def arguments(self) -> dict[str, bool]:
        """Names of its arguments, and whether each has to be given."""
        found = inspect.signature(self.function).parameters.values()
        own = [one for one in found if one.kind is inspect.Parameter.KEYWORD_ONLY]
        return {one.name: one.default is inspect.Parameter.empty for one in own}


def published(
    samples: Sequence[Sample],
    bound: float,
    *,
    value: float,
    low: float | None = None,
    high: float | None = None,
) -> Estimate:
    """A published number itself, with its reading limits or interval: rests on no row of ours."""
    bounds = (value if low is None else low, value if high is None else high)
    return Estimate(value, *bounds, n=1, unit="published number", p=NAN,
                    method="published number", exact=low is None)  # fmt: skip


STATISTICS: dict[str, Entry] = {
    "mean": Entry(means.mean, 1, 1),
    "paired_difference": Entry(means.paired_difference, 2, 2),
    "difference": Entry(means.difference, 2, 2),
    "best_of_arms": Entry(means.best_of_arms, 2, None, partial=True),
    "ordering": Entry(means.ordering, 2, None),
    "interaction": Entry(means.interaction, 4, 4),
    "repeated_measures": Entry(means.repeated_measures, 3, None),
    "spread_difference": Entry(means.spread_difference, 2, 2),
    "share": Entry(shares.share, 1, 1),
    "share_difference": Entry(shares.share_difference, 2, 2),
    "largest": Entry(shares.largest, 1, 1),
    "smallest": Entry(shares.smallest, 1, 1),
    "farthest": Entry(shares.farthest, 1, 1),
    "common_value": Entry(shares.common_value, 1, 1),
    "rank": Entry(shares.rank, 1, 1),
    "trend": Entry(relations.trend, 1, 2),
    "correlation": Entry(relations.correlation, 2, 3),
    "published": Entry(published, 0, 0),
}
