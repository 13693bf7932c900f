"""Densities: how far each arm's held-out likelihood is from the true density's, by data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.arms import Values, by_data_seed, differences, lost_notes, task_rows
from repro.figures.error_bars import draw_values
from repro.figures.material import Material, Product
from repro.figures.style import INK, Layout, styled, titled_page
from repro.figures.tables import MINUS, Cell, Column, Table, show_number
from repro.report.paired import paired
from repro.report.statistics import mean_interval

ARMS = {
    "affine": "affine",
    "convolution": "convolution",
    "convolution_symmetric": "mirrored convolution",
    "stack": "stack",
    "stack_symmetric": "mirrored stack",
    "affine_large": "affine, large",
    "convolution_large": "convolution, large",
}
TITLE = "Convolutions and affine couplings as densities"
RIVAL = {
    "convolution": "affine",
    "convolution_symmetric": "affine",
    "stack": "affine",
    "stack_symmetric": "affine",
    "convolution_large": "affine_large",
}
COLOURS = {
    "affine": "#D55E00",
    "convolution": "#0072B2",
    "convolution_symmetric": "#56B4E9",
    "stack": "#009E73",
    "stack_symmetric": "#CC79A7",
    "affine_large": "#D55E00",
    "convolution_large": "#0072B2",
}
LAYOUT = Layout(panel=(2.5, 2.1), gap=(0.45, 0.0), left=0.62, right=0.15, top=0.3, bottom=1.0)

Row = Mapping[str, Any]


def draw_density(given: Material) -> Iterator[Product]:
    """Yield the figure and the table of the densities.

    Raises: MissingResult where there is no row.
    """
    stored = task_rows(given.rows, "density_fit", "convolution_density")
    foot = [*lost_notes(stored, ARMS), *given.notes]
    yield "figure_density", figure_density(stored, foot)
    yield "table_density", table_density(stored, foot)


@styled
def figure_density(rows: Sequence[Row], notes: Sequence[str] = ()) -> Figure:
    """Draw nats above the true density's negative log-likelihood, by arm and data set."""
    sets = _data_sets(rows)
    foot = [
        "Negative log-likelihood of held-out points less that of the true density on the same "
        "points (0 would be perfect); faint marks are data seeds, full ones their means with 95 % "
        "intervals; in brackets the number of parameters.",
        *notes,
    ]
    figure, axes = titled_page(LAYOUT, len(sets), TITLE, foot)
    for ax, (name, own) in zip(axes, sets.items(), strict=True):
        _draw_set(ax, own)
        ax.set_title(name, color=INK)
    axes[0].set_ylabel("nats above the true density")
    return figure


def _draw_set(ax: Axes, rows: Sequence[Row]) -> None:
    shown = [arm for arm in ARMS if any(row.get("arm") == arm for row in rows)]
    for place, arm in enumerate(shown):
        values = list(_values(rows, arm).values())
        if values:
            draw_values(ax, place, values, COLOURS[arm], size=9)
    ticks = [f"{ARMS[arm]} ({show_number(_parameters(rows, arm), 0)})" for arm in shown]
    ax.set_xticks(range(len(shown)), ticks, size=6, rotation=35, ha="right",
                  rotation_mode="anchor")  # fmt: skip
    ax.set_xlim(-0.6, len(shown) - 0.4)
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    ax.grid(axis="y")


def table_density(rows: Sequence[Row], notes: Sequence[str] = ()) -> Table:
    """Build the table: a line a data set and arm, with the difference from its affine rival."""
    lines: list[tuple[Cell, ...]] = []
    for name, own in _data_sets(rows).items():
        for arm in ARMS:
            values = _values(own, arm)
            if not values:
                continue
            gap = mean_interval(list(values.values()))
            between = differences(values, _values(own, RIVAL[arm])) if arm in RIVAL else []
            found = paired(between) if between else None
            lines.append(
                (
                    name,
                    ARMS[arm],
                    _parameters(own, arm),
                    (gap.mean, gap.sd),
                    (gap.low, gap.high),
                    None if found is None else found.interval.mean,
                    None if found is None else (found.interval.low, found.interval.high),
                    gap.n,
                )
            )
    columns = (
        Column("data", "data"),
        Column("arm", "flow"),
        Column("parameters", "parameters", "count"),
        Column("gap", "nats above the truth: mean (sd)", "spread", 3),
        Column("interval", "95 % interval", "interval", 3),
        Column("difference", f"flow {MINUS} affine", "number", 3, signed=True),
        Column("difference_interval", "its 95 % interval", "interval", 3, signed=True),
        Column("n", "data seeds", "count"),
    )
    title = "Convolutions against affine couplings as densities"
    return Table(title, columns, tuple(lines), tuple(notes))


def _data_sets(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        data = row["config"]["data"]
        words = {"mixture": "mixture of Gaussians", "waves": "waves"}
        found.setdefault(f"{words[data['name']]}, {data['dim']}D", []).append(row)
    return dict(sorted(found.items(), key=lambda item: (len(item[0]) < 15, len(item[0]))))


def _values(rows: Sequence[Row], arm: str) -> Values:
    return by_data_seed((row for row in rows if row.get("arm") == arm), "gap_nats")


def _parameters(rows: Sequence[Row], arm: str) -> int | None:
    counts = (
        row["metrics"]["parameters"]
        for row in rows
        if row.get("arm") == arm and row["status"] == "done"
    )
    return next(counts, None)
