"""The best approximate posterior of each datum by itself, and the exact one on a grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap

from repro.flows.planar import Planar
from repro.models.normal import log_normal

LogJoint = Callable[[Tensor], Tensor]  # latents (M, N, Z) -> log p(x, z) (M, N) in nats
NODES = 24  # Gauss-Hermite nodes a latent with which bounds are measured
GRID_ROWS = 4000


@dataclass(frozen=True)
class LocalPosterior:
    """Gaussians of N data, mean and log-variance (N, Z), and their flows' values (N, P)."""

    mean: Tensor
    log_variance: Tensor
    flow: Planar | None = None
    values: Tensor | None = None

    def sample(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Points (M, N, Z) and their log-densities (M, N) for standard normals (M, N, Z)."""

        def one(part: Tensor) -> tuple[Tensor, Tensor]:
            z = self.mean + torch.exp(0.5 * self.log_variance) * part
            log_q = log_normal(part) - 0.5 * self.log_variance.sum(dim=-1)
            if self.flow is None:
                return z, log_q
            z, log_det = self.flow(z, self.values)
            return z, log_q - log_det

        return vmap(one)(noise)

    def log_density(self, z: Tensor, index: int) -> Tensor:
        """Log-density (B,) of one datum's posterior at z (B, Z)."""
        log_det = torch.zeros(len(z))
        if self.flow is not None and self.values is not None:
            z, log_det = self.flow.inverse(z, self.values[index].expand(len(z), -1))
        mean, log_variance = self.mean[index], self.log_variance[index]
        noise = (z - mean) * torch.exp(-0.5 * log_variance)
        return log_normal(noise) - 0.5 * log_variance.sum() + log_det


def bound(posterior: LocalPosterior, log_joint: LogJoint) -> Tensor:
    """The evidence lower bound (N,) in nats by Gauss-Hermite quadrature over the base noise."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    latents = posterior.mean.shape[1]
    axis = torch.tensor(nodes, dtype=posterior.mean.dtype)
    share = torch.tensor(weights / weights.sum(), dtype=posterior.mean.dtype).log()
    noise = torch.cartesian_prod(*[axis] * latents).view(-1, 1, latents)
    share = torch.cartesian_prod(*[share] * latents).view(-1, latents).sum(dim=-1)
    total = torch.zeros_like(posterior.mean[:, 0])
    with torch.no_grad():
        for part, weight in zip(noise.split(NODES), share.exp().split(NODES), strict=True):
            z, log_q = posterior.sample(part.expand(-1, len(posterior.mean), -1))
            total += (weight[:, None] * (log_joint(z) - log_q)).sum(dim=0)
    return total


def optimise(
    start: LocalPosterior,
    log_joint: LogJoint,
    updates: int,
    samples: int,
    rate: float,
    source: torch.Generator,
) -> LocalPosterior:
    """Raise each datum's bound by Adam on fresh samples, its rate falling along a cosine.

    Data share nothing, so that one program optimises all of them at once.
    """
    parameters = [start.mean.clone(), start.log_variance.clone()]
    if start.values is not None:
        parameters.append(start.values.clone())
    for parameter in parameters:
        parameter.requires_grad_()
    adam = torch.optim.Adam(parameters, lr=rate)
    course = torch.optim.lr_scheduler.CosineAnnealingLR(adam, updates)
    for _ in range(updates):
        posterior = LocalPosterior(parameters[0], parameters[1], start.flow, *parameters[2:])
        half = torch.randn(samples // 2, *start.mean.shape, generator=source)
        z, log_q = posterior.sample(torch.cat((half, -half)))
        loss = (log_q - log_joint(z)).mean(dim=0).sum()
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        adam.step()
        course.step()
    found = [parameter.detach() for parameter in parameters]
    return LocalPosterior(found[0], found[1], start.flow, *found[2:])


def best_of(
    candidates: list[LocalPosterior], log_joint: LogJoint
) -> tuple[LocalPosterior, Tensor]:
    """For each datum the candidate with the highest bound, and that bound (N,)."""
    bounds = torch.stack([bound(one, log_joint) for one in candidates])  # (C, N)
    highest, which = bounds.max(dim=0)
    rows = torch.arange(len(which))

    def chosen(parts: list[Tensor]) -> Tensor:
        return torch.stack(parts)[which, rows]

    mean = chosen([one.mean for one in candidates])
    log_variance = chosen([one.log_variance for one in candidates])
    values = [one.values for one in candidates if one.values is not None]
    picked = chosen(values) if values else None
    return LocalPosterior(mean, log_variance, candidates[0].flow, picked), highest


@dataclass(frozen=True)
class Grid:
    """Log p(x, z) of N data on a square grid of two latents.

    Points z (G, 2), log-joints (N, G) in nats, and the log-area of a cell.
    """

    z: Tensor
    log_joint: Tensor
    log_cell: float

    def log_evidence(self) -> Tensor:
        """Log p(x) (N,) in nats, by summation in float64."""
        return torch.logsumexp(self.log_joint.double(), dim=1) + self.log_cell

    def every_other(self) -> Tensor:
        """Log p(x) (N,) on every other line of the grid, to tell what its spacing costs."""
        side = math.isqrt(len(self.z))
        coarse = self.log_joint.view(-1, side, side)[:, ::2, ::2].flatten(1).double()
        return torch.logsumexp(coarse, dim=1) + self.log_cell + math.log(4)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance (N, 2) of the exact posterior of each datum."""
        share = torch.softmax(self.log_joint, dim=1)
        mean = share @ self.z
        return mean, (share @ self.z**2 - mean**2).clamp_min(1e-6)

    def modes(self) -> Tensor:
        """The grid point (N, 2) of highest posterior density of each datum."""
        return self.z[self.log_joint.argmax(dim=1)]


def on_grid(log_likelihood: Callable[[Tensor], Tensor], reach: float, step: float) -> Grid:
    """Log p(x, z) on a grid from -reach to reach; `log_likelihood` maps z (B, 2) to (N, B)."""
    half = round(reach / step)
    axis = torch.arange(-half, half + 1) * step
    z = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        parts = [log_likelihood(part) + log_normal(part) for part in z.split(GRID_ROWS)]
    return Grid(z, torch.cat(parts, dim=1), 2 * math.log(step))
