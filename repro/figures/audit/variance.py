"""What moves an MCC: the data set, the model's own randomness, or the rounding of its weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repro.figures.audit.frame import arms_in, audit_frame, runs, spell
from repro.figures.material import Material, Product
from repro.figures.rows import Rows
from repro.figures.style import (
    MODEL_COLOURS,
    MODEL_MARKERS,
    Layout,
    page_title,
    panel_page,
    styled,
)
from repro.figures.tables import Cell, Column, Table
from repro.report.variance import Components, crossed_components

ROUNDING = "_rounding"
SOURCES = {
    "data": "data seed",
    "model": "model seed",
    "rest": "both together",
    "rounding": "rounding",
}
LAYOUT = Layout(panel=(3.0, 2.2), gap=(0.0, 0.0), left=0.58, right=1.2, top=0.42, bottom=0.5)
EXPLANATION = (
    "Standard deviation of the MCC that each source explains: data and model seed are crossed "
    "random effects; 'both together' is what neither explains alone, rounding included. Rounding: "
    "runs whose initial weights differ by a relative 1e-7. A negative estimate of a variance is "
    "shown as 0. Seeds: data x model."
)
COLUMNS = (
    Column("arm", "arm"), Column("data_seeds", "data seeds", "count"),
    Column("model_seeds", "model seeds", "count"), Column("mean", "MCC, mean", "number"),
    Column("data", "sd by data seed", "number"), Column("model", "sd by model seed", "number"),
    Column("rest", "sd of both together", "number"),
    Column("rounding", "sd by rounding", "number"),
    Column("change", "mean change by rounding", "number"),
    Column("largest", "largest change", "number"), Column("pairs", "pairs of runs", "count"),
)  # fmt: skip


def mcc_by_seeds(frame: pd.DataFrame, arm: str) -> pd.DataFrame:
    """An arm's MCC by data seed (rows) and model seed, of the data seeds that have them all."""
    return runs(frame, arm, "mcc").droplevel("layers").unstack("model_seed").dropna()


def components(frame: pd.DataFrame, arm: str) -> Components:
    """The components of variance of an arm's MCC over its crossed seeds."""
    return crossed_components(mcc_by_seeds(frame, arm).to_numpy())


def rounding_changes(frame: pd.DataFrame, arm: str) -> pd.Series:
    """The MCC of an arm's runs from rounded weights less that of the runs themselves."""
    return (runs(frame, arm + ROUNDING, "mcc") - runs(frame, arm, "mcc")).dropna()


@styled
def figure_variance(rows: Rows, notes: Sequence[str] = ()) -> Figure:
    """Draw the standard deviation that each source of variance explains, arm by arm."""
    frame = audit_frame(rows)
    figure, [[ax]] = panel_page(LAYOUT, 1, 1, [EXPLANATION, *notes])
    arms = _crossed(frame)
    for place, arm in enumerate(arms):
        model = str(frame.loc[frame["arm"] == arm, "model"].iloc[0])
        away = 0.12 * (place - (len(arms) - 1) / 2)
        at = np.arange(len(SOURCES)) + away
        values = list(_deviations(frame, arm).values())
        ax.vlines(at, 0, values, color=MODEL_COLOURS[model], linewidth=1.2)
        ax.plot(at, values, linestyle="none", marker=MODEL_MARKERS[model], markersize=5,
                color=MODEL_COLOURS[model],
                label=f"{spell(arm)}\n{_size(frame, arm)}")  # fmt: skip
    ax.set_xticks(range(len(SOURCES)), list(SOURCES.values()))
    ax.set_xlim(-0.5, len(SOURCES) - 0.5)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("sd of the MCC")
    ax.grid(axis="y")
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0)
    page_title(figure, "What moves an MCC")
    return figure


def table_variance(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of the components of variance and of what rounding changes."""
    frame = audit_frame(rows)
    return Table(
        "The variance of an MCC, split",
        COLUMNS,
        tuple(_line(frame, arm) for arm in _crossed(frame)),
        (EXPLANATION, *notes),
        "the stored rows",
    )


def draw_variance(given: Material) -> Iterator[Product]:
    """Yield the table of the components of variance, and their figure where there are any."""
    yield "table_variance", table_variance(given.rows, given.notes)
    frame = audit_frame(given.rows)
    found = [list(_deviations(frame, arm).values()) for arm in _crossed(frame)]
    if np.isfinite(found).any():
        yield "figure_variance", figure_variance(given.rows, given.notes)


def _size(frame: pd.DataFrame, arm: str) -> str:
    data_seeds, model_seeds = mcc_by_seeds(frame, arm).shape
    return f"{data_seeds} x {model_seeds} seeds"


def _crossed(frame: pd.DataFrame) -> list[str]:
    return [arm for arm in arms_in(frame) if not arm.endswith(ROUNDING)]


def _deviations(frame: pd.DataFrame, arm: str) -> dict[str, float]:
    found = components(frame, arm)
    changes = rounding_changes(frame, arm).to_numpy()
    rounding = float(np.sqrt(np.mean(changes**2) / 2)) if len(changes) else float("nan")
    return {"data": found.rows**0.5, "model": found.columns**0.5, "rest": found.rest**0.5,
            "rounding": rounding}  # fmt: skip


def _line(frame: pd.DataFrame, arm: str) -> tuple[Cell, ...]:
    values = runs(frame, arm, "mcc")
    changes = rounding_changes(frame, arm).abs()
    sds = _deviations(frame, arm)
    seeds = [values.index.get_level_values(name).nunique() for name in ("data_seed", "model_seed")]
    return (
        spell(arm), *seeds, float(values.mean()), *sds.values(),
        float(changes.mean()) if len(changes) else None,
        float(changes.max()) if len(changes) else None, len(changes),
    )  # fmt: skip
