"""Log-likelihoods by annealed importance sampling, which needs no approximate posterior."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

LogLikelihood = Callable[[Tensor], Tensor]  # latents (R, Z) -> log p(x | z) (R,) in nats

LEAPFROGS = 5
ACCEPTED = 0.65  # the share of moves that step sizes are steered to
FIRST_STEP = 0.1


def annealed_log_weights(
    log_likelihood: LogLikelihood, rows: int, dim: int, temperatures: int, source: torch.Generator
) -> Tensor:
    """Log-weights (R,) in nats, one a chain, whose exponentials average to p(x).

    Each chain starts at the prior N(0, I) and is carried to the posterior over `temperatures`
    steps of a sigmoid ladder, with one Hamiltonian move a step. Step sizes follow each chain's
    own past. A row of the latents that `log_likelihood` takes is a chain of its own datum.

    Source: Neal 2001 (Annealed importance sampling); Wu et al. 2017 (arXiv 1611.04273), appendix
    A, for ladder and step sizes.
    """
    z = torch.randn(rows, dim, generator=source)
    log_weight = torch.zeros(rows)
    chain = _Chain(log_likelihood, z)
    ladder = _ladder(temperatures)
    for before, after in itertools.pairwise(ladder):
        log_weight += (after - before) * chain.value
        chain.move(float(after), source)
    return log_weight


def _ladder(temperatures: int) -> Tensor:
    """Inverse temperatures (T + 1,) from 0 to 1, dense at both ends."""
    steps = torch.sigmoid(torch.linspace(-4, 4, temperatures + 1, dtype=torch.float64))
    return (steps - steps[0]) / (steps[-1] - steps[0])


class _Chain:
    """The points of R chains with their log-likelihoods, and step sizes that learn."""

    def __init__(self, log_likelihood: LogLikelihood, z: Tensor) -> None:
        self._log_likelihood = log_likelihood
        self._z = z
        self.value, self._slope = self._look(z)
        self._step = torch.full((len(z),), FIRST_STEP)
        self._accepted = torch.full((len(z),), ACCEPTED)

    def move(self, temperature: float, source: torch.Generator) -> None:
        """One Hamiltonian move of each chain that leaves its tempered posterior as it is."""
        momentum = torch.randn(self._z.shape, generator=source)
        start = self._energy(self._z, self.value, momentum, temperature)
        z, value, slope = self._z, self.value, self._slope
        step = self._step[:, None]
        for _ in range(LEAPFROGS):
            momentum = momentum + 0.5 * step * (temperature * slope - z)
            z = z + step * momentum
            value, slope = self._look(z)
            momentum = momentum + 0.5 * step * (temperature * slope - z)
        end = self._energy(z, value, momentum, temperature)
        taken = torch.rand(len(z), generator=source).log() < start - end
        self._z = torch.where(taken[:, None], z, self._z)
        self._slope = torch.where(taken[:, None], slope, self._slope)
        self.value = torch.where(taken, value, self.value)
        self._learn(taken)

    def _learn(self, taken: Tensor) -> None:
        self._accepted = 0.9 * self._accepted + 0.1 * taken
        factor = torch.where(self._accepted > ACCEPTED, 1.02, 0.98)
        self._step = (self._step * factor).clamp(1e-4, 1.0)

    def _look(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihoods (R,) and their slopes (R, Z) at z (R, Z)."""
        z = z.detach().requires_grad_()
        with torch.enable_grad():
            value = self._log_likelihood(z)
            (slope,) = torch.autograd.grad(value.sum(), z)
        return value.detach(), slope

    def _energy(self, z: Tensor, value: Tensor, momentum: Tensor, temperature: float) -> Tensor:
        kinetic = 0.5 * (momentum * momentum).sum(dim=-1)
        return kinetic + 0.5 * (z * z).sum(dim=-1) - temperature * value


def log_mean(log_weights: Tensor, dim: int) -> Tensor:
    """The log of the mean of exponentials along a dimension."""
    return torch.logsumexp(log_weights, dim=dim) - math.log(log_weights.shape[dim])
