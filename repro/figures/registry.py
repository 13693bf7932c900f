"""Which function draws an experiment: the `figures:` word of its YAML, looked up."""

from __future__ import annotations

from repro.figures.audit.arms import draw_arms
from repro.figures.audit.batch import draw_batch
from repro.figures.audit.depth import draw_depth_arms
from repro.figures.audit.gap import draw_gap
from repro.figures.audit.samples import draw_samples
from repro.figures.audit.untrained import draw_untrained
from repro.figures.audit.variance import draw_variance
from repro.figures.bounds import draw_mnist_bounds
from repro.figures.bounds_check import draw_bounds_check
from repro.figures.bounds_length import draw_training_length
from repro.figures.bounds_patches import draw_cifar_bounds
from repro.figures.checks import draw_circulant, draw_determinants
from repro.figures.density import draw_density
from repro.figures.dimensions import draw_dimensions
from repro.figures.energies import draw_energies
from repro.figures.energy_optimisers import draw_optimisers
from repro.figures.flow_gallery import draw_gallery
from repro.figures.gin import draw_gin
from repro.figures.identifiability import draw_2d
from repro.figures.iflow_mnist import draw_iflow_mnist
from repro.figures.inference import draw_inference_gap
from repro.figures.material import Draw
from repro.figures.nvf_images import draw_nvf_images
from repro.figures.nvf_jacobian import draw_jacobian
from repro.figures.nvf_latents import draw_nvf_latents
from repro.figures.nvf_tabular import draw_tabular
from repro.figures.nvf_times import draw_times
from repro.figures.nvf_toy import draw_toy
from repro.figures.sweep import draw_sweep
from repro.figures.tabular_gaussian import draw_gaussian

FIGURES: dict[str, Draw] = {
    "energy_fits": draw_energies,
    "energy_optimisers": draw_optimisers,
    "flow_gallery": draw_gallery,
    "circular_convolution": draw_circulant,
    "convolution_density": draw_density,
    "determinant_identities": draw_determinants,
    "gin_sources": draw_gin,
    "audit_arms": draw_arms,
    "audit_batch": draw_batch,
    "audit_depth": draw_depth_arms,
    "audit_gap": draw_gap,
    "audit_samples": draw_samples,
    "audit_variance": draw_variance,
    "baselines": draw_untrained,
    "identifiability_2d": draw_2d,
    "iflow_mnist": draw_iflow_mnist,
    "mcc_sweep": draw_sweep,
    "nvf_jacobian": draw_jacobian,
    "nvf_tabular": draw_tabular,
    "nvf_times": draw_times,
    "nvf_toy": draw_toy,
    "nvf_images": draw_nvf_images,
    "nvf_latents": draw_nvf_latents,
    "per_dimension": draw_dimensions,
    "tabular_gaussian": draw_gaussian,
    "mnist_bounds": draw_mnist_bounds,
    "bounds_check": draw_bounds_check,
    "mnist_training_length": draw_training_length,
    "cifar_bounds": draw_cifar_bounds,
    "inference_gap": draw_inference_gap,
}
