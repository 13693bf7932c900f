"""iFlow's density, loss, natural parameters and samples: torch.distributions and by hand."""

import math

import pytest
import torch
from torch.distributions import Normal
from torch.nn import functional as F

from repro.flows.base import Chain
from repro.flows.linear import LULinear
from repro.models.iflow import lambda_widths

CHOICES = ("softplus", "xi_only", "sigmoid", "sigmoid5")
HALF_LOG_PI = 0.5 * math.log(math.pi)


def prior(model, segment):
    """The Gaussian p(z | u), from the natural parameters alone."""
    xi, eta = model.natural_parameters(segment)
    return Normal(eta / (2 * xi.abs()), torch.sqrt(1 / (2 * xi.abs())))


def log_density(model, x, segment, dropout=None):
    """log p(x | u) by the change of variables, through torch.distributions."""
    z, log_det = model.flow(x, dropout)
    return prior(model, segment).log_prob(z).sum(dim=-1) + log_det


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("log_pi", [True, False])
def test_the_loss_is_the_negative_log_density_up_to_the_switch(make_iflow, batch, choice, log_pi):
    model = make_iflow(natural_parameters=choice, log_pi=log_pi)
    x, segment = batch()
    loss = model(x, segment, None)
    left_out = 0.0 if log_pi else 3 * HALF_LOG_PI
    expected = -log_density(model, x, segment).mean() - left_out
    assert loss.shape == ()
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("log_pi", [True, False])
def test_the_log_likelihood_is_fully_normalised_whatever_the_switch(make_iflow, batch, log_pi):
    model = make_iflow(log_pi=log_pi)
    x, segment = batch()
    exact, again = model.log_likelihood(x, segment)
    torch.testing.assert_close(exact, log_density(model, x, segment))
    assert torch.equal(exact, again)
    assert torch.equal(model.log_likelihood(x, segment, torch.ones(4, *x.shape))[0], exact)


def test_the_density_integrates_to_one(make_iflow):
    model = make_iflow(dim=1, segments=3)
    x = torch.linspace(-60, 60, 40001)[:, None]
    for segment in range(3):
        labels = torch.full((len(x),), segment)
        density = model.log_likelihood(x, labels)[0].exp()
        assert float(torch.trapezoid(density, x[:, 0]).detach()) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize(
    ("choice", "xi", "eta"),
    [
        ("softplus", lambda r: -F.softplus(r), F.softplus),
        ("xi_only", lambda r: -F.softplus(r), lambda r: r),
        ("sigmoid", lambda r: -torch.sigmoid(r), torch.sigmoid),
        ("sigmoid5", lambda r: -5 * torch.sigmoid(r), lambda r: 5 * torch.sigmoid(r)),
    ],
)
def test_natural_parameters_are_the_chosen_activation_of_interleaved_outputs(
    make_iflow, choice, xi, eta
):
    model = make_iflow(dim=3, segments=5, natural_parameters=choice)
    segment = torch.tensor([4, 0, 0, 2])
    raw = model.prior(F.one_hot(segment, 5).double())  # (B, 2 D): xi and eta of each feature
    found_xi, found_eta = model.natural_parameters(segment)
    torch.testing.assert_close(found_xi, xi(raw[:, 0::2]))
    torch.testing.assert_close(found_eta, eta(raw[:, 1::2]))
    assert (found_xi < 0).all()


def test_as_released_every_prior_mean_is_positive_and_xi_only_frees_it(make_iflow):
    every = torch.arange(40)
    as_released = prior(make_iflow(segments=40, spread=1.0), every)
    assert (as_released.mean > 0).all()
    free = prior(make_iflow(segments=40, spread=1.0, natural_parameters="xi_only"), every)
    assert (free.mean < 0).any()


def by_hand(make_iflow, **changes):
    """An iFlow in 2D that is x -> 2 x; the prior is N(1, 1) in both features and all segments."""
    model = make_iflow(dim=2, segments=3, **changes)
    layer = LULinear(2)
    with torch.no_grad():
        layer.raw_diagonal.fill_(math.log(math.expm1(2 - 1e-3)))
        last = model.prior[-1]
        last.weight.zero_()
        xi, eta = math.log(math.expm1(0.5)), math.log(math.expm1(1.0))
        last.bias.copy_(torch.tensor([xi, eta, xi, eta]))
    model.flow = Chain([layer])
    return model


def test_by_hand(make_iflow):
    x, segment = torch.tensor([[0.5, 0.5], [0.0, 1.0]]), torch.tensor([0, 2])
    model = by_hand(make_iflow)
    # z = 2 x: (1, 1), the mode, and (0, 2), one standard deviation off in both features.
    mode = -math.log(2 * math.pi) + 2 * math.log(2)
    expected = torch.tensor([mode, mode - 1])
    torch.testing.assert_close(model.log_likelihood(x, segment)[0], expected)
    loss = model(x, segment, None)
    torch.testing.assert_close(loss, torch.tensor(0.5 - mode - math.log(math.pi)))
    with_pi = by_hand(make_iflow, log_pi=True)(x, segment, None)
    torch.testing.assert_close(with_pi, torch.tensor(0.5 - mode))
    torch.testing.assert_close(model.latents(x, segment)[0], 2 * x)


def test_latents_are_the_flow_s_and_certain(make_iflow, batch):
    model = make_iflow()
    x, segment = batch()
    sample, mean = model.latents(x, segment, torch.randn_like(x))
    assert torch.equal(sample, mean)
    assert torch.equal(sample, model.flow(x)[0])


def test_samples_have_the_prior_s_moments_in_each_segment_and_invert(make_iflow):
    model = make_iflow(dim=2, segments=3, natural_parameters="xi_only")
    count = 20_000
    for segment in range(3):
        labels = torch.full((count,), segment)
        source = torch.Generator().manual_seed(segment)
        x = model.sample(labels, source)
        z = model.latents(x, labels)[0].detach()
        truth = prior(model, labels[:1])
        error = truth.stddev / math.sqrt(count)
        assert ((z.mean(dim=0) - truth.mean[0]).abs() < 5 * error).all()
        assert ((z.std(dim=0) / truth.stddev - 1).abs() < 5 / math.sqrt(2 * count)).all()
        assert torch.corrcoef(z.T)[0, 1].abs() < 5 / math.sqrt(count)
        noise = torch.randn(count, 2, generator=torch.Generator().manual_seed(segment))
        torch.testing.assert_close(z, (truth.mean + truth.stddev * noise).detach())


def test_samples_are_as_likely_as_the_model_says(make_iflow):
    model = make_iflow(dim=2, segments=3)
    labels = torch.arange(3).repeat(4000)
    with torch.no_grad():
        x = model.sample(labels, torch.Generator().manual_seed(0))
        log_det = model.flow(x)[1]
        entropy = prior(model, labels).entropy().sum(dim=-1) - log_det
        gap = model.log_likelihood(x, labels)[0] + entropy
    assert gap.mean().abs() < 5 * gap.std() / math.sqrt(len(gap))


def test_dropout_masks_have_the_flow_s_shape_and_are_used_only_in_training(make_iflow, batch):
    model = make_iflow(dim=3)
    x, segment = batch(rows=16)
    masks = model.draw_noise(16, torch.Generator().manual_seed(0))
    assert masks.shape == model.flow.dropout_shape(16) == (2, 2, 8, 16)
    torch.testing.assert_close(masks.unique(), torch.tensor([0.0, 1 / 0.75]).float())
    expected = -log_density(model, x, segment, masks.double()).mean() - 3 * HALF_LOG_PI
    torch.testing.assert_close(model(x, segment, masks.double()), expected)
    assert not torch.isclose(model(x, segment, masks.double()), model(x, segment, None))


def test_without_dropout_there_is_no_noise(make_iflow):
    assert make_iflow(dropout=0.0).draw_noise(16, torch.Generator()) is None


def test_the_flow_is_permutation_lu_spline_and_ends_on_permutation_lu(make_iflow):
    names = [type(member).__name__ for member in make_iflow(flow_length=3).flow.members]
    step = ["Permutation", "LULinear"]
    assert names == [*step, "AutoregressiveSpline"] * 3 + step


@pytest.mark.parametrize(
    ("segments", "widths"),
    [(3, (6, 5)), (5, (4, 4)), (40, (30, 20)), (60, (45, 25)), (20, (15, 10)), (7, (6, 4))],
)
def test_lambda_widths(segments, widths):
    assert lambda_widths(segments) == widths


def test_every_parameter_of_the_prior_gets_a_gradient_and_all_are_finite(make_iflow, batch):
    model = make_iflow(dim=3)
    with torch.no_grad():
        for layer in model.prior:
            if hasattr(layer, "bias"):
                layer.bias += 1.0  # no dead unit
    model(*batch(rows=400), None).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
    assert all((parameter.grad != 0).all() for parameter in model.prior.parameters())
