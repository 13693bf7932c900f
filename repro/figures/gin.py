"""GIN: the recovered clusters, the spectrum of deviations, and how well both rules choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import StrMethodFormatter

from repro.figures.arms import by_data_seed, differences, lost_notes, task_rows
from repro.figures.error_bars import draw_values
from repro.figures.latents import LoadArrays, matched, say, scatter_segments
from repro.figures.material import Material, Product
from repro.figures.style import INK, MUTED, Layout, styled, titled_page
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.paired import paired
from repro.report.statistics import mean_interval

ARMS = {"gin": "GIN", "glow": "GLOW"}
COLOURS = {"gin": "#0072B2", "glow": "#D55E00"}
MEASURES = {
    "mcc": "MCC, chosen by standard deviation",
    "mcc_information": "MCC, chosen by information",
    "mcc_any": "MCC, the best two of all latents",
    "mcc_within": "MCC within clusters",
    "mcc_x": "MCC of the best two observed dimensions",
    "r2": "R² of the best affine map",
    "gap": "second over third standard deviation",
    "log_gap": "its logarithm",
    "same_choice": "share of runs where both rules agree",
}
RECOVERED = Layout(panel=(1.6, 1.6), gap=(0.2, 0.0), left=0.15, right=0.15, top=0.3, bottom=0.12)
SPECTRUM = Layout(panel=(2.2, 2.1), gap=(0.7, 0.0), left=0.62, right=0.15, top=0.3, bottom=0.42)


def draw_gin(given: Material) -> Iterator[Product]:
    """Yield every figure and the table of GIN's hidden sources.

    Raises: MissingResult where there is no row.
    """
    stored = task_rows(given.rows, "gin_sources", "gin_sources")
    foot = [*lost_notes(stored, ARMS), *given.notes]
    yield "table_gin", table_gin(stored, foot)
    yield "figure_recovered", figure_recovered(stored, given.load_arrays, foot)
    yield "figure_spectrum", figure_spectrum(stored, foot)


@styled
def figure_recovered(
    rows: Sequence[Mapping[str, Any]], load_arrays: LoadArrays, notes: Sequence[str] = ()
) -> Figure:
    """Draw the true sources and the two latents of largest deviation of the first kept runs.

    Source: Sorrenson et al. 2020, figure 1.
    """
    kept = {arm: _first_kept(rows, arm) for arm in ARMS}
    shown = next((row for row in kept.values() if row is not None), None)
    seed = (
        ""
        if shown is None
        else f" Data seed {shown['data_seed']}, model seed {shown['model_seed']}."
    )
    foot = [
        "Fresh points, coloured by cluster; of each model the two latents of the largest standard "
        f"deviation within clusters, order and signs matched to the sources.{seed}",
        *notes,
    ]
    figure, axes = titled_page(RECOVERED, 3, "Sources that GIN recovers", foot)
    axes[0].set_title("true sources", color=INK)
    for ax, (arm, row) in zip(axes[1:], kept.items(), strict=True):
        if row is None:
            ax.set_title(ARMS[arm], color=INK)
            say(ax, "not kept")
            continue
        arrays = load_arrays(row)
        s, z = (np.asarray(arrays[key], np.float64) for key in ("s", "z"))
        scatter_segments(axes[0], s, arrays["cluster"])
        scatter_segments(ax, matched(s, z[:, : s.shape[1]]), arrays["cluster"])
        ax.set_title(f"{ARMS[arm]}: MCC {row['metrics']['mcc']:.3f}", color=INK)
    for ax in axes:
        ax.set_xticks([])
        ax.set_yticks([])
    return figure


@styled
def figure_spectrum(rows: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()) -> Figure:
    """Draw the ordered standard deviations of every run, and the MCC by arm and rule.

    Source: Sorrenson et al. 2020, figure 2.
    """
    runs = {arm: len([row for row in rows if row.get("arm") == arm]) for arm in ARMS}
    foot = [
        f"Left: a faint line a run ({runs['gin']} and {runs['glow']}), the median in full colour; "
        "standard deviations within clusters, on fresh points, largest first. Middle: the second "
        "over the third of them, a mark a data seed. Right: correlation of the two chosen latents "
        "with the true sources, chosen by standard deviation (sd) or by mutual information with "
        "the cluster (MI); the dashed line is the mean of the best two observed dimensions, "
        "chosen by the true sources. Full marks: means with their 95 % intervals over data seeds.",
        *notes,
    ]
    figure, axes = titled_page(SPECTRUM, 3, "How much each latent varies", foot)
    _draw_spectra(axes[0], rows)
    _draw_marks(axes[1], rows, {"gap": ""})
    axes[1].set_yscale("log")
    for axis in (axes[1].yaxis.set_major_formatter, axes[1].yaxis.set_minor_formatter):
        axis(StrMethodFormatter("{x:g}"))
    axes[1].set_ylabel("second / third standard deviation")
    _draw_marks(axes[2], rows, {"mcc": "by sd", "mcc_information": "by MI"})
    axes[2].set_ylabel("MCC (higher is better)")
    _draw_observed(axes[2], rows)
    return figure


def _draw_spectra(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    for arm, colour in COLOURS.items():
        spectra = [r["metrics"]["spreads"] for r in rows if r.get("arm") == arm and _done(r)]
        for spectrum in spectra:
            ax.plot(range(1, len(spectrum) + 1), spectrum, color=colour, alpha=0.12, linewidth=0.6)
        if spectra:
            middle = np.median(spectra, axis=0)
            ax.plot(range(1, len(middle) + 1), middle, color=colour, marker="o", markersize=3)
    ax.set_yscale("log")
    ax.set_xlabel("latent, by standard deviation")
    ax.set_ylabel("standard deviation")
    handles = [
        Line2D([], [], color=COLOURS[a], marker="o", markersize=3, label=ARMS[a]) for a in ARMS
    ]
    ax.legend(handles=handles, loc="upper right")


def _draw_observed(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    values = list(by_data_seed(rows, "mcc_x").values())
    if values:
        ax.axhline(float(np.mean(values)), color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    low, high = ax.get_ylim()
    ax.set_ylim(low, min(high, 1.0))


def _draw_marks(ax: Axes, rows: Sequence[Mapping[str, Any]], metrics: Mapping[str, str]) -> None:
    ticks = []
    for place, (arm, metric) in enumerate([(a, m) for m in metrics for a in ARMS]):
        values = list(by_data_seed((r for r in rows if r.get("arm") == arm), metric).values())
        ticks.append(f"{ARMS[arm]}\n{metrics[metric]}".strip())
        if values:
            draw_values(ax, place, values, COLOURS[arm], size=8)
    ax.set_xticks(range(len(ticks)), ticks)
    ax.set_xlim(-0.6, len(ticks) - 0.4)
    ax.grid(axis="y")


def table_gin(rows: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()) -> Table:
    """Build the table of both arms: means over data seeds, and their paired difference."""
    lines: list[tuple[Cell, ...]] = []
    for metric, name in MEASURES.items():
        values = {
            arm: by_data_seed((r for r in rows if r.get("arm") == arm), metric) for arm in ARMS
        }
        between = differences(values["gin"], values["glow"])
        cells: list[Cell] = [name]
        for arm in ARMS:
            own = mean_interval(list(values[arm].values())) if values[arm] else None
            cells += [None, None] if own is None else [(own.mean, own.sd), (own.low, own.high)]
        found = paired(between) if between else None
        cells += (
            [None, None, None]
            if found is None
            else [found.interval.mean, (found.interval.low, found.interval.high), found.t_p]
        )
        lines.append((*cells, len(between)))
    columns = (
        Column("measure", "measure"),
        Column("gin", "GIN: mean (sd)", "spread", 3),
        Column("gin_interval", "95 % interval", "interval", 3),
        Column("glow", "GLOW: mean (sd)", "spread", 3),
        Column("glow_interval", "95 % interval", "interval", 3),
        Column("difference", f"GIN {MINUS} GLOW", "number", 3, signed=True),
        Column("difference_interval", "its 95 % interval", "interval", 3, signed=True),
        Column("p", "p (paired t)", "number", 3),
        Column("n", "data seeds", "count"),
    )
    title = "Two sources hidden in ten dimensions: GIN against its volume-changing twin"
    under = ("A data seed's value is the mean over its model seeds.", *notes)
    return Table(title, columns, tuple(lines), under)


def _first_kept(rows: Sequence[Mapping[str, Any]], arm: str) -> Mapping[str, Any] | None:
    return next(
        (
            row
            for row in rows
            if row.get("arm") == arm and _done(row) and isinstance(row.get("arrays"), str)
        ),
        None,
    )


def _done(row: Mapping[str, Any]) -> bool:
    return bool(row["status"] == "done")
