"""NVF's Examples 1 and 2: the slope that two modes need, and what a bounded slope costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.error_bars import reach, said_n
from repro.figures.latents import LoadArrays
from repro.figures.material import Material, Product
from repro.figures.nvf_rows import (
    ARMS,
    COLOURS,
    EXCESS,
    density_frame,
    interval,
    lost_notes,
    present,
)
from repro.figures.style import INK, MUTED, Layout, styled, titled_page
from repro.figures.tables import MINUS, Column, Table

LAYOUT = Layout(panel=(3.0, 2.4), gap=(0.72, 0.0), left=0.6, right=0.15, top=0.32, bottom=0.5)
SLOPES = "slope_"
COLUMNS = (
    Column("distance", "a", "number", 1),
    Column("arm", "model"),
    Column("n", "n", "count"),
    Column("exact", "T'(0), formula", "number", 3),
    Column("measured", "T'(0), measured", "number", 3),
    Column("gap", "slope in the gap", "number", 2),
    Column("slope", "largest slope", "number", 2),
    Column("slope_interval", "its 95 % interval", "interval", 2),
    Column("excess", "excess NLL, nats", "number", 4),
    Column("excess_interval", "its 95 % interval", "interval", 4),
    Column("information", "information of the states, nats", "number", 3),
)
SLOPE = "largest slope of the generating map within 2.5 sd of noise, over all states"
SIGMA, SQUARED = "\N{GREEK SMALL LETTER SIGMA}", "\N{SUPERSCRIPT TWO}"
FORMULA = (
    f"The modes stand at a and {MINUS}a, with an sd of {SIGMA}. Formula: "
    f"T'(0) = {SIGMA} exp(a{SQUARED}/2{SIGMA}{SQUARED})."
)
TABLE_REMARKS = (
    f"Slope: the {SLOPE}. {FORMULA}",
    "Slope in the gap: of the map where it meets the middle of the modes, the smallest over "
    "states; a state that keeps to one mode meets it beyond 2.5 sd of noise.",
    f"{EXCESS}. 95 % intervals over data seeds: Student-t for n up to 30, a seeded BCa bootstrap "
    "above.",
)
SLOPES_REMARK = (
    f"Left: the {SLOPE}; bars are 95 % intervals over data seeds, of the logarithm. {FORMULA} "
    "Right: the maps of one data seed; solid is the first state, dashed every other."
)
LIMITS_REMARK = (
    f"{EXCESS}; bars are 95 % intervals over data seeds. Dashed: flows whose slope is bounded."
)


def draw_jacobian(given: Material) -> Iterator[Product]:
    """Yield Figures 2 and 3 and the table behind them.

    Raises: MissingResult where there is no row.
    """
    frame = density_frame(given.rows)
    below = [*lost_notes(frame), *given.notes]
    yield "table_slopes", slopes_table(frame, below)
    yield "figure_2", figure_slopes(frame, given.load_arrays, below)
    yield "figure_3", figure_limits(frame, given.load_arrays, below)


def slopes_table(frame: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Slopes and excess by distance and model, the formula beside its measurement."""
    lines = []
    arms = ordered(list(frame["arm"]))
    labels = {arm: _label(arm) for arm in arms}
    for distance in sorted(frame["distance"].unique()):
        for arm in arms:
            where = {"distance": distance, "arm": arm}
            slope, excess = (interval(frame, m, **where) for m in ("max_slope", "excess_nats"))
            exact, measured, gap, information = (
                interval(frame, metric, **where).mean
                for metric in ("exact_slope", "measured_slope", "gap_slope",
                               "state_information_nats")
            )  # fmt: skip
            lines.append(
                (distance, arm, slope.n, exact, measured, gap, slope.mean,
                 (slope.low, slope.high), excess.mean, (excess.low, excess.high), information)
            )  # fmt: skip
    columns = [
        dataclasses.replace(one, labels=labels) if one.key == "arm" else one for one in COLUMNS
    ]
    return Table(
        "Slopes of maps that make two modes",
        tuple(columns),
        tuple(lines),
        (*TABLE_REMARKS, *notes),
    )


@styled
def figure_slopes(
    frame: pd.DataFrame, load_arrays: LoadArrays, notes: Sequence[str] = ()
) -> Figure:
    """Largest slopes against a^2 / 2 sigma^2, and the maps themselves at the widest distance.

    Source: Dong et al. 2022 (NVF), Example 1 and figure 2.
    """
    layout = dataclasses.replace(LAYOUT, bottom=1.0)
    foot = [f"{SLOPES_REMARK} {_said_n(frame, 'max_slope')}", *notes]
    figure, [left, right] = titled_page(layout, 2, "The slope that two modes need", foot)
    free = frame[~frame["arm"].str.contains(SLOPES)]
    sigma = float(frame["sigma"].iloc[0])
    reach = np.linspace(0, 1.05 * float(frame["distance"].max()), 100)
    left.plot(reach**2 / (2 * sigma**2), sigma * np.exp(reach**2 / (2 * sigma**2)), color=INK,
              linewidth=0.8, label="T'(0), formula")  # fmt: skip
    once = frame.dropna(subset="measured_slope").drop_duplicates("distance")
    left.plot(once["distance"] ** 2 / (2 * sigma**2), once["measured_slope"], "x", color=INK,
              label="T'(0), measured")  # fmt: skip
    for arm in present(list(free["arm"]), ARMS):
        _slope_line(left, free, arm, sigma)
    left.set_yscale("log")
    left.set_xlabel(r"$a^2 / 2\sigma^2$")
    left.set_ylabel("largest slope of the map")
    left.grid(axis="y")
    _draw_maps(right, free, load_arrays)
    _legend(figure, left)
    return figure


def _legend(figure: Figure, *axes: Axes) -> None:
    """Put what the panels' labels name under them, off the data."""
    handles: list[Artist] = []
    for ax in axes:
        handles += ax.get_legend_handles_labels()[0]
    below = axes[0].get_position().y0 - 0.4 / float(figure.get_figheight())
    figure.legend(handles=handles, loc="upper left", ncols=3, bbox_to_anchor=(0.04, below))


def _said_n(frame: pd.DataFrame, metric: str) -> str:
    pairs = frame[["arm", "distance"]].drop_duplicates().itertuples(index=False)
    counts = [interval(frame, metric, arm=arm, distance=distance).n for arm, distance in pairs]
    return f"{said_n(counts)}."


def _slope_line(ax: Axes, frame: pd.DataFrame, arm: str, sigma: float) -> None:
    logs = frame.assign(log_slope=np.log(frame["max_slope"]))
    distances = sorted(logs["distance"].unique())
    found = [interval(logs, "log_slope", arm=arm, distance=d) for d in distances]
    at = [d**2 / (2 * sigma**2) for d in distances]
    middle = np.exp([one.mean for one in found])
    arms = np.nan_to_num(
        [middle - np.exp([one.low for one in found]), np.exp([one.high for one in found]) - middle]
    )
    ax.errorbar(at, middle, arms, color=COLOURS.get(arm, MUTED), marker="o", markersize=3,
                capsize=2, label=ARMS.get(arm, arm))  # fmt: skip


def _draw_maps(ax: Axes, frame: pd.DataFrame, load_arrays: LoadArrays) -> None:
    """The generating maps of the widest distance's first kept seed, a line a state."""
    widest = frame[frame["distance"] == frame["distance"].max()]
    for arm in present(list(widest["arm"]), ARMS):
        arrays = _kept(widest[widest["arm"] == arm], load_arrays)
        if arrays is None:
            continue
        for number, image in enumerate(arrays["image"]):
            ax.plot(arrays["noise"], image, color=COLOURS.get(arm, MUTED),
                    linestyle="-" if number == 0 else (0, (3, 1.5)))  # fmt: skip
    ax.set_xlabel("noise z")
    ax.set_ylabel("T(z), a line a state")
    ax.set_title(f"a = {widest['distance'].max():g}, first kept data seed")


def _kept(frame: pd.DataFrame, load_arrays: LoadArrays) -> dict[str, np.ndarray] | None:
    """The arrays of the first finished row that has any."""
    for row in frame.loc[frame["done"], "row"]:
        if row.get("arrays"):
            return dict(load_arrays(row))
    return None


@styled
def figure_limits(
    frame: pd.DataFrame, load_arrays: LoadArrays, notes: Sequence[str] = ()
) -> Figure:
    """The excess that a bounded slope costs, and the densities at the widest distance.

    Source: Dong et al. 2022 (NVF), Example 2 and figure 3.
    """
    layout = dataclasses.replace(LAYOUT, bottom=1.35)
    foot = [f"{LIMITS_REMARK} {_said_n(frame, 'excess_nats')}", *notes]
    figure, [left, right] = titled_page(layout, 2, "What a bounded slope costs", foot)
    distances = sorted(frame["distance"].unique())
    colours = limit_colours(frame)
    for arm, colour in colours.items():
        found = [interval(frame, "excess_nats", arm=arm, distance=d) for d in distances]
        left.errorbar(distances, [o.mean for o in found], reach(found), marker="o", markersize=3,
                      capsize=2, color=colour, linestyle=_line_style(arm),
                      label=_label(arm))  # fmt: skip
    left.set_yscale("symlog", linthresh=0.01)
    left.axhline(0, color=MUTED, linewidth=0.5)
    left.set_xlabel("distance a")
    left.set_ylabel("excess NLL, nats")
    _draw_densities(right, frame, colours, load_arrays)
    _legend(figure, left, right)
    return figure


def _draw_densities(
    ax: Axes, frame: pd.DataFrame, colours: Mapping[str, str], load_arrays: LoadArrays
) -> None:
    widest = frame[frame["distance"] == frame["distance"].max()]
    a, sigma = float(widest["distance"].iloc[0]), float(widest["sigma"].iloc[0])
    x = np.linspace(-a - 4 * sigma, a + 4 * sigma, 400)
    truth = sum(np.exp(-0.5 * ((x - s * a) / sigma) ** 2) for s in (-1, 1))
    ax.fill_between(x, truth / (2 * sigma * np.sqrt(2 * np.pi)), color="#dddddd", label="truth")
    for arm, colour in colours.items():
        arrays = _kept(widest[widest["arm"] == arm], load_arrays)
        if arrays is None or "log_density" not in arrays:
            continue
        at = np.linspace(arrays["low"][0], arrays["high"][0], len(arrays["log_density"]))
        ax.plot(at, np.exp(arrays["log_density"].astype(float)), color=colour,
                linestyle=_line_style(arm))  # fmt: skip
    ax.set_xlabel("x")
    ax.set_ylabel("density")
    ax.set_title(f"a = {a:g}, first kept data seed")


def _label(arm: str) -> str:
    base, _, limit = arm.partition(f"_{SLOPES}")
    return f"{ARMS.get(base, base)}, slope at most {limit}" if limit else ARMS.get(arm, arm)


def ordered(arms: Sequence[str]) -> list[str]:
    """The different arms: those without a limit first, then each model's limits ascending."""
    models = present([_split(arm)[0] for arm in arms], ARMS)
    return sorted(
        set(arms), key=lambda arm: (SLOPES in arm, models.index(_split(arm)[0]), _split(arm)[1])
    )


def limit_colours(frame: pd.DataFrame) -> dict[str, str]:
    """The arms that the limits' figure shows with their colours, each model's limits ascending."""
    arms = [arm for arm in ordered(list(frame["arm"])) if arm != "nvf_summed"]
    limited = [arm for arm in arms if SLOPES in arm and _split(arm)[0] == "nf"]
    shades = dict(zip(limited, ("#08306b", "#2171b5", "#6baed6", "#9ecae1"), strict=False))
    return {arm: shades.get(arm, COLOURS.get(_split(arm)[0], MUTED)) for arm in arms}


def _split(arm: str) -> tuple[str, float]:
    """An arm's model and the limit of its slope, 0 without one."""
    base, _, limit = arm.partition(f"_{SLOPES}")
    return base, float(limit) if limit else 0.0


def _line_style(arm: str) -> str | tuple[int, tuple[float, float]]:
    return (0, (3, 1.5)) if SLOPES in arm else "-"
