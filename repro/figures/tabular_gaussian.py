"""The Gaussian baseline of the tabular data sets: what any flow has to beat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.figure import Figure

from repro.figures.material import Material, Product
from repro.figures.nvf_rows import DATA, density_frame, present
from repro.figures.published import find_published
from repro.figures.style import INK, MUTED, Layout, styled, titled_page
from repro.figures.tables import PLUS_MINUS, Cell, Column, Table

LAYOUT = Layout(panel=(3.6, 1.6), gap=(0.0, 0.0), left=1.9, right=0.2, top=0.2, bottom=0.5)
COLUMNS = (
    Column("data", "data", labels=DATA),
    Column("dim", "features", "count"),
    Column("train", "fitted rows", "count"),
    Column("test", "test rows", "count"),
    Column("ours", "test log-likelihood, nats", "number", 3),
    Column("two_se", f"{PLUS_MINUS} 2 se", "number", 3),
    Column("expected", "expected", "number", 2),
    Column("expected_two_se", f"its {PLUS_MINUS}", "number", 2),
)
REMARK = "A full-covariance Gaussian by maximum likelihood; 2 se over the test rows."
EXPECTED = (
    "Expected: computed apart from this code from the same rows (MINIBOONE: fitted on validation "
    "rows)."
)


def draw_gaussian(given: Material) -> Iterator[Product]:
    """Yield the table and the figure of the Gaussian baseline.

    Raises: MissingResult where there is no row.
    """
    frame = density_frame(given.rows).drop_duplicates("data")
    table = gaussian_table(frame, given.published, [REMARK, EXPECTED, *given.notes])
    yield "table_gaussian", table
    yield "figure_gaussian", figure_gaussian(frame, [REMARK, *given.notes])


def gaussian_table(
    frame: pd.DataFrame, published: pd.DataFrame, notes: Sequence[str] = ()
) -> Table:
    """The Gaussian's test log-likelihood by data set, beside what is expected of it."""
    lines: list[tuple[Cell, ...]] = []
    for data in present(list(frame["data"]), DATA):
        one = frame[frame["data"] == data].iloc[0]
        known = find_published(
            published, artefact="check", experiment="tabular_gaussian", model="gaussian",
            metric="log_likelihood_nats", dataset=data,
        )  # fmt: skip
        lines.append(
            (data, int(one["dim"]), int(one["train_rows"]), int(one["test_rows"]),
             float(one["log_likelihood_nats"]), float(one["two_se_nats"]),
             known.value if known else None,
             2 * known.spread if known and known.spread else None)
        )  # fmt: skip
    return Table("A Gaussian on tabular data", COLUMNS, tuple(lines), tuple(notes))


@styled
def figure_gaussian(frame: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """The Gaussian's test log-likelihood a feature, with 2 standard errors over the test rows."""
    figure, [ax] = titled_page(LAYOUT, 1, "One Gaussian on tabular data", notes)
    names = present(list(frame["data"]), DATA)
    own = [frame[frame["data"] == data].iloc[0] for data in names]
    places = list(range(len(names)))[::-1]
    ax.errorbar([o["log_likelihood_nats"] / o["dim"] for o in own], places,
                xerr=[o["two_se_nats"] / o["dim"] for o in own], linestyle="", marker="o",
                markersize=4, capsize=2, color=INK)  # fmt: skip
    ax.axvline(0, color=MUTED, linewidth=0.5)
    ax.set_yticks(places, [DATA.get(data, data) for data in names])
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.set_xlabel("test log-likelihood a feature, nats")
    ax.grid(axis="x")
    return figure
