"""MINIBOONE: neutrino candidates, as MAF prepared it, or its validation and test rows alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from repro.data.tabular.files import read_npy, read_npz
from repro.data.tabular.splits import Floats, Splits, normalised_by_first_two, split_in_order

FILE = "data/miniboone/data.npy"
HELD_OUT_FILE = "uci/miniboone_maf_val_test_and_train_head.npz"


def load_miniboone(root: Path) -> Splits:
    """MINIBOONE: 29,556, 3,284 and 3,648 rows of 43 features.

    Raises:
        DataError: if the file is missing.
    """
    return prepare_miniboone(read_npy(root / FILE))


def prepare_miniboone(data: Floats) -> Splits:
    """Split rows (N, D) in order, *without* shuffling, and normalise them.

    The published file has its outliers and repeating features (counted as in
    `splits.varied_columns`, fault included) taken out already.

    Source: gpapamak/maf datasets/miniboone.py.
    """
    return normalised_by_first_two(*split_in_order(np.asarray(data, dtype=np.float64)))


def load_miniboone_held_out(root: Path) -> Splits:
    """The exact validation and test rows; the validation rows stand in for the training rows too.

    For checks of a likelihood, since the training rows are not there: nothing that is trained on
    it can be compared with published numbers.

    Raises:
        DataError: if the file is missing or lacks an array.
    """
    found = read_npz(root / HELD_OUT_FILE, ("val", "test"))
    val, test = (np.asarray(found[name], dtype=np.float32) for name in ("val", "test"))
    return Splits(val, val, test)
