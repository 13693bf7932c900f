"""Which function draws an experiment: the `figures:` word of its YAML, looked up.

A function is imported when its experiment is drawn, so that a module which cannot be imported
keeps no other experiment from being drawn, and configs can be checked without matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from repro.figures.material import Draw

FIGURES: dict[str, str] = {
    "energy_fits": "repro.figures.energies:draw_energies",
    "energy_optimisers": "repro.figures.energy_optimisers:draw_optimisers",
    "flow_gallery": "repro.figures.flow_gallery:draw_gallery",
    "circular_convolution": "repro.figures.checks:draw_circulant",
    "convolution_density": "repro.figures.density:draw_density",
    "determinant_identities": "repro.figures.checks:draw_determinants",
    "gin_sources": "repro.figures.gin:draw_gin",
    "audit_arms": "repro.figures.audit.arms:draw_arms",
    "audit_batch": "repro.figures.audit.batch:draw_batch",
    "audit_depth": "repro.figures.audit.depth:draw_depth_arms",
    "audit_gap": "repro.figures.audit.gap:draw_gap",
    "audit_samples": "repro.figures.audit.samples:draw_samples",
    "audit_variance": "repro.figures.audit.variance:draw_variance",
    "baselines": "repro.figures.audit.untrained:draw_untrained",
    "identifiability_2d": "repro.figures.identifiability:draw_2d",
    "iflow_mnist": "repro.figures.iflow_mnist:draw_iflow_mnist",
    "ivae_capacity": "repro.figures.ivae_capacity:draw_capacity",
    "mcc_sweep": "repro.figures.sweep:draw_sweep",
    "nvf_jacobian": "repro.figures.nvf_jacobian:draw_jacobian",
    "nvf_tabular": "repro.figures.nvf_tabular:draw_tabular",
    "nvf_times": "repro.figures.nvf_times:draw_times",
    "nvf_toy": "repro.figures.nvf_toy:draw_toy",
    "nvf_images": "repro.figures.nvf_images:draw_nvf_images",
    "nvf_latents": "repro.figures.nvf_latents:draw_nvf_latents",
    "per_dimension": "repro.figures.dimensions:draw_dimensions",
    "tabular_gaussian": "repro.figures.tabular_gaussian:draw_gaussian",
    "mnist_bounds": "repro.figures.bounds:draw_mnist_bounds",
    "bounds_check": "repro.figures.bounds_check:draw_bounds_check",
    "mnist_training_length": "repro.figures.bounds_length:draw_training_length",
    "cifar_bounds": "repro.figures.bounds_patches:draw_cifar_bounds",
    "inference_gap": "repro.figures.inference:draw_inference_gap",
}


def find_draw(name: str) -> Draw:
    """Import the function that draws under a name of `FIGURES`."""
    module, _, function = FIGURES[name].partition(":")
    return cast("Draw", getattr(importlib.import_module(module), function))
