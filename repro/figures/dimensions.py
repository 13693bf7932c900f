"""[Re]'s Table 1, source by source, and what tells more: each run's spread and dead sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from repro.figures.baselines import baseline_notes, baselines_of
from repro.figures.collapse import table_collapsed
from repro.figures.compared import (
    BESIDE,
    DIFFERENCE,
    LABELS,
    RE_PAPER,
    Found,
    beside,
    difference,
    remarks,
)
from repro.figures.evaluations import correlations_of, evaluations, only_dim, scored_notes
from repro.figures.material import Material, Product
from repro.figures.published import find_published
from repro.figures.rows import (
    Rows,
    diverged_notes,
    drawable_frame,
    identifiability_frame,
    layers_in,
    model_seed_notes,
    models_in,
)
from repro.figures.signals import figure_3, has_signals
from repro.figures.style import MODEL_LABELS
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.statistics import mean_interval, signed_rank_p

COLUMNS = (
    Column("layers", "layers"),
    Column("model", "model", labels=LABELS),
    Column("source", "source"),
    *BESIDE,
    *DIFFERENCE,
    Column("final", "ours after the last update", "spread"),
)
SPREAD_COLUMNS = (
    Column("layers", "layers"),
    Column("model", "model", labels=LABELS),
    Column("statistic", "of a run's sources"),
    Column("mean", "mean (sd)", "spread"),
    Column("interval", "95 % interval", "interval"),
    Column("n", "n", "count"),
    Column("p", "signed-rank p", "text"),
    Column("final", "after the last update", "spread"),
)
STATISTICS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "smallest correlation": lambda runs: runs.min(axis=1),
    "sd of the correlations": lambda runs: runs.std(axis=1, ddof=1),
    "largest correlation": lambda runs: runs.max(axis=1),
}


def table_1(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build [Re]'s Table 1 beside ours: each source's matched correlation over data seeds.

    Source: [Re] Identifying Through Flows, table 1 (sd with ddof 0 there, ddof 1 here).
    """
    frame, found = _read(rows)
    lines: list[tuple[Cell, ...]] = []
    shown: list[Found] = []
    for layers, model in _groups(frame):
        values, after = (_by_seed(correlations_of(found, model, layers, f)) for f in (False, True))
        for source in values.columns:
            theirs = find_published(
                published, paper=RE_PAPER, experiment="per_dimension", model=model,
                dim=len(values.columns), layers=layers, metric="correlation",
                component=int(source),
            )  # fmt: skip
            ours = mean_interval(values[source].to_numpy())
            shown += [(RE_PAPER, theirs)] if theirs else []
            lines.append((
                layers, model, int(source), *beside(ours, theirs), *difference(ours, theirs),
                _mean_sd(after[source]),
            ))  # fmt: skip
    return Table(
        title="Correlation of each source with its estimate, over data seeds",
        columns=COLUMNS,
        rows=tuple(lines),
        notes=(*scored_notes(frame), *_method_notes(), *diverged_notes(frame, MODEL_LABELS),
               *model_seed_notes(frame), *remarks(shown), *baseline_notes(rows), *notes),
        source="published: [Re] Identifying Through Flows, table 1; ours: the stored rows",
    )  # fmt: skip


def table_spread(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of how alike a run's sources are recovered, the models compared in pairs.

    Each depth ends with iFlow minus iVAE, paired over data seeds, with the p of Wilcoxon's
    signed-rank test.
    """
    frame, found = _read(rows)
    lines: list[tuple[Cell, ...]] = []
    for layers in layers_in(frame):
        models = models_in(frame, layers)
        for name, statistic in STATISTICS.items():
            values = {
                model: tuple(
                    _mean_by_seed(statistic(correlations_of(found, model, layers, final)))
                    for final in (False, True)
                )
                for model in models
            }
            for model, (first, after) in values.items():
                lines.append(_spread_line(layers, model, name, first, after, None))
            if {"iflow", "ivae"} <= set(models):
                first, after = (
                    (one - other).dropna()
                    for one, other in zip(values["iflow"], values["ivae"], strict=True)
                )
                p = signed_rank_p(first.to_numpy())
                lines.append(_spread_line(layers, "iflow_minus_ivae", name, first, after, p))
    return Table(
        title="How alike the sources of a run are recovered",
        columns=SPREAD_COLUMNS,
        rows=tuple(lines),
        notes=(
            *scored_notes(frame),
            "A run's sources are exchangeable between data sets, so means by source number hide "
            "how a single run recovers them; these statistics are of a run's own sources (sd with "
            "ddof 1), then averaged over data seeds.",
            "n counts data seeds. 95 % intervals: Student-t for n up to 30, a seeded BCa "
            "bootstrap above. p: Wilcoxon's signed-rank test over data seeds, two-sided, not "
            "corrected for the number of lines.",
            *diverged_notes(frame, MODEL_LABELS), *model_seed_notes(frame), *notes,
        ),
        source="the stored rows",
    )  # fmt: skip


def seeds_table(rows: Rows) -> Table:
    """Build the table behind Table 1: one line a finished run and evaluation point."""
    _, found = _read(rows)
    sources = range(1, 1 + max((len(one) for one in found["correlations"]), default=0))
    columns = (
        Column("layers", "layers"), Column("model", "model", labels=LABELS),
        Column("data_seed", "data seed"), Column("model_seed", "model seed"),
        Column("point", "evaluated at"), Column("headline", "headline"),
        *(Column(f"source_{k}", f"source {k}", "number") for k in sources),
    )  # fmt: skip
    distinct = found[~found["final"] | (found["point"] != _headlines(found))]
    lines = tuple(
        (int(line["layers"]), line["model"], int(line["data_seed"]), int(line["model_seed"]),
         line["point"], "no" if line["final"] else "yes", *line["correlations"])
        for line in distinct.to_dict("records")
    )  # fmt: skip
    return Table("Correlation of each source, run by run", columns, lines, kinds=("csv",))


def draw_dimensions(given: Material) -> Iterator[Product]:
    """Yield every table of the source-by-source view, and a figure for depths with kept signals.

    Raises: MissingResult where there is no identifiability row.
    """
    dim = only_dim(given.rows, "per_dimension")
    frame = drawable_frame(given.rows, dim, "experiment=per_dimension")
    stored = list(frame["row"]) + baselines_of(given.rows)
    published, notes = given.published, given.notes
    yield "table_1", table_1(stored, published, notes)
    yield "table_1_spread", table_spread(stored, notes)
    yield "table_1_collapsed", table_collapsed(stored, published, notes)
    yield "table_1_seeds", seeds_table(stored)
    for layers in (depth for depth in layers_in(frame) if has_signals(frame, depth)):
        figure = figure_3(stored, given.load_arrays, published, layers=layers, notes=notes,
                          scale=given.scale)  # fmt: skip
        yield f"figure_3_layers_{layers}", figure


def _read(rows: Rows) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = identifiability_frame(rows, only_dim(rows, "per_dimension"))
    return frame, evaluations(frame)


def _groups(frame: pd.DataFrame) -> Iterator[tuple[int, str]]:
    for layers in layers_in(frame):
        for model in models_in(frame, layers):
            yield layers, model


def _headlines(found: pd.DataFrame) -> pd.Series:
    """The headline point of the run that each line belongs to."""
    runs = ["model", "layers", "data_seed", "model_seed"]
    return found.groupby(runs)["point"].transform("first")


def _by_seed(runs: pd.DataFrame) -> pd.DataFrame:
    return runs.groupby(level="data_seed").mean()


def _mean_by_seed(values: pd.Series) -> pd.Series:
    return values.groupby(level="data_seed").mean()


def _mean_sd(values: pd.Series) -> tuple[float, float]:
    ours = mean_interval(values.to_numpy())
    return ours.mean, ours.sd


def _spread_line(
    layers: int, model: str, name: str, first: pd.Series, after: pd.Series, p: float | None
) -> tuple[Cell, ...]:
    ours = mean_interval(first.to_numpy())
    shown = None if p is None else _spell_p(p)
    return (layers, model, name, (ours.mean, ours.sd), (ours.low, ours.high), ours.n, shown,
            _mean_sd(after))  # fmt: skip


def _spell_p(p: float) -> str | None:
    return None if p != p else f"{p:.2g}"


def _method_notes() -> tuple[str, ...]:
    return (
        "n counts data seeds. 95 % intervals: Student-t for n up to 30, a seeded BCa bootstrap "
        "above. Our sds have ddof 1, over data seeds.",
        f"ours {MINUS} published: Welch's t interval from both means, sds and n, as if the "
        "published runs were independent of ours.",
        "Sources are exchangeable between data sets: a mean by source number says little about "
        "how a single run recovers its sources. See the tables of spread and of collapse.",
    )
