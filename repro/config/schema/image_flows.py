"""Pixels as data, densities of them (NVF and iFlow), and how images are scored."""

from __future__ import annotations

from dataclasses import dataclass

from repro.config.schema.identifiable import NATURAL_PARAMETERS
from repro.config.schema.limits import limited

PIXEL_SETS = ("digits", "mnist", "fashion-mnist", "cifar-10", "celeba", "imagenet64")
PICTURES = ("plain", "released")
NOISES = ("uniform", "none")
SCALES_OF_PIXELS = ("centred", "logit")
COUPLINGS = ("additive", "affine", "spline")
LIKELIHOODS = ("flow", "gaussian")
LATENTS = ("none", "continuous", "discrete", "sequential")
FEATURES = ("classifier", "inception")


@dataclass
class Pixels:
    """Whole images of a public data set and how a density sees their pixels.

    `pictures` "released" shows grey images at 32 x 32 in three identical channels. The last
    `validation` training images are kept from training; `train_images` and `test_images` are the
    first so many (null: all). `margin` is the logit's; `batches` are CIFAR-10's.
    """

    name: str
    dataset: str = limited(choices=PIXEL_SETS, registered=True)
    batches: list[int] = limited(at_least=1, at_most=5)  # noqa: RUF009
    pictures: str = limited(choices=PICTURES)
    bits: int = limited(at_least=1, at_most=8)
    noise: str = limited(choices=NOISES)
    scale: str = limited(choices=SCALES_OF_PIXELS)
    margin: float = limited(above=0.0, below=0.5, example=1e-6)
    train_images: int | None = limited(at_least=1)
    validation: int = limited(at_least=1)
    test_images: int | None = limited(at_least=2)


@dataclass
class MultiScaleFlow:
    """A multi-scale flow of images; `flow_steps` and `flow_widths` have one value a level."""

    name: str
    flow_steps: list[int] = limited(at_least=0)  # noqa: RUF009
    flow_widths: list[int] = limited(at_least=1)  # noqa: RUF009
    coupling: str = limited(choices=COUPLINGS)
    bins: int = limited(at_least=2)
    tail_bound: float = limited(above=0.0, example=3.0)
    split_hidden: int = limited(at_least=1)


@dataclass
class NVFImage(MultiScaleFlow):
    """A latent variable and a density of images given it.

    `warm_up` updates raise the weight of the latent's cost from 0 to 1. The keys `prior_*` are of
    the GPT-2 prior of a sequential latent, which is trained after the density.
    """

    likelihood: str = limited(choices=LIKELIHOODS)
    latent: str = limited(choices=LATENTS)
    features: int = limited(at_least=1)
    latent_size: int = limited(at_least=1)
    variables: int = limited(at_least=1)
    categories: int = limited(at_least=2)
    temperature: float = limited(above=0.0, example=1.0)
    vocabulary: int = limited(at_least=2)
    code_width: int = limited(at_least=1)
    decay: float = limited(above=0.0, below=1.0, example=0.99)
    commitment: float = limited(at_least=0.0)
    warm_up: int = limited(at_least=0)
    condition_channels: int = limited(at_least=1)
    condition_couplings: bool = limited()
    prior_pretrained: bool = limited()
    prior_width: int = limited(at_least=1)
    prior_layers: int = limited(at_least=1)
    prior_heads: int = limited(at_least=1)
    prior_updates: int = limited(at_least=1)
    prior_batch_size: int = limited(at_least=1)
    prior_learning_rate: float = limited(above=0.0, example=0.0001)
    prior_weight_decay: float = limited(at_least=0.0)


@dataclass
class IFlowImage(MultiScaleFlow):
    """A multi-scale flow whose Gaussian base depends on the class, as iFlow's does."""

    lambda_hidden: list[int] | None = limited(at_least=1)  # noqa: RUF009
    natural_parameters: str = limited(choices=NATURAL_PARAMETERS)


@dataclass
class ImageScores:
    """How a density of images is scored, after the last update.

    `samples` are drawn for the Frechet distance in the features of a small `classifier`, trained
    on the same data set, or of `inception`; `sheet` of them are kept as a picture. `temperature`
    is that of the cooler second set of samples.
    """

    name: str
    samples: int = limited(at_least=2)
    sheet: int = limited(at_least=1)
    features: str = limited(choices=FEATURES)
    classifier_epochs: int = limited(at_least=1)
    temperature: float = limited(above=0.0, at_most=1.0, example=0.7)
