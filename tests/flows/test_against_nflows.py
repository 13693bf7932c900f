"""The spline, the masked spline layer and LU equal nflows', given the same weights."""

import pytest
import torch
from nflows.transforms.autoregressive import (
    MaskedPiecewiseRationalQuadraticAutoregressiveTransform as TheirSpline,
)
from nflows.transforms.lu import LULinear as TheirLU
from nflows.transforms.splines import unconstrained_rational_quadratic_spline

from repro.flows.autoregressive import AutoregressiveSpline
from repro.flows.linear import LULinear
from repro.flows.spline import parameters_per_feature, rational_quadratic

BOUND = 3.0
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def points(count, dim, seed=0):
    """Points of which about a tenth lie outside the box, and some on its edge."""
    x = 1.8 * torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))
    x[0], x[1] = BOUND, -BOUND
    return x


def randomise(module, seed=0):
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=source))


def give(ours, theirs):
    """Copy parameters in order; names differ, shapes and order may not."""
    pairs = list(zip(ours.parameters(), theirs.parameters(), strict=True))
    with torch.no_grad():
        for mine, other in pairs:
            assert mine.shape == other.shape
            other.copy_(mine)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("bins", [2, 8])
@pytest.mark.parametrize("bound", [1.0, BOUND])
def test_the_elementwise_spline(bins, bound, inverse):
    x = points(400, 3)
    source = torch.Generator().manual_seed(1)
    raw = 2 * torch.randn(400, 3, parameters_per_feature(bins), generator=source)
    ours = rational_quadratic(x, raw, bound, inverse=inverse)
    theirs = unconstrained_rational_quadratic_spline(
        x,
        raw[..., :bins],
        raw[..., bins : 2 * bins],
        raw[..., 2 * bins :].clone(),
        inverse=inverse,
        tails="linear",
        tail_bound=bound,
    )
    torch.testing.assert_close(ours, theirs, **CLOSE)


def spline_pair(dim, bins=8, hidden=24):
    ours = AutoregressiveSpline(dim, hidden, blocks=2, bins=bins, bound=BOUND)
    theirs = TheirSpline(
        features=dim,
        hidden_features=hidden,
        num_bins=bins,
        tails="linear",
        tail_bound=BOUND,
        num_blocks=2,
        use_residual_blocks=True,
        dropout_probability=0.0,
    )
    randomise(ours)
    give(ours, theirs)
    return ours, theirs


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_masked_spline_layer_both_ways(dim):
    ours, theirs = spline_pair(dim)
    x = points(100, dim)
    torch.testing.assert_close(ours(x), theirs(x), **CLOSE)
    torch.testing.assert_close(ours.inverse(x), theirs.inverse(x), **CLOSE)


@pytest.mark.parametrize("dim", [2, 5])
def test_the_masked_spline_layer_s_gradients(dim):
    ours, theirs = spline_pair(dim)
    for layer in (ours, theirs):
        y, log_det = layer(points(100, dim))
        (y.square().sum() + log_det.sum()).backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-8, atol=1e-8)


def test_the_masked_spline_layer_at_its_published_size_in_float32():
    torch.manual_seed(0)
    ours = AutoregressiveSpline(5, 256, blocks=2, bins=8, bound=BOUND).float()
    theirs = TheirSpline(5, 256, num_bins=8, tails="linear", tail_bound=BOUND).float()
    give(ours, theirs)
    x = points(64, 5).float()
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_initial_weights_have_the_same_spread_layer_by_layer():
    torch.manual_seed(0)
    ours = AutoregressiveSpline(5, 256, blocks=2, bins=8, bound=BOUND)
    theirs = TheirSpline(5, 256, num_bins=8, tails="linear", tail_bound=BOUND)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.shape == other.shape
        assert float(mine.detach().std()) == pytest.approx(float(other.detach().std()), rel=0.15)
        assert float(mine.detach().abs().max()) == pytest.approx(
            float(other.detach().abs().max()), rel=0.15
        )


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_lu(dim):
    ours, theirs = LULinear(dim), TheirLU(dim, identity_init=True)
    x = points(50, dim)
    torch.testing.assert_close(ours(x), theirs(x), **CLOSE)  # both start as the identity
    randomise(ours)
    by_name = {
        "lower": "lower_entries",
        "upper": "upper_entries",
        "raw_diagonal": "unconstrained_upper_diag",
        "bias": "bias",
    }
    with torch.no_grad():
        for mine, other in by_name.items():
            theirs.get_parameter(other).copy_(ours.get_parameter(mine))
    torch.testing.assert_close(ours(x), theirs(x), **CLOSE)
    y, log_det = ours(x)
    again, back = theirs.weight() @ x.T, -log_det
    torch.testing.assert_close(again.T + theirs.bias, y, **CLOSE)
    torch.testing.assert_close(ours.inverse(y)[1], back, **CLOSE)
