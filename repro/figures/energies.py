"""Fitted energies as Rezende & Mohamed's Figure 3 shows them, and their free energies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.figures.energy_rows import (
    ARMS,
    COLOURS,
    GAUSSIAN,
    MARKERS,
    TARGETS,
    best_gaussian,
    energy_frame,
    lost_notes,
)
from repro.figures.energy_table import (
    NO_ENERGIES,
    PAPERS,
    explanations,
    published_points,
    table_energies,
)
from repro.figures.error_bars import reach, said_n
from repro.figures.latents import LoadArrays
from repro.figures.material import Material, Product
from repro.figures.rows import Rows
from repro.figures.style import INK, MUTED, Layout, inches_from_top, page_title, panel_page, styled
from repro.report.statistics import mean_interval

PICTURED = ("planar", "radial", "nice_orthogonal", "nice_permutation")
DRAWS = Layout(panel=(0.72, 0.72), gap=(0.05, 0.08), left=0.35, right=0.1, top=0.82, bottom=0.1)
BOUNDS = Layout(panel=(1.62, 1.9), gap=(0.42, 0.3), left=0.5, right=0.1, top=1.0, bottom=0.42)
PAPER_MARK, GROUP_MARK = "*", "x"
BARS = (
    "Bars: 95 % intervals over model seeds. Optimum: minus the log-normaliser of the density with "
    "its walls."
)


@styled
def figure_3(rows: Rows, load_arrays: LoadArrays, notes: Sequence[str] = ()) -> Figure:
    """Draw a row of panels a target: its density, then draws from the fits, by their length K.

    Source: Rezende & Mohamed 2015, figure 3 (a) to (c).
    """
    frame = energy_frame(rows)
    kept = [row for row in frame["row"] if isinstance(row.get("arrays"), str)]
    seed = min((row["model_seed"] for row in kept), default=None)
    chosen = frame[(frame["model_seed"] == seed) & frame["arm"].isin(PICTURED)]
    pairs = chosen[["arm", "length"]].drop_duplicates().itertuples(index=False)
    columns = sorted(
        {(str(a), int(k)) for a, k in pairs}, key=lambda c: (PICTURED.index(c[0]), c[1])
    )
    targets = [target for target in TARGETS if target in set(chosen["target"])]
    text = (
        "Histograms of draws, each panel on a scale of its own; left: the density itself. "
        f"Model seed {seed}."
    )
    figure, axes = panel_page(DRAWS, max(1, len(targets)), 1 + len(columns), [text, *notes])
    page_title(figure, "Four energies and the densities fitted to them")
    for line, target in zip(axes, targets, strict=False):
        line[0].annotate(TARGETS[target], (0, 0.5), (-5, 0), xycoords="axes fraction",
                         textcoords="offset points", ha="right", va="center")  # fmt: skip
        group = chosen[chosen["target"] == target]
        runs = {(str(r["arm"]), int(r["length"])): r["row"] for r in group.to_dict("records")}
        for ax in line:
            ax.set(xticks=[], yticks=[])
        _picture(line[0], next(iter(runs.values())), "target", load_arrays)
        for ax, column in zip(line[1:], columns, strict=True):
            _picture(ax, runs.get(column), "draws", load_arrays)
    _heads(figure, axes[0], columns)
    return figure


def _picture(ax: Axes, row: Any, name: str, load_arrays: LoadArrays) -> None:  # noqa: ANN401
    if row is None or not isinstance(row.get("arrays"), str):
        said = "not run" if row is None else "diverged" if row["status"] != "done" else "not kept"
        ax.text(0.5, 0.5, said, ha="center", va="center", color=MUTED, transform=ax.transAxes)
        return
    ax.imshow(load_arrays(row)[name], origin="lower", cmap="viridis", interpolation="nearest")


def _heads(figure: Figure, axes: Sequence[Axes], columns: Sequence[tuple[str, int]]) -> None:
    axes[0].set_title("target", size=7)
    for ax, (_, length) in zip(axes[1:], columns, strict=True):
        ax.set_title(f"K = {length}", size=7)
    for arm in dict.fromkeys(arm for arm, _ in columns):
        group = [ax for ax, column in zip(axes[1:], columns, strict=True) if column[0] == arm]
        left, right = group[0].get_position().x0, group[-1].get_position().x1
        figure.text((left + right) / 2, inches_from_top(figure, 0.45), ARMS[arm], size=7.5,
                    ha="center", va="top")  # fmt: skip


@styled
def figure_3d(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw a panel a target: free energy in nats against the length K, with published points.

    Source: Rezende & Mohamed 2015, figure 3 (d); the Oxford group's result file.
    """
    frame = energy_frame(rows)
    targets = [target for target in TARGETS if target in set(frame["target"])]
    counts = frame[frame["done"]].groupby(["target", "arm", "length"]).size()
    bars = f"{BARS} {said_n(counts)}."
    below = [bars, *explanations(frame, published), *lost_notes(frame), *notes]
    figure, axes = panel_page(BOUNDS, 1, len(targets), below)
    page_title(figure, "Free energy of the fits against the length of the flow")
    for ax, target in zip(axes[0], targets, strict=True):
        _bounds(ax, frame[frame["target"] == target], target, published)
        ax.set_title(TARGETS[target])
    axes[0][0].set_ylabel("free energy, nats")
    _legend(figure, [arm for arm in ARMS if arm in set(frame["arm"])])
    return figure


def _bounds(ax: Axes, frame: pd.DataFrame, target: str, published: pd.DataFrame) -> None:
    lengths = sorted({int(k) for k in frame["length"] if k > 0})
    place = {length: i for i, length in enumerate(lengths)}
    arms = [arm for arm in ARMS if arm in set(frame["arm"]) and arm != GAUSSIAN]
    for i, arm in enumerate(arms):
        shift = (i - (len(arms) - 1) / 2) * 0.07
        group = frame[(frame["arm"] == arm) & frame["done"]].groupby("length")["free_energy"]
        found = {int(str(k)): mean_interval(values.to_numpy()) for k, values in group}
        x = np.array([place[k] + shift for k in found])
        means = np.array([one.mean for one in found.values()])
        ax.errorbar(x, means, yerr=reach(found.values()), color=COLOURS[arm], marker=MARKERS[arm],
                    markersize=3, elinewidth=0.7)  # fmt: skip
        for paper, mark in (("rezende_mohamed", PAPER_MARK), ("atml12", GROUP_MARK)):
            if paper == "atml12" and arm in NO_ENERGIES:
                continue
            points = published_points(published, paper, target, arm, lengths)
            ax.plot([place[k] + shift for k in points], list(points.values()), mark,
                    color=COLOURS[arm], markersize=5, markerfacecolor="none",
                    markeredgewidth=0.7)  # fmt: skip
    line = best_gaussian(frame, target)
    if line is not None:
        ax.axhline(line, color=COLOURS[GAUSSIAN], linestyle=":", linewidth=0.8)
    ax.axhline(-float(frame["log_normaliser"].dropna().iloc[0]), color=INK, linewidth=0.8)
    ax.set_xticks(range(len(lengths)), [str(length) for length in lengths])
    ax.set_xlabel("K")
    ax.grid(axis="y")


def _legend(figure: Figure, arms: Sequence[str]) -> None:
    handles = [
        Line2D([], [], color=COLOURS[arm], marker=MARKERS[arm], markersize=3, label=ARMS[arm])
        for arm in arms
        if arm != GAUSSIAN
    ]
    handles += [
        Line2D([], [], color=COLOURS[GAUSSIAN], linestyle=":", label="best single Gaussian"),
        Line2D([], [], color=INK, label="optimum"),
        Line2D([], [], color=MUTED, marker=PAPER_MARK, linestyle="", markerfacecolor="none",
               label=PAPERS["rezende_mohamed"]),
        Line2D([], [], color=MUTED, marker=GROUP_MARK, linestyle="", label=PAPERS["atml12"]),
    ]  # fmt: skip
    top = inches_from_top(figure, 0.3)
    columns = max(2, round(figure.get_figwidth() / 1.6))
    figure.legend(handles=handles, loc="upper left", ncols=columns, fontsize=6,
                  bbox_to_anchor=(0.0, top), columnspacing=1.2)  # fmt: skip


def draw_energies(given: Material) -> Iterator[Product]:
    """Yield the pictures of the fits, their free energies and the table."""
    yield "figure_3", figure_3(given.rows, given.load_arrays, given.notes)
    yield "figure_3d", figure_3d(given.rows, given.published, given.notes)
    yield "table_energies", table_energies(given.rows, given.published, given.notes)
