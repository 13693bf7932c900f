"""[Re]'s Figure 3: one data set's sources and their estimates, segment by segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from repro.figures.compared import RE_PAPER, Found, remarks
from repro.figures.evaluations import (
    correlations_of,
    evaluations,
    headline,
    only_dim,
    spell_point,
)
from repro.figures.latents import Arrays, LoadArrays, first_run, kept_arrays, matched, say
from repro.figures.published import Published, find_published
from repro.figures.rows import ConfigFilter, Record, Rows, drawable_frame
from repro.figures.style import (
    INK,
    MODEL_COLOURS,
    MODEL_LABELS,
    Layout,
    inches_from_top,
    page_title,
    panel_page,
    styled,
)

MODELS = ("iflow", "ivae")
SHOWN_SEED = 49  # the one that [Re] shows
LAYOUT = Layout(panel=(3.05, 0.82), gap=(0.2, 0.27), left=0.72, right=0.12, top=1.0, bottom=0.42)
TRUTH = "#a3a3a3"
Means = NDArray[np.float64]  # (segments, D)
EXPLANATION = (
    "Lines are means of a segment's points, bands one standard deviation of them. Estimates are "
    "matched to the sources by correlation, with its sign; sources and estimates are standardised "
    "over all points, along time. |r| is over all points."
)


@styled
def figure_3(
    rows: Rows,
    load_arrays: LoadArrays,
    published: pd.DataFrame,
    *,
    layers: int,
    data_seed: int = SHOWN_SEED,
    notes: Sequence[str] = (),
    config_filter: ConfigFilter | None = None,
    scale: str = "paper",
) -> Figure:
    """Draw a line of panels a source: iFlow's and iVAE's estimate over the true signal.

    `load_arrays` maps a stored row to its arrays s and z of shape (N, D) and segment (N,). Where
    the data seed is not stored, or stored without arrays, the panels say what to run.

    Raises: MissingResult where there is no row at this depth.
    Source: [Re] Identifying Through Flows, figure 3 (`plot_5d_correlations` in its utils.py, which
    standardises across the sources of a segment and draws estimates unmatched).
    """
    dim = only_dim(rows, "per_dimension")
    maker = f"experiment=per_dimension layers=[{layers}]"
    frame = drawable_frame(rows, dim, maker, layers=layers, config_filter=config_filter)
    group = frame[frame["data_seed"] == data_seed]
    found = evaluations(group)
    theirs = {model: _theirs(published, model, layers, dim, data_seed) for model in MODELS}
    shown: list[Found] = [(RE_PAPER, e) for found in theirs.values() for e in found.values()]
    figure, axes = panel_page(
        LAYOUT, dim, len(MODELS), [EXPLANATION, *remarks(shown, sds=False), *notes]
    )
    for column, model in enumerate(MODELS):
        panels = [line[column] for line in axes]
        run = first_run(group, model)
        problem, arrays = _problem(run, data_seed, scale), kept_arrays(run, load_arrays)
        if problem or arrays is None:
            say(panels[len(panels) // 2], problem)
        else:
            values = correlations_of(found, model, layers).iloc[0]
            _draw_model(panels, model, arrays, list(values), theirs[model])
        figure.text(*_over(figure, panels[0]), _heading(frame, model, run, layers), size=7.5,
                    va="bottom", ha="left")  # fmt: skip
    _finish(figure, axes)
    seed = f"data seed {data_seed}"
    title = f"Signals of {seed}: {dim} sources and their estimates, {layers} mixing layers"
    page_title(figure, title)
    return figure


def has_signals(frame: pd.DataFrame, layers: int, data_seed: int = SHOWN_SEED) -> bool:
    """Whether a model's run of this depth and data seed finished and kept its arrays."""
    group = frame[(frame["layers"] == layers) & (frame["data_seed"] == data_seed)]
    return any(
        run["done"] and isinstance(run["row"].get("arrays"), str)
        for run in (first_run(group, model) for model in MODELS)
        if run is not None
    )


def standardised_by_segment(values: NDArray[Any], segment: NDArray[Any]) -> tuple[Means, Means]:
    """Return each segment's mean and sd (segments, D) of values (N, D) standardised along N.

    A constant column is 0 throughout.
    """
    unit = np.asarray(values, dtype=np.float64)
    unit = unit - unit.mean(axis=0)
    spread = unit.std(axis=0)
    unit = unit / np.where(spread > 0, spread, 1.0)
    groups = [unit[np.asarray(segment) == label] for label in np.unique(segment)]
    return np.array([g.mean(axis=0) for g in groups]), np.array([g.std(axis=0) for g in groups])


def _theirs(
    published: pd.DataFrame, model: str, layers: int, dim: int, data_seed: int
) -> dict[int, Published]:
    found = {
        source: find_published(
            published, paper=RE_PAPER, experiment="per_dimension", model=model, dim=dim,
            layers=layers, metric="correlation", data_seed=data_seed, component=source,
        )
        for source in range(1, dim + 1)
    }  # fmt: skip
    return {source: entry for source, entry in found.items() if entry}


def _heading(frame: pd.DataFrame, model: str, run: Record | None, layers: int) -> str:
    name = MODEL_LABELS[model]
    if not (frame["model"] == model).any():
        return name
    words = f"{name}, {spell_point(headline(frame, model, layers))}"
    return words if run is None or not run["done"] else f"{words}: MCC {run['mcc']:.3f}"


def _draw_model(
    panels: Sequence[Axes],
    model: str,
    arrays: Arrays,
    correlations: Sequence[float],
    theirs: dict[int, Published],
) -> None:
    truth = standardised_by_segment(arrays["s"], arrays["segment"])
    found = standardised_by_segment(matched(arrays["s"], arrays["z"]), arrays["segment"])
    for source, ax in enumerate(panels):
        _draw_signal(ax, truth, source, TRUTH, 2.2)
        _draw_signal(ax, found, source, MODEL_COLOURS[model], 0.9)
        entry = theirs.get(source + 1)
        beside = f"  ([Re] {entry.value:.3f})" if entry else ""
        ax.set_title(
            f"|r| = {correlations[source]:.3f}{beside}", loc="left", color=INK, fontsize=7
        )


def _draw_signal(
    ax: Axes, signal: tuple[Means, Means], source: int, colour: str, width: float
) -> None:
    mean, sd = (values[:, source] for values in signal)
    at = np.arange(1, len(mean) + 1)
    ax.set_xlim(0.4, len(mean) + 0.6)
    ax.fill_between(at, mean - sd, mean + sd, color=colour, alpha=0.16, linewidth=0)
    ax.plot(at, mean, color=colour, linewidth=width)


def _problem(run: Record | None, data_seed: int, scale: str) -> str:
    """What to say instead of signals that are not there; nothing where they are."""
    if run is None:
        return (
            f"data seed {data_seed} is not stored; make it with\n"
            f"repro run experiment=per_dimension scale={scale} seeds={data_seed}"
        )
    if not run["done"]:
        return f"diverged at update {run['diverged_at']}"
    if not isinstance(run["row"].get("arrays"), str):
        return (
            f"data seed {data_seed} is stored without its arrays;\nremove row {run['id']} of this"
            f" seed and run again with\nkeep_arrays=[{data_seed}]"
        )
    return ""


def _over(figure: Figure, ax: Axes) -> tuple[float, float]:
    box = ax.get_position()
    return box.x0, box.y1 + 0.22 / float(figure.get_figheight())


def _finish(figure: Figure, axes: Sequence[Sequence[Axes]]) -> None:
    for source, line in enumerate(axes, 1):
        drawn = [ax for ax in line if ax.lines]
        limits = np.array([ax.get_ylim() for ax in drawn] or [(-1.0, 1.0)])
        for ax in line:
            ax.set_ylim(limits[:, 0].min(), limits[:, 1].max())
            ax.tick_params(labelbottom=line is axes[-1], labelleft=ax in drawn[:1])
            _dress(ax, source, first=ax is (drawn or line)[0], last=line is axes[-1])
    box = axes[0][0].get_position()
    handles = [
        Line2D([], [], color=TRUTH, linewidth=2.2, label="true source"),
        *(Line2D([], [], color=MODEL_COLOURS[m], label=f"{MODEL_LABELS[m]}'s estimate")
          for m in MODELS),
        Patch(color=TRUTH, alpha=0.35, linewidth=0, label="\N{PLUS-MINUS SIGN} 1 sd in a segment"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="upper left", ncols=4, borderpad=0, borderaxespad=0,
                  bbox_to_anchor=(box.x0, inches_from_top(figure, 0.38)))  # fmt: skip


def _dress(ax: Axes, source: int, first: bool, last: bool) -> None:
    """Give a panel its grid and labels, or take its frame away where it shows no signal."""
    if first:
        ax.set_ylabel(f"source {source}")
    if ax.lines:
        ax.grid(axis="y")
        ax.set_xlabel("segment (time)" if last else "")
    else:
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
