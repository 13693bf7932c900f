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
    log_likelihood: LogLikelihood,
    rows: int,
    dim: int,
    temperatures: int,
    source: torch.Generator,
    steps: Tensor | None = None,
) -> Tensor:
    """Log-weights (R,) in nats, one a chain, whose exponentials average to p(x).

    Each chain starts at the prior N(0, I) and is carried to the posterior over `temperatures`
    steps of a sigmoid ladder, with one Hamiltonian move a step. A row of the latents that
    `log_likelihood` takes is a chain of its own datum. `steps` (T, R) are the moves' step sizes,
    from `learnt_steps` of other chains. Without them each chain's follow its own past, so that a
    move depends on where the chain has been: then the average is some percent below p(x), more
    in more dimensions.

    Source: Neal 2001 (Annealed importance sampling); Wu et al. 2017 (arXiv 1611.04273), appendix
    A, for the ladder.
    """
    own = _Steps(rows, 1)
    log_weight = torch.zeros(rows)
    chain = _Chain(log_likelihood, torch.randn(rows, dim, generator=source))
    for index, (before, after) in enumerate(itertools.pairwise(_ladder(temperatures))):
        log_weight += (after - before) * chain.value
        sizes = own.sizes if steps is None else steps[index]
        own.learn(chain.move(float(after), sizes, source))
    return log_weight


def learnt_steps(
    log_likelihood: LogLikelihood,
    rows: int,
    pilots: int,
    dim: int,
    temperatures: int,
    source: torch.Generator,
) -> Tensor:
    """Step sizes (T, R / pilots) that pilot chains learn for a datum, `pilots` rows each.

    Fixed afterwards, they leave every tempered posterior of other chains as it is.

    Source: the pilot run is ours; Wu et al. 2017 (arXiv 1611.04273), appendix A, for the share of
    accepted moves.
    """
    steps = _Steps(rows, pilots)
    chain = _Chain(log_likelihood, torch.randn(rows, dim, generator=source))
    found = []
    for temperature in _ladder(temperatures)[1:]:
        found.append(steps.of_data)
        steps.learn(chain.move(float(temperature), steps.sizes, source))
    return torch.stack(found)


def _ladder(temperatures: int) -> Tensor:
    """Inverse temperatures (T + 1,) from 0 to 1, dense at both ends."""
    steps = torch.sigmoid(torch.linspace(-4, 4, temperatures + 1, dtype=torch.float64))
    return (steps - steps[0]) / (steps[-1] - steps[0])


class _Steps:
    """Step sizes that follow the share of moves taken by the chains of a datum, `chains` each."""

    def __init__(self, rows: int, chains: int) -> None:
        self._chains = chains
        self.of_data = torch.full((rows // chains,), FIRST_STEP)
        self._accepted = torch.full((rows // chains,), ACCEPTED)

    @property
    def sizes(self) -> Tensor:
        """The step size (R,) of each chain."""
        return self.of_data.repeat_interleave(self._chains)

    def learn(self, taken: Tensor) -> None:
        """Lengthen or shorten the steps after the moves (R,) that were taken or not."""
        share = taken.view(-1, self._chains).float().mean(dim=1)
        self._accepted = 0.9 * self._accepted + 0.1 * share
        factor = torch.where(self._accepted > ACCEPTED, 1.02, 0.98)
        self.of_data = (self.of_data * factor).clamp(1e-4, 1.0)


class _Chain:
    """The points of R chains with their log-likelihoods."""

    def __init__(self, log_likelihood: LogLikelihood, z: Tensor) -> None:
        self._log_likelihood = log_likelihood
        self._z = z
        self.value, self._slope = self._look(z)

    def move(self, temperature: float, steps: Tensor, source: torch.Generator) -> Tensor:
        """One Hamiltonian move of each chain by `steps` (R,); whether each was taken (R,).

        It leaves the tempered posterior as it is, where the steps do not depend on the chain.
        """
        momentum = torch.randn(self._z.shape, generator=source)
        start = self._energy(self._z, self.value, momentum, temperature)
        z, value, slope = self._z, self.value, self._slope
        step = steps[:, None]
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
        return taken

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
