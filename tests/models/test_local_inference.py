"""Local posteriors and the grid against a linear model whose posterior is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from repro.flows.planar import Planar
from repro.models.local_inference import LocalPosterior, best_of, bound, on_grid, optimise

SD = 0.5
X = torch.tensor([[1.0, -0.4], [0.2, 0.9], [-1.5, 0.3]], dtype=torch.float64)


def _log_likelihood(z: Tensor) -> Tensor:
    """x = z + noise of sd .5: the log-density (..., N) of every datum at z (..., 2)."""
    return torch.distributions.Normal(z.unsqueeze(-2), SD).log_prob(X).sum(dim=-1)


def _log_joint(z: Tensor) -> Tensor:
    """Log p(x, z) (M, N) of every datum at its own z (M, N, 2)."""
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(dim=-1)
    return prior + torch.distributions.Normal(z, SD).log_prob(X).sum(dim=-1)


def _evidence() -> Tensor:
    return torch.distributions.Normal(0.0, math.sqrt(1 + SD**2)).log_prob(X).sum(dim=-1)


def _exact() -> LocalPosterior:
    """The posterior N(x / (1 + s^2), s^2 / (1 + s^2))."""
    variance = torch.full_like(X, SD**2 / (1 + SD**2))
    return LocalPosterior(X / (1 + SD**2), variance.log())


def test_the_grid_has_the_evidence_moments_and_modes() -> None:
    grid = on_grid(lambda z: _log_likelihood(z).T, 6.0, 0.1)
    expected = _evidence().double()
    torch.testing.assert_close(grid.log_evidence(), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(grid.every_other(), expected, atol=1e-4, rtol=0)
    mean, variance = grid.moments()
    exact = _exact()
    torch.testing.assert_close(mean, exact.mean, atol=1e-4, rtol=0)
    torch.testing.assert_close(variance, exact.log_variance.exp(), atol=1e-4, rtol=0)
    assert (grid.modes() - exact.mean).abs().max() <= 0.05 + 1e-6


def test_the_bound_is_the_evidence_at_the_posterior_and_lower_by_the_kl_elsewhere() -> None:
    exact = _exact()
    torch.testing.assert_close(bound(exact, _log_joint), _evidence(), atol=1e-4, rtol=0)
    other = LocalPosterior(exact.mean + 0.2, exact.log_variance + 0.5)
    q, p = (
        torch.distributions.Normal(one.mean, torch.exp(0.5 * one.log_variance))
        for one in (other, exact)
    )
    gap = torch.distributions.kl_divergence(q, p).sum(dim=-1)
    torch.testing.assert_close(bound(other, _log_joint), _evidence() - gap, atol=1e-4, rtol=0)


def test_a_density_is_that_of_the_samples_with_and_without_a_flow() -> None:
    torch.manual_seed(1)
    flow = Planar(2, 3)
    values = flow.initial().expand(3, -1) + 0.3 * torch.randn(3, flow.parameter_count)
    for posterior in (_exact(), LocalPosterior(X, X.sin(), flow, values)):
        z, log_q = posterior.sample(torch.randn(5, 3, 2))
        for index in range(3):
            found = posterior.log_density(z[:, index], index)
            torch.testing.assert_close(found, log_q[:, index], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("length", [0, 2])
def test_optimising_finds_the_posterior_from_afar(length: int) -> None:
    torch.manual_seed(0)
    flow = Planar(2, length) if length else None
    values = None if flow is None else flow.initial().expand(3, -1)
    start = LocalPosterior(X + 1, torch.zeros_like(X), flow, values)
    found = optimise(start, _log_joint, 200, 16, 0.05, torch.Generator().manual_seed(0))
    torch.testing.assert_close(bound(found, _log_joint), _evidence(), atol=0.01, rtol=0)
    assert (bound(start, _log_joint) < _evidence() - 0.5).all()
    torch.testing.assert_close(start.mean, X + 1)


def test_the_best_candidate_is_chosen_for_each_datum() -> None:
    exact = _exact()
    moved = exact.mean + torch.tensor([[0.0], [1.0], [0.0]])
    other = LocalPosterior(exact.mean + 1 - (moved - exact.mean), exact.log_variance)
    best, bounds = best_of([LocalPosterior(moved, exact.log_variance), other], _log_joint)
    torch.testing.assert_close(best.mean, exact.mean)
    torch.testing.assert_close(bounds, _evidence(), atol=1e-4, rtol=0)


def test_the_best_candidate_brings_its_flow() -> None:
    torch.manual_seed(1)
    exact, flow = _exact(), Planar(2, 2)
    straight = flow.initial().expand(3, -1)
    bent = straight + torch.randn(3, flow.parameter_count)
    second = torch.tensor([[False], [True], [True]])
    candidates = [
        LocalPosterior(exact.mean, exact.log_variance, flow, torch.where(which, bent, straight))
        for which in (second, ~second)
    ]
    best, bounds = best_of(candidates, _log_joint)
    assert torch.equal(best.values, straight)
    torch.testing.assert_close(bound(best, _log_joint), bounds)
