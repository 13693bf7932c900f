"""One family, static or amortised: the same numbers give the same map."""

import pytest
import torch

from repro.flows.parametric import Amortised, Static, by_layer

DIM, CONTEXT = 5, 3
TIGHT = {"rtol": 1e-10, "atol": 1e-10}


@pytest.fixture
def family(make_family):
    torch.manual_seed(0)
    return make_family(DIM)


def values(family, rows, spread=0.3):
    source = torch.Generator().manual_seed(1)
    moves = torch.randn(rows, family.parameter_count, generator=source)
    return family.initial() + spread * moves


def points(rows):
    return torch.randn(rows, DIM, generator=torch.Generator().manual_seed(2))


def test_a_family_says_how_many_values_it_takes(family):
    assert family.initial().shape == (family.parameter_count,)
    static = Static(family)
    assert sum(p.numel() for p in static.parameters()) == family.parameter_count


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_static_equals_amortised_with_the_same_numbers(family, direction):
    x, shared = points(9), values(family, 1)
    one = getattr(family, direction)(x, shared[0])
    per_row = getattr(family, direction)(x, shared.expand(9, -1))
    torch.testing.assert_close(one, per_row, **TIGHT)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_a_row_is_mapped_by_its_own_values(family, direction):
    x, own = points(9), values(family, 9)
    y, log_det = getattr(family, direction)(x, own)
    for row in range(9):
        alone = getattr(family, direction)(x[row : row + 1], own[row])
        torch.testing.assert_close(alone[0][0], y[row], **TIGHT)
        torch.testing.assert_close(alone[1][0], log_det[row], **TIGHT)


def test_values_that_differ_by_row_are_undone_by_the_inverse(family):
    x, own = points(9), values(family, 9)
    y, log_det = family(x, own)
    again, back = family.inverse(y, own)
    torch.testing.assert_close(again, x, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(back, -log_det, rtol=1e-8, atol=1e-8)


def test_an_amortised_flow_takes_its_values_from_the_context(family):
    flow = Amortised(family, CONTEXT, spread=0.3)
    x, context = points(9), torch.randn(9, CONTEXT)
    expected = family(x, context @ flow.network.weight.T + flow.network.bias)
    torch.testing.assert_close(flow(x, None, context), expected)
    y, log_det = flow(x, None, context)
    torch.testing.assert_close(flow.inverse(y, context), (x, -log_det), rtol=1e-8, atol=1e-8)
    assert not torch.allclose(flow(x, None, context.flip(0))[0], y)


def test_without_its_context_an_amortised_flow_refuses(family):
    with pytest.raises(AssertionError, match="'context' must be given"):
        Amortised(family, CONTEXT)(points(2))


def test_a_static_flow_takes_no_notice_of_a_context(family):
    flow, x = Static(family), points(4)
    torch.testing.assert_close(flow(x, None, torch.ones(4, 7)), flow(x), rtol=0, atol=0)


def test_values_are_cut_layer_by_layer():
    first, second = by_layer(torch.arange(12.0).expand(4, -1), 3, (3, 1))
    assert (first.shape, second.shape) == ((3, 4, 3), (3, 4, 1))
    assert torch.equal(first[1, 0], torch.tensor([4.0, 5.0, 6.0]))
    assert second[:, 2, 0].tolist() == [3.0, 7.0, 11.0]
