"""Finished runs with numbers that are not finite: what a person is told of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from repro.jobs import Outcome
from repro.nested import flatten

MOST = 3  # names in a line


def lost_note(id: str, outcomes: Sequence[Outcome]) -> str:
    """A line on the metrics of finished runs that are not finite; empty where all are."""
    done = [one for one in outcomes if one.status == "done"]
    names = Counter(
        name for one in done for name, value in flatten(one.metrics).items() if not _finite(value)
    )
    if not names:
        return ""
    told = [f"{name} ({count} of {len(done)} seeds)" for name, count in names.items()]
    more = f" and {len(told) - MOST} more" if len(told) > MOST else ""
    return (
        f"warning: {id} is done with numbers that are not finite: {', '.join(told[:MOST])}{more};"
        " they are stored as null and count as lost"
    )


def _finite(value: object) -> bool:
    """Whether every number in a value is finite; what is no number is no matter."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, list | tuple) else True
