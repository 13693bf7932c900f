"""Bounds on MNIST against the flow's length, drawn as Rezende and Mohamed's Figure 4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from repro.figures.bounds_check import check_table
from repro.figures.bounds_published import READ_OFF, table_published
from repro.figures.bounds_rows import (
    ANNEALINGS,
    FLOW_COLOURS,
    FLOW_LABELS,
    GAUSSIAN,
    bounds_of,
    dataset_label,
    diverged_and_fall_notes,
    interval,
    lengths_of,
    main_setting,
    of_flow,
    published_line,
)
from repro.figures.bounds_tables import EXPERIMENT, GROUPS, PAPER, gain_table, table_2
from repro.figures.error_bars import reach, said_n
from repro.figures.material import Material, Product
from repro.figures.published import Published, noted
from repro.figures.style import FAINT, MUTED, Layout, page_title, panel_page, styled
from repro.figures.tables import MINUS

PANELS = {
    "free_energy": "bound F (nats)",
    "gap": f"KL(q, posterior): F {MINUS} ({MINUS}ln p) (nats)",
    "nll": f"{MINUS}ln p (nats)",
}
LAYOUT = Layout(panel=(2.35, 2.3), gap=(0.62, 0.0), left=0.55, right=0.15, top=0.5, bottom=1.0)
ONE = Layout(panel=(3.3, 2.3), gap=(0.6, 0.0), left=0.6, right=0.15, top=0.5, bottom=0.95)
Dashes: TypeAlias = tuple[float, Sequence[float]]  # an offset, and lengths on and off
DASHED: Dashes = (0, (3, 2))
DASHES: dict[str, Dashes] = {  # by group
    "oxford_group_10": (0, (1, 1)),
    "oxford_group_9": (0, (4, 1, 1, 1)),
}
OURS = {"markersize": 4, "linewidth": 1.2, "elinewidth": 1.0}
ANNEALING_LINES: dict[str, Dashes] = {"joint": (0, (1, 0)), "kl": (0, (4, 1)), "none": (0, (1, 1))}


def draw_mnist_bounds(given: Material) -> Iterator[Product]:
    """Yield every figure and table of the bounds on MNIST.

    Raises: MissingResult where there is no row of a latent Gaussian model.
    """
    frame, published, foot = bounds_of(given, "mnist")
    yield "figure_4", figure_4(frame, published, foot)
    below = [*diverged_and_fall_notes(frame), *given.notes]
    yield "figure_training", figure_curves(frame, below)
    if frame["annealing"].nunique() > 1:
        yield "figure_annealing", figure_annealing(frame, published, foot)
    yield "table_2", table_2(frame, published, foot)
    if others := table_published(published):
        yield "table_published", others
    if gains := gain_table(frame, given.load_arrays, published, foot):
        yield "table_gain", gains
    if checks := check_table(frame, below):
        yield "table_check", checks


@styled
def figure_4(frame: pd.DataFrame, published: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw F, its gap and -ln p against K: ours, the published curves and two other groups'.

    Source: Rezende & Mohamed 2015, figure 4 (a-c).
    """
    setting = main_setting(frame)
    foot = [
        f"Ours: annealing of the {ANNEALINGS[setting[0]]}, maxout layers of {setting[1]} outputs.",
        *noted(published[(published["paper"] == PAPER) & (published["artefact"] == READ_OFF)]),
        *notes,
    ]
    figure, [axes] = panel_page(LAYOUT, 1, 3, foot)
    flows = [flow for flow in FLOW_COLOURS if lengths_of(frame, flow, *setting)[1:]]
    for ax, (metric, label) in zip(axes, PANELS.items(), strict=True):
        _theirs(ax, published, metric)
        for flow in flows:
            draw_ours(ax, frame, flow, metric, setting, **OURS, zorder=4)
        ax.set_xlabel("flow length K")
        ax.set_ylabel(label)
        ax.grid(axis="y")
    page_title(figure, f"Bounds on {dataset_label(frame)} against the length of the flow")
    named = {flow: f"{FLOW_LABELS[flow]}, ours, {_said_n(frame, flow, setting)}" for flow in flows}
    _legend(figure, named, compared=not published.empty)
    return figure


@styled
def figure_curves(frame: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw the training free energy of the main setting's runs, once nothing is annealed."""
    figure, [[ax]] = panel_page(ONE, 1, 1, [*_curve_notes(frame), *notes])
    lowest, late, longest = [], [], max(frame["length"])
    for run in frame[frame["annealing"] == main_setting(frame)[0]].to_dict("records"):
        curve = settled_curve(run["row"])
        if not len(curve):
            continue
        shade = 1.0 if run["flow"] == GAUSSIAN else 0.35 + 0.65 * run["length"] / longest
        ax.plot(*curve.T, color=FLOW_COLOURS[run["flow"]], alpha=shade, linewidth=0.8)
        if run["done"]:  # the others may lie anywhere
            late.append(curve[len(curve) // 4 :, 1].max())
            lowest.append(curve[len(curve) // 4 :, 1].min())
    if late:
        ax.set_ylim(min(lowest) - 1, max(late) + 1)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlabel("updates")
    ax.set_ylabel("training free energy (nats)")
    ax.grid(axis="y")
    page_title(figure, "The free energy in training")
    flows = [flow for flow in FLOW_COLOURS if (frame["flow"] == flow).any()]
    handles = [_handle(flow, FLOW_LABELS[flow]) for flow in flows]
    _place(figure, ax, handles, 0.45, columns=3)
    return figure


def settled_curve(row: Mapping[str, Any]) -> NDArray[np.float64]:
    """A run's updates and training free energy (points, 2), from where nothing is annealed on.

    A point is a mean over the updates since the one before it, or fewer, so the first point past
    the annealing still holds annealed values and is left out too.
    """
    curve = np.array(row["metrics"].get("curve") or np.empty((0, 2)), dtype=np.float64)
    model = row["config"]["model"]
    if model["annealing"] == "none":
        return curve
    return curve[curve[:, 0] > model["annealing_updates"]][1:]


def _curve_notes(frame: pd.DataFrame) -> list[str]:
    annealing = main_setting(frame)[0]
    after = "" if annealing == "none" else ", from the end of the annealing on"
    lengths = ", ".join(str(k) for k in sorted(set(frame["length"]) - {0}))
    runs = int((frame["annealing"] == annealing).sum())
    return [
        f"A line a run{after}, {runs} of them; longer flows are darker (K = {lengths}). "
        f"Annealing: {ANNEALINGS[annealing]}. "
        "The axis holds the last three quarters of each line: earlier points may lie above it."
    ]


@styled
def figure_annealing(
    frame: pd.DataFrame, published: pd.DataFrame, notes: Sequence[str] = ()
) -> Figure:
    """Draw -ln p against K under the three annealings: ours, and Oxford group 10's beside it."""
    figure, [axes] = panel_page(ONE, 1, 2, notes)
    units = main_setting(frame)[1]
    for annealing, line in ANNEALING_LINES.items():
        setting = (annealing, units)
        draw_ours(axes[0], frame, "planar", "nll", setting, linestyle=line, markersize=3.5)
        theirs = published_line(
            published, "oxford_group_10", "poster", "mnist_bounds", "planar", "nll", annealing
        )
        axes[1].plot(list(theirs), [entry.value for entry in theirs.values()], color=MUTED,
                     linestyle=line, marker="D", markersize=3.5,
                     markerfacecolor="white")  # fmt: skip
    for ax, title in zip(axes, ("ours", "Oxford group 10"), strict=True):
        ax.set_title(title)
        ax.set_xlabel("flow length K (planar)")
        ax.set_ylabel(PANELS["nll"])
        ax.grid(axis="y")
    page_title(figure, "What is annealed")
    handles = []
    for name, line in ANNEALING_LINES.items():
        runs = _said_n(frame, "planar", (name, units))
        label = f"annealed: {ANNEALINGS[name]}; ours {runs}"
        handles.append(Line2D([], [], color=MUTED, linestyle=line, label=label))
    _place(figure, axes[0], handles, 0.45)
    return figure


def draw_ours(
    ax: Axes,
    frame: pd.DataFrame,
    flow: str,
    metric: str,
    setting: tuple[str, int],
    **look: Any,  # noqa: ANN401 - matplotlib's
) -> None:
    """Draw our means of a metric against K with their intervals."""
    shown = lengths_of(frame, flow, *setting)
    found = [interval(of_flow(frame, flow, k, *setting), metric) for k in shown]
    ax.errorbar(shown, [i.mean for i in found], reach(found), color=FLOW_COLOURS[flow],
                marker="o", capsize=2, **look)  # fmt: skip


def draw_published(
    ax: Axes,
    line: Mapping[int, Published],
    flow: str,
    **look: Any,  # noqa: ANN401 - matplotlib's
) -> None:
    """Draw a paper's numbers of a flow against K, dashed."""
    ax.plot(list(line), [e.value for e in line.values()], color=FLOW_COLOURS[flow],
            linestyle=DASHED, linewidth=0.9, marker="D", markersize=3.5, markerfacecolor="white",
            **look)  # fmt: skip


def _theirs(ax: Axes, published: pd.DataFrame, metric: str) -> None:
    for flow in ("planar", "nice"):
        line = published_line(published, PAPER, READ_OFF, EXPERIMENT, flow, metric)
        draw_published(ax, line, flow, zorder=3)
    for paper, style in DASHES.items():
        values, (artefact, _) = {}, GROUPS[paper]
        for k, entry in published_line(
            published, paper, artefact, EXPERIMENT, "planar",
            "free_energy" if metric == "gap" else metric,
        ).items():  # fmt: skip
            values[k] = entry.value
        if metric == "gap":
            nll = published_line(published, paper, artefact, EXPERIMENT, "planar", "nll")
            values = {k: value - nll[k].value for k, value in values.items() if k in nll}
        ax.plot(list(values), list(values.values()), color=FAINT, linestyle=style, zorder=2)


def _handle(flow: str, label: str) -> Line2D:
    return Line2D([], [], color=FLOW_COLOURS[flow], marker="o", markersize=4, label=label)


def _said_n(frame: pd.DataFrame, flow: str, setting: tuple[str, int]) -> str:
    lengths = [k for k in lengths_of(frame, flow, *setting) if k or flow == GAUSSIAN]
    return said_n(interval(of_flow(frame, flow, k, *setting), "nll").n for k in lengths)


def _legend(figure: Figure, named: Mapping[str, str], compared: bool) -> None:
    handles = [_handle(flow, label) for flow, label in named.items()]
    if compared:
        handles += [
            Line2D([], [], color=FLOW_COLOURS[flow], linestyle=DASHED, marker="D", markersize=3.5,
                   markerfacecolor="white", label=f"{FLOW_LABELS[flow]}, published")
            for flow in ("planar", "nice")
        ]  # fmt: skip
        handles += [
            Line2D([], [], color=FAINT, linestyle=style, label=f"planar, {GROUPS[paper][1]}")
            for paper, style in DASHES.items()
        ]
    _place(figure, figure.axes[1], handles, 0.45)


def _place(
    figure: Figure, ax: Axes, handles: Sequence[Line2D], below: float, columns: int = 4
) -> None:
    """Put a legend `below` inches under the panels, centred on the page."""
    height = ax.get_position().y0 - below / float(figure.get_figheight())
    figure.legend(handles=handles, loc="upper center", ncols=min(columns, len(handles)),
                  bbox_to_anchor=(0.5, height), borderpad=0, columnspacing=1.2)  # fmt: skip
