"""Breast cancer: a small real table that comes with scikit-learn, for runs that need no files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from repro.data.tabular.splits import Splits, normalised_by_first_two, split_in_order

SEED = 42


def load_breast_cancer(root: Path) -> Splits:
    """462, 51 and 56 rows of 30 features, shuffled, split and normalised as POWER is.

    No paper uses it for densities; `root` is not looked at.
    """
    from sklearn.datasets import load_breast_cancer as bundled  # slow to import

    rows = np.array(bundled().data, dtype=np.float64)
    np.random.RandomState(SEED).shuffle(rows)
    return normalised_by_first_two(*split_in_order(rows))
