"""Optimisers on an energy with two modes: free energies run by run, shares of one-mode runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.figures.energy_rows import energy_frame
from repro.figures.error_bars import said_n
from repro.figures.material import Material, Product
from repro.figures.published import find_published
from repro.figures.rows import Rows
from repro.figures.style import INK, MUTED, Layout, inches_from_top, page_title, panel_page, styled
from repro.figures.tables import Cell, Column, Table, show_number
from repro.report.statistics import mean_interval, share_interval

LABELS = {
    "adam": "Adam", "adamax": "Adamax", "rmsprop": "RMSprop",
    "adam_not_annealed": "Adam, not\nannealed", "adam_aimed": "Adam, not\nannealed,\naimed",
}  # fmt: skip
FATES = {"both modes": "#0072B2", "uneven modes": "#E69F00", "one mode": "#D55E00",
         "diverged": "#5f5f5f"}  # fmt: skip
LAYOUT = Layout(panel=(2.5, 1.9), gap=(0.45, 0.3), left=0.55, right=0.1, top=0.8, bottom=0.5)
TOP = 1.0  # nats
MODES = (
    "Both modes: the rarer has at least 40 % of the mass; one mode: less than 6 %; uneven modes: "
    "what lies between."
)
EXPLANATION = (
    f"A dot a run, {{}} an arm. {MODES} Lines: the optimum{{}}. Diverged runs, and those above "
    f"{TOP:g} nat, stand at the top."
)
COLUMNS = (
    Column("rate", "learning rate"), Column("arm", "optimiser", labels={k: v.replace("\n", " ")
                                                                     for k, v in LABELS.items()}),
    Column("free_energy", "free energy (sd)", "spread", 3),
    Column("interval", "95 % interval", "interval", 3),
    Column("both", "both modes", "ratio"), Column("one", "one mode", "ratio"),
    Column("one_share", "share of one-mode runs, 95 %", "interval", 2),
    Column("lost", "diverged", "ratio"),
)  # fmt: skip


def fates(frame: pd.DataFrame) -> list[str]:
    """Return what became of each run of a frame."""
    return [
        "diverged" if not line["done"]
        else "one mode" if line["one_mode"]
        else "both modes" if line["covers_modes"]
        else "uneven modes"
        for line in frame.to_dict("records")
    ]  # fmt: skip


def gaussian_on_u1(published: pd.DataFrame) -> float | None:
    """Return the least free energy, in nats, that one Gaussian has on U1 within its walls."""
    found = find_published(
        published, experiment="energy_optimisers", model="gaussian", dataset="u1",
        metric="free_energy",
    )  # fmt: skip
    return None if found is None else found.value


@styled
def figure_optimisers(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw a panel a learning rate: the runs' free energies in nats by arm, coloured by fate."""
    gaussian = gaussian_on_u1(published)
    dotted = ""
    if gaussian is not None:
        dotted = f", and dotted the best that one Gaussian can reach ({show_number(gaussian, 3)})"
    frame = energy_frame(rows)
    frame = frame.assign(fate=fates(frame))
    rates = sorted(frame["learning_rate"].unique())
    each = said_n(frame.groupby(["learning_rate", "arm"]).size())
    figure, axes = panel_page(LAYOUT, 1, len(rates), [EXPLANATION.format(each, dotted), *notes])
    page_title(figure, "Optimisers and starts of planar flows on U1")
    arms = [arm for arm in LABELS if arm in set(frame["arm"])]
    bottom = -float(frame["log_normaliser"].max())
    for ax, rate in zip(axes[0], rates, strict=True):
        _dots(ax, frame[frame["learning_rate"] == rate], arms, bottom)
        if gaussian is not None:
            ax.axhline(gaussian, color=MUTED, linewidth=0.9, linestyle=":", zorder=1)
        ax.set_title(f"learning rate {rate:g}")
    axes[0][0].set_ylabel("free energy, nats")
    handles = [
        Line2D([], [], linestyle="", marker="o", markersize=4, color=colour, label=fate)
        for fate, colour in FATES.items()
    ]
    handles += [
        Line2D([], [], color=MUTED, linestyle=":", label="best single Gaussian"),
        Line2D([], [], color=INK, label="optimum"),
    ]
    figure.legend(handles=handles, loc="upper left", ncols=6,
                  bbox_to_anchor=(0.0, inches_from_top(figure, 0.32)))  # fmt: skip
    return figure


def _dots(ax: Axes, frame: pd.DataFrame, arms: Sequence[str], bottom: float) -> None:
    for place, arm in enumerate(arms):
        group = frame[frame["arm"] == arm]
        shift = np.linspace(-0.3, 0.3, max(1, len(group)))
        values = group["free_energy"].fillna(TOP).clip(upper=TOP)
        ax.scatter(place + shift, values, s=9, color=[FATES[fate] for fate in group["fate"]])
    ax.axhline(bottom, color=INK, linewidth=0.8)
    ax.set_ylim(bottom - 0.1, TOP + 0.1)
    ax.set_xticks(range(len(arms)), [LABELS[arm] for arm in arms])
    ax.set_xlim(-0.6, len(arms) - 0.4)
    ax.tick_params(axis="x", labelsize=6)
    ax.grid(axis="y")


def table_optimisers(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of free energies in nats and of runs by fate, with Wilson intervals."""
    frame = energy_frame(rows)
    frame = frame.assign(fate=fates(frame))
    lines: list[tuple[Cell, ...]] = []
    for (rate, arm), group in frame.groupby(["learning_rate", "arm"], sort=True):
        done = group.loc[group["done"], "free_energy"].to_numpy()
        ours = mean_interval(done) if len(done) else None
        counts = {fate: int((group["fate"] == fate).sum()) for fate in FATES}
        share = share_interval(counts["one mode"], len(group))
        lines.append(
            (
                f"{rate:g}", str(arm), (ours.mean, ours.sd) if ours else None,
                (ours.low, ours.high) if ours else None, (counts["both modes"], len(group)),
                (counts["one mode"], len(group)), (share.low, share.high),
                (counts["diverged"], len(group)),
            )
        )  # fmt: skip
    return Table(
        title="Planar flows on U1 by optimiser, start and learning rate",
        columns=COLUMNS,
        rows=tuple(lines),
        notes=(MODES, *notes),
        source="the stored rows",
    )


def draw_optimisers(given: Material) -> Iterator[Product]:
    """Yield the figure and the table of the optimisers."""
    yield "figure_optimisers", figure_optimisers(given.rows, given.published, given.notes)
    yield "table_optimisers", table_optimisers(given.rows, given.notes)
