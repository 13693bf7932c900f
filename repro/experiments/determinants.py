"""The task `determinants`: closed forms of Jacobian determinants against autograd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.experiments.untrained import seed_by_seed
from repro.flows.autoregressive import AutoregressiveAffine
from repro.flows.base import Bijection, Chain
from repro.flows.conditioners import Conditioner, Perceptron
from repro.flows.convolution import Convolution
from repro.flows.coupling import AffineCoupling, Split, VolumePreservingCoupling
from repro.flows.linear import DiagonalScaling, LULinear, Permutation
from repro.flows.nice import Nice
from repro.flows.orthogonal import Orthogonal
from repro.flows.parametric import Static
from repro.flows.planar import Planar
from repro.flows.radial import Radial
from repro.flows.sylvester import Sylvester
from repro.jobs import Context, Outcome, SeedPair
from repro.randomness import generator

SPREAD = 0.3  # how far parameters are moved from where they start
LINE = torch.linspace(-6, 6, 4001, dtype=torch.float64)  # w'x + b along which a layer may fold

Map = Callable[[Tensor], tuple[Tensor, Tensor]]  # x (B, D) to y (B, D) and log|det| (B,)


def perceptron(inputs: int, outputs: int) -> Conditioner:
    """A small conditioner."""
    return Perceptron(inputs, outputs, (8,))


FLOWS: dict[str, Callable[[int], Bijection]] = {
    "planar": lambda dim: Static(Planar(dim, 1, centred=False)),
    "radial": lambda dim: Static(Radial(dim, 1)),
    "coupling": lambda dim: AffineCoupling(Split(dim), perceptron),
    "nice": lambda dim: Static(Nice(dim, 2, 8, activation="tanh")),
    "gin": lambda dim: VolumePreservingCoupling(Split(dim), perceptron),
    "plu": lambda dim: Chain([Permutation(dim), LULinear(dim)]),
    "scaling": DiagonalScaling,
    "orthogonal": Orthogonal,
    "sylvester": lambda dim: Static(Sylvester(dim, 1)),
    "autoregressive": lambda dim: AutoregressiveAffine(dim, 16, 1),
    "convolution": lambda dim: Static(Convolution(dim, 1)),
}


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Check every identity on the random inputs of each seed; one outcome a seed.

    Raises:
        Interrupted: when asked to stop.
    """
    return seed_by_seed(seeds, context, lambda pair: _outcome(config["evaluation"], pair))


def _outcome(evaluation: dict[str, Any], pair: SeedPair) -> Outcome:
    source = generator(pair.data_seed, "data")
    with _float64(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(pair.data_seed, "init").initial_seed())
        errors = {
            name: [_error(make(dim), dim, evaluation, source) for dim in evaluation["dims"]]
            for name, make in FLOWS.items()
        }
    errors["planar_lemma"] = [
        _largest_error(_unconstrained(dim, source), dim, evaluation, source)
        for dim in evaluation["dims"]
    ]
    errors["matrix_lemma"] = [_lemma_error(dim, source) for dim in evaluation["dims"]]
    metrics = {
        "error": {name: max(found) for name, found in errors.items()},
        "by_dim": errors,
        "largest_error": max(max(found) for found in errors.values()),
        "planar": _folds(evaluation["layers"], source),
    }
    return Outcome(pair, "done", metrics)


@contextmanager
def _float64() -> Iterator[None]:
    """Make modules in float64: fixed matrices that are rounded later are orthogonal no more."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(usual)


def _error(
    flow: Bijection, dim: int, evaluation: dict[str, Any], source: torch.Generator
) -> float:
    """Largest error of a flow's log-determinant, all of its parameters moved at random."""
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(SPREAD * _normal(source, *parameter.shape))
    return _largest_error(flow, dim, evaluation, source)


def _largest_error(
    flow: Map, dim: int, evaluation: dict[str, Any], source: torch.Generator
) -> float:
    """Largest difference, over random points, of claimed and automatic log|det|."""
    x = _normal(source, evaluation["points"], dim).requires_grad_()
    y, claimed = flow(x)
    columns = [torch.autograd.grad(y[:, i].sum(), x, retain_graph=True)[0] for i in range(dim)]
    automatic = torch.linalg.slogdet(torch.stack(columns, dim=1)).logabsdet
    return float((automatic - claimed).detach().abs().max())


def _unconstrained(dim: int, source: torch.Generator) -> Map:
    """A planar layer whose w'u may be anything, with log|1 + u'psi(x)|.

    Source: Rezende & Mohamed 2015, equations 10 to 12.
    """
    w, u, b = _normal(source, dim), 2 * _normal(source, dim), _normal(source, 1)

    def layer(x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tanh(x @ w + b)
        return x + h[:, None] * u, torch.log((1 + (1 - h * h) * (w @ u)).abs())

    return layer


def _lemma_error(dim: int, source: torch.Generator) -> float:
    """Error of det(I + u v') = 1 + v'u for random vectors."""
    u, v = _normal(source, dim), _normal(source, dim)
    dense = torch.linalg.det(torch.eye(dim, dtype=u.dtype) + torch.outer(u, v))
    return float((dense - (1 + v @ u)).abs())


def _folds(layers: int, source: torch.Generator) -> dict[str, Any]:
    """Which random planar layers fold space: those on either side of w'u = -1, and constrained.

    A layer moves w'x + b along a line as a + w'u tanh(a): it folds where that ever falls. The
    constraint makes u' = u + (m(w'u) - w'u) w / |w|^p; right is p = 2, p = 1 a known mistake.
    """
    inside = -1 + 3 * torch.rand(layers, generator=source, dtype=torch.float64)
    beyond = -1 - 2 * (1 - torch.rand(layers, generator=source, dtype=torch.float64))
    w, u = (2 * _normal(source, layers, 3) for _ in range(2))
    along, squared = (w * u).sum(-1), (w * w).sum(-1)
    lift = torch.nn.functional.softplus(along) - 1 - along
    constrained = along + lift
    mistaken = along + lift * squared.sqrt()
    return {
        "folded_inside": _share_folded(inside),
        "folded_beyond": _share_folded(beyond),
        "folded_constrained": _share_folded(constrained),
        "folded_mistaken": _share_folded(mistaken),
        "curve": _curve(),
    }


def _share_folded(along: Tensor) -> float:
    """Share of layers, given their w'u (L,), along whose line the image turns back."""
    return float(_falls(along).any(dim=-1).double().mean())


def _falls(along: Tensor) -> Tensor:
    """Where (L, N) the slope 1 + w'u (1 - tanh(a)^2) is negative."""
    slope = 1 + along[:, None] * (1 - torch.tanh(LINE) ** 2)
    return slope < 0


def _curve() -> dict[str, list[float]]:
    """Share of the line that each of some w'u turns back."""
    along = np.round(np.arange(-3.0, 1.01, 0.1), 6)
    share = _falls(torch.from_numpy(along)).double().mean(dim=-1)
    return {"w_u": along.tolist(), "share": share.tolist()}


def _normal(source: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=source, dtype=torch.float64)
