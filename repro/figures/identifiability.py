"""The 2D identifiability experiments: their pictures, their table and their plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from repro.figures.baselines import baseline_notes, baselines_of
from repro.figures.compared import BESIDE, DIFFERENCE, LABELS, RE_PAPER, beside, difference
from repro.figures.depth import figure_depth
from repro.figures.evaluations import scored_notes
from repro.figures.latents import figure_2d
from repro.figures.material import Material, Product
from repro.figures.paired import figure_mcc
from repro.figures.published import Published, find_published
from repro.figures.rows import (
    ConfigFilter,
    Rows,
    diverged_notes,
    drawable_frame,
    identifiability_frame,
    layers_in,
    model_seed_notes,
    models_in,
    seed_means,
)
from repro.figures.style import MODEL_LABELS
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.statistics import Interval, mean_interval

FIRST_SEEDS = (1, 2, 3, 4)  # the ones that [Re] shows in its pictures
PAGE_SEEDS = 16
COLUMNS = (
    Column("layers", "layers"),
    Column("model", "model", labels=LABELS),
    *BESIDE,
    Column("diverged", "diverged", "count"),
    *DIFFERENCE,
)
SEED_COLUMNS = (
    Column("layers", "layers"), Column("model", "model", labels=LABELS),
    Column("data_seed", "data seed"), Column("model_seed", "model seed"),
    Column("status", "status"), Column("mcc", "MCC", "number"),
    Column("mcc_posterior_mean", "MCC of posterior means", "number"),
    Column("mcc_within_segment", "MCC within segments", "number"),
    Column("diverged_at", "diverged at update"), Column("id", "id"),
)  # fmt: skip

__all__ = ["draw_2d", "figure_2d", "figure_mcc", "seeds_table", "table_2"]


def table_2(
    rows: Rows,
    published: pd.DataFrame,
    notes: Sequence[str] = (),
    config_filter: ConfigFilter | None = None,
) -> Table:
    """Build [Re]'s Table 2 beside ours: the 2D MCC by mixing layers and model.

    Each depth's last line is iFlow minus iVAE, paired over the data seeds that both finished.

    Source: [Re] Identifying Through Flows, table 2 (sd with ddof 0 there, ddof 1 here).
    """
    frame = identifiability_frame(rows, dim=2, config_filter=config_filter)
    lines = [
        line for layers in layers_in(frame) for line in _layer_lines(frame, published, layers)
    ]
    return Table(
        title="MCC of 2D sources by mixing layers",
        columns=COLUMNS,
        rows=tuple(lines),
        notes=(*scored_notes(frame), *_method_notes(), *diverged_notes(frame, MODEL_LABELS),
               *model_seed_notes(frame), *baseline_notes(rows), *notes),
        source="published: [Re] Identifying Through Flows, table 2; ours: the stored rows",
    )  # fmt: skip


def seeds_table(rows: Rows, config_filter: ConfigFilter | None = None) -> Table:
    """Build the table behind Table 2: one line a stored row, diverged ones with them."""
    frame = identifiability_frame(rows, dim=2, config_filter=config_filter)
    lines = tuple(_seed_line(line) for line in frame.to_dict("records"))
    return Table("MCC of 2D sources, seed by seed", SEED_COLUMNS, lines, kinds=("csv",))


def draw_2d(given: Material) -> Iterator[Product]:
    """Yield every figure and table of the 2D identifiability experiment.

    Raises: MissingResult where there is no 2D identifiability row.
    """
    frame = drawable_frame(given.rows, 2, "experiment=identifiability_2d")
    stored = list(frame["row"]) + baselines_of(given.rows)
    published, notes = given.published, given.notes
    yield "table_2", table_2(stored, published, notes)
    yield "table_2_seeds", seeds_table(stored)
    yield "figure_mcc", figure_mcc(stored, published, notes=notes)
    if len(layers_in(frame)) > 1:
        yield "figure_depth", figure_depth(stored, published, dim=2, notes=notes)
    for layers in layers_in(frame):
        seeds = sorted(int(s) for s in frame.loc[frame["layers"] == layers, "data_seed"].unique())
        for name, page in _pages(seeds, layers):
            load = given.load_arrays
            figure = figure_2d(stored, load, layers=layers, seeds=page, notes=notes)
            yield name, figure


def _pages(seeds: Sequence[int], layers: int) -> list[tuple[str, list[int]]]:
    """Return each picture's name and data seeds: Figure 1's, then the others in pages."""
    first = [seed for seed in seeds if seed in FIRST_SEEDS]
    others = [seed for seed in seeds if seed not in FIRST_SEEDS]
    pages = [(f"figure_1_layers_{layers}", first)] if first else []
    for start in range(0, len(others), PAGE_SEEDS):
        number = f"_page_{start // PAGE_SEEDS + 1}" if start else ""
        pages.append((f"figure_a1_layers_{layers}{number}", others[start : start + PAGE_SEEDS]))
    return pages


def _layer_lines(
    frame: pd.DataFrame, published: pd.DataFrame, layers: int
) -> list[tuple[Cell, ...]]:
    at = frame[frame["layers"] == layers]
    means = {model: seed_means(frame, model, layers) for model in models_in(frame, layers)}
    lines = []
    for model, values in means.items():
        diverged = int((~at.loc[at["model"] == model, "done"]).sum())
        theirs = find_published(
            published, paper=RE_PAPER, artefact="table 2", model=model, dim=2, layers=layers,
            metric="mcc",
        )  # fmt: skip
        lines.append(_line(layers, model, mean_interval(values.to_numpy()), diverged, theirs))
    if {"iflow", "ivae"} <= set(means):
        paired = (means["iflow"] - means["ivae"]).dropna()
        theirs = find_published(
            published, paper=RE_PAPER, model="iflow_minus_ivae", dim=2, layers=layers,
            metric="mcc_difference",
        )  # fmt: skip
        interval = mean_interval(paired.to_numpy())
        lines.append(_line(layers, "iflow_minus_ivae", interval, None, theirs))
    return lines


def _line(
    layers: int, model: str, ours: Interval, diverged: int | None, theirs: Published | None
) -> tuple[Cell, ...]:
    return (layers, model, *beside(ours, theirs), diverged, *difference(ours, theirs))


def _seed_line(line: dict[Any, Any]) -> tuple[Cell, ...]:
    metrics = line["row"]["metrics"] | {k: line[k] for k in ("layers", "model", "status", "id")}
    metrics |= {key: int(line[key]) for key in ("data_seed", "model_seed")}
    return tuple(metrics.get(column.key) for column in SEED_COLUMNS)


def _method_notes() -> tuple[str, ...]:
    return (
        "n counts data seeds. 95 % intervals: Student-t for n up to 30, a seeded BCa bootstrap "
        "above.",
        "sd is over data seeds: the published models' with ddof 0, every other with "
        "ddof 1. The published paired difference is computed from the files that [Re] stored.",
        f"ours {MINUS} published: Welch's t interval from both means, sds and n, as if the "
        "published runs were independent of ours.",
        f"iFlow {MINUS} iVAE is paired over the data seeds that both models finished.",
    )
