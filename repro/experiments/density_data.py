"""The data sets of the task `density`: rows to train, validate and test, and what is known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repro.data.tabular.breast_cancer import load_breast_cancer
from repro.data.tabular.bsds300 import load_bsds300, load_bsds300_patches
from repro.data.tabular.gas import load_gas
from repro.data.tabular.hepmass import load_hepmass
from repro.data.tabular.miniboone import load_miniboone, load_miniboone_held_out
from repro.data.tabular.power import load_power, load_power_half_year
from repro.data.tabular.splits import Splits
from repro.data.toy import TOYS, Generator, generate_toy
from repro.data.two_modes import TwoModes

Singles = NDArray[np.float32]
LOADERS: dict[str, Callable[[Path], Splits]] = {
    "power": load_power,
    "gas": load_gas,
    "hepmass": load_hepmass,
    "miniboone": load_miniboone,
    "bsds300": load_bsds300,
    "power_half_year": load_power_half_year,
    "miniboone_held_out": load_miniboone_held_out,
    "breast_cancer": load_breast_cancer,
}
_ROWS = ("train_rows", "val_rows", "test_rows")


@dataclass(frozen=True, eq=False)
class DensityData:
    """Rows (N, D) float32 of each split, and the exact density where it is known."""

    train: Singles
    val: Singles
    test: Singles
    truth: TwoModes | Generator | None = None

    @property
    def dim(self) -> int:
        """The number of features D."""
        return self.train.shape[1]

    @property
    def digest(self) -> str:
        """The first 12 hex digits of the SHA-256 of all rows: which data a result is for."""
        whole = hashlib.sha256()
        for part in (self.train, self.val, self.test):
            whole.update(repr(part.shape).encode() + np.ascontiguousarray(part).tobytes())
        return whole.hexdigest()[:12]


def load_density_data(data: Mapping[str, Any], data_seed: int, root: Path) -> DensityData:
    """The data set that a config names, with what the data seed decides of it.

    A toy data set is drawn by the data seed, as are the patches; of a tabular one it chooses the
    training rows where only some are wanted.

    Raises:
        DataError: if a file is missing or damaged.
    """
    name = data["name"]
    if name == "two_modes":
        return _two_modes(data, data_seed)
    if name in TOYS:
        toy = generate_toy(data, data_seed)
        return DensityData(toy.train, toy.val, toy.test, toy.generator)
    if name == "bsds300_patches":
        counts = tuple(int(data[key]) for key in _ROWS)
        splits = load_bsds300_patches(root, counts, data_seed)  # type: ignore[arg-type]
        return DensityData(splits.train, splits.val, splits.test)
    splits = LOADERS[name](root)
    return DensityData(_some(splits.train, data["train_rows"], data_seed), splits.val, splits.test)


def _two_modes(data: Mapping[str, Any], data_seed: int) -> DensityData:
    truth = TwoModes(float(data["distance"]), float(data["sigma"]))
    random = np.random.RandomState(data_seed)
    train, val, test = (truth.draw(data["points"], random).astype(np.float32) for _ in range(3))
    return DensityData(train, val, test, truth)


def _some(rows: Singles, count: int | None, data_seed: int) -> Singles:
    """All rows (N, D), or so many of them, drawn without replacement."""
    if count is None or count >= len(rows):
        return rows
    return rows[np.random.RandomState(data_seed).permutation(len(rows))[:count]]
