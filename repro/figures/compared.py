"""Our numbers beside published ones: the papers' short names, differences and remarks."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from repro.figures.published import Published, find_published
from repro.figures.style import MODEL_LABELS
from repro.figures.tables import MINUS, Cell, Column
from repro.report.statistics import Interval, difference_from

RE_PAPER = "re_iflow"
PAPERS = {
    RE_PAPER: "[Re]",
    "iflow": "Li et al. 2020",
    "lekanne_deprez": "Lekanne Deprez et al. 2021",
}
LABELS = MODEL_LABELS | {"iflow_minus_ivae": f"iFlow {MINUS} iVAE"}
BESIDE = (
    Column("published", "published mean (sd)", "spread"),
    Column("mean", "ours: mean (sd)", "spread"),
    Column("interval", "95 % interval", "interval"),
    Column("n", "n", "count"),
)
DIFFERENCE = (
    Column("difference", f"ours {MINUS} published", "number", signed=True),
    Column("difference_interval", "its 95 % interval", "interval", signed=True),
)
Found = tuple[str, Published]  # a paper's file stem and one of its numbers


def find_in_papers(published: pd.DataFrame, **wanted: str | int) -> list[Found]:
    """Return each paper's number whose columns equal `wanted`, in the order of `PAPERS`.

    Raises: ConfigError where several numbers of one paper match.
    """
    found = ((paper, find_published(published, paper=paper, **wanted)) for paper in PAPERS)
    return [(paper, entry) for paper, entry in found if entry is not None]


def minus_published(ours: Interval, theirs: Published) -> Interval:
    """Ours minus published; a spread over seeds without a stated ddof is taken as ddof 1."""
    known = theirs.spread if theirs.spread_kind == "sd_seeds" else None
    ddof = 1 if theirs.ddof is None else theirs.ddof
    return difference_from(ours, theirs.value, known, theirs.n, ddof)


def beside(ours: Interval, theirs: Published | None) -> tuple[Cell, ...]:
    """Return the cells of `BESIDE`: a published mean, if there is one, and ours."""
    shown = (theirs.value, theirs.spread) if theirs else None
    return shown, (ours.mean, ours.sd), (ours.low, ours.high), ours.n


def difference(ours: Interval, theirs: Published | None) -> tuple[Cell, ...]:
    """Return the cells of `DIFFERENCE`, empty without a published mean."""
    if theirs is None:
        return None, None
    gap = minus_published(ours, theirs)
    return gap.mean, (gap.low, gap.high)


def remarks(shown: Iterable[Found], sds: bool = True) -> list[str]:
    """Return what the published files note about the numbers shown: a sentence a note, once.

    With `sds` their divisors are noted too, where the files state them.
    """
    shown = list(shown)
    stated = [(paper, e) for paper, e in shown if sds and e.ddof is not None]
    said = [
        *((paper, f"the sd has ddof {e.ddof}", e) for paper, e in stated),
        *((paper, e.note.rstrip("."), e) for paper, e in shown if e.note),
    ]
    models: dict[tuple[str, str], list[str]] = {}
    for paper, note, entry in said:
        named = models.setdefault((PAPERS[paper], note), [])
        label = LABELS.get(entry.model, entry.model)
        named += [label] if label not in named else []
    return [f"{paper}, {', '.join(who)}: {note}." for (paper, note), who in models.items()]
