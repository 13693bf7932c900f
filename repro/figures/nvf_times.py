"""NVF's appendix B.2: how long it samples and scores, beside the same flow without a latent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from repro.figures.error_bars import reach, said_n
from repro.figures.material import Material, Product
from repro.figures.nvf_rows import by_unit, density_frame, present
from repro.figures.style import MUTED, Layout, styled, titled_page
from repro.figures.tables import Cell, Column, Table
from repro.report.statistics import mean_interval

ARMS = {
    "coupling_2": "coupling, 2 states", "coupling_10": "coupling, 10 states",
    "coupling_20": "coupling, 20 states", "autoregressive_10": "autoregressive, 10 states",
    "coupling_continuous": "coupling, continuous",
}  # fmt: skip
RATIOS = {
    "sampling_ratio": "sampling", "bound_ratio": "bound (one state)",
    "scoring_ratio": "likelihood (all states)",
}  # fmt: skip
COLOURS = ("#0072B2", "#E69F00", "#D55E00")
LAYOUT = Layout(panel=(4.2, 2.1), gap=(0.0, 0.0), left=1.7, right=0.2, top=0.3, bottom=0.8)
COLUMNS = (
    Column("arm", "flow and latent", labels=ARMS),
    Column("n", "runs", "count"),
    *(Column(key, f"{name}, NVF / NF", "number", 2) for key, name in RATIOS.items()),
    *(Column(f"{key}_interval", f"{name}: 95 % interval", "interval", 2)
      for key, name in RATIOS.items()),
    Column("sampling", "NF: sampling, ms", "number", 2),
    Column("scoring", "NF: scoring, ms", "number", 2),
)  # fmt: skip
REMARK = (
    "Ratios of medians within one run, both flows in turns. Bound: posterior network and the flow "
    "at one state; likelihood: the flow at every state, for a continuous latent at its importance "
    "samples."
)
MILLISECONDS = "Milliseconds are this machine's."
BARS = "Bars are 95 % intervals over runs, Student-t."


def draw_times(given: Material) -> Iterator[Product]:
    """Yield the table and the figure of time ratios.

    Raises: MissingResult where there is no row.
    """
    frame = density_frame(given.rows)
    yield "table_times", times_table(frame, [REMARK, MILLISECONDS, *given.notes])
    yield "figure_times", figure_times(frame, [REMARK, BARS, *given.notes])


def times_table(frame: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Time ratios of NVF to NF by flow and latent."""
    lines: list[tuple[Cell, ...]] = []
    for arm in present(list(frame["arm"]), ARMS):
        found = [_interval(frame, arm, metric) for metric in RATIOS]
        seconds = [_interval(frame, arm, f"nf_{what}_seconds") for what in ("sampling", "scoring")]
        lines.append(
            (arm, found[0].n, *(one.mean for one in found),
             *((one.low, one.high) for one in found), *(1e3 * one.mean for one in seconds))
        )  # fmt: skip
    return Table("Time of NVF beside NF", COLUMNS, tuple(lines), tuple(notes))


@styled
def figure_times(frame: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Time ratios with their intervals; 1 is as long as the flow alone.

    Source: Dong et al. 2022 (NVF), appendix B.2.
    """
    arms = present(list(frame["arm"]), ARMS)
    counts = [_interval(frame, arm, metric).n for arm in arms for metric in RATIOS]
    foot = [f"Means over runs, {said_n(counts)}.", *notes]
    figure, [ax] = titled_page(LAYOUT, 1, "What a latent variable costs in time", foot)
    for number, (metric, name) in enumerate(RATIOS.items()):
        found = [_interval(frame, arm, metric) for arm in arms]
        places = [len(arms) - 1 - place + 0.22 * (1 - number) for place in range(len(arms))]
        ax.errorbar([o.mean for o in found], places, xerr=reach(found), marker="o", linestyle="",
                    markersize=4, capsize=2, color=COLOURS[number], label=name)  # fmt: skip
    ax.axvline(1, color=MUTED, linewidth=0.6)
    ax.set_xscale("log")
    ticks = [0.5, 1, 2, 5, 10, 20]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_yticks([len(arms) - 1 - place for place in range(len(arms))],
                  [ARMS.get(arm, arm) for arm in arms])  # fmt: skip
    ax.set_xlabel("time of NVF / time of NF")
    ax.grid(axis="x")
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=3)
    return figure


def _interval(frame: pd.DataFrame, arm: str, metric: str) -> Any:  # noqa: ANN401 - an Interval
    own = frame[(frame["arm"] == arm) & frame["done"]]
    values = own.set_index(["data_seed", "model_seed"])[metric].astype(float)
    return mean_interval(by_unit(values).to_numpy())
