"""Two dimensions: the batch size and the number of updates, and whether iFlow gains by either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.audit.frame import audit_frame, by_seed, runs
from repro.figures.baselines import baseline_means, baseline_notes, draw_baselines
from repro.figures.error_bars import reach
from repro.figures.material import Material, Product
from repro.figures.rows import Rows
from repro.figures.style import (
    MODEL_COLOURS,
    MODEL_MARKERS,
    Layout,
    page_title,
    panel_page,
    styled,
)
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.paired import paired as paired_test
from repro.report.statistics import mean_interval

FAMILIES = {"iVAE": "ivae", "iFlow, width 32": "iflow_32", "iFlow": "iflow"}
BATCHES, LENGTHS = ("8", "64"), ("short", "long")
LAYOUT = Layout(panel=(2.1, 2.3), gap=(0.2, 0.0), left=0.58, right=0.15, top=0.6, bottom=0.95)
EXPLANATION = (
    "Means over the n data seeds that all points of a line share; bars are 95 % intervals "
    "(Student-t for n up to 30, BCa bootstrap above); thin lines need no training, on all data "
    "seeds."
)
COLUMNS = (
    Column("contrast", "contrast"), Column("n", "data seeds", "count"),
    Column("value", "mean", "number", signed=True),
    Column("interval", "95 % interval", "interval", signed=True),
    Column("t_p", "p (t)", "number", 4), Column("wilcoxon_p", "p (Wilcoxon)", "number", 4),
    Column("dz", "dz", "number", 2, signed=True),
)  # fmt: skip


def cell(frame: pd.DataFrame, family: str, batch: str, length: str) -> pd.Series:
    """The MCC by data seed of one cell of the design."""
    return by_seed(runs(frame, f"{family}_{batch}_{length}", "mcc"))


def updates(frame: pd.DataFrame, length: str, *families: str) -> str:
    """The numbers of updates of the families' finished runs of a length, as words."""
    made = {
        int(count)
        for family in families
        for batch in BATCHES
        for count in runs(frame, f"{family}_{batch}_{length}", "updates")
    }
    return " and ".join(f"{count:,}" for count in sorted(made))


def line_cells(frame: pd.DataFrame, family: str, batch: str) -> dict[str, pd.Series]:
    """The cells that one line joins, by their length, on the data seeds that they share.

    Without a shared seed there is nothing to join: the cell with the most seeds stands alone.
    """
    cells = {length: cell(frame, family, batch, length) for length in LENGTHS}
    kept = {length: values for length, values in cells.items() if len(values)}
    if not kept:
        return {}
    shared = pd.concat(list(kept.values()), axis=1, join="inner").index
    if not len(shared):
        most = max(kept, key=lambda length: len(kept[length]))
        return {most: kept[most]}
    return {length: values.loc[shared] for length, values in kept.items()}


@styled
def figure_batch(rows: Rows, notes: Sequence[str] = ()) -> Figure:
    """Draw the MCC against the number of updates, a line a batch size, a panel a model."""
    frame = audit_frame(rows)
    shown = {
        label: family
        for label, family in FAMILIES.items()
        if any(len(cell(frame, family, b, k)) for b in BATCHES for k in LENGTHS)
    }
    figure, [axes] = panel_page(LAYOUT, 1, len(shown), [EXPLANATION, *notes])
    seeds = set(frame["data_seed"])
    for ax, (label, family) in zip(axes, shown.items(), strict=True):
        for batch in BATCHES:
            _draw(ax, frame, family, batch)
        draw_baselines(ax, baseline_means(rows, 2, 3, seeds))
        ax.set_title(label, fontsize=8)
        names = [updates(frame, k, family) or updates(frame, k, *shown.values()) for k in LENGTHS]
        ax.set_xticks([0, 1], names)
        ax.set_xlim(-0.4, 1.4)
        ax.set_xlabel("updates")
        ax.grid(axis="y")
        ax.tick_params(labelleft=ax is axes[0])
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.19), borderaxespad=0)
    low = min(ax.get_ylim()[0] for ax in axes)
    high = max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(low, high)
    axes[0].set_ylabel("MCC (higher is better)")
    page_title(figure, "Batch size or number of updates?")
    return figure


def table_batch(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of contrasts: iFlow less iVAE in every cell, and how that changes."""
    frame = audit_frame(rows)
    lines = [_line(name, values) for name, values in _contrasts(frame) if len(values) > 1]
    return Table(
        "Batch size and updates in two dimensions",
        COLUMNS,
        tuple(lines),
        (
            "Each contrast is taken on the data seeds that all its cells share. The batch-size "
            f"explanation says that iFlow {MINUS} iVAE is larger with batches of 8. 95 % "
            "intervals: Student-t for n up to 30, a seeded BCa bootstrap above.",
            *baseline_notes(rows),
            *notes,
        ),
        "the stored rows",
    )


def draw_batch(given: Material) -> Iterator[Product]:
    """Yield the table of contrasts and the figure of the design."""
    yield "table_batch", table_batch(given.rows, given.notes)
    yield "figure_batch", figure_batch(given.rows, given.notes)


def _contrasts(frame: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    found: list[tuple[str, pd.Series]] = []
    for label, family in FAMILIES.items():
        if family == "ivae":
            continue
        lead = {
            (b, k): (cell(frame, family, b, k) - cell(frame, "ivae", b, k)).dropna()
            for b in BATCHES
            for k in LENGTHS
        }
        made = {k: updates(frame, k, family, "ivae") for k in LENGTHS}
        for (b, k), values in lead.items():
            found.append((f"{label} {MINUS} iVAE, batch {b}, {made[k]} updates", values))
        for k in LENGTHS:
            change = (lead["8", k] - lead["64", k]).dropna()
            found.append((f"{label}: its lead with batch 8 {MINUS} 64, {made[k]} updates", change))
        epochs = (lead["8", "long"] - lead["64", "short"]).dropna()
        found.append((f"{label}: its lead with batch 8 {MINUS} 64, 20 epochs each", epochs))
    return found


def _line(name: str, values: pd.Series) -> tuple[Cell, ...]:
    tested = paired_test(values.to_numpy())
    ours = tested.interval
    return (
        name, ours.n, ours.mean, (ours.low, ours.high), tested.t_p, tested.wilcoxon_p,
        tested.effect.value,
    )  # fmt: skip


def _draw(ax: Axes, frame: pd.DataFrame, family: str, batch: str) -> None:
    model = family.partition("_")[0]
    away = -0.06 if batch == "8" else 0.06
    cells = line_cells(frame, family, batch)
    if not cells:
        return
    found = [(LENGTHS.index(k), mean_interval(v.to_numpy())) for k, v in cells.items()]
    arms = reach(m for _, m in found)
    ax.errorbar([i + away for i, _ in found], [m.mean for _, m in found], arms,
                color=MODEL_COLOURS[model], marker=MODEL_MARKERS[model], markersize=4,
                markerfacecolor="white" if batch == "8" else MODEL_COLOURS[model],
                linestyle="-" if batch == "64" else (0, (3, 2)), linewidth=1.1, capsize=2,
                elinewidth=1.0, label=f"batch {batch}, n = {found[0][1].n}", zorder=3)  # fmt: skip
