"""The tasks `energy_fit` and `flow_gallery`: their kinds."""

from __future__ import annotations

from repro.config.tasks.rules import Rules, none, steps

FIT = Rules(
    kinds={
        "data": ("energies",),
        "model": ("planar", "radial", "nice", "gaussian"),
        "training": ("annealed",),
        "evaluation": ("draws",),
        "fidelity": ("none",),
    },
    updates=steps,
)
GALLERY = Rules(
    kinds={
        "data": ("shapes",),
        "model": ("drawn_flow",),
        "training": ("none",),
        "evaluation": ("none",),
        "fidelity": ("none",),
    },
    updates=none,
)
