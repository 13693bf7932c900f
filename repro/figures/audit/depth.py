"""The MCC and iFlow's lead against the mixing network's depth, beside what needs no training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.audit.frame import arms_in, audit_frame, by_seed, runs, spell
from repro.figures.baselines import baseline_means, baseline_notes, join_baselines
from repro.figures.compared import PAPERS, RE_PAPER, remarks
from repro.figures.depth import published_means
from repro.figures.error_bars import reach
from repro.figures.ivae_capacity import PAPER, published_width
from repro.figures.material import Material, Product
from repro.figures.published import Published
from repro.figures.rows import Rows, layers_in
from repro.figures.style import (
    FAINT,
    MODEL_COLOURS,
    MODEL_LABELS,
    MODEL_MARKERS,
    Layout,
    page_title,
    panel_page,
    styled,
)
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.statistics import Interval, mean_interval

LAYOUT = Layout(panel=(2.9, 2.4), gap=(0.62, 0.0), left=0.58, right=0.15, top=0.42, bottom=1.0)
BARS = (
    "Means over data seeds; bars are 95 % intervals (Student-t for n up to 30, BCa bootstrap "
    "above)."
)
LEADS = "A lead is taken on the data seeds that both have."
UNTRAINED = "Grey lines need no training; they are of the papers' data."
DASHED = (0, (3, 2))
MARKS = {RE_PAPER: "D", PAPER: "^"}
Theirs: TypeAlias = dict[tuple[str, str], dict[int, Published]]  # by model and paper, by depth
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
def figure_depth_arms(
    rows: Rows, published: pd.DataFrame | None = None, notes: Sequence[str] = ()
) -> Figure:
    """Draw the MCC of every arm by depth, and, where there is any, the lead over iVAE.

    The published means of [Re] and of Li et al.'s Table 1 at these depths stand beside the arms.
    """
    frame = audit_frame(rows)
    depths, arms = layers_in(frame), arms_in(frame, "ivae")
    led = [arm for arm in arms if arm != "ivae" and any(len(lead(frame, arm, k)) for k in depths)]
    theirs = {} if published is None or published.empty else _published(frame, published)
    below = _remarks(rows, frame, bool(led), theirs)
    figure, [axes] = panel_page(LAYOUT, 1, 2 if led else 1, [*below, *notes])
    _draw_mccs(axes[0], rows, frame, theirs)
    if led:
        _draw_leads(axes[1], frame, led)
    labels = ("MCC (higher is better)", f"MCC {MINUS} iVAE's MCC")
    for ax, label in zip(axes, labels, strict=False):
        ax.set_xticks(depths)
        ax.set_xlim(min(depths) - 0.4, max(depths) + 0.4)
        ax.set_xlabel("mixing layers")
        ax.set_ylabel(label)
        ax.grid(axis="y")
    _legend(figure, axes)
    page_title(figure, f"{_dim(frame)}D identifiability against mixing depth")
    return figure


def _remarks(rows: Rows, frame: pd.DataFrame, led: bool, theirs: Theirs) -> list[str]:
    """What the figure draws, and what the published files note of it."""
    seeds, dim = set(frame["data_seed"]), _dim(frame)
    untrained = any(baseline_means(rows, dim, depth, seeds) for depth in layers_in(frame))
    said = [BARS, *([LEADS] if led else []), *([UNTRAINED] if untrained else [])]
    shown = [(paper, one) for (_, paper), found in theirs.items() for one in found.values()]
    return [" ".join(said), *remarks(shown, sds=False)]


def _published(frame: pd.DataFrame, published: pd.DataFrame) -> Theirs:
    """The means that [Re], and for iVAE Li et al.'s Table 1, have at the depths drawn."""
    dim, depths = _dim(frame), layers_in(frame)
    found: Theirs = {
        (str(model), RE_PAPER): published_means(published, str(model), dim, depths)
        for model in dict.fromkeys(frame["model"])
    }
    ivae = [row["config"]["model"] for row in frame.loc[frame["model"] == "ivae", "row"]]
    widths = {int(model["hidden"]) for model in ivae}
    if len(widths) == 1:
        cells = {layers: published_width(published, dim, layers, *widths) for layers in depths}
        found["ivae", PAPER] = {layers: one for layers, one in cells.items() if one}
    return {key: means for key, means in found.items() if means}


def _draw_mccs(ax: Axes, rows: Rows, frame: pd.DataFrame, theirs: Theirs) -> None:
    depths, arms = layers_in(frame), arms_in(frame, "ivae")
    for place, arm in enumerate(arms):
        found = {k: mean_interval(by_seed(runs(frame, arm, "mcc", k)).to_numpy()) for k in depths}
        _draw(ax, frame, arm, found, _away(place, len(arms)))
    beside = _away(len(arms), len(arms))
    for (model, paper), means in theirs.items():
        ax.plot([k + beside for k in means], [one.value for one in means.values()],
                color=MODEL_COLOURS[model], linewidth=0.8, linestyle=(0, (1, 1)),
                marker=MARKS[paper], markersize=4, markerfacecolor="white", zorder=2,
                label=f"{MODEL_LABELS[model]}, {PAPERS[paper]}")  # fmt: skip
    join_baselines(ax, rows, _dim(frame), depths, set(frame["data_seed"]))


def _draw_leads(ax: Axes, frame: pd.DataFrame, led: Sequence[str]) -> None:
    depths, arms = layers_in(frame), arms_in(frame, "ivae")
    for arm in led:
        leads = {k: mean_interval(lead(frame, arm, k).to_numpy()) for k in depths}
        _draw(ax, frame, arm, leads, _away(arms.index(arm), len(arms)))
    ax.axhline(0, color=FAINT, linewidth=0.9)


def _away(place: int, count: int) -> float:
    """How far beside its depth the arm at a place of so many stands."""
    return 0.07 * (place - (count - 1) / 2)


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    handles, labels = axes[0].get_legend_handles_labels()
    box = axes[0].get_position()
    figure.legend(handles, labels, loc="upper left", ncols=3 if len(axes) > 1 else 2, borderpad=0,
                  columnspacing=1.2, fontsize=6.5,
                  bbox_to_anchor=(box.x0, box.y0 - 0.46 / figure.get_figheight()))  # fmt: skip


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
    yield "figure_depth", figure_depth_arms(given.rows, given.published, given.notes)


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
                linestyle=DASHED if small else "-", linewidth=1.1, capsize=2, elinewidth=1.0,
                label=f"{spell(arm)}, n = {min(counts)}", zorder=3)  # fmt: skip
