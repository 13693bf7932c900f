"""Tables of bounds: against the published ones, and the gain of longer flows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from repro.figures.bounds_rows import (
    ANNEALINGS,
    FLOW_LABELS,
    GAUSSIAN,
    PUBLISHED_VARIANTS,
    interval,
    lengths_of,
    of_flow,
    published_line,
    settings_in,
    tighter_notes,
)
from repro.figures.compared import minus_published
from repro.figures.inference import over_images
from repro.figures.latents import LoadArrays
from repro.figures.published import Published, noted
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.statistics import Interval, mean_interval

PAPER, EXPERIMENT = "rezende_mohamed", "mnist_bounds"
GROUPS = {
    PAPER: ("table 2", "Rezende & Mohamed"),
    "oxford_group_10": ("poster", "Oxford group 10"),
    "oxford_group_9": ("report", "Oxford group 9"),
    "drawcodeboy": ("README", "drawcodeboy"),
}
BESIDE = (PAPER, "oxford_group_10", "oxford_group_9")  # in `table_2`
COLUMNS = (
    Column("flow", "posterior", labels=FLOW_LABELS), Column("length", "K", "count"),
    Column("annealing", "annealing", labels=ANNEALINGS), Column("units", "units", "count"),
    Column("free_energy", "F (sd)", "spread", 2), Column("gap", "gap (sd)", "spread", 2),
    Column("nll", f"{MINUS}ln p (sd)", "spread", 2),
    Column("interval", "95 % interval", "interval", 2), Column("n", "n", "count"),
    Column("published", f"published {MINUS}ln p", "number", 1),
    Column("difference", f"ours {MINUS} published", "number", 2, signed=True),
    Column("difference_interval", "its 95 % interval", "interval", 2, signed=True),
    Column("group_10", GROUPS["oxford_group_10"][1], "number", 2),
    Column("group_9", GROUPS["oxford_group_9"][1], "number", 2),
)  # fmt: skip
GAIN_COLUMNS = (
    Column("flow", "posterior", labels=FLOW_LABELS), Column("whose", "whose"),
    Column("lengths", "K"), Column("gain", f"gain in {MINUS}ln p (nats)", "number", 2),
    Column("interval", "95 % interval over model seeds", "interval", 2), Column("n", "n", "count"),
    Column("images_n", "model seeds kept image by image", "count"),
    Column("images_gain", "their gain", "number", 2),
    Column("images", "its 95 % interval over test images", "interval", 2),
    Column("tighter", "gain by more samples", "number", 2),
    Column("tighter_interval", "its 95 % interval", "interval", 2),
    Column("gain_f", "gain in F (nats)", "number", 2),
)  # fmt: skip


def table_2(frame: pd.DataFrame, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build the table of F, its gap and -ln p, a line a posterior, beside the published -ln p.

    Source: Rezende & Mohamed 2015, table 2.
    """
    lines: list[tuple[Cell, ...]] = []
    keys = ["flow", "length", "annealing", "units"]
    for flow, length, annealing, units in frame[keys].drop_duplicates().itertuples(index=False):
        done = of_flow(frame, flow, length, annealing, units)
        spreads = [_spread(interval(done, metric)) for metric in ("free_energy", "gap", "nll")]
        ours = interval(done, "nll")
        theirs = {paper: _theirs(published, paper, flow, length, annealing) for paper in BESIDE}
        entry = theirs[PAPER]
        gap = minus_published(ours, entry) if entry is not None and ours.n else None
        lines.append((
            flow, int(length), annealing, int(units), *spreads, (ours.low, ours.high),
            ours.n, entry.value if entry else None, gap.mean if gap else None,
            (gap.low, gap.high) if gap else None, _value(theirs["oxford_group_10"]),
            _value(theirs["oxford_group_9"]),
        ))  # fmt: skip
    return Table(
        "Bounds on MNIST by posterior",
        COLUMNS,
        tuple(lines),
        (
            f"n counts model seeds; sds have ddof 1. ours {MINUS} published takes the published "
            "number, which has no spread, as exact.",
            "Published numbers stand beside our runs of the same annealing.",
            *noted(_beside(published)),
            *notes,
        ),
        "published: table 2 of the paper; ours: the stored rows",
    )


def table_3(frame: pd.DataFrame, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build the table of F, its gap and -ln p of image patches, beside the published -ln p.

    Source: Rezende & Mohamed 2015, table 3.
    """
    lines: list[tuple[Cell, ...]] = []
    theirs = published_line(published, PAPER, "table 3", "cifar_bounds", "planar", "nll")
    for flow, length in frame[["flow", "length"]].drop_duplicates().itertuples(index=False):
        done = frame[(frame["flow"] == flow) & (frame["length"] == length) & frame["done"]]
        spreads = [_spread(interval(done, metric)) for metric in ("free_energy", "gap", "nll")]
        ours, entry = interval(done, "nll"), theirs.get(int(length))
        gap = minus_published(ours, entry) if entry is not None and ours.n else None
        lines.append((
            flow, int(length), *spreads, (ours.low, ours.high), ours.n,
            entry.value if entry else None, gap.mean if gap else None,
            (gap.low, gap.high) if gap else None,
        ))  # fmt: skip
    left_out = ("annealing", "units", "group_10", "group_9")
    return Table(
        "Bounds on image patches by posterior",
        tuple(column for column in COLUMNS if column.key not in left_out),
        tuple(lines),
        (
            "n counts model seeds; sds have ddof 1.",
            *notes,
        ),
        "published: table 3 of the paper; ours: the stored rows",
    )


def gain_table(
    frame: pd.DataFrame,
    load_arrays: LoadArrays,
    published: pd.DataFrame,
    notes: Sequence[str] = (),
) -> Table | None:
    """Build the table of what the longest flow gains over none: ours, and everybody's.

    Runs are paired by model seed; the interval over images is a bootstrap of the paired
    difference, averaged over seeds, over the test images.
    """
    lines: list[tuple[Cell, ...]] = []
    for annealing, units in settings_in(frame):
        for flow in (name for name in FLOW_LABELS if name != GAUSSIAN):
            lines += _own_gain(frame, load_arrays, flow, annealing, units)
    if not lines:
        return None
    theirs = {flow: published_gains(published, flow) for flow in ("planar", "nice")}
    for paper in GROUPS:
        for flow, gains in theirs.items():
            if one := gains.get(paper):
                lines.append((flow, one.name, f"0 to {one.longest}", one.nll, *[None] * 7,
                              one.free_energy))  # fmt: skip
    return Table(
        "What the longest flow gains over a Gaussian posterior",
        GAIN_COLUMNS,
        tuple(lines),
        (
            "Ours: paired by model seed, with Student-t intervals; the interval over test images "
            "is a seeded BCa bootstrap of the per-image difference, a mean over those seeds whose "
            "images are stored one by one.",
            *tighter_notes(frame),
            *notes,
        ),
        "published: the papers and reports named; ours: the stored rows",
    )


@dataclass(frozen=True)
class PublishedGain:
    """What a paper's longest flow gains over none in -ln p and, where it says so, in F (nats)."""

    name: str
    longest: int
    nll: float
    free_energy: float | None


def published_gains(published: pd.DataFrame, flow: str) -> dict[str, PublishedGain]:
    """Return each paper's gain of a flow, for the papers that have both ends of it."""
    found = {}
    for paper, (artefact, name) in GROUPS.items():
        nll = published_line(published, paper, artefact, EXPERIMENT, flow, "nll")
        if 0 not in nll or len(nll) < 2:
            continue
        longest = max(nll)
        energy_of = "figure 4" if paper == PAPER else artefact
        energy = published_line(published, paper, energy_of, EXPERIMENT, flow, "free_energy")
        both = {0, longest} <= energy.keys()
        gain_f = energy[0].value - energy[longest].value if both else None
        found[paper] = PublishedGain(name, longest, nll[0].value - nll[longest].value, gain_f)
    return found


def _own_gain(
    frame: pd.DataFrame, load_arrays: LoadArrays, flow: str, annealing: str, units: int
) -> list[tuple[Cell, ...]]:
    longest = max(lengths_of(frame, flow, annealing, units), default=0)
    if not longest:
        return []
    none, long = (of_flow(frame, flow, k, annealing, units) for k in (0, longest))
    none, long = (part.set_index(["data_seed", "model_seed"]) for part in (none, long))
    both = none.index.intersection(long.index)
    if not len(both):
        return []
    names = ["nll", "tighter", "free_energy"]
    gaps = none.loc[both, names].astype(float) - long.loc[both, names].astype(float)
    gain, tighter = (mean_interval(gaps[name].dropna().to_numpy()) for name in ("nll", "tighter"))
    more = (tighter.mean, (tighter.low, tighter.high)) if tighter.n else (None, None)
    images = _over_images(none.loc[both, "row"], long.loc[both, "row"], load_arrays)
    whose = f"ours, annealing: {ANNEALINGS[annealing]}, {units} units"
    return [(flow, whose, f"0 to {longest}", gain.mean, (gain.low, gain.high), gain.n, *images,
             *more, float(gaps["free_energy"].mean()))]  # fmt: skip


def _over_images(none: pd.Series, long: pd.Series, load_arrays: LoadArrays) -> tuple[Cell, ...]:
    """How many pairs' arrays are kept, their mean gain and its interval over images.

    Nothing where no pair has them.
    """
    kept = [pair for pair in zip(none, long, strict=True) if all(row["arrays"] for row in pair)]
    if not kept:
        return None, None, None
    before, after = (
        np.stack([load_arrays(row)["nll"].astype(np.float64) for row in part])
        for part in zip(*kept, strict=True)
    )
    found = over_images(before - after)
    return len(kept), found.mean, (found.low, found.high)


def _beside(published: pd.DataFrame) -> pd.DataFrame:
    """The -ln p that `table_2` shows beside ours."""
    shown = published[(published["experiment"] == EXPERIMENT) & (published["metric"] == "nll")]
    artefacts = shown["paper"].map({paper: GROUPS[paper][0] for paper in BESIDE})
    variants = [variant in PUBLISHED_VARIANTS.values() for variant in shown["variant"]]
    alike = shown["model"].isin(FLOW_LABELS) & pd.Series(variants, shown.index, dtype=bool)
    return shown[(shown["artefact"] == artefacts) & alike]


def _theirs(
    published: pd.DataFrame, paper: str, flow: str, length: int, annealing: str
) -> Published | None:
    artefact = GROUPS[paper][0]
    line = published_line(published, paper, artefact, EXPERIMENT, flow, "nll", annealing)
    return line.get(length)


def _spread(found: Interval) -> Cell:
    return (found.mean, found.sd) if found.n else None


def _value(entry: Published | None) -> float | None:
    return None if entry is None else entry.value
