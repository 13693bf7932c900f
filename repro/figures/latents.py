"""Pictures of 2D sources, observations and estimates, one data set a row of panels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from repro.errors import MissingResult
from repro.figures.evaluations import scored_notes
from repro.figures.rows import ConfigFilter, Rows, identifiability_frame, records
from repro.figures.style import (
    FAINT,
    INK,
    MODEL_LABELS,
    MUTED,
    Layout,
    inches_from_top,
    page_title,
    panel_page,
    segment_colours,
    styled,
)
from repro.metrics.identifiability import matched_correlations

Arrays = Mapping[str, NDArray[Any]]
LoadArrays = Callable[[Mapping[str, Any]], Mapping[str, NDArray[Any]]]
MODELS = ("ivae", "iflow")
LAYOUT = Layout(panel=(1.32, 1.32), gap=(0.13, 0.26), left=0.62, right=0.12, top=0.74, bottom=0.12)
COVERED = 0.998  # of each coordinate's points lie inside a panel
EXPLANATION = (
    "One data set a row, coloured by segment. Estimates are matched to the sources: axes permuted "
    "and signs flipped by correlation, which leaves the MCC as it is. Each panel has its own "
    "scale, which holds the central 99.8 % of each coordinate."
)


@styled
def figure_2d(
    rows: Rows,
    load_arrays: LoadArrays,
    *,
    layers: int,
    seeds: Sequence[int] | None = None,
    notes: Sequence[str] = (),
    config_filter: ConfigFilter | None = None,
    align: bool = True,
) -> Figure:
    """Draw a row of panels a data seed: sources, observations, iVAE's and iFlow's estimate.

    `load_arrays` maps a stored row to its arrays s, x, z of shape (N, 2) and segment (N,); of
    several model seeds the first is shown. A diverged or missing run is a panel that says so.

    Raises: MissingResult where none of the data seeds has a row at this depth.
    Source: [Re] Identifying Through Flows, figures 1 and A.1.
    """
    frame = identifiability_frame(rows, dim=2, config_filter=config_filter)
    frame = frame[frame["layers"] == layers]
    stored = sorted(int(seed) for seed in frame["data_seed"].unique())
    shown = stored if seeds is None else [seed for seed in seeds if seed in stored]
    if not shown:
        raise MissingResult(
            f"no 2D row has {layers} layers and a data seed of {seeds or 'any number'}; "
            f"make them with `repro run experiment=identifiability_2d layers=[{layers}]`"
        )
    figure, axes = panel_page(LAYOUT, len(shown), 4, [EXPLANATION, *scored_notes(frame), *notes])
    _head(figure, axes[0], layers)
    for seed, line in zip(shown, axes, strict=True):
        _draw_seed(line, frame[frame["data_seed"] == seed], seed, load_arrays, align)
    return figure


def _head(figure: Figure, axes: Sequence[Axes], layers: int) -> None:
    title = f"2D sources and their estimates, {layers} mixing layers"
    page_title(figure, title)
    heads = ["sources", "observations", *(f"{MODEL_LABELS[model]} estimate" for model in MODELS)]
    for ax, head in zip(axes, heads, strict=True):
        box = ax.get_position()
        figure.text((box.x0 + box.x1) / 2, inches_from_top(figure, 0.4), head,
                    size=8, va="top", ha="center")  # fmt: skip


def _draw_seed(
    axes: Sequence[Axes], group: pd.DataFrame, seed: int, load_arrays: LoadArrays, align: bool
) -> None:
    axes[0].annotate(f"seed {seed}", (0, 0.5), (-6, 0), xycoords="axes fraction",
                     textcoords="offset points", ha="right", va="center", color=INK)  # fmt: skip
    first = {model: first_run(group, model) for model in MODELS}
    arrays = {model: kept_arrays(line, load_arrays) for model, line in first.items()}
    data = next((found for found in arrays.values() if found is not None), None)
    for ax, name in zip(axes[:2], ("s", "x"), strict=True):
        _frame(ax)
        say(ax, "arrays not kept") if data is None else scatter_segments(
            ax, data[name], data["segment"]
        )
    for ax, model in zip(axes[2:], MODELS, strict=True):
        _frame(ax)
        _draw_estimate(ax, first[model], arrays[model], align)


def first_run(group: pd.DataFrame, model: str) -> Mapping[str, Any] | None:
    """Return a model's first finished line of a data seed's rows, else its first, else None."""
    lines = records(group[group["model"] == model])
    return next((line for line in lines if line["done"]), lines[0] if lines else None)


def kept_arrays(line: Mapping[str, Any] | None, load_arrays: LoadArrays) -> Arrays | None:
    """Return the arrays of a line's row, or None where there is no line or it kept none."""
    kept = line is not None and isinstance(line["row"].get("arrays"), str)
    return load_arrays(line["row"]) if line is not None and kept else None


def _draw_estimate(
    ax: Axes, line: Mapping[str, Any] | None, arrays: Arrays | None, align: bool
) -> None:
    if line is None:
        say(ax, "not run")
    elif not line["done"]:
        say(ax, f"diverged at\nupdate {line['diverged_at']}")
    else:
        ax.set_title(f"MCC {line['mcc']:.2f}", color=INK)
        if arrays is None:
            say(ax, "arrays not kept")
        else:
            z = matched(arrays["s"], arrays["z"]) if align else arrays["z"]
            scatter_segments(ax, z, arrays["segment"])


def matched(sources: NDArray[Any], estimates: NDArray[Any]) -> NDArray[Any]:
    """Return the estimates (N, D) with columns and signs matched to the sources (N, D).

    The matching maximises the sum of absolute Pearson correlations, as the MCC does.
    """
    match = matched_correlations(sources, estimates)
    return np.asarray(estimates, dtype=np.float64)[:, match.assignment] * match.signs


def scatter_segments(ax: Axes, points: NDArray[Any], segment: NDArray[Any]) -> None:
    """Draw points (N, 2) in the colour of their segment (N,), nearly all of them in the panel."""
    segment = np.asarray(segment, dtype=int)
    order = np.random.RandomState(0).permutation(len(points))  # no segment lies over the others
    colours = segment_colours(int(segment.max()) + 1)[segment[order]]
    # Opaque and not antialiased: few colours, so that the raster in a PDF or SVG stays small.
    ax.scatter(points[order, 0], points[order, 1], s=0.6, c=colours, linewidths=0,
               antialiased=False, rasterized=True)  # fmt: skip
    tail = (1 - COVERED) / 2
    low, high = np.quantile(points, [tail, 1 - tail], axis=0)
    pad = 0.06 * np.where(high > low, high - low, 1.0)
    ax.set_xlim(low[0] - pad[0], high[0] + pad[0])
    ax.set_ylim(low[1] - pad[1], high[1] + pad[1])


def _frame(ax: Axes) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color(FAINT)


def say(ax: Axes, words: str) -> None:
    """Write in the middle of a panel why there is nothing in it."""
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color=MUTED)
