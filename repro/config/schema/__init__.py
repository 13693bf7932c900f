"""The types of every configured value: one dataclass a section and name, with limits.

A section's `name` chooses its dataclass, its kind. A kind without a `name` stands under "".
"""

from __future__ import annotations

from repro.config.schema.checks import Circulant, Determinants
from repro.config.schema.density import DENSITY_DATA, DensityScoring, Timing, VariationalFlow
from repro.config.schema.energies import (
    AnnealedSteps,
    DrawnFlow,
    Draws,
    Energies,
    FullGaussian,
    Nice,
    Planar,
    Radial,
    Shapes,
)
from repro.config.schema.flows import (
    ConvolutionStack,
    CouplingFlow,
    Gin,
    HiddenSources,
    Mixture,
    Waves,
)
from repro.config.schema.identifiable import IVAE, Fidelity, IFlow, Scoring, Sources
from repro.config.schema.image_flows import IFlowImage, ImageScores, NVFImage, Pixels
from repro.config.schema.images import (
    BinaryImages,
    Bounds,
    ImagePatches,
    InferenceGaps,
    LatentGaussian,
)
from repro.config.schema.nothing import Nothing
from repro.config.schema.running import SCALES, Cost, Experiment, Local, Paths, Run, Slurm
from repro.config.schema.training import Adam, Constant, Cosine, Milestones, Plateau, Steps

__all__ = ["NOT_IDENTITY", "SCALES", "SCIENCE", "SECTIONS", "Cost", "Experiment", "Run"]

# Section -> the values of its `name` -> its type. A section with one nameless type uses "".
SECTIONS: dict[str, dict[str, type]] = {
    "data": {
        "sources": Sources,
        "energies": Energies,
        "shapes": Shapes,
        "binary_images": BinaryImages,
        "image_patches": ImagePatches,
        "pixels": Pixels,
        "hidden_sources": HiddenSources,
        "mixture": Mixture,
        "waves": Waves,
        **DENSITY_DATA,
        "none": Nothing,
    },
    "model": {
        "iflow": IFlow,
        "ivae": IVAE,
        "planar": Planar,
        "radial": Radial,
        "nice": Nice,
        "gaussian": FullGaussian,
        "drawn_flow": DrawnFlow,
        "latent_gaussian": LatentGaussian,
        "nvf_image": NVFImage,
        "iflow_image": IFlowImage,
        "variational_flow": VariationalFlow,
        "gin": Gin,
        "coupling_flow": CouplingFlow,
        "convolution_stack": ConvolutionStack,
        "none": Nothing,
    },
    "training": {"": Adam, "steps": Steps, "annealed": AnnealedSteps, "none": Nothing},
    "training.schedule": {
        "plateau": Plateau,
        "constant": Constant,
        "cosine": Cosine,
        "milestones": Milestones,
    },
    "evaluation": {
        "": Scoring,
        "draws": Draws,
        "bounds": Bounds,
        "inference_gaps": InferenceGaps,
        "images": ImageScores,
        "density": DensityScoring,
        "timing": Timing,
        "determinants": Determinants,
        "circulant": Circulant,
        "none": Nothing,
    },
    "fidelity": {"": Fidelity, "none": Nothing},
    "launcher": {"local": Local, "slurm": Slurm},
    "paths": {"": Paths},
}
SCIENCE = ("data", "model", "training", "evaluation")  # sections of a run's identity
NOT_IDENTITY = {"training": ("checkpoint_minutes",)}
