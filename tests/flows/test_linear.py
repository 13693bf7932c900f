"""Permutations, scaling and LU: what they are made of."""

import pytest
import torch

from repro.flows.linear import DiagonalScaling, LULinear, Permutation, Reverse


def shaken_lu(dim):
    torch.manual_seed(0)
    layer = LULinear(dim)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += torch.randn_like(parameter)
    return layer


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_lu_starts_as_the_identity_with_d_times_d_plus_one_parameters(dim):
    layer, x = LULinear(dim), torch.randn(4, dim)
    y, log_det = layer(x)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_det, torch.zeros(4))
    assert sum(p.numel() for p in layer.parameters()) == dim * (dim + 1)


def test_lu_is_a_unit_lower_times_a_positive_upper_triangle():
    layer = shaken_lu(4)
    origin, _ = layer(torch.zeros(1, 4))
    weight = (layer(torch.eye(4))[0] - origin).T
    lower, upper = torch.eye(4), torch.zeros(4, 4)
    low, up = torch.tril_indices(4, 4, -1), torch.triu_indices(4, 4, 1)
    lower[low[0], low[1]] = layer.lower.detach()
    upper[up[0], up[1]] = layer.upper.detach()
    diagonal = torch.nn.functional.softplus(layer.raw_diagonal) + 1e-3
    upper += diagonal.detach().diag()
    torch.testing.assert_close(weight, lower @ upper)
    torch.testing.assert_close(origin[0], layer.bias)
    torch.testing.assert_close(layer(origin)[1][0], diagonal.log().sum())


def test_lu_stays_invertible_however_small_its_diagonal():
    layer = LULinear(3)
    with torch.no_grad():
        layer.raw_diagonal.fill_(-1e4)
    x = torch.randn(5, 3)
    y, log_det = layer(x)
    torch.testing.assert_close(layer.inverse(y)[0], x)
    torch.testing.assert_close(log_det, torch.full((5,), 3 * torch.tensor(1e-3).log()))


def test_a_permutation_only_reorders_and_is_drawn_from_the_global_generator():
    torch.manual_seed(3)
    one = Permutation(6)
    torch.manual_seed(3)
    same = Permutation(6)
    others = [Permutation(6).order for _ in range(20)]
    assert torch.equal(one.order, same.order)
    assert len({tuple(order.tolist()) for order in others}) > 10
    row = torch.arange(6.0)[None]
    assert torch.equal(one(row)[0][0], one.order.double())
    assert torch.equal(one(row)[0].sort().values, row)


def test_a_permutation_travels_with_the_state():
    assert set(Permutation(3).state_dict()) == {"order", "back"}


def test_reverse_puts_the_last_feature_first():
    y, log_det = Reverse()(torch.arange(8.0).view(2, 4))
    assert y.tolist() == [[3, 2, 1, 0], [7, 6, 5, 4]]
    assert log_det.tolist() == [0, 0]


def test_a_scaling_that_contracts_has_a_negative_log_det():
    layer = DiagonalScaling(3)
    assert torch.equal(layer(torch.ones(1, 3))[0], torch.ones(1, 3))
    with torch.no_grad():
        layer.log_scales.copy_(torch.tensor([-2.0, 0.5, 0.0]))
    y, log_det = layer(torch.ones(2, 3))
    torch.testing.assert_close(y, torch.tensor([-2.0, 0.5, 0.0]).exp().expand(2, 3))
    torch.testing.assert_close(log_det, torch.tensor([-1.5, -1.5]))
