"""What needs no training, beside learnt MCCs: lines and notes from the rows of `baselines`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from repro.figures.rows import Rows, records
from repro.figures.style import MUTED, name_line
from repro.figures.tables import show_number

LABELS = {
    "x": "x itself",
    "pca": "PCA",
    "zca": "ZCA",
    "segment_means": "true segment means",
    "supervised_linear": "linear regression of s on x",
}
SEGMENTS = {5: 40, 2: 5}  # of the papers' data, by dimension
Place: TypeAlias = tuple[int, int, str]  # dimension, mixing layers, kind of data
DRAWN = ("x", "pca", "supervised_linear")
DASHES = {"x": (0, (1, 1.5)), "pca": (0, (4, 1.5)), "supervised_linear": (0, (6, 1.5, 1, 1.5))}


def baselines_of(rows: Rows) -> list[dict[str, Any]]:
    """The baselines' rows among others."""
    return [row for row in records(rows) if row["task"] == "baselines"]


def baseline_frame(rows: Rows) -> pd.DataFrame:
    """The baselines' rows, a line a data set: dim, layers, kind, seed, oracle, a column a LABEL.

    The `kind` says in what the data differ from those of the papers on iFlow, "" in nothing.
    """
    lines = [
        {
            "dim": int(row["config"]["data"]["dim"]),
            "layers": int(row["config"]["data"]["layers"]),
            "kind": _kind(row["config"]["data"]),
            "data_seed": int(row["data_seed"]),
            "oracle": row["metrics"].get("oracle_log_likelihood", np.nan),
            **{name: row["metrics"][f"mcc_{name}"] for name in LABELS},
        }
        for row in baselines_of(rows)
    ]
    return pd.DataFrame(lines, columns=["dim", "layers", "kind", "data_seed", "oracle", *LABELS])


def baseline_means(
    rows: Rows, dim: int, layers: int, data_seeds: Collection[int]
) -> dict[str, float]:
    """The mean MCC of each baseline on the papers' data of those seeds that have a row, if any."""
    frame = baseline_frame(rows)
    of_papers = (frame["dim"] == dim) & (frame["layers"] == layers) & (frame["kind"] == "")
    chosen = frame[of_papers & frame["data_seed"].isin(data_seeds)]
    return {name: float(chosen[name].mean()) for name in LABELS} if len(chosen) else {}


def draw_baselines(ax: Axes, means: dict[str, float], names: Sequence[str] = DRAWN) -> None:
    """Draw a thin line across the panel for each baseline, named at one of its ends.

    The names are on white, so that no other baseline's line runs through them.
    """
    for name in (one for one in names if one in means):
        ax.axhline(means[name], color=MUTED, linewidth=0.7, linestyle=DASHES[name], zorder=1)
    for place, name in enumerate(names):
        if name in means:
            name_line(ax, LABELS[name], means[name], place)


def join_baselines(
    ax: Axes, rows: Rows, dim: int, depths: Sequence[int], data_seeds: Collection[int]
) -> None:
    """Draw each baseline's mean MCC by mixing depth, a labelled line a baseline."""
    means = {depth: baseline_means(rows, dim, depth, data_seeds) for depth in depths}
    kept = [depth for depth in depths if means[depth]]
    for name in DRAWN:
        if kept:
            ax.plot(kept, [means[depth][name] for depth in kept], color=MUTED, linewidth=0.8,
                    linestyle=DASHES[name], marker=".", markersize=3, label=LABELS[name],
                    zorder=1)  # fmt: skip


def baseline_notes(rows: Rows) -> list[str]:
    """A sentence for each dimension, depth and kind of data with the baselines' mean MCCs.

    The data sets are those of the other rows, where there are any.
    """
    frame = baseline_frame(rows)
    shown = {int(row["data_seed"]) for row in records(rows) if row["task"] != "baselines"}
    frame = frame[frame["data_seed"].isin(shown)] if shown else frame
    notes = []
    for (dim, layers, kind), group in by_data(frame):
        values = ", ".join(
            f"{label} {show_number(float(group[name].mean()), 3)}"
            for name, label in LABELS.items()
        )
        data = ", ".join([f"{dim}D", f"{layers} layers", *([kind] if kind else [])])
        notes.append(f"Without training, {data}, n = {len(group)}: {values}.")
    return notes


def by_data(frame: pd.DataFrame) -> list[tuple[Place, pd.DataFrame]]:
    """The lines of a frame of baselines by dimension, depth and kind of data, in that order."""
    groups = frame.groupby(["dim", "layers", "kind"])
    return [
        (
            (int(group["dim"].iloc[0]), int(group["layers"].iloc[0]), str(group["kind"].iloc[0])),
            group,
        )
        for _, group in groups
    ]


def _kind(data: Mapping[str, Any]) -> str:
    unlike = {
        "centred sources": data["centered"],
        "one matrix": data["repeat_matrix"],
        f"noise {data['noise']:g}": data["noise"],
        "variances U(.5, 3)": data["spread"] == "variance",
        f"{data['segments']} segments": data["segments"] != SEGMENTS.get(data["dim"]),
    }
    return ", ".join(words for words, differs in unlike.items() if differs)
