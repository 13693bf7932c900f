"""The task `flow_times`: its kinds; it trains nothing."""

from __future__ import annotations

from repro.config.tasks.rules import Rules, none

RULES = Rules(
    kinds={
        "data": ("standard_normal",),
        "model": ("variational_flow",),
        "training": ("none",),
        "evaluation": ("timing",),
        "fidelity": ("none",),
    },
    updates=none,
)
