"""Li et al.'s Table 1 beside ours: iVAE's MCC by hidden width and mixing depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.audit.frame import audit_frame, by_seed, runs
from repro.figures.baselines import baseline_notes, join_baselines
from repro.figures.compared import (
    BESIDE,
    DIFFERENCE,
    PAPERS,
    RE_PAPER,
    beside,
    difference,
    remarks,
)
from repro.figures.depth import published_means
from repro.figures.error_bars import reach
from repro.figures.evaluations import only_dim
from repro.figures.material import Material, Product
from repro.figures.published import Published, find_published
from repro.figures.rows import Rows, layers_in
from repro.figures.style import MODEL_COLOURS, Layout, page_title, panel_page, styled
from repro.figures.tables import Cell, Column, Table
from repro.report.statistics import Interval, mean_interval

PAPER, EXPERIMENT = "iflow", "ivae_capacity"
LAYOUT = Layout(panel=(4.4, 2.6), gap=(0.0, 0.0), left=0.58, right=0.15, top=0.42, bottom=1.0)
COLUMNS = (
    Column("layers", "layers"), Column("hidden", "hidden width"), *BESIDE,
    *DIFFERENCE, Column("diverged", "diverged", "count"),
)  # fmt: skip
COLOUR = MODEL_COLOURS["ivae"]
MARKS = {50: "o", 100: "s", 200: "^"}  # by hidden width
APART = 0.08  # between the widths of a depth, in layers
DOTTED, DASHED = (0, (1, 1)), (0, (3, 2))
UNLIKE = (
    "n counts data seeds, the first of them: means of unlike n are of unlike data sets, so that "
    "widths are to be compared on the same seeds."
)
EXPLANATION = (
    "Filled: our means over data seeds with 95 % intervals (Student-t for n up to 30, BCa "
    "bootstrap above); hollow: published means. Widths of a depth stand side by side."
)


def table_1(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build Li et al.'s Table 1 beside ours: iVAE's MCC by mixing layers and hidden width.

    Raises: MissingResult where there is no identifiability row.
    Source: Li et al. 2020, Table 1 (sd over 100 data seeds).
    """
    frame, dim = _frame(rows), only_dim(rows, EXPERIMENT)
    lines: list[tuple[Cell, ...]] = []
    shown = []
    for (layers, hidden), ours in _means(frame).items():
        theirs = published_width(published, dim, layers, hidden)
        shown += [(PAPER, theirs)] if theirs else []
        lost = (frame["layers"] == layers) & (frame["hidden"] == hidden) & ~frame["done"]
        lines.append((
            layers, hidden, *beside(ours, theirs), *difference(ours, theirs), int(lost.sum()),
        ))  # fmt: skip
    return Table(
        title=f"iVAE's MCC of {dim}D sources by mixing layers and hidden width",
        columns=COLUMNS,
        rows=tuple(lines),
        notes=(UNLIKE, *remarks(shown), *baseline_notes(rows), *notes),
        source="published: Li et al. 2020, table 1; ours: the stored rows",
    )  # fmt: skip


@styled
def figure_capacity(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw iVAE's mean MCC by mixing layers, a line a hidden width, with the published means.

    Raises: MissingResult where there is no identifiability row.
    Source: Li et al. 2020, Table 1; [Re]'s stored files of width 50.
    """
    frame = _frame(rows)
    means, depths, dim = _means(frame), layers_in(frame), only_dim(rows, EXPERIMENT)
    figure, [[ax]] = panel_page(LAYOUT, 1, 1, [EXPLANATION, UNLIKE, *notes])
    widths = sorted({hidden for _, hidden in means})
    for place, hidden in enumerate(widths):
        drawn = [layers for layers, width in means if width == hidden]
        theirs = {k: one for k in drawn if (one := published_width(published, dim, k, hidden))}
        _draw_width(ax, means, theirs, hidden, place - (len(widths) - 1) / 2)
    again = published_means(published, "ivae", dim, depths)
    if again:
        ax.plot(list(again), [one.value for one in again.values()], color=COLOUR,
                linewidth=0.8, linestyle=DOTTED, marker="D", markersize=4, markerfacecolor="white",
                zorder=2, label=f"width 50, {PAPERS[RE_PAPER]}")  # fmt: skip
    join_baselines(ax, rows, dim, depths, set(frame["data_seed"]))
    ax.set_xticks(depths)
    ax.set_xlim(min(depths) - 0.5, max(depths) + 0.5)
    ax.set_xlabel("mixing layers")
    ax.set_ylabel("MCC (higher is better)")
    ax.grid(axis="y")
    page_title(figure, f"iVAE on {dim}D sources by hidden width and mixing depth")
    box = ax.get_position()
    figure.legend(loc="upper center", ncols=3, borderpad=0, columnspacing=1.2, fontsize=6.5,
                  bbox_to_anchor=((box.x0 + box.x1) / 2,
                                  box.y0 - 0.46 / figure.get_figheight()))  # fmt: skip
    return figure


def draw_capacity(given: Material) -> Iterator[Product]:
    """Yield the table and the figure of widths and depths."""
    yield "table_1", table_1(given.rows, given.published, given.notes)
    yield "figure_capacity", figure_capacity(given.rows, given.published, given.notes)


def _draw_width(
    ax: Axes,
    means: dict[tuple[int, int], Interval],
    theirs: dict[int, Published],
    hidden: int,
    place: float,
) -> None:
    """Draw one width's means by depth, ours and published; widths in the middle have place 0."""
    ours = {layers: one for (layers, width), one in means.items() if width == hidden}
    mark, counts = MARKS.get(hidden, "P"), sorted({one.n for one in ours.values()})
    n = " or ".join(map(str, counts))
    ax.errorbar([k + APART * place for k in ours], [one.mean for one in ours.values()],
                reach(ours.values()), color=COLOUR, marker=mark, markersize=4.5, linewidth=1.1,
                elinewidth=1.1, capsize=2, zorder=4,
                label=f"width {hidden}, ours (n = {n})")  # fmt: skip
    if theirs:
        ax.plot([k + APART * place for k in theirs], [one.value for one in theirs.values()],
                color=COLOUR, marker=mark, markersize=4.5, markerfacecolor="white", linewidth=0.8,
                linestyle=DASHED, zorder=3,
                label=f"width {hidden}, {PAPERS[PAPER]}")  # fmt: skip


def _frame(rows: Rows) -> pd.DataFrame:
    frame = audit_frame(rows)
    return frame.assign(hidden=[int(row["config"]["model"]["hidden"]) for row in frame["row"]])


def _means(frame: pd.DataFrame) -> dict[tuple[int, int], Interval]:
    """Our mean MCC with its interval, by mixing layers and hidden width."""
    arms = sorted(set(zip(frame["hidden"], frame["arm"], strict=True)))
    found = {
        (layers, int(hidden)): by_seed(runs(frame, arm, "mcc", layers))
        for layers in layers_in(frame)
        for hidden, arm in arms
    }
    return {key: mean_interval(one.to_numpy()) for key, one in found.items() if len(one)}


def published_width(
    published: pd.DataFrame, dim: int, layers: int, hidden: int
) -> Published | None:
    """Li et al.'s mean MCC of iVAE at a mixing depth and hidden width, if Table 1 has it."""
    return find_published(
        published, paper=PAPER, experiment=EXPERIMENT, model="ivae", dim=dim, layers=layers,
        hidden=hidden, metric="mcc",
    )  # fmt: skip
