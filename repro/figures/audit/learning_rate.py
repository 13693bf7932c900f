"""The course of the learning rate, and of the MCC under it, arm by arm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from repro.figures.audit.frame import RUN, arms_in, audit_frame, runs, spell
from repro.figures.rows import Rows
from repro.figures.style import Layout, page_title, panel_page, styled

LAYOUT = Layout(panel=(2.6, 2.3), gap=(0.75, 0.0), left=0.66, right=2.05, top=0.42, bottom=0.5)
COLOURS = ("#1f1f1f", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#AA3377")
MARKERS = "osD^vXP*"
LINES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))  # so that a line shows under another
LEGIBLE = len(COLOURS)
OWN_PLACE = {"constant": 1, "cosine": 2, "reshuffle": 3}  # one look in every experiment's picture
EXPLANATION = (
    "Medians over n runs at the iterations where runs are evaluated. Shown are the first arm and "
    "those that are trained in another way, on the data and model seeds that they have in common, "
    "where there are any. A rate of 0 is drawn at 1e-10."
)


@styled
def figure_learning_rate(rows: Rows, notes: Sequence[str] = ()) -> Figure:
    """Draw the learning rate and the MCC against the iteration, a line an arm."""
    frame = audit_frame(rows)
    chosen = _chosen(frame)
    frame = shared_runs(frame, chosen)
    figure, [[left, right]] = panel_page(LAYOUT, 1, 2, [EXPLANATION, *notes])
    for place, arm in zip(places(chosen), chosen, strict=True):
        at = _course(frame, arm)
        label = f"{spell(arm)}, n = {int(frame.loc[frame['arm'] == arm, 'done'].sum())}"
        for ax, values in ((left, at["rate"]), (right, at["mcc"])):
            ax.plot(at["iteration"], values, color=COLOURS[place], marker=MARKERS[place],
                    linestyle=LINES[place % len(LINES)], markersize=2.5, linewidth=1.1,
                    label=label)  # fmt: skip
    left.set_yscale("log")
    for ax, label in ((left, "learning rate"), (right, "MCC (higher is better)")):
        _finish(ax, label)
    right.legend(loc="upper left", bbox_to_anchor=(1.03, 1.02), borderaxespad=0)
    page_title(figure, "The learning rate and what is still learnt")
    return figure


def places(arms: Sequence[str]) -> list[int]:
    """Where in the list of colours each arm is: the known ones at their own, others in between."""
    free = iter(i for i in range(len(COLOURS)) if i not in {OWN_PLACE.get(arm) for arm in arms})
    return [OWN_PLACE[arm] if arm in OWN_PLACE else next(free) for arm in arms]


def shared_runs(frame: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """The finished runs of those depths and seeds that all the arms with runs have in common.

    Where they have none in common, every finished run.
    """
    done = frame[frame["done"]]
    seeds = [set(own[RUN].itertuples(index=False, name=None))
             for arm in arms if len(own := done[done["arm"] == arm])]  # fmt: skip
    shared = set.intersection(*seeds) if seeds else set()
    kept = [key in shared for key in done[RUN].itertuples(index=False, name=None)]
    return done[kept] if shared else done


def _chosen(frame: pd.DataFrame) -> list[str]:
    """The first arm and those whose training differs from its training, a line each at most."""
    first, *others = arms_in(frame)
    before = [_training(frame, first)]
    chosen = [first]
    for arm in others:
        training = _training(frame, arm)
        if training not in before:
            before.append(training)
            chosen.append(arm)
    return chosen[:LEGIBLE]


def _training(frame: pd.DataFrame, arm: str) -> dict:
    config: dict = frame.loc[frame["arm"] == arm, "row"].iloc[0]["config"]["training"]
    return config


def _course(frame: pd.DataFrame, arm: str) -> pd.DataFrame:
    points = sorted({p for row in frame.loc[frame["arm"] == arm, "row"]
                     for p in row["metrics"].get("at", {})}, key=_iteration)  # fmt: skip
    done = frame[frame["arm"] == arm]
    end = int(done["row"].iloc[0]["metrics"]["updates"]) if len(done) else 0
    lines = [
        {
            "iteration": end if point == "end" else int(point),
            "rate": max(_median(frame, arm, f"at.{point}.learning_rate"), 1e-10),
            "mcc": _median(frame, arm, f"at.{point}.mcc"),
        }
        for point in points
    ]
    return pd.DataFrame(lines, columns=["iteration", "rate", "mcc"]).sort_values("iteration")


def _iteration(point: str) -> float:
    return np.inf if point == "end" else float(point)


def _median(frame: pd.DataFrame, arm: str, metric: str) -> float:
    values = runs(frame, arm, metric)
    return float(values.median()) if len(values) else float("nan")


def _finish(ax: Axes, label: str) -> None:
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlabel("iteration")
    ax.set_ylabel(label)
    ax.grid(axis="y")
