"""Bounds on image patches against the flow's length: Rezende and Mohamed's Table 3, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.bounds import DASHED, figure_curves
from repro.figures.bounds_rows import (
    FLOW_COLOURS,
    bounds_frame,
    dataset_label,
    dataset_of,
    diverged_and_fall_notes,
    interval,
    lengths_of,
    main_setting,
    measured_notes,
    of_flow,
    published_line,
)
from repro.figures.bounds_tables import PAPER, table_3
from repro.figures.latents import LoadArrays
from repro.figures.rows import Rows
from repro.figures.style import Layout, inches_from_top, panel_page, styled
from repro.figures.style import save_figure as save
from repro.figures.tables import save_table

LAYOUT = Layout(panel=(2.9, 2.2), gap=(0.75, 0.0), left=0.65, right=0.15, top=0.5, bottom=0.55)
PANELS = {"free_energy": "bound F (nats)", "nll": "-ln p (nats)"}


def draw_cifar_bounds(
    rows: Rows,
    load_arrays: LoadArrays,
    published: pd.DataFrame,
    folder: Path | str,
    notes: Sequence[str] = (),
) -> list[Path]:
    """Write the figures and the table of the bounds on image patches and return their paths.

    Raises: MissingResult where there is no row of a latent Gaussian model.
    """
    frame = bounds_frame(rows)
    if dataset_of(frame) != "cifar-10":
        published = published.iloc[:0]  # there is nothing to compare other images with
    foot = [*measured_notes(frame), *diverged_and_fall_notes(frame), *notes]
    paths = save(figure_patches(frame, published, foot), folder, "figure_table_3")
    paths += save(figure_curves(frame, diverged_and_fall_notes(frame)), folder, "figure_training")
    return paths + save_table(table_3(frame, published, foot), folder, "table_3")


@styled
def figure_patches(
    frame: pd.DataFrame, published: pd.DataFrame, notes: Sequence[str] = ()
) -> Figure:
    """Draw F and -ln p against K: every run, our means with intervals, and the published -ln p.

    Source: Rezende & Mohamed 2015, table 3.
    """
    figure, [axes] = panel_page(LAYOUT, 1, 2, notes)
    for ax, (metric, label) in zip(axes, PANELS.items(), strict=True):
        _draw(ax, frame, metric)
        ax.set_xlabel("flow length K (planar)")
        ax.set_ylabel(label)
        ax.grid(axis="y")
    line = published_line(published, PAPER, "table 3", "cifar_bounds", "planar", "nll")
    if line:
        axes[1].plot(list(line), [e.value for e in line.values()], color=FLOW_COLOURS["planar"],
                     linestyle=DASHED, linewidth=0.9, marker="D", markersize=3.5,
                     markerfacecolor="white", label="published (from memory)")  # fmt: skip
    axes[1].legend()
    title = f"Bounds on patches of {dataset_label(frame)} against the length of the flow"
    figure.text(0.1 / figure.get_figwidth(), inches_from_top(figure, 0.1), title, size=9,
                weight="bold", va="top")  # fmt: skip
    return figure


def _draw(ax: Axes, frame: pd.DataFrame, metric: str) -> None:
    setting = main_setting(frame)
    shown = lengths_of(frame, "planar", *setting)
    runs = [of_flow(frame, "planar", k, *setting) for k in shown]
    for k, one in zip(shown, runs, strict=True):
        ax.scatter([k + 0.25] * len(one), one[metric], s=9, color=FLOW_COLOURS["planar"],
                   alpha=0.4, linewidths=0)  # fmt: skip
    found = [interval(one, metric) for one in runs]
    arms = np.nan_to_num([[i.mean - i.low, i.high - i.mean] for i in found]).reshape(-1, 2)
    ax.errorbar(shown, [i.mean for i in found], arms.T, color=FLOW_COLOURS["planar"], marker="o",
                markersize=4, linewidth=1.2, elinewidth=1.0, capsize=2, label="ours")  # fmt: skip
