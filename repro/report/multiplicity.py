"""Several tests in one family: Holm's step-down adjustment."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the adjusted p values, in the order given; nan stays nan and counts for none.

    Raises:
        ValueError: for a p value outside [0, 1].

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    known = [i for i, p in enumerate(p_values) if not math.isnan(p)]
    for i in known:
        if not 0 <= p_values[i] <= 1:
            raise ValueError(f"{p_values[i]} is no p value; give one from 0 to 1")
    adjusted = [float(p) for p in p_values]
    largest = 0.0
    for rank, i in enumerate(sorted(known, key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(known) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
