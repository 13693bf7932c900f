"""HEPMASS: simulated particle collisions of mass 1000, as MAF prepared it."""

from __future__ import annotations

from pathlib import Path

from repro.data.tabular.files import read_csv
from repro.data.tabular.splits import (
    Floats,
    Splits,
    as_singles,
    set_last_tenth_aside,
    varied_columns,
)
from repro.errors import DataError

TRAIN, TEST = "data/hepmass/1000_train.csv", "data/hepmass/1000_test.csv"


def load_hepmass(root: Path) -> Splits:
    """HEPMASS: 315,123, 35,013 and 174,987 rows of 21 features.

    Raises:
        DataError: if a file is missing or the two do not fit together.

    Source: gpapamak/maf datasets/hepmass.py.
    """
    return prepare_hepmass(read_csv(root / TRAIN), read_csv(root / TEST))


def prepare_hepmass(train: Floats, test: Floats) -> Splits:
    """Keep the signal (first column 1), normalise by the training file, drop repeating features.

    The test file has one column more than the training file, its last, which goes. Which features
    repeat is counted as in `varied_columns`, fault included; mean and sd (ddof 1) are those of
    training and validation rows.

    Raises:
        DataError: if the test file does not have one column more.

    Source: gpapamak/maf datasets/hepmass.py.
    """
    if test.shape[1] != train.shape[1] + 1:
        raise DataError(
            f"HEPMASS's test file has one column more than its training file, not "
            f"{test.shape[1]} beside {train.shape[1]}; fetch the files again"
        )
    signal, tested = train[train[:, 0] == 1][:, 1:], test[test[:, 0] == 1][:, 1:-1]
    mean, sd = signal.mean(axis=0), signal.std(axis=0, ddof=1)
    signal, tested = (signal - mean) / sd, (tested - mean) / sd
    kept = varied_columns(signal)
    fitted, val = set_last_tenth_aside(signal[:, kept])
    return as_singles(fitted, val, tested[:, kept])
