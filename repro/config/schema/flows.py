"""Small flows, of sources hidden among noise and of densities, and the data they learn."""

from __future__ import annotations

from dataclasses import dataclass

from repro.config.schema.limits import limited

TRANSFORMERS = ("affine", "convolution")
BOUNDARIES = ("circular", "symmetric")  # how a convolution goes on past the ends


@dataclass
class HiddenSources:
    """A few sources among noise in `dim` dimensions, behind a random network of `blocks` blocks.

    `noise` is the standard deviation of the dimensions that are no source.
    """

    name: str
    dim: int = limited(at_least=2)
    sources: int = limited(at_least=1)
    clusters: int = limited(at_least=1)
    points: int = limited(at_least=10)
    noise: float = limited(above=0.0, example=0.01)
    blocks: int = limited(at_least=1)


@dataclass
class Mixture:
    """A mixture of random Gaussians; `points` to learn from, and as many to score on."""

    name: str
    dim: int = limited(at_least=2)
    components: int = limited(at_least=1)
    points: int = limited(at_least=10)


@dataclass
class Waves:
    """Sampled waves of random phase, height and frequency, with noise of this deviation."""

    name: str
    dim: int = limited(at_least=4)
    noise: float = limited(at_least=0.05)
    points: int = limited(at_least=10)


@dataclass
class Gin:
    """Coupling blocks to a Gaussian a cluster; `widths` are their networks' hidden layers."""

    name: str
    blocks: int = limited(at_least=1)
    widths: list[int] = limited(at_least=1)  # noqa: RUF009
    clamp: float = limited(above=0.0, example=2.0)
    volume_preserving: bool = limited()
    input_noise: float = limited(at_least=0.0)


@dataclass
class CouplingFlow:
    """Couplings of halves with random permutations between them."""

    name: str
    transformer: str = limited(choices=TRANSFORMERS)
    layers: int = limited(at_least=1)
    widths: list[int] = limited(at_least=1)  # noqa: RUF009
    clamp: float = limited(above=0.0, example=2.0)
    boundary: str = limited(choices=BOUNDARIES, omitted_at="circular")


@dataclass
class ConvolutionStack:
    """Convolutions of all features with gates between them; no network.

    It is as long as it can be with no more parameters than a coupling flow of `layers` couplings,
    whose networks have hidden layers of these `widths`.
    """

    name: str
    layers: int = limited(at_least=1)
    widths: list[int] = limited(at_least=1)  # noqa: RUF009
    boundary: str = limited(choices=BOUNDARIES, omitted_at="circular")
