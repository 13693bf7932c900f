"""The baselines by themselves: what every data set gives away without any training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.figure import Figure

from repro.errors import MissingResult
from repro.figures.baselines import LABELS, Place, baseline_frame, by_data
from repro.figures.error_bars import reach
from repro.figures.material import Material, Product
from repro.figures.rows import Rows
from repro.figures.style import Layout, page_title, panel_page, styled
from repro.figures.tables import Cell, Column, Table
from repro.report.statistics import mean_interval

LAYOUT = Layout(panel=(3.4, 4.4), gap=(0.0, 0.0), left=2.4, right=1.75, top=0.42, bottom=0.5)
LOOKS = {
    "x": ("o", "#5f5f5f"),
    "pca": ("s", "#999999"),
    "zca": ("^", "#009E73"),
    "segment_means": ("D", "#CC79A7"),
    "supervised_linear": ("v", "#1f1f1f"),
}
EXPLANATION = (
    "Means over data sets with 95 % intervals (Student-t for n up to 30, BCa bootstrap above). "
    "The segment means and the regression look at the true sources."
)
COLUMNS = (
    Column("dim", "sources", "count"), Column("layers", "layers", "count"),
    Column("kind", "unlike the papers' data"), Column("n", "data sets", "count"),
    *(Column(name, f"{label}: mean (sd)", "spread") for name, label in LABELS.items()),
    Column("oracle", "true log p (sd), nats a point", "spread", 3),
)  # fmt: skip


@styled
def figure_untrained(rows: Rows, notes: Sequence[str] = ()) -> Figure:
    """Draw the mean MCC of each baseline for every dimension and depth."""
    groups = _groups(rows)
    figure, [[ax]] = panel_page(LAYOUT, 1, 1, [EXPLANATION, *notes])
    for place, (name, label) in enumerate(LABELS.items()):
        found = [mean_interval(group[name].to_numpy()) for _, group in groups]
        at = [i + 0.12 * (place - (len(LABELS) - 1) / 2) for i in range(len(groups))]
        marker, colour = LOOKS[name]
        ax.errorbar([one.mean for one in found], at, xerr=reach(found), linestyle="none",
                    marker=marker, markersize=4, color=colour, capsize=1.5, elinewidth=0.9,
                    label=label)  # fmt: skip
    ax.set_yticks(range(len(groups)), [_tick(*group) for group in groups])
    ax.invert_yaxis()
    ax.set_xlabel("MCC (right: higher is better)")
    ax.grid(axis="x")
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0)
    page_title(figure, "Without any training")
    return figure


def table_untrained(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of baselines and of the data's own log-likelihood."""
    lines: list[tuple[Cell, ...]] = [
        (
            dim, layers, kind or None, len(group), *(_spread(group[name]) for name in LABELS),
            _spread(group["oracle"].dropna()),
        )
        for (dim, layers, kind), group in _groups(rows)
    ]  # fmt: skip
    return Table(
        "MCC without any training", COLUMNS, tuple(lines), tuple(notes), "the stored rows"
    )


def draw_untrained(given: Material) -> Iterator[Product]:
    """Yield the table and the figure of the baselines.

    Raises: MissingResult where there is no row.
    """
    yield "table_baselines", table_untrained(given.rows, given.notes)
    yield "figure_baselines", figure_untrained(given.rows, given.notes)


def _groups(rows: Rows) -> list[tuple[Place, pd.DataFrame]]:
    frame = baseline_frame(rows)
    if frame.empty:
        raise MissingResult("there is no row; make them with `repro run experiment=baselines`")
    return by_data(frame)


def _tick(place: Place, group: pd.DataFrame) -> str:
    dim, layers, kind = place
    what = f"{dim}D, {layers} layers, n = {len(group)}"
    return f"{what}\n{kind}" if kind else what


def _spread(values: pd.Series) -> tuple[float, float]:
    ours = mean_interval(values.to_numpy())
    return ours.mean, ours.sd
