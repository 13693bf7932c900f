"""MCC against the depth of the mixing network, both models, with the published means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.figures.baselines import join_baselines
from repro.figures.compared import PAPERS, RE_PAPER, find_in_papers, remarks
from repro.figures.error_bars import reach
from repro.figures.evaluations import scored_notes
from repro.figures.published import Published
from repro.figures.rows import (
    Rows,
    diverged_notes,
    drawable_frame,
    layers_in,
    model_seed_notes,
    seed_means,
)
from repro.figures.style import (
    MODEL_COLOURS,
    MODEL_LABELS,
    MODEL_MARKERS,
    Layout,
    page_title,
    panel_page,
    styled,
)
from repro.report.statistics import mean_interval

MODELS = ("ivae", "iflow")
EXPERIMENTS = {2: "identifiability_2d", 5: "mcc_sweep"}  # what the published means belong to
BESIDE = {"ivae": -1.0, "iflow": 1.0}
SEEDS, OURS, THEIRS = 0.22, 0.13, 0.06  # how far beside its depth each kind of mark stands
LAYOUT = Layout(panel=(4.4, 2.5), gap=(0.0, 0.0), left=0.58, right=0.15, top=0.42, bottom=0.86)
EXPLANATION = (
    "Faint marks are data seeds, full ones our means, joined from depth to depth; bars are 95 % "
    "intervals (Student-t for n up to 30, BCa bootstrap above)."
)


@styled
def figure_depth(
    rows: Rows, published: pd.DataFrame, *, dim: int, notes: Sequence[str] = ()
) -> Figure:
    """Draw each model's MCC by mixing layers: data seeds, our means, the published means.

    Raises: MissingResult where there is no row of this many sources.
    Source: [Re] Identifying Through Flows, table 2 (2D) and its stored files (5D).
    """
    frame = drawable_frame(rows, dim, f"experiment=mixing_depth dim={dim}")
    depths = layers_in(frame)
    theirs = {model: published_means(published, model, dim, depths) for model in MODELS}
    shown = [(RE_PAPER, entry) for found in theirs.values() for entry in found.values()]
    foot = [EXPLANATION, *scored_notes(frame), *diverged_notes(frame, MODEL_LABELS),
            *model_seed_notes(frame), *remarks(shown, sds=False), *notes]  # fmt: skip
    figure, [[ax]] = panel_page(LAYOUT, 1, 1, foot)
    for model in MODELS:
        _draw_model(ax, frame, model, depths, theirs[model])
    join_baselines(ax, rows, dim, depths, set(frame["data_seed"]))
    ax.set_xticks(depths, [_tick(frame, layers) for layers in depths])
    ax.set_xlim(min(depths) - 0.5, max(depths) + 0.5)
    ax.set_ylim(max(0.0, np.floor((ax.get_ylim()[0]) * 10) / 10), 1.0)
    ax.set_xlabel("mixing layers")
    ax.set_ylabel("MCC (higher is better)")
    ax.grid(axis="y")
    page_title(figure, f"{dim}D identifiability against mixing depth")
    _legend(figure, ax, bool(shown))
    return figure


def published_means(
    published: pd.DataFrame, model: str, dim: int, depths: Sequence[int]
) -> dict[int, Published]:
    """Return [Re]'s mean MCC of a model by mixing layers, at those of the depths that it has."""
    experiment = EXPERIMENTS.get(dim, "")
    found = {
        layers: find_in_papers(
            published[published["paper"] == RE_PAPER], experiment=experiment, model=model, dim=dim,
            layers=layers, metric="mcc",
        )
        for layers in depths
    }  # fmt: skip
    return {layers: entries[0][1] for layers, entries in found.items() if entries}


def _draw_model(
    ax: Axes,
    frame: pd.DataFrame,
    model: str,
    depths: Sequence[int],
    theirs: dict[int, Published],
) -> None:
    colour, away = MODEL_COLOURS[model], BESIDE[model]
    values = {layers: seed_means(frame, model, layers) for layers in depths}
    for layers, one in values.items():
        ax.scatter([layers + away * SEEDS] * len(one), one, s=10, color=colour, alpha=0.35,
                   marker=MODEL_MARKERS[model], linewidths=0, zorder=2)  # fmt: skip
    ours = {k: mean_interval(one.to_numpy()) for k, one in values.items() if len(one)}
    at = [layers + away * OURS for layers in ours]
    means = [one.mean for one in ours.values()]
    if ours:
        ax.errorbar(at, means, reach(ours.values()), color=colour, marker=MODEL_MARKERS[model],
                    markersize=4.5, linewidth=1.1, elinewidth=1.1, capsize=2,
                    zorder=4)  # fmt: skip
    ax.plot([layers + away * THEIRS for layers in theirs], [e.value for e in theirs.values()],
            color=colour, linewidth=0.8, linestyle=(0, (3, 2)), marker="D", markersize=4,
            markerfacecolor="white", zorder=3)  # fmt: skip


def _tick(frame: pd.DataFrame, layers: int) -> str:
    counts = {model: len(seed_means(frame, model, layers)) for model in MODELS}
    if len(set(counts.values())) == 1:
        return f"{layers}\nn = {counts['ivae']}"
    return f"{layers}\n" + ", ".join(f"{MODEL_LABELS[m]} {n}" for m, n in counts.items())


def _legend(figure: Figure, ax: Axes, published: bool) -> None:
    handles: list[Artist] = []
    for model in MODELS:
        colour, mark, name = MODEL_COLOURS[model], MODEL_MARKERS[model], MODEL_LABELS[model]
        handles.append(Line2D([], [], color=colour, marker=mark, markersize=4.5, linewidth=1.1,
                              label=f"{name}, ours"))  # fmt: skip
        if published:
            handles.append(Line2D([], [], color=colour, linewidth=0.8, linestyle=(0, (3, 2)),
                                  marker="D", markersize=4, markerfacecolor="white",
                                  label=f"{name}, {PAPERS[RE_PAPER]}"))  # fmt: skip
    handles += ax.get_legend_handles_labels()[0]  # the baselines name themselves
    box = ax.get_position()
    height = box.y0 - 0.46 / float(figure.get_figheight())
    figure.legend(handles=handles, loc="upper center", ncols=min(4, len(handles)), borderpad=0,
                  bbox_to_anchor=((box.x0 + box.x1) / 2, height), columnspacing=1.2)  # fmt: skip
