"""Stored rows of fitted energies: one line a run, the arms' names and looks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from repro.figures.lost import lost_sentences
from repro.figures.rows import Rows, records

TARGETS = {"u1": "U1", "u2": "U2", "u3": "U3", "u4": "U4"}
GAUSSIAN = "gaussian"
ARMS = {
    "planar": "planar",
    "radial": "radial",
    "nice_orthogonal": "NICE, orthogonal",
    "nice_permutation": "NICE, permutation",
    "nice_orthogonal_scaled": "NICE, orthogonal, scaled",
    "nice_permutation_scaled": "NICE, permutation, scaled",
    GAUSSIAN: "one Gaussian",
}
COLOURS = {
    "planar": "#0072B2", "radial": "#009E73", "nice_orthogonal": "#D55E00",
    "nice_permutation": "#E69F00", "nice_orthogonal_scaled": "#CC79A7",
    "nice_permutation_scaled": "#882255", GAUSSIAN: "#5f5f5f",
}  # fmt: skip
MARKERS = {
    "planar": "o", "radial": "s", "nice_orthogonal": "^", "nice_permutation": "v",
    "nice_orthogonal_scaled": "D", "nice_permutation_scaled": "P", GAUSSIAN: "x",
}  # fmt: skip
MEASURED = ("free_energy", "kl", "log_normaliser", "rarer_mode", "covers_modes", "one_mode")


def energy_frame(rows: Rows) -> pd.DataFrame:
    """Return a line a run, sorted: what was fitted by what, and what was measured.

    Columns: target, arm, length (0 for one Gaussian), optimiser, learning_rate, model_seed, done,
    parameters, free_energy, kl, log_normaliser (nats), rarer_mode, covers_modes, one_mode (nan
    where diverged, or where the target has one mode), row.
    """
    lines = [_line(row) for row in records(rows)]
    columns = [
        "target", "arm", "length", "optimiser", "learning_rate", "model_seed", "done",
        "parameters", *MEASURED, "row",
    ]  # fmt: skip
    frame = pd.DataFrame(lines, columns=columns)
    order = list(ARMS)
    rank = frame["arm"].map(lambda arm: order.index(arm) if arm in order else len(order))
    return (
        frame.assign(rank=rank)
        .sort_values(["target", "rank", "arm", "length", "learning_rate", "model_seed"])
        .drop(columns="rank")
        .reset_index(drop=True)
    )


def best_gaussian(frame: pd.DataFrame, target: str) -> float | None:
    """Return the lowest free energy of one Gaussian from any of its starts, or None."""
    chosen = frame[(frame["target"] == target) & (frame["arm"] == GAUSSIAN) & frame["done"]]
    return float(chosen["free_energy"].min()) if len(chosen) else None


def lost_notes(frame: pd.DataFrame) -> list[str]:
    """Return a sentence for each target, arm and length with diverged runs."""
    return lost_sentences(
        (f"{TARGETS[run['target']]}, {ARMS.get(run['arm'], run['arm'])}, K = {run['length']}",
         run["done"])
        for run in frame.to_dict("records")
    )  # fmt: skip


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    config, metrics, done = row["config"], row["metrics"], row["status"] == "done"
    measured = {key: metrics.get(key) if done else None for key in MEASURED}
    return {
        "target": config["data"]["target"],
        "arm": row.get("arm") or config["model"]["name"],
        "length": int(config["model"].get("flow_length", 0)),
        "optimiser": config["training"]["optimiser"],
        "learning_rate": float(config["training"]["learning_rate"]),
        "model_seed": int(row["model_seed"]),
        "done": done,
        "parameters": metrics.get("parameters"),
        "row": row,
        **{key: math.nan if value is None else float(value) for key, value in measured.items()},
    }
