"""The list of bijections that every property is tested on: a new flow is one more line in it."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from repro.flows.autoregressive import AutoregressiveAffine, AutoregressiveSpline
from repro.flows.base import Bijection, Chain
from repro.flows.boundaries import SYMMETRIC
from repro.flows.conditioners import Conditioner, ResidualConditioner
from repro.flows.convolution import Convolution, ConvolutionalCoupling
from repro.flows.coupling import (
    AffineCoupling,
    SplineCoupling,
    Split,
    VolumePreservingCoupling,
)
from repro.flows.linear import DiagonalScaling, LULinear, Permutation, Reverse
from repro.flows.nice import Nice
from repro.flows.orthogonal import Orthogonal
from repro.flows.parametric import Amortised, Family, Static
from repro.flows.planar import Planar
from repro.flows.radial import Radial
from repro.flows.spline import ElementwiseSpline
from repro.flows.sylvester import Sylvester

BOUND = 3.0
BINS = 5
DIMS = (1, 2, 5)
CONTEXT = 3


class Given(Bijection):
    """A conditional bijection with one fixed context (C,) for every row."""

    context: Tensor

    def __init__(self, conditional: Bijection) -> None:
        super().__init__()
        self.conditional = conditional
        self.register_buffer("context", torch.tensor([0.5, -1.0, 2.0][:CONTEXT]))

    def dropout_shape(self, batch: int) -> tuple[int, ...] | None:
        return self.conditional.dropout_shape(batch)

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return self.conditional(x, dropout, self.context.expand(len(x), -1))

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.conditional.inverse(y, self.context.expand(len(y), -1))


def spline(dim: int) -> AutoregressiveSpline:
    return AutoregressiveSpline(dim, hidden=12, blocks=2, bins=BINS, bound=BOUND)


def spline_of_blocks(dim: int) -> AutoregressiveSpline:
    """One whose masks are staircases of blocks, where it has masks."""
    layer = AutoregressiveSpline(dim, hidden=64, blocks=1, bins=6, bound=BOUND)
    assert dim == 1 or layer.network.last.is_staircase
    return layer


def released_chain(dim: int) -> Chain:
    step = [[Permutation(dim), LULinear(dim), spline(dim)] for _ in range(2)]
    return Chain([*itertools.chain(*step), Permutation(dim), LULinear(dim)])


# Families of maps given by a vector of values: each is tested static and amortised.
FAMILIES: dict[str, Callable[[int], Family]] = {
    "planar": lambda dim: Planar(dim, 3),
    "planar_as_published": lambda dim: Planar(dim, 3, centred=False),
    "radial": lambda dim: Radial(dim, 3),
    "nice_orthogonal": lambda dim: Nice(dim, 3, 8, activation="tanh"),
    "nice_permutation_scaled": lambda dim: Nice(
        dim, 3, 6, depth=2, mixing="permutation", scaling=True, activation="tanh"
    ),
    "sylvester_orthogonal": lambda dim: Sylvester(dim, 2, min(dim - 1, 3)),
    "sylvester_householder": lambda dim: Sylvester(dim, 2, reflections=3),
    "circular_convolution": lambda dim: Convolution(dim, 2),
    "symmetric_convolution": lambda dim: Convolution(dim, 2, boundary=SYMMETRIC),
}


def amortised(name: str) -> Callable[[int], Bijection]:
    return lambda dim: Given(Amortised(FAMILIES[name](dim), CONTEXT))


def static(name: str) -> Callable[[int], Bijection]:
    return lambda dim: Static(FAMILIES[name](dim))


def residual(inputs: int, outputs: int) -> Conditioner:
    return ResidualConditioner(inputs, outputs, 12, 2)


def conditional_residual(inputs: int, outputs: int) -> Conditioner:
    return ResidualConditioner(inputs, outputs, 12, 1, CONTEXT)


BIJECTIONS: dict[str, Callable[[int], Bijection]] = {
    "permutation": Permutation,
    "reverse": lambda dim: Reverse(),
    "diagonal_scaling": DiagonalScaling,
    "orthogonal": Orthogonal,
    "lu": LULinear,
    "elementwise_spline": lambda dim: ElementwiseSpline(dim, BINS, BOUND),
    "autoregressive_spline": spline,
    "autoregressive_spline_of_blocks": spline_of_blocks,
    "empty_chain": lambda dim: Chain([]),
    "chain": released_chain,
    **{name: static(name) for name in FAMILIES},
    "amortised_planar": amortised("planar"),
    "affine_coupling": lambda dim: AffineCoupling(Split(dim, alternate=True), residual),
    "volume_preserving_coupling": lambda dim: VolumePreservingCoupling(
        Split(dim, swapped=True), residual
    ),
    "spline_coupling": lambda dim: SplineCoupling(
        Split(dim, alternate=True, swapped=True), residual, BINS, BOUND, unconditional=True
    ),
    "conditional_spline_coupling": lambda dim: Given(
        SplineCoupling(Split(dim), conditional_residual, BINS, BOUND)
    ),
    "convolutional_coupling": lambda dim: ConvolutionalCoupling(Split(dim), residual),
    "symmetric_convolutional_coupling": lambda dim: ConvolutionalCoupling(
        Split(dim), residual, boundary=SYMMETRIC
    ),
    "autoregressive_affine": lambda dim: AutoregressiveAffine(dim, 12, 2),
    "conditional_autoregressive_spline": lambda dim: Given(
        AutoregressiveSpline(dim, 12, 2, BINS, BOUND, CONTEXT)
    ),
}
# Of one feature none passes a coupling, an autoregressive one sees no context, none is rotated.
SMALLEST = {
    name: 2
    for name in BIJECTIONS
    if any(kind in name for kind in ("coupling", "conditional", "orthogonal", "sylvester"))
}
SMALLEST["volume_preserving_coupling"] = 5  # one feature alone cannot be scaled
LARGEST = {"circular_convolution": 100.0, "symmetric_convolution": 100.0}  # inverses are steep


@dataclass(frozen=True)
class Case:
    """A bijection to be made, of D features."""

    name: str
    dim: int

    def make(self, seed: int = 0, spread: float = 0.1) -> Bijection:
        """The bijection with every parameter moved at random, wide weights less."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            bijection = BIJECTIONS[self.name](self.dim)
            with torch.no_grad():
                for parameter in bijection.parameters():
                    wide = max(1.0, parameter.shape[-1] / 32) if parameter.dim() == 2 else 1.0
                    parameter += spread / wide * torch.randn_like(parameter)
        return bijection

    def points(self, count: int = 64, seed: int = 0) -> Tensor:
        """Random points (count, D), most of them inside the box."""
        source = torch.Generator().manual_seed(seed)
        return 1.5 * torch.randn(count, self.dim, generator=source)

    def awkward_points(self, *sizes: float) -> Tensor:
        """Points (N, D) at 0, at the box's edge, next to it and at +-`sizes`: alike and mixed."""
        edge = torch.tensor(BOUND)
        inside, outside = torch.nextafter(edge, edge * 0), torch.nextafter(edge, edge * 2)
        largest = LARGEST.get(self.name, math.inf)
        within = (min(size, largest) for size in sizes)
        values = torch.tensor([0.0, BOUND, inside, outside, *within])
        values = torch.cat((values, -values))
        source = torch.Generator().manual_seed(1)
        mixed = values[torch.randint(len(values), (40, self.dim), generator=source)]
        return torch.cat((values[:, None].expand(-1, self.dim), mixed))


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


CASES = [(name, dim) for name in BIJECTIONS for dim in DIMS if dim >= SMALLEST.get(name, 1)]


@pytest.fixture(params=CASES, ids=lambda p: f"{p[0]}-{p[1]}d")
def case(request) -> Case:
    return Case(*request.param)


@pytest.fixture(params=FAMILIES)
def make_family(request) -> Callable[[int], Family]:
    return FAMILIES[request.param]
