"""The task `tabular_gaussian`: its kinds; it trains nothing."""

from __future__ import annotations

from repro.config.schema.density import TABULAR
from repro.config.tasks.rules import Rules, none

RULES = Rules(
    kinds={
        "data": (*TABULAR, "bsds300_patches"),
        "model": ("none",),
        "training": ("none",),
        "evaluation": ("none",),
        "fidelity": ("none",),
    },
    updates=none,
)
