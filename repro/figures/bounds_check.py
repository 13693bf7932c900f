"""F less its gap against a -log p that was found without the posterior."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from repro.errors import MissingResult
from repro.figures.bounds_rows import FLOW_LABELS, bounds_of, diverged_and_fall_notes
from repro.figures.forest import Mark, figure_forest
from repro.figures.material import Material, Product
from repro.figures.tables import MINUS, Cell, Column, Table
from repro.report.statistics import NORMAL_95

COLUMNS = (
    Column("flow", "posterior", labels=FLOW_LABELS), Column("length", "K", "count"),
    Column("model_seed", "model seed", "count"), Column("images", "images", "count"),
    Column("free_energy", "F", "number", 2), Column("gap", "gap", "number", 2),
    Column("nll_importance", f"F {MINUS} gap", "number", 2),
    Column("nll_annealed", f"{MINUS}ln p, annealed", "number", 2),
    Column("difference", "difference", "number", 2, signed=True),
    Column("difference_interval", "its 95 % interval", "interval", 2, signed=True),
    Column("nll_tighter", f"F {MINUS} gap by more samples", "number", 2),
    Column("difference_tighter", "difference by more samples", "number", 2, signed=True),
    Column("difference_tighter_interval", "its 95 % interval", "interval", 2, signed=True),
)  # fmt: skip
OWN_PAST = (
    "Here the step sizes of each annealed chain follow its own past, which leaves the annealed "
    f"{MINUS}ln p some tenths of a nat too high; mnist_check has it without that."
)
EXPLANATION = (
    f"F {MINUS} gap less {MINUS}ln p by annealed importance sampling, on the same test images: 0 "
    f"where the gap is the divergence of q from the posterior. Both estimates of {MINUS}ln p are "
    "too high on average, less so with more samples and more temperatures. Intervals: normal, "
    "over n images."
)


def draw_bounds_check(given: Material) -> Iterator[Product]:
    """Yield the figure and the table of the check.

    Raises: MissingResult where no row has one.
    """
    frame, _, _ = bounds_of(given, "mnist")
    foot = [*diverged_and_fall_notes(frame), *given.notes]
    table = check_table(frame, foot)
    if table is None:
        raise MissingResult("no row has an annealed check; set evaluation.annealed_images")
    marks = check_marks(frame)
    yield "figure_check", figure_forest(marks, f"nats above the annealed {MINUS}ln p",
                                        [EXPLANATION, *foot])  # fmt: skip
    yield "table_check", table


def check_table(frame: pd.DataFrame, notes: Sequence[str] = ()) -> Table | None:
    """Build the table that holds F - gap against a -ln p found without the posterior.

    None where no run has it.
    """
    runs = _checked(frame)
    if not runs:
        return None
    own_past = any(not run["row"]["config"]["evaluation"].get("annealed_pilots") for run in runs)
    return Table(
        f"F {MINUS} gap against {MINUS}ln p by annealed importance sampling",
        COLUMNS,
        tuple(_line(run, run["row"]["metrics"]["check"]) for run in runs),
        (EXPLANATION, *_samples_notes(runs), *([OWN_PAST] if own_past else []), *notes),
    )


def check_marks(frame: pd.DataFrame) -> list[Mark]:
    """Each run's difference by each number of samples, a group a posterior."""
    marks: list[Mark] = []
    for run in _checked(frame):
        check, config = run["row"]["metrics"]["check"], run["row"]["config"]["evaluation"]
        name, length = FLOW_LABELS[run["flow"]], int(run["length"])
        group = f"{name}, K = {length}" if length else name
        counts = {"": config["importance_samples"], "_tighter": config.get("tighter_samples")}
        for suffix, count in counts.items():
            if f"difference{suffix}" in check:
                low, high = _ends(check, suffix)
                label = f"seed {int(run['model_seed'])}, {count:,} samples"
                value = check[f"difference{suffix}"]
                marks.append(Mark(group, label, value, low, high, int(check["images"])))
    return marks


def _samples_notes(runs: Sequence[Mapping[Any, Any]]) -> list[str]:
    """How many importance samples F, its gap and the tighter estimate are of, where known."""
    found = [run["row"]["config"]["evaluation"] for run in runs]
    tighter = [run for run in runs if "difference_tighter" in run["row"]["metrics"]["check"]]
    few, more = _counts(found, "importance_samples"), _counts(found, "tighter_samples")
    if not few:
        return []
    return [f"Importance samples: {few}{f'; more: {more}' if tighter and more else ''}."]


def _counts(found: Sequence[Mapping[str, Any]], key: str) -> str:
    counts = {int(one[key]) for one in found if one.get(key)}
    return " and ".join(f"{count:,}" for count in sorted(counts))


def _checked(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    runs = frame[frame["done"]].to_dict("records")
    return [run for run in runs if "check" in run["row"]["metrics"]]


def _line(run: Mapping[Any, Any], check: Mapping[str, Any]) -> tuple[Cell, ...]:
    tighter = "difference_tighter" in check
    return (
        run["flow"], int(run["length"]), int(run["model_seed"]), int(check["images"]),
        check["free_energy"], check["free_energy"] - check["nll_importance"],
        check["nll_importance"], check["nll_annealed"], check["difference"], _ends(check, ""),
        check.get("nll_tighter"), check.get("difference_tighter"),
        _ends(check, "_tighter") if tighter else None,
    )  # fmt: skip


def _ends(check: Mapping[str, Any], suffix: str) -> tuple[float, float]:
    half = NORMAL_95 * (check[f"difference{suffix}_se"] or float("nan"))
    value = check[f"difference{suffix}"]
    return value - half, value + half
