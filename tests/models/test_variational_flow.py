"""The flow with a latent variable: its losses against their formulas, alone and stacked."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from repro.models.base import count_parameters
from repro.models.latents import ContinuousLatent, DiscreteLatent, _straight_through
from repro.models.variational_flow import VariationalFlow, matched_width
from repro.training.seed_stack import SeedStack

CONFIG: dict[str, Any] = {
    "flow": "affine_coupling", "permute_affine": False, "length": 2, "hidden": 8, "blocks": 1,
    "bins": 4,
    "tail_bound": 3.0, "dropout": 0.0, "slope_limit": None, "latent": "discrete", "states": 3,
    "estimator": "straight_through", "importance_samples": 2000, "posterior_hidden": 8,
    "posterior_layers": 2, "match": "none",
}  # fmt: skip
LATENTS = [
    ("none", "straight_through"),
    ("discrete", "straight_through"),
    ("discrete", "summed"),
    ("discrete", "marginal"),
    ("continuous", "straight_through"),
]
FLOWS = ["affine_coupling", "spline_coupling", "spline_autoregressive"]


def make(dim: int = 2, seed: int = 0, **changes: Any) -> VariationalFlow:
    torch.manual_seed(seed)
    model = VariationalFlow({**CONFIG, **changes}, dim)
    with torch.no_grad():  # away from the initial identity
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model


def test_affine_couplings_have_permutations_where_asked_for() -> None:
    plain, permuted = (make(dim=5, permute_affine=value) for value in (False, True))
    kinds = [[type(m).__name__ for m in model.flow.members] for model in (plain, permuted)]
    assert "Permutation" not in kinds[0]
    layer = ["Permutation", "LULinear", "AffineCoupling"]
    assert kinds[1] == [*layer, *layer, "Permutation", "LULinear"]
    z, context = torch.randn(7, 5), torch.zeros(7, 3)
    x = permuted.generate(z, context)
    torch.testing.assert_close(permuted.flow(x, context=context)[0], z, atol=1e-4, rtol=0)


def source(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def log_p_given(model: VariationalFlow, x: Tensor, state: int) -> Tensor:
    context = torch.eye(model.latent.width)[torch.full((len(x),), state)]
    z, log_det = model.flow(x, None, context)
    return torch.distributions.Normal(0, 1).log_prob(z).sum(dim=-1) + log_det


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_the_released_loss_is_its_formula(flow: str, dropout: float) -> None:
    model = make(3, flow=flow, dropout=dropout)
    x = torch.randn(5, 3, generator=source())
    noise = model.draw_noise(5, source())
    assert noise is not None
    assert isinstance(model.latent, DiscreteLatent)
    masks, gumbels = model._unpacked(noise, 5)
    assert gumbels is not None
    assert (masks is None) == (dropout == 0)
    q = model.latent.responsibilities(x)
    chosen = torch.argmax(model.latent.posterior(x) + gumbels, dim=-1)  # type: ignore[misc]
    z, log_det = model.flow(x, masks, torch.eye(3)[chosen])
    log_p = torch.distributions.Normal(0, 1).log_prob(z).sum(dim=-1) + log_det
    divergence = (q * torch.log(q + 1e-10)).sum(dim=-1) - math.log(1 / 3)
    assert model(x, noise).item() == pytest.approx((divergence - log_p).mean().item(), rel=1e-5)


def test_straight_through_is_torchs_own() -> None:
    logits = torch.randn(6, 4, requires_grad=True)
    torch.manual_seed(3)
    theirs = torch.nn.functional.gumbel_softmax(logits, tau=1, hard=True)
    torch.manual_seed(3)
    ours = _straight_through(logits - torch.empty(6, 4).exponential_().log())
    weights = torch.randn(6, 4)
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad((y * weights).sum(), logits)[0] for y in (ours, theirs)]
    torch.testing.assert_close(*gradients)


def test_bounds_lie_below_the_mixture_and_reach_it_at_the_exact_posterior() -> None:
    summed, mixture = make(estimator="summed"), make(estimator="marginal")
    mixture.flow.load_state_dict(summed.flow.state_dict())
    x = torch.randn(64, 2, generator=source())
    exact = mixture.log_likelihood(x)
    by_state = torch.stack([log_p_given(summed, x, state) for state in range(3)])
    torch.testing.assert_close(exact, torch.logsumexp(by_state, 0) - math.log(3))
    assert mixture(x, None).item() == pytest.approx(-exact.mean().item(), rel=1e-5)
    assert summed(x, None).item() >= mixture(x, None).item()
    # With a posterior network that happens to be the exact posterior the bound is tight.
    one, posterior = x[:1], torch.log_softmax(by_state[:, 0], dim=0)
    assert isinstance(summed.latent, DiscreteLatent)
    last = summed.latent.posterior[-1]  # type: ignore[index]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(posterior)
    assert summed(one, None).item() == pytest.approx(-exact[0].item(), rel=1e-4)


def test_one_state_is_the_flow_alone_given_that_state() -> None:
    model = make(states=1)
    x = torch.randn(9, 2, generator=source())
    expected = log_p_given(model, x, 0)
    torch.testing.assert_close(model.log_likelihood(x), expected)
    loss = model(x, model.draw_noise(9, source()))
    assert loss.item() == pytest.approx(-expected.mean().item(), rel=1e-5)


def test_the_continuous_likelihood_agrees_with_quadrature() -> None:
    model = make(latent="continuous")
    assert isinstance(model.latent, ContinuousLatent)
    with torch.no_grad():  # a posterior that covers the prior
        model.latent.posterior[-1].weight.mul_(0.1)
        model.latent.posterior[-1].bias.copy_(torch.tensor([0.1, 0.2]))
    x = torch.randn(4, 2, generator=source())
    noise = model.latent.evaluation_noise(4, source())
    nodes = torch.linspace(-8, 8, 1601)
    rows = x.expand(1601, 4, 2).flatten(0, 1)
    given = model.given(None)(rows, nodes.repeat_interleave(4)[:, None]).unflatten(0, (1601, 4))
    log_p = given - 0.5 * nodes[:, None] ** 2
    exact = torch.logsumexp(log_p, 0) + math.log(0.01) - 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(model.log_likelihood(x, noise), exact, atol=0.1, rtol=0)


@pytest.mark.parametrize(("latent", "estimator"), LATENTS)
@pytest.mark.parametrize("flow", FLOWS)
def test_stacked_seeds_are_each_what_they_are_alone(
    latent: str, estimator: str, flow: str
) -> None:
    options = {"latent": latent, "estimator": estimator, "flow": flow, "importance_samples": 5}
    models = [make(3, seed, dropout=0.25, **options) for seed in (1, 2)]
    stack = SeedStack(models)
    x = torch.randn(2, 6, 3, generator=source())
    draws = [model.draw_noise(6, source(s)) for s, model in enumerate(models)]
    noise = torch.stack([draw for draw in draws if draw is not None])
    losses = stack.call("forward", x, noise, in_dims=(0, 0))
    alone = [model(one, draw) for model, one, draw in zip(models, x, noise, strict=True)]
    torch.testing.assert_close(losses, torch.stack(alone))
    gradients = torch.autograd.grad(losses.sum(), list(stack.parameters.values()))
    assert all(g.isfinite().all() for g in gradients)
    extra = models[0].latent.evaluation_noise(6, source())
    found = stack.call("log_likelihood", x, extra, in_dims=(0, None))
    torch.testing.assert_close(found[1], models[1].log_likelihood(x[1], extra))


def test_dropout_left_on_changes_the_likelihood() -> None:
    model = make(dropout=0.25)
    x = torch.randn(7, 2, generator=source())
    masks = model.draw_masks(7, source())
    assert not torch.allclose(model.log_likelihood(x, None, masks), model.log_likelihood(x))
    keep = torch.ones_like(masks)  # type: ignore[arg-type]
    torch.testing.assert_close(model.log_likelihood(x, None, keep), model.log_likelihood(x))


def test_a_row_keeps_its_dropout_in_every_state() -> None:
    model = make(dropout=0.25)
    x = torch.randn(7, 2, generator=source())
    masks = model.draw_masks(7, source())
    by_state = []
    for state in torch.eye(3):
        z, log_det = model.flow(x, masks, state.expand(7, 3))
        by_state.append(torch.distributions.Normal(0, 1).log_prob(z).sum(dim=-1) + log_det)
    expected = torch.logsumexp(torch.stack(by_state), 0) - math.log(3)
    torch.testing.assert_close(model.log_likelihood(x, None, masks), expected)


@pytest.mark.parametrize("limit", [2.0, 20.0])
def test_a_slope_limit_holds_and_the_map_turns_round(limit: float) -> None:
    model = make(1, flow="spline_autoregressive", slope_limit=limit, latent="none").double()
    z = torch.linspace(-3, 3, 101, dtype=torch.float64)[:, None]
    x = model.generate(z)
    back, log_det = model.flow(x)
    torch.testing.assert_close(back, z)
    assert torch.exp(-log_det).max() <= limit
    assert model.flow.inverse(z)[1].exp().max() <= limit
    x = x.requires_grad_()
    (slope,) = torch.autograd.grad(model.flow(x)[0].sum(), x)
    torch.testing.assert_close(slope[:, 0].log(), log_det)


@pytest.mark.parametrize("latent", ["discrete", "continuous"])
@pytest.mark.parametrize("hidden", [4, 16])
def test_a_matched_flow_has_as_many_parameters(latent: str, hidden: int) -> None:
    target = count_parameters(VariationalFlow({**CONFIG, "hidden": hidden, "latent": latent}, 2))
    config = {**CONFIG, "hidden": hidden, "latent": "none", "match": latent}
    matched = count_parameters(VariationalFlow(config, 2))
    wider = {**config, "match": "none", "hidden": matched_width(config, 2) + 1}
    step = count_parameters(VariationalFlow(wider, 2)) - matched
    assert abs(matched - target) <= step / 2 + 1


def test_contexts_of_the_prior() -> None:
    assert make(latent="none").latent.prior(4, source()) is None
    states = make().latent.prior(300, source())
    assert states is not None
    assert states.sum(dim=1).unique().tolist() == [1]
    assert (states.sum(dim=0) > 70).all()
    assert make(latent="continuous").latent.prior(4, source()).shape == (4, 1)  # type: ignore[union-attr]
