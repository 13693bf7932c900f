"""The seed-by-seed plot of two models' MCC, with our mean, its interval and the published mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.figures.baselines import baseline_means, draw_baselines
from repro.figures.error_bars import reach
from repro.figures.evaluations import scored_notes
from repro.figures.published import Published, find_published
from repro.figures.rows import (
    ConfigFilter,
    Rows,
    diverged_notes,
    drawable_frame,
    layers_in,
    model_seed_notes,
    seed_means,
)
from repro.figures.style import (
    FAINT,
    INK,
    MODEL_COLOURS,
    MODEL_LABELS,
    MODEL_MARKERS,
    MUTED,
    Layout,
    page_title,
    panel_page,
    styled,
)
from repro.figures.tables import show_number
from repro.report.statistics import mean_interval

MODELS = ("ivae", "iflow")
PLACES = {"ivae": 0.0, "iflow": 1.0}
OUTWARDS = {"ivae": -1.0, "iflow": 1.0}
OURS, THEIRS = 0.2, 0.4  # how far beside the seeds our mean and the published one stand
LAYOUT = Layout(panel=(2.1, 2.5), gap=(0.22, 0.0), left=0.58, right=0.15, top=0.88, bottom=0.66)
EXPLANATION = (
    "A dot is a data seed's MCC, a line joins the two models on the same data; bars are our means "
    "with 95 % intervals (Student-t for n up to 30, BCa bootstrap above). Published: [Re] table 2."
)


@styled
def figure_mcc(
    rows: Rows,
    published: pd.DataFrame,
    *,
    notes: Sequence[str] = (),
    config_filter: ConfigFilter | None = None,
) -> Figure:
    """Draw the 2D MCC of iVAE and iFlow seed by seed, one panel a number of mixing layers.

    Raises: MissingResult where there is no 2D identifiability row.
    """
    maker = "experiment=identifiability_2d"
    frame = drawable_frame(rows, 2, maker, config_filter=config_filter)
    depths = layers_in(frame)
    found = [*scored_notes(frame), *diverged_notes(frame, MODEL_LABELS), *model_seed_notes(frame)]
    figure, axes = panel_page(_layout(len(depths)), 1, len(depths), [EXPLANATION, *found, *notes])
    low = _lowest(frame, published)
    for ax, layers in zip(axes[0], depths, strict=True):
        _draw_depth(ax, frame, published, layers)
        draw_baselines(ax, baseline_means(rows, 2, layers, set(frame["data_seed"])))
        ax.set_ylim(low, 1.0)
        ax.tick_params(labelleft=ax is axes[0][0])
    axes[0][0].set_ylabel("MCC (higher is better)")
    page_title(figure, "2D identifiability, seed by seed")
    _legend(figure, axes[0])
    return figure


def _layout(panels: int) -> Layout:
    """Give a lone panel the width that its title and legend ask for."""
    panel = (3.3, 2.5) if panels == 1 else LAYOUT.panel
    return Layout(panel, LAYOUT.gap, LAYOUT.left, LAYOUT.right, LAYOUT.top, LAYOUT.bottom)


def _lowest(frame: pd.DataFrame, published: pd.DataFrame) -> float:
    """Return a round axis limit under every seed, interval and published mean, at least 0."""
    cells = [(model, layers) for layers in layers_in(frame) for model in MODELS]
    bounds = [mean_interval(seed_means(frame, *cell).to_numpy()).low for cell in cells]
    theirs = [entry.value for cell in cells if (entry := _theirs(published, *cell))]
    found = [value for value in [*frame["mcc"], *bounds, *theirs] if not np.isnan(value)]
    return max(0.0, float(np.floor((min(found, default=0.0) - 0.03) * 10) / 10))


def _theirs(published: pd.DataFrame, model: str, layers: int) -> Published | None:
    return find_published(
        published, paper="re_iflow", artefact="table 2", model=model, dim=2, layers=layers,
        metric="mcc",
    )  # fmt: skip


def _draw_depth(ax: Axes, frame: pd.DataFrame, published: pd.DataFrame, layers: int) -> None:
    values = {model: seed_means(frame, model, layers) for model in MODELS}
    both = pd.DataFrame(values).dropna()
    thin = _thinning(len(both))
    for pair in both[list(MODELS)].to_numpy(dtype=float):
        ax.plot([0, 1], pair, color=FAINT, linewidth=0.7 * thin, zorder=1)
    for model in MODELS:
        _draw_model(ax, model, values[model], published, layers)
    ax.set_title(f"{layers} mixing layers", color=INK, fontsize=8, pad=26)
    ax.annotate(_verdict(both), (0.5, 1), (0, 5), xycoords="axes fraction",
                textcoords="offset points", ha="center", va="bottom", size=6.5,
                linespacing=1.3, color=MUTED)  # fmt: skip
    ax.set_xlim(-0.65, 1.65)
    ax.set_xticks([PLACES[m] for m in MODELS], [_tick(frame, m, layers) for m in MODELS])
    ax.tick_params(axis="x", length=0)
    ax.grid(axis="y")


def _draw_model(
    ax: Axes, model: str, values: pd.Series, published: pd.DataFrame, layers: int
) -> None:
    colour, place, away = MODEL_COLOURS[model], PLACES[model], OUTWARDS[model]
    ax.scatter([place] * len(values), values, s=15 * _thinning(len(values)), color=colour,
               marker=MODEL_MARKERS[model], alpha=0.75, linewidths=0.4, edgecolors="white",
               zorder=3)  # fmt: skip
    theirs = _theirs(published, model, layers)
    if theirs:
        ax.plot([place, place + away * THEIRS], [theirs.value] * 2, color=colour, linewidth=0.8,
                linestyle=(0, (3, 2)), zorder=2)  # fmt: skip
        ax.scatter([place + away * THEIRS], [theirs.value], s=26, marker="D", facecolors="white",
                   edgecolors=colour, linewidths=1.0, zorder=4)  # fmt: skip
    ours = mean_interval(values.to_numpy())
    if ours.n > 1:
        looks: dict[str, Any] = {
            "markersize": 9,
            "markeredgewidth": 1.8,
            "elinewidth": 1.3,
            "zorder": 4,
        }
        ax.errorbar(
            [place + away * OURS], [ours.mean], reach([ours]), fmt="_", color=colour, **looks
        )


def _thinning(count: int) -> float:
    """Return how much lighter marks and lines are drawn once they would cover one another."""
    return 1.0 if count <= 20 else 0.5


def _verdict(both: pd.DataFrame) -> str:
    if both.empty:
        return "no data seed has both models"
    difference = mean_interval((both["iflow"] - both["ivae"]).to_numpy())
    higher = int((both["iflow"] > both["ivae"]).sum())
    bounds = (difference.low, difference.mean, difference.high)
    low, mean, high = (show_number(value, 3, signed=True) for value in bounds)
    wins = f"iFlow higher on {higher} of {len(both)} data seeds"
    return f"{wins}\nmean difference {mean} [{low}, {high}]" if difference.n > 1 else wins


def _tick(frame: pd.DataFrame, model: str, layers: int) -> str:
    at = frame[(frame["layers"] == layers) & (frame["model"] == model)]
    done = at.loc[at["done"], "data_seed"].nunique()
    lost = int((~at["done"]).sum())
    return f"{MODEL_LABELS[model]}\nn = {done}" + (f", {lost} diverged" if lost else "")


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    handles = [
        _handle("a data seed", "o", 4),
        _handle("our mean, 95 % interval", "_", 9, edge=1.8),
        _handle("published mean", "D", 4.5, face="white"),
    ]
    box = axes[0].get_position()
    middle = 0.5 if len(axes) == 1 else (box.x0 + axes[-1].get_position().x1) / 2
    height = box.y0 - 0.34 / float(figure.get_figheight())
    figure.legend(handles=handles, loc="upper center", bbox_to_anchor=(middle, height), ncols=3,
                  columnspacing=1.2, handletextpad=0.3, borderpad=0)  # fmt: skip


def _handle(label: str, marker: str, size: float, edge: float = 1.0, face: str = MUTED) -> Line2D:
    return Line2D([], [], color=MUTED, linestyle="none", label=label, marker=marker,
                  markersize=size, markeredgewidth=edge, markerfacecolor=face)  # fmt: skip
