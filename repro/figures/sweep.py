"""The sweep over data sets: MCC and energy of both models, as numbers beside every paper's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from repro.figures.baselines import baseline_notes, baselines_of
from repro.figures.compared import (
    BESIDE,
    DIFFERENCE,
    LABELS,
    PAPERS,
    Found,
    beside,
    difference,
    remarks,
)
from repro.figures.depth import figure_depth
from repro.figures.evaluations import (
    END,
    at_seed,
    evaluations,
    headline,
    only_dim,
    scored_notes,
    spell_point,
)
from repro.figures.material import Material, Product
from repro.figures.rows import (
    Rows,
    diverged_notes,
    drawable_frame,
    identifiability_frame,
    layers_in,
    model_seed_notes,
    models_in,
)
from repro.figures.seedwise import energy_notes, figure_2, on_released_scale, published_5d
from repro.figures.style import MODEL_LABELS
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.statistics import mean_interval

MEASURES = {
    "mcc": "MCC",
    "mcc_posterior_mean": "MCC of posterior means",
    "energy": "energy",
    "log_likelihood": "log-likelihood",
    "elbo": "ELBO",
}
COLUMNS = (
    Column("layers", "layers"),
    Column("model", "model", labels=LABELS),
    Column("measure", "measure", labels=MEASURES),
    Column("scored", "scored"),
    Column("paper", "published by", labels=PAPERS),
    *BESIDE,
    *DIFFERENCE,
)
SEED_COLUMNS = (
    Column("layers", "layers"), Column("model", "model", labels=LABELS),
    Column("data_seed", "data seed"), Column("model_seed", "model seed"),
    Column("status", "status"), Column("point", "headline at"), Column("mcc", "MCC", "number"),
    Column("mcc_end", "MCC at the end", "number"),
    Column("mcc_posterior_mean", "MCC of posterior means", "number"),
    Column("mcc_within_segment", "MCC within segments", "number"),
    Column("energy_end", "energy at the end", "number"),
    Column("log_likelihood_end", "log-likelihood at the end", "number"),
    Column("elbo_end", "ELBO at the end", "number"),
    Column("learning_rate_end", "learning rate at the end"),
    Column("diverged_at", "diverged at update"), Column("id", "id"),
)  # fmt: skip


def table_mcc(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build the table of MCC and energy over data seeds, a line a measure and a paper.

    MCCs are at each model's headline and, where that is another point, after its last update;
    energies and likelihoods (nats a point) after the last update.

    Source: [Re] Identifying Through Flows, figure 2 and stored files; Li et al. 2020, figure 2.
    """
    dim = only_dim(rows, "mcc_sweep")
    frame = identifiability_frame(rows, dim)
    found = evaluations(frame)
    lines: list[tuple[Cell, ...]] = []
    shown: list[Found] = []
    for layers, model, measure, final in _measured(frame, found):
        values = at_seed(found, model, layers, measure, final)
        headlines = (measure, final) == ("mcc", False)
        energies = measure == "energy" and on_released_scale(frame, model)
        theirs = []
        if headlines or energies:
            theirs = published_5d(published, model, (dim, layers), measure)
        point = END if final else headline(frame, model, layers)
        start = (layers, model, measure, spell_point(point))
        lines += _lines(start, values, theirs)
        shown += theirs
    pairs = list(_paired(frame, found))
    for layers, values in pairs:
        theirs = published_5d(published, "iflow_minus_ivae", (dim, layers), "mcc_difference")
        lines += _lines((layers, "iflow_minus_ivae", "mcc", None), values, theirs)
        shown += theirs
    return Table(
        title=f"MCC and energy of {dim}D sources over data seeds",
        columns=COLUMNS,
        rows=tuple(sorted(lines, key=lambda line: int(str(line[0])))),
        notes=(*scored_notes(frame), *energy_notes(frame, dim), *_method_notes(bool(pairs)),
               *diverged_notes(frame, MODEL_LABELS), *model_seed_notes(frame), *remarks(shown),
               *baseline_notes(rows), *notes),
        source="published: the papers' texts and released files; ours: the stored rows",
    )  # fmt: skip


def seeds_table(rows: Rows) -> Table:
    """Build the table behind Figure 2: one line a stored row, diverged ones with them."""
    frame = identifiability_frame(rows, only_dim(rows, "mcc_sweep"))
    lines = tuple(_seed_line(line) for line in frame.to_dict("records"))
    return Table("MCC and energy, seed by seed", SEED_COLUMNS, lines, kinds=("csv",))


def draw_sweep(given: Material) -> Iterator[Product]:
    """Yield every figure and table of the sweep over data sets.

    Raises: MissingResult where there is no identifiability row.
    """
    dim = only_dim(given.rows, "mcc_sweep")
    frame = drawable_frame(given.rows, dim, "experiment=mcc_sweep")
    stored = list(frame["row"]) + baselines_of(given.rows)
    published, notes = given.published, given.notes
    yield "table_mcc", table_mcc(stored, published, notes)
    yield "table_mcc_seeds", seeds_table(stored)
    for layers in layers_in(frame):
        figure = figure_2(stored, published, layers=layers, notes=notes)
        yield f"figure_2_layers_{layers}", figure
    if len(layers_in(frame)) > 1:
        yield "figure_depth", figure_depth(stored, published, dim=dim, notes=notes)


def _measured(frame: pd.DataFrame, found: pd.DataFrame) -> Iterator[tuple[int, str, str, bool]]:
    """The lines that say something of their own: layers, model, measure, final."""
    for layers in layers_in(frame):
        for model in models_in(frame, layers):
            yield layers, model, "mcc", False
            if headline(frame, model, layers) != END:
                yield layers, model, "mcc", True
            if _differ(found, model, layers, "mcc", "mcc_posterior_mean"):
                yield layers, model, "mcc_posterior_mean", False
            yield layers, model, "energy", True
            yield layers, model, "log_likelihood", True
            if _differ(found, model, layers, "log_likelihood", "elbo"):
                yield layers, model, "elbo", True


def _differ(found: pd.DataFrame, model: str, layers: int, one: str, other: str) -> bool:
    """Whether two metrics differ anywhere; those of an exact flow do not."""
    chosen = found[(found["model"] == model) & (found["layers"] == layers)]
    return bool((chosen[one] != chosen[other]).any())


def _paired(frame: pd.DataFrame, found: pd.DataFrame) -> Iterator[tuple[int, pd.Series]]:
    for layers in layers_in(frame):
        if {"iflow", "ivae"} <= set(models_in(frame, layers)):
            one, other = (at_seed(found, model, layers, "mcc") for model in ("iflow", "ivae"))
            yield layers, (one - other).dropna()


def _lines(
    start: tuple[Cell, ...], values: pd.Series, theirs: Sequence[Found]
) -> list[tuple[Cell, ...]]:
    """A line a paper that has the number, or one line without a published number."""
    ours = mean_interval(values.to_numpy())
    lines: list[tuple[Cell, ...]] = [
        (*start, paper, *beside(ours, entry), *difference(ours, entry)) for paper, entry in theirs
    ]
    return lines or [(*start, None, *beside(ours, None), *difference(ours, None))]


def _seed_line(line: dict[Any, Any]) -> tuple[Cell, ...]:
    row = line["row"]
    end = row["metrics"].get("at", {}).get(END, {})
    values = row["metrics"] | {f"{key}_end": value for key, value in end.items()}
    values |= {key: line[key] for key in ("layers", "model", "status", "id")}
    values |= {key: int(line[key]) for key in ("data_seed", "model_seed")}
    values["point"] = row["config"]["evaluation"]["primary"]
    return tuple(values.get(column.key) for column in SEED_COLUMNS)


def _method_notes(compared: bool) -> tuple[str, ...]:
    paired = (
        f"iFlow {MINUS} iVAE is paired over the data seeds that both models finished, each "
        "model at its headline."
    )
    return (
        "n counts data seeds. 95 % intervals: Student-t for n up to 30, a seeded BCa bootstrap "
        "above. Our sds have ddof 1.",
        f"ours {MINUS} published: Welch's t interval from both means, sds and n, as if the "
        "published runs were independent of ours; where no sd is published, the published mean "
        "is taken as exact.",
        *([paired] if compared else []),
    )
