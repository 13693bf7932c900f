"""What each arm is worth: its MCC, and its effect on the MCC of the same data and model seeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from repro.figures.audit.active_units import draw_active_units
from repro.figures.audit.frame import COLLAPSED, arms_in, audit_frame, by_seed, paired, runs, spell
from repro.figures.audit.learning_rate import figure_learning_rate, shared_runs
from repro.figures.baselines import baseline_notes
from repro.figures.forest import Mark, figure_forest
from repro.figures.material import Material, Product
from repro.figures.rows import Rows
from repro.figures.tables import Cell, Column, Table
from repro.report.statistics import mean_interval

MEASURES = {"mcc": "MCC as scored", "mcc_posterior_mean": "MCC of the posterior mean"}
REFERENCES = ("as_released", "hidden_32", "ivae")  # what the other arms are compared with
EXPLANATION = (
    "An effect is an arm's MCC less that of the arm in the heading, on the same data and model "
    "seeds: its mean over n data seeds with a 95 % interval (Student-t for n up to 30, a seeded "
    "BCa bootstrap above). Hollow and grey: the interval holds 0."
)
UNLIKE = (
    "Where an arm has other data, the same seed makes another data set, and an effect is no lead "
    "on either."
)
COLUMNS = (
    Column("arm", "arm"), Column("n", "data seeds", "count"), Column("runs", "runs", "count"),
    Column("parameters", "parameters", "count"),
    Column("mcc", "MCC: mean (sd)", "spread"), Column("interval", "95 % interval", "interval"),
    Column("mean_mcc", "of the posterior mean", "number"),
    Column("within", "within segments", "number"),
    Column("effect", "effect on MCC", "number", signed=True),
    Column("effect_interval", "its 95 % interval", "interval", signed=True),
    Column("wins", "better on", "ratio"), Column("collapsed", "lost sources", "ratio"),
    Column("rate", "learning rate at the end (median)"),
    Column("low_at", "under 1e-5 at iteration (median)"),
    Column("diverged", "diverged", "count"),
)  # fmt: skip


def reference_of(frame: pd.DataFrame) -> str:
    """The arm that the others are compared with: one of REFERENCES, else the first."""
    arms = arms_in(frame)
    return next((arm for arm in REFERENCES if arm in arms), arms[0])


def arm_effects(rows: Rows, measures: Iterable[str] = MEASURES) -> list[Mark]:
    """Each arm's effect on the MCC, paired with the reference, a group a measure.

    A measure that equals the one before it in every row (an exact flow has one latent) is left
    out, as is an arm without a common seed.
    """
    frame = audit_frame(rows)
    reference = reference_of(frame)
    marks: list[Mark] = []
    seen: list[np.ndarray] = []
    for measure in measures:
        own = np.concatenate([runs(frame, arm, measure).to_numpy() for arm in arms_in(frame)])
        if any(np.array_equal(own, other) for other in seen):
            continue
        seen.append(own)
        for arm in arms_in(frame, reference):
            ours = mean_interval(paired(frame, arm, reference, measure).to_numpy())
            if arm != reference and ours.n > 1:
                group = f"{MEASURES.get(measure, measure)}, less {spell(reference)}"
                marks.append(Mark(group, spell(arm), ours.mean, ours.low, ours.high, ours.n))
    return marks


def unlike_data(frame: pd.DataFrame) -> list[str]:
    """A sentence where arms differ in their data, of which a seed then makes other sets."""
    configs = {json.dumps(row["config"]["data"], sort_keys=True) for row in frame["row"]}
    return [UNLIKE] if len(configs) > 1 else []


def table_arms(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of arms: MCC, effect, lost sources and what became of the learning rate."""
    frame = audit_frame(rows)
    reference = reference_of(frame)
    lines = tuple(_line(frame, arm, reference) for arm in arms_in(frame, reference))
    return Table(
        "What each arm is worth",
        COLUMNS,
        lines,
        (
            "n counts data seeds; a data seed's value is the mean over its model seeds. 95 % "
            "intervals: Student-t for n up to 30, a seeded BCa bootstrap above. Sds have ddof 1.",
            f"The effect is the arm's MCC less that of {spell(reference)} on the same data and "
            f"model seeds. A source is lost where its matched correlation is below {COLLAPSED}. A "
            "dash: not measured when the rows were made.",
            *_shared_note(frame, reference),
            *unlike_data(frame),
            *baseline_notes(rows),
            *notes,
        ),
        "the stored rows",
    )


def draw_arms(given: Material) -> Iterator[Product]:
    """Yield the table of arms, their effects, the learning rate, and what latents tell."""
    yield "table_arms", table_arms(given.rows, given.notes)
    if marks := arm_effects(given.rows):
        below = [EXPLANATION, *unlike_data(audit_frame(given.rows)), *given.notes]
        yield "figure_effects", figure_forest(marks, "effect on the MCC", below)
    yield "figure_learning_rate", figure_learning_rate(given.rows, given.notes)
    yield from draw_active_units(given)


def _shared_note(frame: pd.DataFrame, reference: str) -> list[str]:
    """What the reference scores on the runs that all arms have, where it has others, too."""
    own = runs(frame, reference, "mcc")
    common = shared_runs(frame, arms_in(frame))
    shared = runs(common, reference, "mcc")
    if not len(shared) or len(shared) == len(own):
        return []
    seeds = by_seed(shared)
    return [
        f"On the {len(shared)} runs that all arms have ({len(seeds)} data seeds) the MCC of "
        f"{spell(reference)} is {seeds.mean():.4f} on average."
    ]


def _line(frame: pd.DataFrame, arm: str, reference: str) -> tuple[Cell, ...]:
    own = frame[frame["arm"] == arm]
    done = own[own["done"]]
    ours = mean_interval(by_seed(runs(frame, arm, "mcc")).to_numpy())
    change = paired(frame, arm, reference, "mcc")
    effect = mean_interval(change.to_numpy())
    compared = arm != reference and effect.n > 0
    matched = [c for row in done["row"] for c in row["metrics"]["correlations"]]
    lost = sum(c < COLLAPSED for c in matched)
    return (
        spell(arm), ours.n, len(done), _common(done, "parameters"), (ours.mean, ours.sd),
        (ours.low, ours.high), _mean(frame, arm, "mcc_posterior_mean"),
        _mean(frame, arm, "mcc_within_segment"), effect.mean if compared else None,
        (effect.low, effect.high) if compared else None,
        (int((change > 0).sum()), effect.n) if compared else None, (lost, len(matched)),
        _median(runs(frame, arm, "at.end.learning_rate"), "{:.2g}"), _low_at(done),
        int((~own["done"]).sum()),
    )  # fmt: skip


def _mean(frame: pd.DataFrame, arm: str, metric: str) -> float:
    return float(by_seed(runs(frame, arm, metric)).mean())


def _common(done: pd.DataFrame, metric: str) -> int | None:
    found = {row["metrics"].get(metric) for row in done["row"]}
    return found.pop() if len(found) == 1 else None


def _median(values: pd.Series, form: str) -> str | None:
    return form.format(float(values.median())) if len(values) else None


def _low_at(done: pd.DataFrame) -> str | None:
    """The median iteration, "never" included; rows from before the metric do not count."""
    key = "learning_rate_low_at"
    found = [row["metrics"][key] for row in done["row"] if key in row["metrics"]]
    if not found:
        return None
    middle = float(np.median([np.inf if value is None else value for value in found]))
    return "never" if np.isinf(middle) else f"{middle:,.0f}"
