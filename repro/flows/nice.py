"""NICE as the comparator of Rezende & Mohamed: additive couplings between fixed mixings."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from repro.flows.orthogonal import random_orthogonal
from repro.flows.parametric import Family, affine, by_layer


def random_permutation(dim: int) -> Tensor:
    """The matrix (D, D) of a random permutation."""
    return torch.eye(dim)[torch.randperm(dim)]


MIXINGS: dict[str, Callable[[int], Tensor]] = {
    "orthogonal": random_orthogonal,
    "permutation": random_permutation,
}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "tanh": torch.tanh}


class Nice(Family):
    """K layers that mix D features and add a network of the first half to the second.

    The networks have `depth` hidden layers of H units. Mixings are fixed and random, and undone
    after the last layer, so that the stack starts at the identity. Its determinant is 1, or that
    of a positive diagonal matrix at its end, if there is `scaling`.

    Source: Dinh et al. 2014 (NICE, arXiv 1410.8516); the mixings are those of Rezende & Mohamed
    2015, section 6.1, who do not say what networks they had.
    """

    mixing: Tensor
    undo: Tensor

    def __init__(
        self,
        dim: int,
        length: int,
        hidden: int,
        *,
        depth: int = 1,
        mixing: str = "orthogonal",
        scaling: bool = False,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        self.dim, self.length, self.scaling = dim, length, scaling
        self.activation = ACTIVATIONS[activation]
        self.passed = dim // 2
        self.widths = (self.passed, *[hidden] * depth, dim - self.passed)
        sizes = ((o * i, o) for i, o in itertools.pairwise(self.widths))
        self.sizes = tuple(itertools.chain.from_iterable(sizes))
        self.parameter_count = length * sum(self.sizes) + (dim if scaling else 0)
        mixings = torch.stack([MIXINGS[mixing](dim) for _ in range(length)])
        self.register_buffer("mixing", mixings)
        self.register_buffer("undo", _product(mixings))

    def initial(self) -> Tensor:
        """Hidden layers as nn.Linear has them, last ones near 0, scales of 1."""
        layers = []
        for _ in range(self.length):
            for inputs, outputs in itertools.pairwise(self.widths):
                bound = 1 / max(inputs, 1) ** 0.5
                layers.append(torch.empty(outputs * inputs + outputs).uniform_(-bound, bound))
            layers[-1] = 1e-2 * layers[-1]
        return torch.cat([*layers, torch.zeros(self.dim if self.scaling else 0)])

    def forward(self, x: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, D) through every layer, given values (P,) or (B, P)."""
        layers, log_scales = self._parts(values)
        for mixing, *network in zip(self.mixing, *layers, strict=True):
            x = self._add(x @ mixing, network, 1)
        y = x @ self.undo * log_scales.exp()
        return y, log_scales.sum(dim=-1).expand(len(x))

    def inverse(self, y: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back through every layer, in closed form."""
        layers, log_scales = self._parts(values)
        x = (y * (-log_scales).exp()) @ self.undo.T
        for mixing, *network in reversed(list(zip(self.mixing, *layers, strict=True))):
            x = self._add(x, network, -1) @ mixing.T
        return x, -log_scales.sum(dim=-1).expand(len(y))

    def _parts(self, values: Tensor) -> tuple[list[Tensor], Tensor]:
        """Networks' weights (K, ..., O, I) and biases (K, ..., O) in turn; log-scales (..., D)."""
        end = self.length * sum(self.sizes)
        flat = by_layer(values[..., :end], self.length, self.sizes)
        shapes = itertools.pairwise(self.widths)
        layers = []
        for (inputs, outputs), weight, bias in zip(shapes, flat[::2], flat[1::2], strict=True):
            layers += [weight.unflatten(-1, (outputs, inputs)), bias]
        scales = values[..., end:]
        return layers, scales if self.scaling else values.new_zeros(self.dim)

    def _add(self, x: Tensor, network: list[Tensor], sign: int) -> Tensor:
        """Add to the second part of x (B, D), or take from it, the network of the first."""
        passed, moved = x[:, : self.passed], x[:, self.passed :]
        *hidden, last = zip(network[::2], network[1::2], strict=True)
        h = passed
        for weight, bias in hidden:
            h = self.activation(affine(h, weight, bias))
        return torch.cat((passed, moved + sign * affine(h, *last)), dim=-1)


def _product(mixings: Tensor) -> Tensor:
    """The inverse (D, D) of the product of orthogonal matrices (K, D, D), first to last."""
    total = torch.eye(mixings.shape[-1], dtype=mixings.dtype)
    for mixing in mixings:
        total = total @ mixing
    return total.T
