"""POWER: household electricity by the minute, whole as MAF prepared it, or half a year of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from repro.data.tabular.files import first_there, read_csv_frame, read_npy, read_npz
from repro.data.tabular.splits import Floats, Splits, normalised_by_first_two, split_in_order
from repro.errors import DataError

FILE = "data/power/data.npy"
HALF_YEAR_FILE = "uci/power_2006-12-16_to_2007-06-30.npz"
HOUSEHOLD_FILE = "uci/household_power_consumption.zip"
HALF_YEAR_MINUTES = 282_636  # from the first minute to the end of June
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
        DataError: if neither the prepared file nor the published one is there, or it is damaged.
    """
    path = first_there(root, (HALF_YEAR_FILE, HOUSEHOLD_FILE), "power-household")
    whole = _household(path) if path.suffix == ".zip" else _half_year(path)
    return prepare_power(whole[~np.isnan(whole).any(axis=1)])


def _half_year(path: Path) -> Floats:
    """Rows (N, 8): the seven readings, NaN where one is missing, and the minute of the day."""
    found = read_npz(path, ("values", "minute_index", "start"))
    hours, minutes = str(found["start"]).partition("T")[2].split(":")
    time = (60 * int(hours) + int(minutes) + found["minute_index"]) % MINUTES_A_DAY
    return np.concatenate((found["values"], time[:, None]), axis=1)


def _household(path: Path) -> Floats:
    """The same rows (N, 8) from the published text file, one line a minute."""
    frame = read_csv_frame(path, sep=";", na_values=["?"], nrows=HALF_YEAR_MINUTES)
    clock = frame["Time"].str.split(":", expand=True).astype(int)
    readings = frame.drop(columns=["Date", "Time"]).to_numpy(dtype="float64")
    return np.concatenate((readings, (60 * clock[0] + clock[1]).to_numpy()[:, None]), axis=1)


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
