"""Splines, masked and coupling layers and LU equal nflows', given the same weights."""

import pytest
import torch
from nflows.nn.nets import ResidualNet as TheirNet
from nflows.transforms.autoregressive import (
    MaskedPiecewiseRationalQuadraticAutoregressiveTransform as TheirSpline,
)
from nflows.transforms.coupling import (
    PiecewiseRationalQuadraticCouplingTransform as TheirCoupling,
)
from nflows.transforms.lu import LULinear as TheirLU
from nflows.transforms.made import MaskedLinear as TheirLinear
from nflows.transforms.splines import unconstrained_rational_quadratic_spline

from repro.flows.autoregressive import AutoregressiveSpline
from repro.flows.conditioners import ResidualConditioner
from repro.flows.coupling import SplineCoupling, Split
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


def layer_pairs(ours, theirs):
    """Our masked layers with theirs, in order, and where our rows and columns stand in theirs.

    Hidden units are sorted by degree here and go round in a circle there.
    """
    made = ours.network
    mine = [made.first, *(x for b in made.blocks for x in (b.first, b.second)), made.last]
    others = [m for m in theirs.modules() if isinstance(m, TheirLinear)]
    order = others[0].degrees.argsort(stable=True)
    for i, (one, other) in enumerate(zip(mine, others, strict=True)):
        rows = torch.arange(len(other.weight)) if i == len(mine) - 1 else order
        columns = torch.arange(other.weight.shape[1]) if i == 0 else order
        yield one, other, rows, columns


def give(ours, theirs):
    """Copy their parameters to ours."""
    for mine, other, rows, columns in layer_pairs(ours, theirs):
        assert torch.equal(mine.mask, other.mask[rows][:, columns])
        mine.take(other.weight[rows][:, columns], other.bias[rows])


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


def spline_pair(dim, hidden, bins=8, context=0):
    ours = AutoregressiveSpline(dim, hidden, 2, bins, BOUND, context)
    theirs = TheirSpline(
        features=dim,
        hidden_features=hidden,
        context_features=context or None,
        num_bins=bins,
        tails="linear",
        tail_bound=BOUND,
        num_blocks=2,
        use_residual_blocks=True,
        dropout_probability=0.0,
    )
    randomise(theirs)
    give(ours, theirs)
    return ours, theirs


@pytest.mark.parametrize("hidden", [24, 64])  # the masks of the larger one are made of blocks
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_masked_spline_layer_both_ways(dim, hidden):
    ours, theirs = spline_pair(dim, hidden)
    x = points(100, dim)
    torch.testing.assert_close(ours(x), theirs(x), **CLOSE)
    torch.testing.assert_close(ours.inverse(x), theirs.inverse(x), **CLOSE)


@pytest.mark.parametrize("hidden", [24, 64])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_masked_spline_layer_given_a_context(dim, hidden):
    ours, theirs = spline_pair(dim, hidden, context=4)
    made = theirs.autoregressive_net
    order = made.initial_layer.degrees.argsort(stable=True)
    layers = [made.context_layer, *(block.context_layer for block in made.blocks)]
    with torch.no_grad():
        ours.network.context.linear.weight.copy_(torch.cat([la.weight[order] for la in layers]))
        ours.network.context.linear.bias.copy_(torch.cat([la.bias[order] for la in layers]))
    x, context = points(100, dim), points(100, 4, seed=1)
    torch.testing.assert_close(ours(x, None, context), theirs(x, context), **CLOSE)
    torch.testing.assert_close(ours.inverse(x, context), theirs.inverse(x, context), **CLOSE)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("dim", [2, 5])
def test_the_spline_coupling_with_splines_of_the_passed_features(dim, swapped):
    split = Split(dim, alternate=True, swapped=swapped)
    ours = SplineCoupling(
        split, lambda i, o: ResidualConditioner(i, o, 16, 2), 6, BOUND, unconditional=True
    )
    theirs = TheirCoupling(
        mask=[int(feature % 2 == (0 if swapped else 1)) for feature in range(dim)],
        transform_net_create_fn=lambda i, o: TheirNet(i, o, 16),
        num_bins=6,
        tails="linear",
        tail_bound=BOUND,
        apply_unconditional_transform=True,
    )
    randomise(theirs)
    net, own = theirs.transform_net, theirs.unconditional_transform
    between = [layer for block in net.blocks for layer in block.linear_layers]
    mine = ours.conditioner
    masked = [mine.first, *(x for b in mine.blocks for x in (b.first, b.second)), mine.last]
    for layer, other in zip(masked, [net.initial_layer, *between, net.final_layer], strict=True):
        layer.take(other.weight, other.bias)
    raw = (own.unnormalized_widths, own.unnormalized_heights, own.unnormalized_derivatives)
    with torch.no_grad():
        ours.unconditional.raw.copy_(torch.cat(raw, dim=-1))
    x = points(100, dim)
    torch.testing.assert_close(ours(x), theirs(x), **CLOSE)
    torch.testing.assert_close(ours.inverse(x), theirs.inverse(x), **CLOSE)


@pytest.mark.parametrize("hidden", [24, 64])
@pytest.mark.parametrize("dim", [2, 5])
def test_the_masked_spline_layer_s_gradients(dim, hidden):
    ours, theirs = spline_pair(dim, hidden)
    for layer in (ours, theirs):
        y, log_det = layer(points(100, dim))
        (y.square().sum() + log_det.sum()).backward()
    for mine, other, rows, columns in layer_pairs(ours, theirs):
        expected = other.weight.grad[rows][:, columns]
        close = {"rtol": 1e-8, "atol": 1e-8}
        torch.testing.assert_close(mine.bias.grad, other.bias.grad[rows], **close)
        assert mine.is_staircase or hidden == 24 or mine is ours.network.first
        for block, weight in zip(mine.blocks, mine.weights, strict=True):
            theirs_there = expected[block.rows, : block.width]
            torch.testing.assert_close(weight.grad, theirs_there, **close)


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
    for mine, other, rows, columns in layer_pairs(ours, theirs):
        used = mine.mask.bool()
        there = other.weight[rows][:, columns]
        pairs = ((mine.weight[used], there[used]), (mine.bias, other.bias))
        pairs = [(one.detach(), two.detach()) for one, two in pairs]
        for one, two in pairs:
            assert float(one.std()) == pytest.approx(float(two.std()), rel=0.15)
            assert float(one.abs().max()) == pytest.approx(float(two.abs().max()), rel=0.15)


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
