"""Bounds from importance weights and by annealing, against a model whose evidence is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from repro.models.annealed_importance import annealed_log_weights, learnt_steps, log_mean
from repro.models.bounds import effective_samples, free_energy, negative_log_likelihood

NOISE_SD = 0.3


def _source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _log_p(x: torch.Tensor) -> torch.Tensor:
    """Evidence of x (B, Z) = z + noise under z ~ N(0, I)."""
    return torch.distributions.Normal(0.0, math.sqrt(1 + NOISE_SD**2)).log_prob(x).sum(dim=-1)


def _log_likelihood(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    return torch.distributions.Normal(z, NOISE_SD).log_prob(x).sum(dim=-1)


def test_weights_of_the_prior_bound_the_evidence_from_above_and_near_it() -> None:
    x = torch.tensor([[0.5, -0.3], [1.0, 0.2]])
    z = torch.randn(20_000, 2, 2, generator=_source())
    weights = _log_likelihood(x, z)
    found = negative_log_likelihood(weights)
    torch.testing.assert_close(found, -_log_p(x), atol=0.08, rtol=0)
    assert (free_energy(weights) > found + 1).all()
    few = negative_log_likelihood(weights.view(2000, 10, 2).transpose(0, 1).reshape(10, 4000))
    assert few.mean() > found.mean() + 0.1


def test_the_posterior_s_own_weights_are_all_equal_and_all_count() -> None:
    weights = torch.full((7, 3), -2.5)
    torch.testing.assert_close(free_energy(weights), torch.full((3,), 2.5))
    torch.testing.assert_close(negative_log_likelihood(weights), torch.full((3,), 2.5))
    torch.testing.assert_close(effective_samples(weights), torch.full((3,), 7.0))
    weights[0] += 100
    torch.testing.assert_close(effective_samples(weights), torch.ones(3))


def _linear() -> tuple[Callable[[torch.Tensor], torch.Tensor], torch.Tensor]:
    """Log p(x | z) of a datum of eight features under five latents, and its log p(x)."""
    source = _source(5)
    weight = torch.randn(8, 5, generator=source)
    x = weight @ torch.randn(5, generator=source) + 0.5 * torch.randn(8, generator=source)
    covariance = weight @ weight.T + 0.25 * torch.eye(8)
    evidence = torch.distributions.MultivariateNormal(torch.zeros(8), covariance).log_prob(x)
    return lambda z: torch.distributions.Normal(z @ weight.T, 0.5).log_prob(x).sum(-1), evidence


def test_steps_that_pilots_set_leave_the_weights_unbiased() -> None:
    """The mean of the weights is p(x) within 3 standard errors, of about .012 of it."""
    log_likelihood, evidence = _linear()
    chains, pilots = 4000, 4
    steps = learnt_steps(log_likelihood, pilots, pilots, 5, 500, _source(1))
    assert steps.shape == (500, 1)
    found = annealed_log_weights(
        log_likelihood, chains, 5, 500, _source(0), steps.expand(-1, chains)
    )
    ratio = (found - evidence).exp()
    error = ratio.std() / chains**0.5
    assert error < 0.02
    assert abs(ratio.mean() - 1) < 3 * error


def test_pilots_of_a_datum_share_their_steps_and_know_no_other_s() -> None:
    narrow, wide = 0.05, 2.0  # the posterior of the first datum is much narrower
    sizes = torch.tensor([narrow, wide]).repeat_interleave(3)[:, None]
    steps = learnt_steps(
        lambda z: torch.distributions.Normal(z, sizes).log_prob(torch.zeros(1)).sum(-1),
        6, 3, 2, 200, _source(),
    )  # fmt: skip
    assert steps.shape == (200, 2)
    assert (steps[0] == steps[0, 0]).all()
    assert steps[-1, 0] < 0.5 * steps[-1, 1]


@pytest.mark.parametrize("dim", [2, 5])
def test_annealing_finds_the_evidence_without_a_posterior(dim: int) -> None:
    x = torch.randn(3, dim, generator=_source(1)) * 1.2
    rows = x.repeat_interleave(40, dim=0)
    found = annealed_log_weights(
        lambda z: _log_likelihood(rows, z), len(rows), dim, 300, _source()
    )
    estimate = log_mean(found.view(3, 40), dim=1)
    torch.testing.assert_close(estimate, _log_p(x), atol=0.25, rtol=0)
    assert found.view(3, 40).std(dim=1).max() < 2.0  # about 30 for weights of the prior
