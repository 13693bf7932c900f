"""The task `baselines`: data sets and nothing else."""

from __future__ import annotations

from repro.config.tasks.rules import Rules, none

RULES = Rules(
    kinds={
        "data": ("sources",),
        "model": ("none",),
        "training": ("none",),
        "evaluation": ("none",),
        "fidelity": ("none",),
    },
    updates=none,
)
