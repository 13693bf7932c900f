"""NVF's Figure 5: toy densities with and without a latent variable, beside what they score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from repro.figures.error_bars import reach, said_n
from repro.figures.latents import LoadArrays
from repro.figures.material import Material, Product
from repro.figures.nvf_rows import (
    ARMS,
    COLOURS,
    DATA,
    EXCESS,
    density_frame,
    difference,
    interval,
    lost_notes,
    present,
)
from repro.figures.style import MUTED, Layout, page_title, panel_page, styled
from repro.figures.tables import Column, Table

PANELS = Layout(panel=(1.0, 1.0), gap=(0.06, 0.16), left=1.6, right=0.1, top=0.5, bottom=0.1)
SHEET = Layout(panel=(1.6, 1.6), gap=(0.12, 0.3), left=0.1, right=0.1, top=0.62, bottom=0.1)
LINES = Layout(panel=(2.6, 2.1), gap=(0.6, 0.65), left=0.6, right=0.15, top=0.55, bottom=1.0)
BARE = Layout(panel=(1.9, 1.7), gap=(0.25, 0.65), left=2.3, right=0.15, top=0.55, bottom=0.5)
ACROSS = 3  # panels of scores in a row
DEEPEST = 8.0  # nats below the highest log-density that a picture still tells from white
BASELINE = "nf_matched"
COLUMNS = (
    Column("data", "data", labels=DATA),
    Column("size", "[layers, hidden]"),
    Column("arm", "model", labels=ARMS),
    Column("parameters", "parameters", "count"),
    Column("n", "n", "count"),
    Column("nll", "NLL, nats", "number", 3),
    Column("excess", "excess NLL, nats", "number", 3),
    Column("excess_interval", "its 95 % interval", "interval", 3),
    Column("gain", "excess of the matched NF minus this", "number", 3, signed=True),
    Column("gain_interval", "its 95 % interval", "interval", 3, signed=True),
    Column("away", "share away from every mode", "number", 3),
    Column("away_interval", "its 95 % interval", "interval", 3),
    Column("information", "information of the states, nats", "number", 3),
)
GAINS = "Gains are paired over data seeds; 95 % intervals, Student-t."
AWAY = (
    "Share away: of the model's samples, those further than 5 sd of the noise from every centre "
    "of the data's generator (of the data themselves, under .00001)."
)
BARS = "Means over data seeds; bars are 95 % intervals, Student-t."
DENSITIES_REMARK = (
    f"Blue: the log-density, from each panel's highest down to {DEEPEST:g} nats below it; orange: "
    "draws from the model; the first kept data seed."
)


def draw_toy(given: Material) -> Iterator[Product]:
    """Yield Figure 5, the samples, the scores against size and the table.

    Raises: MissingResult where there is no row.
    """
    frame = density_frame(given.rows)
    below = [*lost_notes(frame), *given.notes]
    yield "table_toy", toy_table(frame, below)
    yield "figure_scores", figure_scores(frame, below)
    for data in present(list(frame["data"]), DATA):
        own = frame[frame["data"] == data]
        if any(row.get("arrays") for row in own["row"]):
            yield f"figure_5_{data}", figure_densities(own, given.load_arrays, below)


def toy_table(frame: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Scores by data set, size and model, each beside the matched flow without a latent."""
    lines = []
    for data in present(list(frame["data"]), DATA):
        for length, hidden in _sizes(frame):
            for arm in present(list(frame["arm"]), ARMS):
                where: dict[str, Any] = {"data": data, "length": length, "hidden": hidden}
                own = frame[frame["arm"] == arm]
                for key, value in where.items():
                    own = own[own[key] == value]
                if len(own):
                    heading = (data, f"[{length}, {hidden}]", arm, int(own["parameters"].iloc[0]))
                    lines.append((*heading, *_scores(frame, arm, where)))
    return Table(
        "Toy densities", COLUMNS, tuple(lines), (f"{_excess(frame)} {GAINS}", AWAY, *notes)
    )


def _excess(frame: pd.DataFrame) -> str:
    """What the excess is, and which of the data sets has none."""
    return f"{EXCESS}{' (the pinwheel has none)' * ('pinwheel' in set(frame['data']))}."


def _scores(frame: pd.DataFrame, arm: str, where: dict[str, Any]) -> tuple[Any, ...]:
    nll, excess, away, information = (
        interval(frame, metric, arm=arm, **where)
        for metric in ("nll_full_nats", "excess_nats", "away_share", "state_information_nats")
    )
    metric = "excess_nats" if excess.n else "nll_full_nats"
    gain = difference(frame, metric, BASELINE, arm, **where) if arm != BASELINE else None
    return (
        nll.n, nll.mean, excess.mean, (excess.low, excess.high),
        gain.mean if gain else None, (gain.low, gain.high) if gain else None,
        away.mean, (away.low, away.high), information.mean,
    )  # fmt: skip


def _sizes(frame: pd.DataFrame) -> list[tuple[int, int]]:
    pairs = {(int(a), int(b)) for a, b in zip(frame["length"], frame["hidden"], strict=True)}
    return sorted(pairs)


@styled
def figure_densities(
    frame: pd.DataFrame, load_arrays: LoadArrays, notes: Sequence[str] = ()
) -> Figure:
    """Log-densities of the first kept data seed: a row a model, a column a size, data first.

    Source: Dong et al. 2022 (NVF), figure 5.
    """
    arms, sizes = present(list(frame["arm"]), ARMS), _sizes(frame)
    if len(sizes) == 1:
        return _sheet_of_densities(frame, arms, sizes[0], load_arrays, notes)
    remark = f"{DENSITIES_REMARK} Columns: [layers, hidden units]."
    figure, axes = panel_page(PANELS, len(arms), len(sizes) + 1, [remark, *notes])
    for arm, line in zip(arms, axes, strict=True):
        own = frame[frame["arm"] == arm]
        shown = [_arrays_at(own, size, load_arrays) for size in sizes]
        _draw_points(line[0], next((one for one in shown if one), None))
        line[0].set_ylabel(ARMS.get(arm, arm).replace(", ", ",\n"), rotation=0, ha="right",
                           va="center")  # fmt: skip
        for ax, size, arrays in zip(line[1:], sizes, shown, strict=True):
            _draw_density(ax, arrays)
            if arm == arms[0]:
                ax.set_title(f"[{size[0]}, {size[1]}]")
    axes[0][0].set_title("training points")
    page_title(figure, _densities_title(frame))
    return figure


def _sheet_of_densities(
    frame: pd.DataFrame,
    arms: Sequence[str],
    size: tuple[int, int],
    load_arrays: LoadArrays,
    notes: Sequence[str],
) -> Figure:
    """Models of one size, a panel each, after the data."""
    remark = f"{DENSITIES_REMARK} All models: {size[0]} layers of {size[1]} hidden units."
    rows = -(-(len(arms) + 1) // ACROSS)
    figure, lines = panel_page(SHEET, rows, ACROSS, [remark, *notes])
    axes = [ax for line in lines for ax in line]
    for ax in axes[len(arms) + 1 :]:
        ax.remove()
    shown = [_arrays_at(frame[frame["arm"] == arm], size, load_arrays) for arm in arms]
    _draw_points(axes[0], next((one for one in shown if one), None))
    for ax, arrays in zip(axes[1:], shown, strict=False):
        _draw_density(ax, arrays)
    for ax, title in zip(axes, ["training points", *(ARMS.get(arm, arm) for arm in arms)],
                         strict=False):  # fmt: skip
        ax.set_title(title, size=7)
    page_title(figure, _densities_title(frame))
    return figure


def _densities_title(frame: pd.DataFrame) -> str:
    name = DATA.get(str(frame["data"].iloc[0]), str(frame["data"].iloc[0]))
    return f"{name[:1].upper()}{name[1:]}: log-density"


def _arrays_at(
    frame: pd.DataFrame, size: tuple[int, int], load_arrays: LoadArrays
) -> dict[str, np.ndarray] | None:
    at = frame[(frame["length"] == size[0]) & (frame["hidden"] == size[1]) & frame["done"]]
    kept = [row for row in at["row"] if row.get("arrays")]
    return dict(load_arrays(kept[0])) if kept else None


def _draw_points(ax: Axes, arrays: dict[str, np.ndarray] | None) -> None:
    _bare(ax)
    if arrays is not None:
        points = arrays["train"].astype(float)
        ax.scatter(points[:, 0], points[:, 1], s=0.4, color=MUTED, linewidths=0)
        _limits(ax, arrays)


def _draw_density(ax: Axes, arrays: dict[str, np.ndarray] | None) -> None:
    _bare(ax)
    if arrays is None or "log_density" not in arrays:
        ax.text(0.5, 0.5, "not kept", ha="center", va="center", color=MUTED, fontsize=6,
                transform=ax.transAxes)  # fmt: skip
        return
    log_p = arrays["log_density"].astype(float)
    low, high = arrays["low"], arrays["high"]
    ax.imshow(log_p, origin="lower", extent=(low[0], high[0], low[1], high[1]), cmap="Blues",
              vmin=log_p.max() - DEEPEST, vmax=log_p.max(), aspect="auto",
              interpolation="bilinear")  # fmt: skip
    if "samples" in arrays:
        points = arrays["samples"].astype(float)[:300]
        ax.scatter(points[:, 0], points[:, 1], s=0.5, linewidths=0, color="#D55E00", alpha=0.8)
    _limits(ax, arrays)


def _limits(ax: Axes, arrays: dict[str, np.ndarray]) -> None:
    ax.set_xlim(arrays["low"][0], arrays["high"][0])
    ax.set_ylim(arrays["low"][1], arrays["high"][1])


def _bare(ax: Axes) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[["top", "right"]].set_visible(True)


@styled
def figure_scores(frame: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """NLL (in excess where the truth is known) against parameters, a panel a data set."""
    if len(_sizes(frame)) == 1:
        return _figure_of_one_size(frame, notes)
    names, arms = present(list(frame["data"]), DATA), present(list(frame["arm"]), ARMS)
    figure, lines, axes = _score_page(LINES, names, [f"{_excess(frame)} {BARS}", *notes])
    for ax, data in zip(axes, names, strict=True):
        own = frame[frame["data"] == data]
        metric, label = _scored(own)
        for arm in arms:
            _score_line(ax, own[own["arm"] == arm], arm, metric, _named(frame, arm))
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel("parameters")
        ax.set_ylabel(label)
        ax.grid(axis="y")
    across = len(lines[0])
    handles, labels = axes[0].get_legend_handles_labels()
    box = lines[-1][0].get_position()
    below = box.y0 - 0.4 / float(figure.get_figheight())
    figure.legend(handles, labels, loc="upper left", ncols=min(across + 1, len(labels)),
                  bbox_to_anchor=(box.x0, below), borderaxespad=0)  # fmt: skip
    return figure


def _figure_of_one_size(frame: pd.DataFrame, notes: Sequence[str]) -> Figure:
    """The same of models of one size: a line a model, since their parameters hardly differ."""
    names, arms = present(list(frame["data"]), DATA), present(list(frame["arm"]), ARMS)
    figure, lines, axes = _score_page(BARE, names, [f"{_excess(frame)} {BARS}", *notes])
    for ax, data in zip(axes, names, strict=True):
        own = frame[frame["data"] == data]
        metric, label = _scored(own)
        for place, arm in enumerate(arms):
            one = interval(own, metric, arm=arm)
            if one.n:
                ax.errorbar([one.mean], [place], xerr=reach([one]), marker="o", markersize=3.5,
                            capsize=2, color=COLOURS.get(arm, MUTED))  # fmt: skip
        first = ax in [line[0] for line in lines]
        ax.set_yticks(range(len(arms)), [_named(frame, arm) for arm in arms] if first else [])
        ax.set_ylim(len(arms) - 0.5, -0.5)
        ax.set_xlabel(f"{label} (lower is better)")
        ax.grid(axis="x")
    return figure


def _score_page(
    layout: Layout, names: Sequence[str], notes: Sequence[str]
) -> tuple[Figure, list[list[Axes]], list[Axes]]:
    """A titled page with a panel a data set: its lines of panels, and those that are used."""
    across = min(ACROSS, len(names))
    figure, lines = panel_page(layout, -(-len(names) // across), across, notes)
    axes = [ax for line in lines for ax in line]
    for ax in axes[len(names) :]:
        ax.remove()
    for ax, data in zip(axes, names, strict=False):
        ax.set_title(DATA.get(data, data))
    page_title(figure, "Scores of the toy densities")
    return figure, lines, axes[: len(names)]


def _scored(frame: pd.DataFrame) -> tuple[str, str]:
    """The score of a data set and its name: in excess where the truth is known."""
    known = "excess_nats" in frame and bool(frame["excess_nats"].notna().any())
    return ("excess_nats", "excess NLL, nats") if known else ("nll_full_nats", "NLL, nats")


def _named(frame: pd.DataFrame, arm: str) -> str:
    """A model's name and how many data seeds each of its points rests on."""
    sets = [frame[frame["data"] == data] for data in frame["data"].unique()]
    counts = [interval(own, _scored(own)[0], arm=arm, length=length, hidden=hidden).n
              for own in sets for length, hidden in _sizes(own)]  # fmt: skip
    return f"{ARMS.get(arm, arm)}, {said_n(counts)}"


def _score_line(ax: Axes, frame: pd.DataFrame, arm: str, metric: str, label: str) -> None:
    points = []
    for length, hidden in _sizes(frame):
        one = interval(frame, metric, length=length, hidden=hidden)
        at = frame[(frame["length"] == length) & (frame["hidden"] == hidden)]
        if one.n:
            points.append((float(at["parameters"].iloc[0]), one))
    points.sort(key=lambda pair: pair[0])
    if not points:
        return
    bars = reach(o for _, o in points)
    ax.errorbar([p for p, _ in points], [o.mean for _, o in points], bars, marker="o",
                markersize=3, capsize=2, color=COLOURS.get(arm, MUTED),
                label=label)  # fmt: skip
