"""Bounds on images against the number of updates: does a flow's gain depend on the training?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from repro.figures.bounds import DASHED, PANELS
from repro.figures.bounds_rows import (
    FLOW_COLOURS,
    FLOW_LABELS,
    GAUSSIAN,
    bounds_of,
    dataset_label,
    interval,
    tighter_notes,
)
from repro.figures.bounds_tables import PAPER, published_gains
from repro.figures.error_bars import reach, said_n
from repro.figures.material import Material, Product
from repro.figures.style import MUTED, Layout, name_line, page_title, panel_page, styled
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.statistics import Interval, mean_interval

LAYOUT = Layout(panel=(2.35, 2.3), gap=(0.65, 0.0), left=0.6, right=0.15, top=0.5, bottom=0.85)
BELOW: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": 2}
BESIDE = 1.06  # on a logarithmic axis: what is drawn beside another point
PAIR = ["data_seed", "model_seed"]
Posterior: TypeAlias = tuple[str, int]  # the flow and its K
COLUMNS = (
    Column("updates", "updates", "count"), Column("flow", "posterior", labels=FLOW_LABELS),
    Column("length", "K", "count"), Column("free_energy", "F (sd)", "spread", 2),
    Column("nll", f"{MINUS}ln p (sd)", "spread", 2), Column("n", "n", "count"),
    Column("fall", "fall of the training F in the last fifth", "number", 2),
    Column("gain", f"gain in {MINUS}ln p (nats)", "number", 2),
    Column("gain_interval", "95 % interval of the gain", "interval", 2),
    Column("tighter", "gain by more samples", "number", 2),
    Column("tighter_interval", "its 95 % interval", "interval", 2),
    Column("gain_f", "gain in F (nats)", "number", 2),
    Column("gain_f_interval", "its 95 % interval", "interval", 2),
)  # fmt: skip


def draw_training_length(given: Material) -> Iterator[Product]:
    """Yield the figure and the table of bounds, and of a flow's gain, against the updates.

    Raises: MissingResult where there is no row of a latent Gaussian model.
    """
    frame, published, foot = bounds_of(given, "mnist")
    foot = [*tighter_notes(frame), *foot]
    yield "figure_length", figure_length(frame, published, foot)
    yield "table_length", table_length(frame, foot)


@styled
def figure_length(
    frame: pd.DataFrame, published: pd.DataFrame, notes: Sequence[str] = ()
) -> Figure:
    """Draw F, -ln p and the flow's gain in -ln p against the updates, with the published gains."""
    shown = sorted(frame["updates"].unique())
    counts = [interval(_of(frame, one, n), "nll").n for one in _posteriors(frame) for n in shown]
    foot = [f"Means over model seeds, {said_n(counts)}."]
    figure, [axes] = panel_page(LAYOUT, 1, 3, [*foot, *notes])
    for posterior in _posteriors(frame):
        for ax, metric in zip(axes, ("free_energy", "nll"), strict=False):
            found = [interval(_of(frame, posterior, updates), metric) for updates in shown]
            _draw(ax, shown, found, posterior)
            ax.set_ylabel(PANELS[metric])
        if posterior[0] != GAUSSIAN:
            gains = [gain(frame, posterior, n, "nll") for n in shown]
            _draw(axes[2], shown, gains, posterior, _samples(frame, "importance_samples"))
            tighter = [gain(frame, posterior, n, "tighter") for n in shown]
            if any(one.n for one in tighter):
                _draw(
                    axes[2],
                    shown,
                    tighter,
                    posterior,
                    _samples(frame, "samples", "tighter"),
                    by_more=True,
                )
            _draw_theirs(axes[2], published, posterior[0])
    axes[1].legend(**BELOW)
    if frame["tighter"].notna().any():
        axes[2].legend(**BELOW, title="importance samples")
    axes[2].set_ylabel(f"gain in {MINUS}ln p over K = 0 (nats)")
    for ax in axes:
        _updates_axis(ax, shown)
    page_title(figure, f"Bounds on {dataset_label(frame)} against the length of training")
    return figure


def table_length(frame: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build the table of F and -ln p by the number of updates, with the gain over K = 0."""
    cells = [
        _line(frame, posterior, int(updates))
        for updates in sorted(frame["updates"].unique())
        for posterior in _posteriors(frame)
    ]
    return Table(
        f"Bounds on {dataset_label(frame)} by the number of updates",
        COLUMNS,
        tuple(cells),
        (
            "n counts model seeds; sds have ddof 1. A gain is over the Gaussian posterior trained "
            "for as many updates, paired by model seed, with Student-t intervals.",
            *notes,
        ),
    )


def gain(frame: pd.DataFrame, posterior: Posterior, updates: int, metric: str) -> Interval:
    """Estimate what a flow lowers a metric by (nats), against K = 0, paired by seed."""
    none = _of(frame, (GAUSSIAN, 0), updates).set_index(PAIR)[metric]
    long = _of(frame, posterior, updates).set_index(PAIR)[metric]
    return mean_interval((none - long).dropna().to_numpy())


def _line(frame: pd.DataFrame, posterior: Posterior, updates: int) -> tuple[Cell, ...]:
    done = _of(frame, posterior, updates)
    energy, nll = interval(done, "free_energy"), interval(done, "nll")
    spreads = [(one.mean, one.sd) if one.n else None for one in (energy, nll)]
    fall = float(done["fall_in_last_fifth"].mean())
    gains = [_gain(frame, posterior, updates, metric)
             for metric in ("nll", "tighter", "free_energy")]  # fmt: skip
    return (updates, *posterior, *spreads, nll.n, fall, *itertools.chain(*gains))


def _gain(
    frame: pd.DataFrame, posterior: Posterior, updates: int, metric: str
) -> tuple[Cell, Cell]:
    """A gain and its interval; nothing for K = 0 and where no runs are paired."""
    found = gain(frame, posterior, updates, metric)
    if posterior[0] == GAUSSIAN or not found.n:
        return None, None
    return found.mean, (found.low, found.high)


def _posteriors(frame: pd.DataFrame) -> list[Posterior]:
    pairs = frame[["flow", "length"]].drop_duplicates()
    return [(str(flow), int(length)) for flow, length in pairs.itertuples(index=False)]


def _of(frame: pd.DataFrame, posterior: Posterior, updates: int) -> pd.DataFrame:
    same = (frame["flow"] == posterior[0]) & (frame["length"] == posterior[1])
    return frame[same & (frame["updates"] == updates) & frame["done"]]


def _draw(
    ax: Axes,
    shown: Sequence[int],
    found: Sequence[Interval],
    posterior: Posterior,
    label: str | None = None,
    *,
    by_more: bool = False,
) -> None:
    """Draw means with intervals; hollow and dashed where they are by more samples."""
    flow, length = posterior
    name = FLOW_LABELS[flow] if flow == GAUSSIAN else f"{FLOW_LABELS[flow]}, K = {length}"
    places = [updates * BESIDE for updates in shown] if by_more else shown
    ax.errorbar(places, [one.mean for one in found], reach(found), label=label or name, capsize=2,
                color=FLOW_COLOURS[flow], marker="o", markersize=4, linewidth=1.2,
                elinewidth=1.0, linestyle="--" if by_more else "-",
                markerfacecolor="white" if by_more else FLOW_COLOURS[flow])  # fmt: skip


def _draw_theirs(ax: Axes, published: pd.DataFrame, flow: str) -> None:
    """Draw each published gain of K = 0 to 80 as a line across, with its name."""
    found = sorted(published_gains(published, flow).items(), key=lambda one: one[1].nll)
    for place, (paper, theirs) in enumerate(found, start=1):
        colour, style = (FLOW_COLOURS[flow], DASHED) if paper == PAPER else (MUTED, (0, (1, 1)))
        ax.axhline(theirs.nll, color=colour, linestyle=style, linewidth=0.9)
        name_line(ax, theirs.name, theirs.nll, place, colour)


def _samples(frame: pd.DataFrame, key: str, within: str | None = None) -> str:
    """How many importance samples the runs were measured by, as a legend has it."""
    metrics = [row["metrics"] for row in frame.loc[frame["done"], "row"]]
    places = [one.get(within, {}) if within else one for one in metrics]
    return " and ".join(f"{count:,}" for count in sorted({one[key] for one in places if one}))


def _updates_axis(ax: Axes, shown: Sequence[int]) -> None:
    ax.set_xscale("log")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(shown, [f"{updates:,}" for updates in shown], fontsize="small")
    ax.set_xlabel("updates")
    ax.grid(axis="y")
