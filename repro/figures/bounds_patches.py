"""Bounds on image patches against the flow's length: Rezende and Mohamed's Table 3, and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.bounds import OURS, draw_ours, draw_published, figure_curves
from repro.figures.bounds_rows import (
    FLOW_COLOURS,
    bounds_of,
    dataset_label,
    diverged_and_fall_notes,
    lengths_of,
    main_setting,
    of_flow,
    published_line,
)
from repro.figures.bounds_tables import PAPER, table_3
from repro.figures.error_bars import said_n
from repro.figures.material import Material, Product
from repro.figures.style import Layout, page_title, panel_page, styled
from repro.figures.tables import MINUS

LAYOUT = Layout(panel=(2.9, 2.2), gap=(0.75, 0.0), left=0.65, right=0.15, top=0.5, bottom=0.55)
PANELS = {"free_energy": "bound F (nats)", "nll": f"{MINUS}ln p (nats)"}


def draw_cifar_bounds(given: Material) -> Iterator[Product]:
    """Yield the figures and the table of the bounds on image patches.

    Raises: MissingResult where there is no row of a latent Gaussian model.
    """
    frame, published, foot = bounds_of(given, "cifar-10")
    yield "figure_table_3", figure_patches(frame, published, foot)
    below = [*diverged_and_fall_notes(frame), *given.notes]
    yield "figure_training", figure_curves(frame, below)
    yield "table_3", table_3(frame, published, foot)


@styled
def figure_patches(
    frame: pd.DataFrame, published: pd.DataFrame, notes: Sequence[str] = ()
) -> Figure:
    """Draw F and -ln p against K: every run, our means with intervals, and the published -ln p.

    Source: Rezende & Mohamed 2015, table 3.
    """
    counts = frame[frame["done"]].groupby("length").size()
    foot = [f"A faint mark is a run; means over model seeds, {said_n(counts)}."]
    figure, [axes] = panel_page(LAYOUT, 1, 2, [*foot, *notes])
    for ax, (metric, label) in zip(axes, PANELS.items(), strict=True):
        _draw(ax, frame, metric)
        ax.set_xlabel("flow length K (planar)")
        ax.set_ylabel(label)
        ax.grid(axis="y")
    if line := published_line(published, PAPER, "table 3", "cifar_bounds", "planar", "nll"):
        draw_published(axes[1], line, "planar", label="published")
    axes[1].legend()
    title = f"Bounds on patches of {dataset_label(frame)} against the length of the flow"
    page_title(figure, title)
    return figure


def _draw(ax: Axes, frame: pd.DataFrame, metric: str) -> None:
    setting = main_setting(frame)
    for k in lengths_of(frame, "planar", *setting):
        one = of_flow(frame, "planar", k, *setting)
        ax.scatter([k + 0.25] * len(one), one[metric], s=9, color=FLOW_COLOURS["planar"],
                   alpha=0.4, linewidths=0)  # fmt: skip
    draw_ours(ax, frame, "planar", metric, setting, **OURS, label="ours")
