"""Sheets of samples beside data, segment by segment, and whether they can be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.audit.frame import arms_in, audit_frame, by_seed, runs, spell
from repro.figures.latents import LoadArrays
from repro.figures.material import Material, Product
from repro.figures.rows import Rows
from repro.figures.style import Layout, page_title, panel_page, segment_colours, styled
from repro.figures.tables import Cell, Column, Table
from repro.report.statistics import mean_interval

LAYOUT = Layout(panel=(1.5, 1.5), gap=(0.12, 0.12), left=0.5, right=0.12, top=0.66, bottom=0.12)
EXPLANATION = (
    "A row is a data set, coloured by segment; data are the points trained on. Samples: z from "
    "the conditional Gaussian prior, x through the inverse flow (iVAE: the decoder and its "
    "noise). The panels of a row have one frame, about its data; samples beyond it are not shown."
)
COLUMNS = (
    Column("arm", "samples of"), Column("n", "data seeds", "count"),
    Column("energy", "energy coefficient: mean (sd)", "spread"),
    Column("energy_interval", "95 % interval", "interval"),
    Column("energy_rejected", "segments told apart (energy)", "number", 3),
    Column("c2st", "classifier's accuracy: mean (sd)", "spread"),
    Column("c2st_interval", "95 % interval", "interval"),
    Column("c2st_rejected", "segments told apart (classifier)", "number", 3),
    Column("failed", "samples not finite", "count"),
)  # fmt: skip
TRUTH = "the true distribution"


def table_samples(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of two-sample tests, the true distribution's own samples last."""
    frame = audit_frame(rows)
    arms = arms_in(frame)
    lines = [_line(frame, arm, "") for arm in arms] + [_line(frame, arms[0], "_truth")]
    return Table(
        "Samples against held-out points, segment by segment",
        COLUMNS,
        tuple(lines),
        (
            "Means over segments, then over data seeds (n). Energy coefficient: 0 where the "
            "distributions are the same. Classifier: .5 where they cannot be told apart. Segments "
            "told apart: the share with p < .05, which is .05 for perfect samples.",
            *notes,
        ),
        "the stored rows",
    )


@styled
def figure_samples(
    rows: Rows, load_arrays: LoadArrays, notes: Sequence[str] = ()
) -> Figure | None:
    """Draw data and samples side by side, a row a data set that has arrays; None without any."""
    frame = audit_frame(rows)
    kept = frame[[bool(row.get("arrays")) for row in frame["row"]]]
    if kept.empty:
        return None
    arms = arms_in(kept)
    seeds = sorted(set(kept["data_seed"]))
    figure, axes = panel_page(LAYOUT, len(seeds), 1 + len(arms), [EXPLANATION, *notes])
    for line, seed in zip(axes, seeds, strict=True):
        _draw_row(line, kept, arms, seed, load_arrays)
    for ax, title in zip(axes[0], ["data", *(f"samples: {spell(arm)}" for arm in arms)],
                         strict=True):  # fmt: skip
        ax.set_title(title, fontsize=7)
    page_title(figure, "Exact samples beside data")
    return figure


def draw_samples(given: Material) -> Iterator[Product]:
    """Yield the table of tests and, where rows kept samples, their sheet."""
    yield "table_samples", table_samples(given.rows, given.notes)
    if figure := figure_samples(given.rows, given.load_arrays, given.notes):
        yield "figure_samples", figure


def _line(frame: pd.DataFrame, arm: str, suffix: str) -> tuple[Cell, ...]:
    energy, told = (
        mean_interval(by_seed(runs(frame, arm, f"sample_{name}{suffix}")).to_numpy())
        for name in ("energy", "c2st")
    )
    rejected = [
        float(by_seed(runs(frame, arm, f"sample_{name}{suffix}_rejected")).mean())
        for name in ("energy", "c2st")
    ]
    failed = 0 if suffix else int(runs(frame, arm, "sample_failed").sum())
    return (
        TRUTH if suffix else spell(arm), energy.n, (energy.mean, energy.sd),
        (energy.low, energy.high), rejected[0], (told.mean, told.sd), (told.low, told.high),
        rejected[1], failed,
    )  # fmt: skip


def _draw_row(
    line: Sequence[Axes],
    kept: pd.DataFrame,
    arms: Sequence[str],
    seed: int,
    load_arrays: LoadArrays,
) -> None:
    found = {arm: load_arrays(row) for arm in arms if (row := _row(kept, arm, seed)) is not None}
    some = next(iter(found.values()))
    seen, segment = some["x"], some["segment"].astype(int)
    colours = segment_colours(int(segment.max()) + 1)
    low, high = np.quantile(seen, [0.001, 0.999], axis=0)
    room = 0.15 * (high - low)
    _scatter(line[0], seen, segment, colours)
    for ax, arm in zip(line[1:], arms, strict=True):
        if arm in found and "samples" in found[arm]:
            x = found[arm]["samples"]
            _scatter(ax, x, np.repeat(np.arange(len(colours)), len(x) // len(colours)), colours)
    for ax in line:
        ax.set_xlim(low[0] - room[0], high[0] + room[0])
        ax.set_ylim(low[1] - room[1], high[1] + room[1])
        ax.set_xticks([])
        ax.set_yticks([])
    line[0].set_ylabel(f"data seed {seed}", fontsize=6)


def _row(kept: pd.DataFrame, arm: str, seed: int) -> dict | None:
    chosen = kept[(kept["arm"] == arm) & (kept["data_seed"] == seed)]
    return None if chosen.empty else dict(chosen["row"].iloc[0])


def _scatter(ax: Axes, x: np.ndarray, segment: np.ndarray, colours: np.ndarray) -> None:
    ax.scatter(x[:, 0], x[:, 1], s=1.2, c=colours[segment], linewidths=0, rasterized=True)
