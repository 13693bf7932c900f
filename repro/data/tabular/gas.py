"""GAS: chemical sensors exposed to gas mixtures, as MAF prepared it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from repro.data.tabular.files import read_frame
from repro.data.tabular.splits import Splits, as_singles, split_in_order
from repro.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

FILE = "data/gas/ethylene_CO.pickle"
NO_SENSORS = ("Meth", "Eth", "Time")
CORRELATED = 0.98


def load_gas(root: Path) -> Splits:
    """GAS: 852,174, 94,685 and 105,206 rows of 8 features.

    Raises:
        DataError: if the file is missing, damaged or lacks a column.

    Source: gpapamak/maf datasets/gas.py.
    """
    return prepare_gas(read_frame(root / FILE))


def prepare_gas(frame: pd.DataFrame) -> Splits:
    """Drop what is no sensor and what repeats another, normalise, and split in order.

    Two known faults are kept: the mean and sd (ddof 1) are those of *all* rows, test rows
    included, and rows that follow each other in time stand on both sides of each cut.

    Raises:
        DataError: if the frame lacks a column.

    Source: gpapamak/maf datasets/gas.py.
    """
    missing = [name for name in NO_SENSORS if name not in frame.columns]
    if missing:
        raise DataError(f"GAS has no column {', '.join(missing)}; fetch the file again")
    kept = _without_repeats(frame.drop(columns=list(NO_SENSORS)))
    normalised = (kept - kept.mean()) / kept.std()
    return as_singles(*split_in_order(normalised.to_numpy(dtype="float64")))


def _without_repeats(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop the first column that correlates above .98 with another, until none does."""
    while True:
        alike = (frame.corr().to_numpy() > CORRELATED).sum(axis=1)
        if (alike <= 1).all():
            return frame
        frame = frame.drop(columns=frame.columns[(alike > 1).argmax()])
