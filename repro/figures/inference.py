"""Gaps of approximate posteriors under one decoder, and the posteriors themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from repro.errors import MissingResult
from repro.figures.error_bars import reach
from repro.figures.lost import lost_sentences
from repro.figures.material import Material, Product
from repro.figures.rows import records
from repro.figures.style import INK, MUTED, Layout, page_title, panel_page, styled
from repro.figures.tables import MINUS, Cell, Column, Table, show_number
from repro.report.statistics import Interval, mean_interval

Arrays = Mapping[str, NDArray[Any]]
LAYOUT = Layout(panel=(3.0, 2.2), gap=(0.8, 0.0), left=0.65, right=0.15, top=0.5, bottom=0.75)
PICTURES = Layout(panel=(1.25, 1.25), gap=(0.12, 0.3), left=0.15, right=0.15, top=0.75, bottom=0.1)
APPROXIMATION, AMORTISATION, FLOW = "#0072B2", "#D55E00", "#009E73"
JOINT = "joint"
MAPS = {
    "exact": "exact posterior", "amortised": "amortised Gaussian", "gaussian": "local Gaussian",
    "flow": "local flow",
}  # fmt: skip
COLUMNS = (
    Column("encoder", "encoder (outputs of its maxout layer)"), Column("gap", "gap"),
    Column("mean", "mean (nats)", "number", 3),
    Column("images", "95 % interval over images", "interval", 3),
    Column("seeds", "95 % interval over model seeds", "interval", 3),
    Column("n_images", "images", "count"), Column("n", "model seeds", "count"),
    Column("share", "of the inference gap", "number", 2),
)  # fmt: skip


def draw_inference_gap(given: Material) -> Iterator[Product]:
    """Yield the figures and the table of the inference gaps.

    Raises: MissingResult where no finished row of the task inference_gap has its arrays.
    """
    stored = [row for row in records(given.rows) if row["task"] == "inference_gap"]
    kept = [row for row in stored if row["status"] == "done" and row["arrays"]]
    if not kept:
        raise MissingResult(
            "there is no finished inference_gap row with arrays; make it with "
            "`repro run experiment=inference_gap`"
        )
    found = [given.load_arrays(row) for row in kept]
    foot = [*_grid_notes(kept), *given.notes]
    foot += lost_sentences(("inference gaps", row["status"] == "done") for row in stored)
    yield "figure_gaps", figure_gaps(found, foot)
    yield "figure_posteriors", figure_posteriors(found[0], foot)
    yield "table_gaps", gap_table(found, foot)


def per_image(found: Sequence[Arrays]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Gaps (model seeds, images) in nats by encoder: approximation, amortisation, inference.

    The approximation gap is the same for every encoder; "flow" has that of the local flow.
    """
    stacked = {
        name: np.stack([one[name] for one in found]).astype(np.float64)
        for name in found[0]
        if found[0][name].ndim == 1 and name != "chosen"
    }
    log_p, best = stacked["log_p"], stacked["local_gaussian"]
    gaps = {
        name.removeprefix("amortised_"): {
            "approximation": log_p - best,
            "amortisation": best - value,
            "inference": log_p - value,
        }
        for name, value in stacked.items()
        if name.startswith("amortised_")
    }
    return gaps | {"flow": {"approximation": log_p - stacked["local_flow"]}}


def over_images(values: NDArray[np.float64]) -> Interval:
    """Estimate a gap (model seeds, images) over images, each a mean over model seeds."""
    return mean_interval(values.mean(axis=0))


def over_seeds(values: NDArray[np.float64]) -> Interval:
    """Estimate a gap (model seeds, images) over model seeds, each a mean over images."""
    return mean_interval(values.mean(axis=1))


def gap_table(found: Sequence[Arrays], notes: Sequence[str] = ()) -> Table:
    """Build the table of the gaps by encoder, with intervals over images and over model seeds.

    Source: Cremer, Li & Duvenaud 2018, the decomposition of section 3.
    """
    gaps = per_image(found)
    lines: list[tuple[Cell, ...]] = []
    for encoder in [*_encoders(gaps), "flow"]:
        whole = gaps[encoder].get("inference")
        for gap, values in gaps[encoder].items():
            images, seeds = over_images(values), over_seeds(values)
            share = None if whole is None else float(values.mean() / whole.mean())
            lines.append((
                _label(encoder), gap, images.mean, (images.low, images.high),
                (seeds.low, seeds.high), images.n, seeds.n, share,
            ))  # fmt: skip
    return Table(
        "What approximate posteriors lose under one decoder",
        COLUMNS,
        tuple(lines),
        (
            f"approximation: log p {MINUS} L[q*]; amortisation: L[q*] {MINUS} L[q]; inference: "
            f"log p {MINUS} L[q]; q* is the best diagonal Gaussian of each image, or flow.",
            "Intervals over images: BCa bootstrap of means over model seeds; over model seeds: "
            "Student-t.",
            *notes,
        ),
    )


@styled
def figure_gaps(found: Sequence[Arrays], notes: Sequence[str] = ()) -> Figure:
    """Draw the gaps by encoder width as stacked bars, and image by image.

    Source: Cremer, Li & Duvenaud 2018, the decomposition of section 3.
    """
    gaps = per_image(found)
    seeds, images = gaps[JOINT]["approximation"].shape
    foot = [
        f"{images} images, {seeds} model seeds. "
        "Left: mean gaps, with 95 % bootstrap intervals over images of the approximation gap and "
        "of the whole. Right: every image and model seed, the jointly trained encoder; dashed: "
        "both gaps alike.",
        *notes,
    ]
    figure, [[bars, points]] = panel_page(LAYOUT, 1, 2, foot)
    _draw_bars(bars, gaps)
    one = gaps[JOINT]
    points.scatter(one["approximation"].ravel(), one["amortisation"].ravel(), s=5, color=MUTED,
                   alpha=0.5, linewidths=0)  # fmt: skip
    points.axline((0, 0), slope=1, color=INK, linewidth=0.6, linestyle=(0, (3, 2)))
    points.set_xlabel("approximation gap (nats)")
    points.set_ylabel("amortisation gap (nats)")
    points.set_xlim(left=min(0.0, float(one["approximation"].min())))
    page_title(figure, "Where the inference gap comes from")
    return figure


@styled
def figure_posteriors(arrays: Arrays, notes: Sequence[str] = ()) -> Figure:
    """Draw the exact posterior of some images, with the approximate ones as contours beside it.

    Source: Cremer, Li & Duvenaud 2018, the figure of posteriors in two dimensions.
    """
    chosen = arrays["chosen"]
    foot = [
        "A row an image, of the first model seed, at evenly spaced quantiles of the approximation "
        "gap, smallest first. Grey: the exact posterior; lines hold 50 and 95 % of each "
        "approximation's mass.",
        *notes,
    ]
    figure, axes = panel_page(PICTURES, len(chosen), 1 + len(MAPS), foot)
    side = round(arrays["image"].shape[1] ** 0.5)
    for row, line in enumerate(axes):
        line[0].imshow(arrays["image"][row].reshape(side, side), cmap="Greys")
        gap = float(arrays["log_p"][chosen[row]] - arrays["local_gaussian"][chosen[row]])
        line[0].set_title(f"gap {gap:.2f} nats", size=7)
        for ax, name in zip(line[1:], MAPS, strict=True):
            _draw_map(ax, arrays, row, name)
        for ax in line:
            ax.set_xticks([])
            ax.set_yticks([])
    for ax, label in zip(axes[0][1:], MAPS.values(), strict=True):
        ax.set_title(label, size=7)
    page_title(figure, "Posteriors of two latents")
    return figure


def _draw_map(ax: Axes, arrays: Arrays, row: int, name: str) -> None:
    left, right, bottom, top = arrays["window"][row]
    extent = (left, right, bottom, top)
    exact = np.exp(arrays["map_exact"][row].astype(float)).T
    ax.imshow(exact, origin="lower", extent=extent, cmap="Greys", aspect="auto")
    if name == "exact":
        return
    density = np.exp(arrays[f"map_{name}"][row].astype(float)).T
    levels = sorted({_level(density, 0.95), _level(density, 0.5)})
    colour = {"amortised": AMORTISATION, "gaussian": APPROXIMATION, "flow": FLOW}[name]
    if levels[0] > 0 and np.ptp(density) > 0:
        ax.contour(density, levels=levels, colors=colour, linewidths=0.8, extent=extent)


def _level(density: NDArray[np.float64], mass: float) -> float:
    """The density above which this share of the window's mass lies."""
    ordered = np.sort(density.ravel())[::-1]
    share = np.cumsum(ordered) / max(ordered.sum(), 1e-300)
    return float(ordered[min(int(np.searchsorted(share, mass)), len(ordered) - 1)])


def _draw_bars(ax: Axes, gaps: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> None:
    encoders = _encoders(gaps)
    for place, encoder in enumerate(encoders):
        low = over_images(gaps[encoder]["approximation"])
        whole = over_images(gaps[encoder]["inference"])
        ax.bar(place, low.mean, 0.6, color=APPROXIMATION,
               label="approximation" if not place else None)  # fmt: skip
        ax.bar(place, whole.mean - low.mean, 0.6, bottom=low.mean, color=AMORTISATION,
               label="amortisation" if not place else None)  # fmt: skip
        for shift, one in ((-0.08, low), (0.08, whole)):
            ax.errorbar(place + shift, one.mean, reach([one]), color=INK, capsize=2,
                        linewidth=0.9)  # fmt: skip
    flow = over_images(gaps["flow"]["approximation"])
    ax.bar(len(encoders), flow.mean, 0.6, color=FLOW, label="approximation, local flow")
    ax.errorbar(len(encoders), flow.mean, reach([flow]), color=INK, capsize=2, linewidth=0.9)
    ax.set_xticks(range(len(encoders) + 1), [*map(_label, encoders), "none\n(flow)"])
    ax.set_xlabel("encoder (outputs of its maxout layer)")
    ax.set_ylabel("gap (nats)")
    ax.legend()


def _encoders(gaps: Mapping[str, object]) -> list[str]:
    """Encoders by width; the one that was trained with the decoder comes first."""
    widths = sorted(int(name) for name in gaps if name.isdigit())
    return [JOINT, *map(str, widths)]


def _label(encoder: str) -> str:
    return {JOINT: "trained jointly", "flow": "none (local flow)"}.get(encoder, encoder)


def _grid_notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    worst = max(row["metrics"]["grid_spacing_error"] for row in rows)
    mean = show_number(float(np.mean([row["metrics"]["log_p"] for row in rows])), 2)
    return [
        f"On a grid twice as coarse no log p differs by more than {worst:.2g} nats. Mean log p of "
        f"the images: {mean} nats."
    ]
