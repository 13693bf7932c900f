"""How many sources are not recovered at all: shares of collapsed correlations and runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from repro.figures.compared import LABELS, RE_PAPER, Found, remarks
from repro.figures.evaluations import correlations_of, evaluations, only_dim, scored_notes
from repro.figures.published import Published, find_published
from repro.figures.rows import (
    Rows,
    diverged_notes,
    identifiability_frame,
    layers_in,
    models_in,
)
from repro.figures.style import MODEL_LABELS
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.statistics import Share, share_difference, share_interval

THRESHOLDS = (0.05, 0.2)
ALL, ANY = "all sources", "runs with one or more"
COLUMNS = (
    Column("layers", "layers"),
    Column("model", "model", labels=LABELS),
    Column("below", "|r| below"),
    Column("counted", "counted"),
    Column("published_count", "published", "ratio"),
    Column("published", "published share", "number", decimals=3),
    Column("count", "ours", "ratio"),
    Column("share", "our share", "number", decimals=3),
    Column("interval", "95 % interval", "interval", decimals=3),
    Column("difference", f"ours {MINUS} published", "number", decimals=3, signed=True),
    Column("difference_interval", "its 95 % interval", "interval", decimals=3, signed=True),
    Column("final", "ours after the last update", "ratio"),
)


def table_collapsed(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build the table of collapsed sources: counts, shares, Wilson intervals, [Re]'s beside ours.

    A source is collapsed where its matched correlation is below a threshold: counted over all
    sources of all runs, as runs that have at least one and, for the first threshold, by source.

    Source: [Re] Identifying Through Flows, counts from its stored files.
    """
    frame = identifiability_frame(rows, only_dim(rows, "per_dimension"))
    found = evaluations(frame)
    lines: list[tuple[Cell, ...]] = []
    shown: list[Found] = []
    for layers, model in [(k, m) for k in layers_in(frame) for m in models_in(frame, k)]:
        runs, after = (correlations_of(found, model, layers, final) for final in (False, True))
        for below in THRESHOLDS:
            later = dict(_counts(after, below))
            for counted, ours in _counts(runs, below):
                if counted not in (ALL, ANY) and below != THRESHOLDS[0]:
                    continue
                theirs = _theirs(published, model, layers, len(runs.columns), below, counted)
                shown += [(RE_PAPER, theirs)] if theirs else []
                line = _line(ours, theirs)
                lines.append((layers, model, f"{below:g}", str(counted), *line,
                              _ratio(later[counted])))  # fmt: skip
    return Table(
        title="Collapsed sources",
        columns=COLUMNS,
        rows=tuple(lines),
        notes=(*scored_notes(frame), *_method_notes(), *diverged_notes(frame, MODEL_LABELS),
               *remarks(shown), *notes),
        source="published: counts from the files that [Re] stored; ours: the stored rows",
    )  # fmt: skip


def _counts(runs: pd.DataFrame, below: float) -> Iterator[tuple[str, Share]]:
    """Each thing that is counted and its share: all sources, runs with one, source by source."""
    low = runs < below
    yield ALL, share_interval(int(low.to_numpy().sum()), low.size)
    yield ANY, share_interval(int(low.any(axis=1).sum()), len(low))
    for source in low.columns:
        yield f"source {source}", share_interval(int(low[source].sum()), len(low))


def _theirs(
    published: pd.DataFrame, model: str, layers: int, dim: int, below: float, counted: str
) -> Published | None:
    start = "seeds_with_correlation" if counted == ANY else "correlations"
    metric = f"{start}_below_{below:g}"
    wanted: dict[str, str | int] = {"model": model, "layers": layers, "dim": dim, "metric": metric}
    if counted.startswith("source "):
        wanted["component"] = int(counted.removeprefix("source "))
    return find_published(published, paper=RE_PAPER, experiment="per_dimension", **wanted)


def _line(ours: Share, theirs: Published | None) -> tuple[Cell, ...]:
    own: tuple[Cell, ...] = (_ratio(ours), ours.share, (ours.low, ours.high))
    if theirs is None or theirs.n is None:
        return (None, None, *own, None, None)
    share = share_interval(int(theirs.value), theirs.n)
    gap = share_difference(ours, share)
    return (_ratio(share), share.share, *own, gap.mean, (gap.low, gap.high))


def _ratio(share: Share) -> tuple[int, int]:
    return share.count, share.n


def _method_notes() -> tuple[str, ...]:
    return (
        "A source is collapsed where its matched correlation |r| lies below the threshold. "
        "95 % intervals of shares: Wilson. The sources of a run share its data, so the interval "
        "over all sources takes for independent what is not; that of runs does not.",
        f"ours {MINUS} published: Newcombe's interval for the difference of independent shares.",
    )
