"""Rows of the density experiments as a frame, their arms' names and colours, and their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from repro.errors import MissingResult
from repro.figures.lost import lost_sentences
from repro.figures.rows import Rows, records
from repro.nested import flatten
from repro.report.statistics import Interval, mean_interval

ARMS = {
    "nf": "NF",
    "nf_matched": "NF, parameters of NVF",
    "nvf": "NVF",
    "nvf_released": "NVF, gradients never zeroed",
    "nvf_summed": "NVF, bound summed over states",
    "nvf_8": "NVF, 8 states",
    "nvf_continuous": "NVF, continuous",
    "mixture": "mixture of flows, exact",
}
COLOURS = {
    "nf": "#0072B2", "nf_matched": "#56B4E9", "nvf": "#D55E00", "nvf_released": "#CC79A7",
    "nvf_summed": "#E69F00", "nvf_8": "#8c510a", "nvf_continuous": "#999999",
    "mixture": "#009E73",
}  # fmt: skip
DATA = {
    "moons": "moons", "gaussians": "Gaussians", "circles": "circles", "swiss_roll": "swiss roll",
    "pinwheel": "pinwheel", "power_half_year": "POWER, half a year",
    "bsds300_patches": "BSDS300 patches, fresh draw", "two_modes": "two modes",
    "power": "POWER", "gas": "GAS", "hepmass": "HEPMASS", "miniboone": "MINIBOONE",
    "bsds300": "BSDS300", "miniboone_held_out": "MINIBOONE, held-out rows",
    "breast_cancer": "breast cancer (stand-in)",
}  # fmt: skip
SETTINGS = {
    "data": "data.name", "distance": "data.distance", "sigma": "data.sigma",
    "flow": "model.flow", "length": "model.length", "hidden": "model.hidden",
    "latent": "model.latent", "states": "model.states", "slope_limit": "model.slope_limit",
}  # fmt: skip
EXCESS = "Excess NLL: held-out negative log-likelihood minus the true density's on the same points"


def density_frame(rows: Rows) -> pd.DataFrame:
    """A line a row: arm, settings, seeds, whether it is done, every single number it measured.

    Raises: MissingResult where there is no row.
    """
    lines = [_line(row) for row in records(rows)]
    if not lines:
        raise MissingResult("there is no row to draw; make them with `repro run experiment=NAME`")
    return pd.DataFrame(lines).sort_values(["arm", "data_seed", "model_seed"], kind="stable")


def metric_values(frame: pd.DataFrame, metric: str, **where: object) -> pd.Series:
    """A metric of the finished rows that `where` names, by data and model seed.

    Diverged rows and numbers that are not finite are left out.
    """
    chosen = frame[frame["done"]]
    for key, value in where.items():
        chosen = chosen[chosen[key] == value]
    if metric not in chosen:
        return pd.Series(dtype=float)
    found = chosen.set_index(["data_seed", "model_seed"])[metric].astype(float)
    return found[np.isfinite(found)]


def interval(frame: pd.DataFrame, metric: str, **where: object) -> Interval:
    """The mean of a metric over data seeds (each a mean over its model seeds), or over the runs.

    Where all runs share one data set, the runs differ by their model seeds.
    """
    return mean_interval(by_unit(metric_values(frame, metric, **where)).to_numpy())


def difference(
    frame: pd.DataFrame, metric: str, first: str, second: str, **where: object
) -> Interval:
    """The paired difference of a metric between two arms, first minus second, over their units."""
    one, other = (metric_values(frame, metric, arm=arm, **where) for arm in (first, second))
    return mean_interval(by_unit((one - other).dropna()).to_numpy())


def by_unit(values: pd.Series) -> pd.Series:
    """Values by data seed, a mean over model seeds; by model seed where there is one data set."""
    if values.empty:
        return values
    data_seeds = values.index.get_level_values("data_seed")
    if data_seeds.nunique() == 1:
        return values.droplevel("data_seed")
    return values.groupby(level="data_seed").mean()


def present(values: Sequence[Any], order: Mapping[str, Any]) -> list[str]:
    """The names among `values`, those of `order` first and in its order."""
    found = set(values)
    return [name for name in order if name in found] + sorted(found - set(order))


def lost_notes(frame: pd.DataFrame) -> list[str]:
    """A sentence for each arm with diverged runs."""
    return lost_sentences(
        (ARMS.get(arm, arm), done)
        for arm in present(list(frame["arm"]), ARMS)
        for done in frame.loc[frame["arm"] == arm, "done"]
    )


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    flat = flatten(row["config"])
    numbers = {
        key: value
        for key, value in row["metrics"].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {
        **numbers,
        **{name: flat.get(key) for name, key in SETTINGS.items()},
        "arm": row.get("arm", ""),
        "data_seed": int(row["data_seed"]),
        "model_seed": int(row["model_seed"]),
        "done": row["status"] == "done",
        "row": row,
    }
