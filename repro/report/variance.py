"""Components of variance of a crossed design with one observation a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Components:
    """Variances that rows, columns and neither alone explain; none below 0, nan where unknown."""

    rows: float
    columns: float
    rest: float


def crossed_components(values: ArrayLike) -> Components:
    """Split the variance of values (rows, columns), both random effects, by analysis of variance.

    Raises:
        ValueError: for a value that is not finite.

    Source: Searle, Casella & McCulloch 1992, Variance components, section 4.3 (two-way crossed
        classification without replication): expected mean squares solved for the variances.
    """
    table = np.asarray(values, dtype=np.float64)
    if not np.isfinite(table).all():
        raise ValueError("a value is not finite; leave rows with a diverged run out")
    nan = float("nan")
    if table.ndim != 2 or min(table.shape) < 2:
        return Components(nan, nan, nan)
    count, width = table.shape
    by_row, by_column, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    left = table - by_row[:, None] - by_column[None, :] + mean
    rest = float((left**2).sum()) / ((count - 1) * (width - 1))
    rows = width * float(((by_row - mean) ** 2).sum()) / (count - 1)
    columns = count * float(((by_column - mean) ** 2).sum()) / (width - 1)
    return Components(max(0.0, (rows - rest) / width), max(0.0, (columns - rest) / count), rest)
