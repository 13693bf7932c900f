"""The free energies of fitted energies as numbers, beside the published ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from repro.figures.energy_rows import (
    ARMS,
    GAUSSIAN,
    TARGETS,
    best_gaussian,
    energy_frame,
    lost_notes,
)
from repro.figures.published import find_published, noted
from repro.figures.rows import Rows
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.statistics import mean_interval

PAPER, EXPERIMENT = "rezende_mohamed", "energy_fits"
PAPERS = {PAPER: "Rezende & Mohamed", "atml12": "Oxford group 12"}
PANELS = {"u1": "1", "u2": "2", "u3": "3"}  # a guess: the paper does not name them
GUESS = "Rezende & Mohamed's panels stand under U1, U2 and U3, in their order."
NO_ENERGIES = ("nice_orthogonal_scaled", "nice_permutation_scaled")  # of Oxford group 12
SCALED = (
    "None of Oxford group 12's values of scaled NICE is a free energy: {}. The figure leaves them "
    "out."
)
OPPOSITE = (
    "Oxford group 12's flows of K = 32 are worse than those of K = 8 in {} of {} cells, the "
    "opposite of the paper's."
)
COLUMNS = (
    Column("target", "energy", labels=TARGETS),
    Column("arm", "flow", labels=ARMS),
    Column("length", "K", "count"),
    Column("parameters", "parameters", "count"),
    Column("free_energy", "free energy (sd)", "spread", 3),
    Column("interval", "95 % interval", "interval", 3),
    Column("n", "n", "count"),
    Column("kl", "KL to the target", "number", 3),
    Column("below_gaussian", f"best Gaussian {MINUS} ours", "number", 3, signed=True),
    Column("covers", "both modes found", "ratio"),
    Column("one", "one mode found", "ratio"),
    Column("paper", PAPERS[PAPER], "number", 2),
    Column("group", PAPERS["atml12"], "number", 3),
)


def explanations(frame: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """Return what is known of the published energies, of scaled NICE only where it has runs."""
    theirs = published[published["experiment"] == EXPERIMENT]
    theirs = theirs[theirs["metric"] == "free_energy"]
    if theirs.empty:
        return []
    scaled = _is_scaled(theirs["model"])
    told = [GUESS, *noted(theirs[~scaled])]
    if not scaled.any() or not _is_scaled(frame["arm"]).any():
        return told
    return [*told, SCALED.format(_noted(theirs[scaled]))]


def table_energies(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build the table of free energies in nats, a line a target, flow and length.

    Source: Rezende & Mohamed 2015, figure 3 (d); the Oxford group's result file.
    """
    frame = energy_frame(rows)
    lines = [
        _line(frame, group, (str(target), str(arm), int(str(length))), published)
        for (target, arm, length), group in frame.groupby(["target", "arm", "length"], sort=False)
    ]
    normalisers = frame.groupby("target")["log_normaliser"].first()
    optima = ", ".join(f"{TARGETS[str(t)]} {MINUS}{value:.4f}" for t, value in normalisers.items())
    return Table(
        title="Free energies of fits to four energies, nats",
        columns=COLUMNS,
        rows=tuple(lines),
        notes=(
            f"Optima (minus log-normalisers within walls): {optima}.",
            "The Gaussian's line is a mean over starts; it is the best start that flows are held "
            "against. Both modes: the rarer has at least 40 % of the mass, in the target's own "
            "proportion; one mode: less than 6 %.",
            *explanations(frame, published),
            *opposite_notes(published),
            *lost_notes(frame),
            *notes,
        ),
        source="published: figure 3 (d), the group's elbos.csv; ours: the stored rows",
    )


def opposite_notes(published: pd.DataFrame) -> list[str]:
    """Return a sentence on how the Oxford group's free energies change with K."""
    theirs = _of_the_group(published)
    if theirs.empty:
        return []
    cells = theirs.pivot(index=["dataset", "model"], columns="length", values="value")
    return [OPPOSITE.format(int((cells[32] > cells[8]).sum()), len(cells))]


def published_points(
    published: pd.DataFrame, paper: str, target: str, arm: str, lengths: Sequence[int]
) -> dict[int, float]:
    """Return a paper's free energies in nats by length."""
    where = {"panel": PANELS.get(target, "none")} if paper == PAPER else {"dataset": target}
    points = {}
    for length in lengths:
        found = find_published(
            published, paper=paper, experiment=EXPERIMENT, model=arm, metric="free_energy",
            length=length, **where,
        )  # fmt: skip
        if found is not None:
            points[length] = found.value
    return points


def _of_the_group(published: pd.DataFrame) -> pd.DataFrame:
    return published[(published["paper"] == "atml12") & (published["metric"] == "free_energy")]


def _is_scaled(arms: pd.Series) -> pd.Series:
    return arms.isin(NO_ENERGIES)


def _noted(theirs: pd.DataFrame) -> str:
    """What most of these numbers are noted with."""
    return str(theirs["note"].mode().iloc[0])


def _line(
    frame: pd.DataFrame, group: pd.DataFrame, place: tuple[str, str, int], published: pd.DataFrame
) -> tuple[Cell, ...]:
    target, arm, length = place
    done = group[group["done"]]
    ours = mean_interval(done["free_energy"].to_numpy()) if len(done) else None
    line = best_gaussian(frame, target)
    kl = float(done["kl"].mean()) if len(done) else None
    beaten = None if line is None or ours is None or arm == GAUSSIAN else line - ours.mean
    theirs = [
        published_points(published, paper, target, arm, [length]).get(length) for paper in PAPERS
    ]
    return (
        target, arm, length or None, int(group["parameters"].iloc[0]),
        (ours.mean, ours.sd) if ours else None, (ours.low, ours.high) if ours else None,
        len(done), kl, beaten, _count(done["covers_modes"]), _count(done["one_mode"]), *theirs,
    )  # fmt: skip


def _count(values: pd.Series) -> tuple[int, int] | None:
    known = [value for value in values if not math.isnan(value)]
    return (int(sum(known)), len(known)) if known else None
