"""The rows of an audit experiment by arm, and one metric of them by data seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from repro.errors import MissingResult
from repro.figures.rows import Rows, records
from repro.figures.style import MODEL_LABELS

COLUMNS = ("arm", "model", "layers", "data_seed", "model_seed", "done", "row")
COLLAPSED = 0.05  # a matched correlation below it is a lost source
CHANGES = {  # words for readers of arms whose names do not speak for themselves
    "trainable_mean": "trainable prior mean",
    "constant": "constant rate",
    "cosine": "cosine rate",
    "trainable_mean_constant": "mean + constant",
    "trainable_mean_cosine": "mean + cosine",
    "mean_cosine": "mean + cosine",
    "authors_config": "authors' config",
    "authors_wrapper": "authors' wrapper",
    "xi_only": "softplus on one alone",
    "sigmoid5": "sigmoid times 5",
    "reshuffle": "fresh order an epoch",
    "repeated": "one mixing matrix",
    "centered": "centred sources",
    "own_data": "iVAE's data",
    "authors_config_own_data": "authors' config and data",
    "authors_config_own_data_noise": "the same with their noise",
    "authors_wrapper_own_data_noise": "authors' wrapper, data and noise",
    "own_data_noise": "iVAE's data and noise",
    "variances": "variances U(.5, 3)",
    "40_segments": "40 segments",
}
RUN = ["layers", "data_seed", "model_seed"]


def audit_frame(rows: Rows) -> pd.DataFrame:
    """The identifiability rows, a line a run: COLUMNS, in the order of the arms as they come.

    Raises: MissingResult where there is none.
    """
    lines = [_line(row) for row in records(rows) if row["task"] == "identifiability"]
    if not lines:
        raise MissingResult("there is no row to draw; make them with `repro run` first")
    return pd.DataFrame(lines, columns=list(COLUMNS))


def arms_in(frame: pd.DataFrame, first: str | None = None) -> list[str]:
    """The arms that have rows, `first` before the others."""
    found = list(dict.fromkeys(frame["arm"]))
    return sorted(found, key=lambda arm: arm != first)


def spell(arm: str) -> str:
    """An arm's name for readers: its model, its width and its change, as far as it names them."""
    if arm in CHANGES:
        return CHANGES[arm]
    first, _, rest = arm.partition("_")
    if first == "hidden" and rest.isdigit():
        return f"width {rest}"
    if first not in MODEL_LABELS:
        return arm.replace("_", " ")
    width, _, change = rest.partition("_")
    if width.isdigit() and change in ("", *CHANGES):
        parts = [f"width {width}", CHANGES.get(change, "")]
    else:
        parts = [spell(rest)]
    return ", ".join(part for part in (MODEL_LABELS[first], *parts) if part)


def runs(frame: pd.DataFrame, arm: str, metric: str, layers: int | None = None) -> pd.Series:
    """A metric (a dotted path below the row's metrics) of the finished runs of an arm.

    The index is layers, data seed and model seed; runs without the metric are left out.
    """
    chosen = frame[(frame["arm"] == arm) & frame["done"]]
    if layers is not None:
        chosen = chosen[chosen["layers"] == layers]
    values = [_metric(row["metrics"], metric) for row in chosen["row"]]
    index = pd.MultiIndex.from_frame(chosen[RUN])
    series = pd.Series(values, index=index, dtype=float)
    return series[np.isfinite(series.to_numpy())].sort_index()


def by_seed(values: pd.Series) -> pd.Series:
    """Runs by data seed: the mean over model seeds (and depths)."""
    return values.groupby(level="data_seed").mean().sort_index()


def paired(frame: pd.DataFrame, arm: str, reference: str, metric: str) -> pd.Series:
    """An arm less the reference on the same data and model seeds, by data seed."""
    one, other = runs(frame, arm, metric), runs(frame, reference, metric)
    return by_seed((one - other).dropna())


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    config = row["config"]
    return {
        "arm": row.get("arm") or config["model"]["name"],
        "model": config["model"]["name"],
        "layers": int(config["data"]["layers"]),
        "data_seed": int(row["data_seed"]),
        "model_seed": int(row["model_seed"]),
        "done": row["status"] == "done",
        "row": row,
    }


def _metric(metrics: Mapping[str, Any], path: str) -> float:
    found: Any = metrics
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return float("nan") if found is None else float(found)
