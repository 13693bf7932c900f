"""Non-stationary sources, the models that recover them, and how their latents are scored."""

from __future__ import annotations

from dataclasses import dataclass

from repro.config.schema.limits import limited

PRIORS = ("gauss", "laplace", "hypsecant")
SPREADS = ("standard_deviation", "variance")
NATURAL_PARAMETERS = ("softplus", "xi_only", "sigmoid", "sigmoid5")
PRIOR_MEANS = ("zero", "trainable")
ORDERS = ("fixed", "reshuffle")
LATENTS = ("sample", "mean")
ACTIVATIONS = ("lrelu", "xtanh")
INITIALISATIONS = ("xavier", "linear")
DECODER_NOISES = ("fixed", "learnable")


@dataclass
class Sources:
    """Non-stationary sources behind a random mixing network, a share of each segment held out."""

    name: str
    dim: int = limited(at_least=2)
    segments: int = limited(at_least=1)
    points_per_segment: int = limited(at_least=1)
    layers: int = limited(at_least=2)
    prior: str = limited(choices=PRIORS)
    centered: bool = limited()
    noise: float = limited(at_least=0.0)
    spread: str = limited(choices=SPREADS)
    held_out: float = limited(at_least=0.0, below=1.0, example=0.5, omitted_at=0.0)
    repeat_matrix: bool = limited(omitted_at=False)


@dataclass
class IFlow:
    """A spline flow whose base is a conditional Gaussian."""

    name: str
    flow_length: int = limited(at_least=1)
    bins: int = limited(at_least=2)
    tail_bound: float = limited(above=0.0, example=3.0)
    hidden: int = limited(at_least=1)
    blocks: int = limited(at_least=1)
    dropout: float = limited(at_least=0.0, below=1.0, example=0.25)
    lambda_hidden: list[int] | None = limited(at_least=1)  # noqa: RUF009
    natural_parameters: str = limited(choices=NATURAL_PARAMETERS)
    log_pi: bool = limited()


@dataclass
class IVAE:
    """A variational autoencoder whose prior is conditional."""

    name: str
    hidden: int = limited(at_least=1)
    depth: int = limited(at_least=1)
    slope: float = limited(at_least=0.0, below=1.0, example=0.1)
    decoder_variance: float = limited(above=0.0, example=0.01)
    prior_mean: str = limited(choices=PRIOR_MEANS)
    activation: str = limited(choices=ACTIVATIONS, omitted_at="lrelu")
    initialisation: str = limited(choices=INITIALISATIONS, omitted_at="xavier")
    decoder_noise: str = limited(choices=DECODER_NOISES, omitted_at="fixed")
    weight_reconstruction: float = limited(at_least=0.0, omitted_at=1.0)
    weight_information: float = limited(at_least=0.0, omitted_at=1.0)
    weight_correlation: float = limited(at_least=0.0, omitted_at=1.0)
    weight_dimensions: float = limited(at_least=0.0, omitted_at=1.0)


@dataclass
class Scoring:
    """When and how latents are scored; `at` in iterations from 0, `primary` one or "end".

    `held_out_points` (of each segment, null: all) is for likelihoods alone; identifiability is
    scored on all held-out points.
    """

    at: list[int] = limited(at_least=0)  # noqa: RUF009
    primary: str = limited()
    latent: str = limited(choices=LATENTS)
    importance_samples: int = limited(at_least=1)
    held_out_samples: int = limited(at_least=1, omitted_at=64)
    held_out_points: int | None = limited(at_least=1, omitted_at=None)
    samples_per_segment: int = limited(at_least=0, omitted_at=0)


@dataclass
class Fidelity:
    """The switches between the papers' text and their released code."""

    natural_parameters: str = limited(choices=NATURAL_PARAMETERS)
    log_pi: bool = limited()
    prior_mean: str = limited(choices=PRIOR_MEANS)
    spread: str = limited(choices=SPREADS)
    latent: str = limited(choices=LATENTS)
    order: str = limited(choices=ORDERS)
