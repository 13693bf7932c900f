"""What the tabular data sets share: their three splits and how rows are set aside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repro.errors import DataError

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Splits:
    """Training, validation and test rows of a data set, each (N, D) float32."""

    train: Singles
    val: Singles
    test: Singles

    @property
    def dim(self) -> int:
        """The number of features D."""
        return self.train.shape[1]


def set_last_tenth_aside(data: Floats) -> tuple[Floats, Floats]:
    """All rows (N, D) but the last tenth, and the last tenth, rounded down.

    Raises:
        DataError: for fewer than ten rows, where the released code would give an empty set.
    """
    count = int(0.1 * len(data))
    if count == 0:
        raise DataError(f"a data set of {len(data)} rows has no tenth; use ten rows or more")
    return data[:-count], data[-count:]


def split_in_order(data: Floats) -> tuple[Floats, Floats, Floats]:
    """Training, validation and test rows: the last tenth to test, the tenth before to validate."""
    rest, test = set_last_tenth_aside(data)
    train, val = set_last_tenth_aside(rest)
    return train, val, test


def normalised_by_first_two(train: Floats, val: Floats, test: Floats) -> Splits:
    """The splits with the mean and sd (ddof 0) of training and validation rows taken out."""
    both = np.concatenate((train, val))
    return as_singles(
        *((part - both.mean(axis=0)) / both.std(axis=0) for part in (train, val, test))
    )


def as_singles(train: Floats, val: Floats, test: Floats) -> Splits:
    """The splits in float32, as the released loaders hand them on."""
    return Splits(*(np.ascontiguousarray(part, dtype=np.float32) for part in (train, val, test)))


def varied_columns(data: Floats, most: int = 5) -> NDArray[np.int64]:
    """The columns whose smallest value occurs at most `most` times.

    The released comment says that features with values that come back too often go; what the code
    counts is how often the *smallest* value occurs. Kept, since the published numbers have it.

    Source: gpapamak/maf datasets/hepmass.py and miniboone.py.
    """
    smallest = (data == data.min(axis=0)).sum(axis=0)
    return np.flatnonzero(smallest <= most)
