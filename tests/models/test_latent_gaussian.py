"""The latent Gaussian model against grids, torch's own distributions and its stacked self."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from repro.errors import ConfigError
from repro.models.latent_gaussian import LatentGaussian, Maxout
from repro.models.likelihoods import Bernoulli, LogitNormal
from repro.models.posterior_flow import FAMILIES
from repro.training.seed_stack import SeedStack

CONFIG = {
    "latents": 2,
    "units": 6,
    "window": 4,
    "likelihood": "bernoulli",
    "annealing": "none",
    "flow": "planar",
    "flow_length": 3,
    "amortised": True,
    "flow_hidden": 3,
    "mixing": "permutation",
}
DIM = 7


def _model(**changes: Any) -> LatentGaussian:
    torch.manual_seed(3)
    model = LatentGaussian(CONFIG | changes, DIM)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        model.log_variance.weight.mul_(0.1)
        model.log_variance.bias.fill_(0.3)  # wider than the posterior, as importance samples need
    return model.double()


def _data(rows: int) -> Tensor:
    return (torch.rand(rows, DIM, generator=torch.Generator().manual_seed(1)) < 0.4).double()


def _grid(points: int = 160, reach: float = 8.0) -> tuple[Tensor, float]:
    axis = torch.linspace(-reach, reach, points, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)
    return z, math.log((axis[1] - axis[0]) ** 2)


def _log_normal(z: Tensor) -> Tensor:
    return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(dim=-1)


def _exact(model: LatentGaussian, x: Tensor) -> Tensor:
    """Log p(x) (B,) by summation over a grid of the two latents."""
    z, log_cell = _grid()
    joint = [model.log_likelihood(row.expand(len(z), -1), z) + _log_normal(z) for row in x]
    return torch.logsumexp(torch.stack(joint), dim=1) + log_cell


def _kl_on_grid(model: LatentGaussian, x: Tensor, log_p: Tensor) -> Tensor:
    """KL(q || posterior) (B,) by summation, with q's density from the flow's inverse."""
    z, log_cell = _grid()
    found = []
    for row, total in zip(x, log_p, strict=True):
        rows = row.expand(len(z), -1)
        hidden, mean, log_variance = model.encode(rows)
        log_det = torch.zeros(len(z), dtype=z.dtype)
        base = z
        if model.flow is not None:
            base, log_det = model.flow.inverse(z, hidden * model.context_scale)
        q0 = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
        log_q = q0.log_prob(base).sum(dim=-1) + log_det
        posterior = model.log_likelihood(rows, z) + _log_normal(z) - total
        found.append((log_q.exp() * (log_q - posterior)).sum() * math.exp(log_cell))
    return torch.stack(found)


@pytest.mark.parametrize("flow", [{"flow_length": 0}, {}, {"amortised": False}])
def test_free_energy_is_the_evidence_and_the_gap_and_weights_average_to_the_evidence(
    flow: dict[str, Any],
) -> None:
    model, x = _model(**flow), _data(2)
    noise = torch.randn(10_000, 2, 2, dtype=torch.float64, generator=_source())
    with torch.no_grad():
        log_p = _exact(model, x)
        weights = model.log_weights(x, noise)
        gap = _kl_on_grid(model, x, log_p)
    energy = -weights.mean(dim=0)
    error = 5 * weights.std(dim=0) / math.sqrt(len(noise))
    assert (gap > 0.001).all()
    assert ((energy - gap + log_p).abs() < error).all()
    estimate = torch.logsumexp(weights, dim=0) - math.log(len(noise))
    torch.testing.assert_close(estimate, log_p, atol=0.03, rtol=0)


def _source() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_annealing_weighs_what_the_paper_weighs() -> None:
    x, noise = _data(4), torch.randn(4, 2, dtype=torch.float64, generator=_source())
    likelihood, prior, q = (term.mean() for term in _model().terms(x, noise))
    for annealing, expected in {
        "none": q - prior - likelihood,
        "joint": q - 0.3 * (prior + likelihood),
        "kl": 0.3 * (q - prior) - likelihood,
    }.items():
        torch.testing.assert_close(_model(annealing=annealing)(x, noise, 0.3), expected)
        torch.testing.assert_close(_model(annealing=annealing)(x, noise), q - prior - likelihood)


@pytest.mark.parametrize("flow", [*FAMILIES, "iaf"])
@pytest.mark.parametrize("amortised", [True, False])
def test_every_flow_trains_stacked_as_alone(flow: str, amortised: bool) -> None:
    changes = {"flow": flow, "amortised": amortised, "latents": 4}
    models: list[nn.Module] = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        models.append(LatentGaussian(CONFIG | changes, DIM))
    x = _data(5)
    noise = torch.stack([m.draw_noise(5, _source()) for m in models])  # type: ignore[operator]
    stack = SeedStack(models)
    losses = stack.call("forward", x, noise, 0.5, in_dims=(None, 0, None))
    solo = torch.stack([m(x, n, 0.5) for m, n in zip(models, noise, strict=True)])
    torch.testing.assert_close(losses, solo)
    gradients = torch.autograd.grad(losses.sum(), list(stack.parameters.values()))
    assert all(g.isfinite().all() for g in gradients)
    weights = stack.call("log_weights", x, noise[:, None], in_dims=(None, 0))
    energy = torch.stack([m(x, n) for m, n in zip(models, noise, strict=True)])
    torch.testing.assert_close(-weights.mean(dim=(1, 2)), energy)


def test_a_static_flow_is_one_map_for_all_data() -> None:
    model = _model(amortised=False)
    assert model.flow is not None
    z = torch.randn(1, 2, dtype=torch.float64, generator=_source())
    hidden = torch.randn(2, 6, dtype=torch.float64, generator=_source())
    outs = [model.flow(z, None, row[None])[0] for row in hidden]
    torch.testing.assert_close(outs[0], outs[1], rtol=0, atol=0)
    amortised = _model()
    assert amortised.flow is not None
    outs = [amortised.flow(z, None, row[None])[0] for row in hidden]
    assert (outs[0] - outs[1]).abs().max() > 1e-4


def test_maxout_takes_the_largest_of_its_window() -> None:
    layer = Maxout(3, 5, 4)
    x = torch.randn(2, 3, generator=_source())
    pieces = layer.linear(x).view(2, 4, 5)
    torch.testing.assert_close(layer(x), pieces.amax(dim=1))
    assert layer.linear.out_features == 20


def test_bernoulli_is_torch_s() -> None:
    x, logits = _data(4), torch.randn(4, DIM, dtype=torch.float64, generator=_source())
    expected = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(dim=-1)
    torch.testing.assert_close(Bernoulli(DIM)(x, logits), expected)


def test_logit_normal_is_a_density_on_the_unit_interval_with_a_floor() -> None:
    edges = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    x = ((edges[1:] + edges[:-1]) / 2)[:, None]
    likelihood = LogitNormal(1)
    for mean, raw in ((0.3, 0.1), (-1.0, -2.0)):
        output = torch.tensor([mean, raw], dtype=torch.float64).expand(len(x), -1)
        assert likelihood(x, output).exp().mean().item() == pytest.approx(1, abs=1e-4)
    tight = torch.tensor([[0.0, -1000.0]], dtype=torch.float64)
    at_mean = likelihood(torch.full((1, 1), 0.5, dtype=torch.float64), tight).item()
    assert at_mean == pytest.approx(-0.5 * math.log(2 * math.pi) + 4 + math.log(4), abs=1e-6)


def test_an_unknown_flow_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"set model\.flow to one of"):
        _model(flow="planer")
