"""Exact checks: determinant identities, and convolution against its dense matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.arms import task_rows
from repro.figures.material import Material, Product
from repro.figures.style import FAINT, INK, MUTED, Layout, styled, titled_page
from repro.figures.tables import Cell, Column, Table

IDENTITIES = {
    "matrix_lemma": "det(I + uv') = 1 + v'u",
    "planar_lemma": "planar, any w'u",
    "planar": "planar, constrained",
    "radial": "radial",
    "coupling": "affine coupling",
    "nice": "NICE: determinant 1",
    "gin": "GIN: determinant 1",
    "plu": "PLU",
    "scaling": "diagonal scaling",
    "orthogonal": "rotation",
    "sylvester": "Sylvester",
    "autoregressive": "autoregressive affine",
    "convolution": "circular convolution",
}
CHECKED = {
    "convolution_error": "convolution",
    "inverse_error": "inverse",
    "round_trip_error": "there and back",
    "log_det_error": "log|det|",
    "general_log_det_error": "log|det|, any kernel",
    "gradient_error": "its gradient",
}
ENDS = {"circular": "circular", "symmetric": "mirrored at both ends"}  # by arm
EXACT, EXACT_CONVOLUTION = 1e-8, 1e-5  # what the claims allow
ZERO = 1.2e-17  # where an error of nothing at all is drawn
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # Okabe and Ito
PLAIN = Layout(panel=(2.9, 2.4), gap=(0.75, 0.0), left=1.5, right=0.15, top=0.3, bottom=0.42)
EVEN = Layout(panel=(2.9, 2.3), gap=(0.75, 0.0), left=0.62, right=0.15, top=0.3, bottom=0.42)


def draw_determinants(given: Material) -> Iterator[Product]:
    """Yield the figure and the table of the determinant identities.

    Raises: MissingResult where there is no row.
    """
    stored = task_rows(given.rows, "determinants", "determinant_identities")
    yield "figure_identities", figure_determinants(stored, given.notes)
    yield "table_identities", table_determinants(stored, given.notes)


def draw_circulant(given: Material) -> Iterator[Product]:
    """Yield a figure for each arm and the table of convolution.

    Raises: MissingResult where there is no row.
    """
    stored = task_rows(given.rows, "circulant", "circular_convolution")
    for arm, own in _by_arm(stored).items():
        yield f"figure_{arm}", figure_circulant(own, given.notes)
    yield "table_convolution", table_circulant(stored, given.notes)


@styled
def figure_determinants(rows: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()) -> Figure:
    """Draw each identity's errors, and where planar layers fold."""
    foot = [
        f"Left: the largest error of log|det| in each of {len(rows)} seeds, over all points and "
        "dimensions, in float64; an error of 0 is drawn at the left edge. Right: the share of the "
        "line w'x + b in [-6, 6] along which the image of a tanh planar layer runs backwards.",
        *notes,
    ]
    figure, [left, right] = titled_page(
        PLAIN, 2, "Log-determinants against automatic differentiation", foot
    )
    _draw_errors(left, rows)
    _draw_folds(right, rows)
    return figure


def _draw_errors(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    names = [name for name in IDENTITIES if name in rows[0]["metrics"]["error"]]
    for place, name in enumerate(reversed(names)):
        errors = [max(row["metrics"]["error"][name], ZERO) for row in rows]
        ax.scatter(errors, [place] * len(errors), s=9, color=COLOURS[0], alpha=0.5, linewidths=0)
    ax.axvline(EXACT, color=COLOURS[1], linewidth=0.9)
    ax.text(EXACT * 0.6, len(names) - 0.6, "allowed", color=COLOURS[1], ha="right", va="bottom")
    ax.set_xscale("log")
    ax.set_xlim(1e-17, 1e-7)
    ax.set_yticks(range(len(names)), [IDENTITIES[name] for name in reversed(names)])
    ax.set_ylim(-0.7, len(names) - 0.3)
    ax.grid(axis="x")
    ax.set_xlabel("largest error of log|det| (nats)")


def _draw_folds(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    curve = rows[0]["metrics"]["planar"]["curve"]
    ax.plot(curve["w_u"], curve["share"], color=COLOURS[0], marker="o", markersize=2.5)
    ax.axvline(-1, color=COLOURS[1], linewidth=0.9)
    ax.set_xlabel("w'u")
    ax.set_ylabel("share of the line that is folded")
    found = {
        key: [row["metrics"]["planar"][f"folded_{key}"] for row in rows]
        for key in ("beyond", "inside", "constrained", "mistaken")
    }
    words = [
        f"w'u < -1: {100 * min(found['beyond']):.0f} % of random layers fold",
        f"w'u > -1: {100 * max(found['inside']):.0f} %",
        f"constrained by w / ||w||^2: {100 * max(found['constrained']):.0f} %",
        f"by w / ||w|| (a known mistake): {100 * float(np.mean(found['mistaken'])):.0f} %",
    ]
    ax.text(0.98, 0.96, "\n".join(words), transform=ax.transAxes, ha="right", va="top",
            size=6.5, color=INK, linespacing=1.5,
            bbox={"facecolor": "white", "edgecolor": "none"})  # fmt: skip
    ax.set_ylim(-0.01, max(curve["share"]) * 1.75 + 0.02)


def table_determinants(rows: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()) -> Table:
    """Build the table of identities: the largest error over seeds."""
    names = [name for name in IDENTITIES if name in rows[0]["metrics"]["error"]]
    lines = [
        (IDENTITIES[name], _exponent(max(row["metrics"]["error"][name] for row in rows)),
         "yes" if max(row["metrics"]["error"][name] for row in rows) < EXACT else "no", len(rows))
        for name in names
    ]  # fmt: skip
    columns = (
        Column("identity", "identity"),
        Column("error", "largest error (nats)"),
        Column("exact", "below 1e-8"),
        Column("n", "seeds", "count"),
    )
    title = "Closed forms of Jacobian determinants against automatic differentiation"
    return Table(title, columns, tuple(lines), tuple(notes))


@styled
def figure_circulant(rows: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()) -> Figure:
    """Draw one arm's errors against the dense matrix, and its times, by the kernel's length."""
    evaluation = rows[0]["config"]["evaluation"]
    exponents = [row["metrics"]["exponent"] for row in rows]
    foot = [
        f"Left: the largest error of {len(rows)} random kernels a length, in float64. Right: "
        "median processor time, over seeds, of convolution, inverse and log-determinant of "
        f"{evaluation['time_rows']} vector{'s' * (evaluation['time_rows'] > 1)} on one thread; "
        f"the line is fitted from {evaluation['fit_from']:,} on (exponent "
        f"{np.mean(exponents):.2f} in the mean, {min(exponents):.2f} to {max(exponents):.2f}); "
        "N log N itself has 1.1 there.",
        *notes,
    ]
    figure, [left, right] = titled_page(
        EVEN, 2, f"Convolution, {ENDS[rows[0]['arm']]}, by a fast transform", foot
    )
    for (key, name), colour in zip(CHECKED.items(), COLOURS, strict=True):
        worst = np.max([row["metrics"]["by_size"][key] for row in rows], axis=0)
        left.plot(evaluation["sizes"], np.maximum(worst, ZERO), color=colour, marker="o",
                  markersize=2.5, label=name)  # fmt: skip
    left.axhline(EXACT_CONVOLUTION, color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)))
    left.text(
        max(evaluation["sizes"]),
        EXACT_CONVOLUTION * 0.6,
        "allowed",
        color=MUTED,
        ha="right",
        va="top",
    )
    left.set_xscale("log", base=2)
    left.set_yscale("log")
    left.set_ylim(1e-17, 1e2)  # the legend stands above what is allowed
    left.set_xlabel("length of the kernel")
    left.set_ylabel("largest error against the dense matrix")
    left.legend(loc="upper left", ncols=2, columnspacing=1.0)
    _draw_times(right, rows, float(np.mean(exponents)))
    return figure


def _draw_times(ax: Axes, rows: Sequence[Mapping[str, Any]], exponent: float) -> None:
    evaluation = rows[0]["config"]["evaluation"]
    fast = np.median([row["metrics"]["time"]["fast_seconds"] for row in rows], axis=0)
    dense = np.median([row["metrics"]["time"]["dense_seconds"] for row in rows], axis=0)
    sizes = np.asarray(evaluation["time_sizes"], float)
    ax.plot(evaluation["dense_sizes"], dense, color=COLOURS[1], marker="s", markersize=2.5,
            label="dense matrix")  # fmt: skip
    ax.plot(sizes, fast, color=COLOURS[0], marker="o", markersize=2.5, label="fast transform")
    fitted = sizes[sizes >= evaluation["fit_from"]]
    centre = np.exp(np.log(fast[sizes >= evaluation["fit_from"]]).mean())
    line = centre * (fitted / np.exp(np.log(fitted).mean())) ** exponent
    ax.plot(fitted, line, color=FAINT, linewidth=4, zorder=1, label=f"exponent {exponent:.2f}")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xlabel("length of the kernel")
    ax.set_ylabel("processor seconds")
    ax.legend(loc="upper left")


def table_circulant(rows: Sequence[Mapping[str, Any]], notes: Sequence[str] = ()) -> Table:
    """Build the table of convolution by arm and length: errors over seeds, and times."""
    lines = [line for own in _by_arm(rows).values() for line in _lines(own)]
    columns = (
        Column("arm", "ends", labels=ENDS),
        Column("size", "length", "count"),
        *(Column(key, name) for key, name in CHECKED.items()),
        Column("fast", "microseconds, fast transform", "number", 1),
        Column("dense", "microseconds, dense", "number", 1),
        Column("n", "seeds", "count"),
    )
    title = "Convolution against its dense matrix: largest errors, median times"
    return Table(title, columns, tuple(lines), tuple(notes))


def _by_arm(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found = {arm: [row for row in rows if row.get("arm") == arm] for arm in ENDS}
    return {arm: own for arm, own in found.items() if own}


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Cell, ...]]:
    """Yield an arm's lines, one a length."""
    evaluation = rows[0]["config"]["evaluation"]
    fast = np.median([row["metrics"]["time"]["fast_seconds"] for row in rows], axis=0)
    times = dict(zip(evaluation["time_sizes"], fast, strict=True))
    dense = np.median([row["metrics"]["time"]["dense_seconds"] for row in rows], axis=0)
    slow = dict(zip(evaluation["dense_sizes"], dense, strict=True))
    for place, size in enumerate(evaluation["sizes"]):
        worst = [max(row["metrics"]["by_size"][key][place] for row in rows) for key in CHECKED]
        line: list[Cell] = [rows[0]["arm"], size, *map(_exponent, worst), _micro(times.get(size))]
        yield (*line, _micro(slow.get(size)), len(rows))


def _exponent(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}"


def _micro(seconds: float | None) -> float | None:
    return None if seconds is None else float(seconds) * 1e6
