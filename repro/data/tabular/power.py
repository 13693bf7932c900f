"""POWER: household electricity by the minute, whole as MAF prepared it, or half a year of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from repro.data.tabular.files import read_npy, read_npz
from repro.data.tabular.splits import Floats, Splits, normalised_by_first_two, split_in_order
from repro.errors import DataError

FILE = "data/power/data.npy"
HALF_YEAR_FILE = "uci/power_2006-12-16_to_2007-06-30.npz"
RELEASED_SEED = 42
MINUTES_A_DAY = 24 * 60
NOISE = {"voltage": 0.01, "active_power": 0.001}


def load_power(root: Path) -> Splits:
    """POWER as in the MAF paper: 1,659,917, 184,435 and 204,928 rows of 6 features.

    Raises:
        DataError: if the file is missing or has other columns.

    Source: gpapamak/maf datasets/power.py.
    """
    return prepare_power(read_npy(root / FILE))


def load_power_half_year(root: Path) -> Splits:
    """The complete minutes of 16 December 2006 to 30 June 2007, prepared as POWER is.

    A seventh of the full set: real data, not comparable with published numbers for POWER. The
    time of day is counted in minutes from the first row's; normalised, its unit does not matter.

    Raises:
        DataError: if the file is missing or lacks an array.
    """
    found = read_npz(root / HALF_YEAR_FILE, ("values", "minute_index", "start"))
    values, minutes = found["values"], found["minute_index"]
    hours, mins = str(found["start"]).partition("T")[2].split(":")
    time = (60 * int(hours) + int(mins) + minutes) % MINUTES_A_DAY
    whole = np.concatenate((values, time[:, None]), axis=1)
    return prepare_power(whole[~np.isnan(values).any(axis=1)])


def prepare_power(data: Floats) -> Splits:
    """Shuffle, drop two columns, add noise, split and normalise rows (N, 8).

    Columns: active power, reactive power, voltage, intensity, three sub-meters, time. Reactive
    power and intensity go. The voltage's noise is drawn before the active power's, and the time
    gets none, so that it stays on its grid of minutes.

    Raises:
        DataError: for another number of columns.

    Source: gpapamak/maf datasets/power.py.
    """
    if data.ndim != 2 or data.shape[1] != 8:
        raise DataError(f"POWER has 8 columns, this array is {data.shape}; fetch the file again")
    random = np.random.RandomState(RELEASED_SEED)
    shuffled = np.array(data, dtype=np.float64)
    random.shuffle(shuffled)
    kept = np.delete(shuffled, [1, 3], axis=1)
    rows = len(kept)
    voltage = NOISE["voltage"] * random.rand(rows, 1)
    active = NOISE["active_power"] * random.rand(rows, 1)
    noise = np.hstack((active, voltage, random.rand(rows, 3), np.zeros((rows, 1))))
    return normalised_by_first_two(*split_in_order(kept + noise))
