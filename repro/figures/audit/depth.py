"""The MCC and iFlow's lead against the mixing network's depth, beside what needs no training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.audit.frame import arms_in, audit_frame, by_seed, runs, spell
from repro.figures.baselines import baseline_means, baseline_notes, join_baselines
from repro.figures.error_bars import reach
from repro.figures.material import Material, Product
from repro.figures.rows import Rows, layers_in
from repro.figures.style import (
    FAINT,
    MODEL_COLOURS,
    MODEL_MARKERS,
    Layout,
    page_title,
    panel_page,
    styled,
)
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.statistics import Interval, mean_interval

LAYOUT = Layout(panel=(2.9, 2.4), gap=(0.62, 0.0), left=0.58, right=0.15, top=0.42, bottom=0.95)
EXPLANATION = (
    "Bars are means over data seeds with 95 % intervals (Student-t for n up to 30, BCa bootstrap "
    "above); thin lines need no training. A lead is taken on the data seeds that both have."
)
GEOMETRY = {
    "mcc_within_segment": "MCC within segments",
    "affine_r2": "R\N{SUPERSCRIPT TWO} of the best affine map",
    "procrustes": "Procrustes residual",
    "rank_preservation": "local rank preservation",
}
COLUMNS = (
    Column("layers", "layers", "count"), Column("arm", "arm"), Column("n", "n", "count"),
    Column("mcc", "MCC: mean (sd)", "spread"), Column("interval", "95 % interval", "interval"),
    Column("lead", "less iVAE's", "number", signed=True),
    Column("lead_interval", "its 95 % interval", "interval", signed=True),
    Column("wins", "better on", "ratio"), Column("x", "x itself", "number"),
    Column("pca", "PCA", "number"), Column("supervised_linear", "linear regression", "number"),
    *(Column(name, heading, "number") for name, heading in GEOMETRY.items()),
)  # fmt: skip


def lead(frame: pd.DataFrame, arm: str, layers: int) -> pd.Series:
    """An arm's MCC less iVAE's at a depth, by data seed."""
    one, other = (by_seed(runs(frame, name, "mcc", layers)) for name in (arm, "ivae"))
    return (one - other).dropna()


@styled
def figure_depth_arms(rows: Rows, notes: Sequence[str] = ()) -> Figure:
    """Draw the MCC of every arm by depth, and the lead over iVAE of the others."""
    frame = audit_frame(rows)
    depths = layers_in(frame)
    figure, [[left, right]] = panel_page(LAYOUT, 1, 2, [EXPLANATION, *notes])
    arms = arms_in(frame, "ivae")
    for place, arm in enumerate(arms):
        away = 0.07 * (place - (len(arms) - 1) / 2)
        found = {k: mean_interval(by_seed(runs(frame, arm, "mcc", k)).to_numpy()) for k in depths}
        _draw(left, frame, arm, found, away)
        if arm != "ivae":
            leads = {k: mean_interval(lead(frame, arm, k).to_numpy()) for k in depths}
            _draw(right, frame, arm, leads, away)
    join_baselines(left, rows, _dim(frame), depths, set(frame["data_seed"]))
    right.axhline(0, color=FAINT, linewidth=0.9)
    for ax, label in ((left, "MCC (higher is better)"), (right, f"MCC {MINUS} iVAE's MCC")):
        ax.set_xticks(depths)
        ax.set_xlabel("mixing layers")
        ax.set_ylabel(label)
        ax.grid(axis="y")
    handles, labels = left.get_legend_handles_labels()
    box = left.get_position()
    figure.legend(handles, labels, loc="upper left", ncols=3, borderpad=0, columnspacing=1.2,
                  bbox_to_anchor=(box.x0, box.y0 - 0.46 / figure.get_figheight()))  # fmt: skip
    page_title(figure, f"{_dim(frame)}D identifiability against mixing depth")
    return figure


def table_depth(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of depths and arms, with the lead over iVAE and the shape scores."""
    frame = audit_frame(rows)
    lines = [
        _line(rows, frame, arm, layers)
        for layers in layers_in(frame)
        for arm in arms_in(frame, "ivae")
        if len(runs(frame, arm, "mcc", layers))
    ]
    return Table(
        f"{_dim(frame)}D identifiability by mixing depth",
        COLUMNS,
        tuple(lines),
        (
            "n counts data seeds. Shape scores are means over the runs that have them: rows from "
            "before these metrics do not. The Procrustes residual is 0 for the same shape.",
            *baseline_notes(rows),
            *notes,
        ),
        "the stored rows",
    )


def draw_depth_arms(given: Material) -> Iterator[Product]:
    """Yield the table and the figure of depths."""
    yield "table_depth", table_depth(given.rows, given.notes)
    yield "figure_depth", figure_depth_arms(given.rows, given.notes)


def _line(rows: Rows, frame: pd.DataFrame, arm: str, layers: int) -> tuple[Cell, ...]:
    values = by_seed(runs(frame, arm, "mcc", layers))
    ours = mean_interval(values.to_numpy())
    change = lead(frame, arm, layers) if arm != "ivae" else values.iloc[:0]
    ahead = mean_interval(change.to_numpy())
    means = baseline_means(rows, _dim(frame), layers, set(values.index))
    shapes = [by_seed(runs(frame, arm, name, layers)) for name in GEOMETRY]
    return (
        layers, spell(arm), ours.n, (ours.mean, ours.sd), (ours.low, ours.high),
        ahead.mean if ahead.n else None, (ahead.low, ahead.high) if ahead.n else None,
        (int((change > 0).sum()), ahead.n) if ahead.n else None,
        means.get("x"), means.get("pca"), means.get("supervised_linear"),
        *(float(shape.mean()) if len(shape) else None for shape in shapes),
    )  # fmt: skip


def _dim(frame: pd.DataFrame) -> int:
    return int(frame["row"].iloc[0]["config"]["data"]["dim"])


def _draw(
    ax: Axes, frame: pd.DataFrame, arm: str, found: dict[int, Interval], away: float
) -> None:
    model = str(frame.loc[frame["arm"] == arm, "model"].iloc[0])
    small = arm not in ("iflow", "ivae")
    kept = {k: one for k, one in found.items() if one.n}
    if not kept:
        return
    arms = reach(kept.values())
    counts = {m.n for m in kept.values()}
    ax.errorbar([k + away for k in kept], [m.mean for m in kept.values()], arms,
                color=MODEL_COLOURS[model], marker=MODEL_MARKERS[model], markersize=4,
                markerfacecolor="white" if small else MODEL_COLOURS[model],
                linestyle=(0, (3, 2)) if small else "-", linewidth=1.1, capsize=2, elinewidth=1.0,
                label=f"{spell(arm)}, n = {min(counts)}", zorder=3)  # fmt: skip
