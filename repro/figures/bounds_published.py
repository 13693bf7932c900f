"""Every published bound on MNIST, those included that no run of ours repeats."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repro.figures.bounds_rows import FLOW_LABELS
from repro.figures.published import noted
from repro.figures.tables import MINUS, Cell, Column, Table

EXPERIMENT, READ_OFF = "mnist_bounds", "figure 4"  # whose table 2 has the same numbers
OTHER_LABELS = {
    "hvi": "Hamiltonian, K leapfrog steps", "darn": "DARN", "hvae": "Hamiltonian VAE",
    "ffjord": "FFJORD", "glow": "Glow", "nsf_c": "RQ-NSF (C)", "nsf_ar": "RQ-NSF (AR)",
    "iaf": "IAF",
    "gaussian": "Gaussian",
}  # fmt: skip
VARIANTS = {
    "unannealed": "not annealed", "kl_annealing": "KL annealed", "vamp_prior": "VampPrior",
}  # fmt: skip
COLUMNS = (
    Column("paper", "source"), Column("artefact", "where"),
    Column("model", "posterior", labels=FLOW_LABELS | OTHER_LABELS),
    Column("length", "K", "count"), Column("variant", "variant", labels=VARIANTS),
    Column("free_energy", "F", "number", 2), Column("nll", f"{MINUS}ln p", "number", 2),
)  # fmt: skip
PLACE = ["title", "artefact", "model", "length", "variant"]


def table_published(published: pd.DataFrame, notes: Sequence[str] = ()) -> Table | None:
    """Build the table of the published F and -ln p (nats) on MNIST; None where there are none."""
    chosen = published[
        (published["experiment"] == EXPERIMENT)
        & published["metric"].isin(["free_energy", "nll"])
        & (published["artefact"] != READ_OFF)
    ]
    if chosen.empty:
        return None
    lines = [_line(group) for _, group in chosen.groupby(PLACE, sort=False, dropna=False)]
    return Table(
        "Published bounds on MNIST",
        COLUMNS,
        tuple(lines),
        (
            "Of different networks, binarisations and lengths of training: a level is not "
            "comparable with another source's, differences within one source are.",
            *noted(chosen),
            *notes,
        ),
        "the papers, reports and pages named",
    )


def _line(group: pd.DataFrame) -> tuple[Cell, ...]:
    first = group.iloc[0]
    values = dict(zip(group["metric"], group["value"], strict=True))
    length = None if pd.isna(first["length"]) else int(first["length"])
    variant = None if pd.isna(first["variant"]) else str(first["variant"])
    return (str(first["title"]), str(first["artefact"]), str(first["model"]), length, variant,
            values.get("free_energy"), values.get("nll"))  # fmt: skip
