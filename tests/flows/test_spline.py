"""The rational-quadratic spline: knots, tails, limits and hand-made cases."""

import math
from functools import partial

import pytest
import torch
from torch.func import vmap
from torch.nn import functional as F

from repro.flows.spline import (
    MINIMUM_BIN,
    MINIMUM_SLOPE,
    parameters_per_feature,
    rational_quadratic,
)

BOUND = 2.5
BINS = 6


def random_raw(*shape, spread=1.0, seed=0, bins=BINS):
    source = torch.Generator().manual_seed(seed)
    return spread * torch.randn(*shape, parameters_per_feature(bins), generator=source)


def knots(raw):
    """Places (..., K + 1) of the knots in x and y, and their slopes, from the definition."""
    bins = (raw.shape[-1] + 1) // 3

    def edges(part):
        shares = MINIMUM_BIN + (1 - bins * MINIMUM_BIN) * part.softmax(dim=-1)
        return F.pad(2 * BOUND * shares.cumsum(dim=-1), (1, 0)) - BOUND

    slopes = MINIMUM_SLOPE + F.softplus(raw[..., 2 * bins :])
    return edges(raw[..., :bins]), edges(raw[..., bins : 2 * bins]), F.pad(slopes, (1, 1), value=1)


def test_a_scalar_spline_takes_widths_heights_and_inner_slopes():
    assert parameters_per_feature(8) == 8 + 8 + 7


def test_by_hand_two_equal_bins():
    slope = math.log(2) + MINIMUM_SLOPE
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0])
    y, log_slope = rational_quadratic(x, torch.zeros(4, 5), 1.0)
    denominator = 1 + (slope - 1) * 0.25
    middle = (0.25 + 0.25 * slope) / denominator
    steepness = (0.25 + 0.5 + 0.25 * slope) / denominator**2
    torch.testing.assert_close(y, torch.tensor([-1.0, 0.0, middle, 1.0]))
    expected = torch.tensor([1.0, slope, steepness, 1.0]).log()
    torch.testing.assert_close(log_slope, expected)


def test_slopes_of_one_on_equal_bins_are_the_identity():
    raw = torch.zeros(50, parameters_per_feature(BINS))
    raw[:, 2 * BINS :] = math.log(math.expm1(1 - MINIMUM_SLOPE))
    x = torch.linspace(-4, 4, 50)
    y, log_slope = rational_quadratic(x, raw, BOUND)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_slope, torch.zeros(50))


@pytest.mark.parametrize("spread", [0.5, 1.5])
def test_it_passes_through_its_knots_with_their_slopes_from_both_sides(spread):
    raw = random_raw(20, spread=spread)
    at_x, at_y, slopes = knots(raw)
    every = raw[:, None].expand(-1, BINS + 1, -1)
    for nudge in (-1e-12, 0.0, 1e-12):
        y, log_slope = rational_quadratic(at_x + nudge, every, BOUND)
        torch.testing.assert_close(y, at_y, rtol=0, atol=1e-8)
        torch.testing.assert_close(log_slope, slopes.log(), rtol=0, atol=1e-3)
        x, log_slope = rational_quadratic(at_y + nudge, every, BOUND, inverse=True)
        torch.testing.assert_close(x, at_x, rtol=0, atol=1e-8)
        torch.testing.assert_close(log_slope, -slopes.log(), rtol=0, atol=1e-3)


def test_at_its_own_knots_the_round_trip_is_tight():
    raw = random_raw(50)
    at_x, _, _ = knots(raw)
    every = raw[:, None].expand(-1, BINS + 1, -1)
    y, log_slope = rational_quadratic(at_x, every, BOUND)
    x, back = rational_quadratic(y, every, BOUND, inverse=True)
    torch.testing.assert_close(x, at_x, rtol=0, atol=1e-11)
    torch.testing.assert_close(back, -log_slope, rtol=0, atol=1e-9)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_stay_and_the_tails_pass_unchanged(inverse, dtype):
    x = torch.tensor([-math.inf, -1e30, -1e6, -BOUND, BOUND, 1e6, 1e30, math.inf], dtype=dtype)
    raw = random_raw(8, spread=4.0).to(dtype).requires_grad_()
    y, log_slope = rational_quadratic(x, raw, BOUND, inverse=inverse)
    torch.testing.assert_close(y, x, rtol=0, atol=1e-6)
    assert torch.equal(y[[0, 1, 2, 5, 6, 7]], x[[0, 1, 2, 5, 6, 7]])
    torch.testing.assert_close(log_slope, torch.zeros_like(x), rtol=0, atol=1e-3)
    assert torch.equal(log_slope[[0, 1, 2, 5, 6, 7]], torch.zeros(6, dtype=dtype))
    (y[1:-1].sum() + log_slope.sum()).backward()
    assert raw.grad.isfinite().all()
    assert (raw.grad[[0, 1, 2, 5, 6, 7]] == 0).all()


@pytest.mark.parametrize("inverse", [False, True])
def test_it_increases_and_its_log_slope_is_its_derivative(inverse):
    raw = random_raw(1, spread=2.0).expand(4000, -1)
    x = torch.linspace(-3, 3, 4000, requires_grad=True)
    y, log_slope = rational_quadratic(x, raw, BOUND, inverse=inverse)
    assert (y.diff() > 0).all()
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope.log(), log_slope, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("sign", [-1, 1])
def test_no_bin_and_no_slope_vanishes(sign):
    raw = torch.zeros(1, parameters_per_feature(BINS))
    raw[0, [0, BINS]] = sign * 1e4  # all mass in one bin, or none
    raw[0, 2 * BINS :] = -1e4
    at_x, at_y, slopes = knots(raw)
    y, log_slope = rational_quadratic(at_x, raw[:, None].expand(-1, BINS + 1, -1), BOUND)
    torch.testing.assert_close(y, at_y)
    assert at_x.diff().min() >= 2 * BOUND * MINIMUM_BIN * (1 - 1e-9)
    assert at_y.diff().min() >= 2 * BOUND * MINIMUM_BIN * (1 - 1e-9)
    torch.testing.assert_close(log_slope[0, 1:-1].exp(), slopes[0, 1:-1])
    assert log_slope[0, 1:-1].exp().min() >= MINIMUM_SLOPE * (1 - 1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [10.0, 100.0, 1e4])
def test_extreme_parameters_give_finite_values_and_gradients(spread, dtype):
    raw = random_raw(5000, spread=spread).to(dtype).requires_grad_()
    source = torch.Generator().manual_seed(1)
    x = (2 * BOUND * (torch.rand(5000, generator=source) - 0.5)).to(dtype).requires_grad_()
    for inverse in (False, True):
        y, log_slope = rational_quadratic(x, raw, BOUND, inverse=inverse)
        gradients = torch.autograd.grad(y.sum() + log_slope.sum(), (x, raw))
        for value in (y, log_slope, *gradients):
            assert value.isfinite().all()
        assert y.abs().max() <= BOUND * (1 + 1e-6)


@pytest.mark.parametrize("spread", [1.0, 3.0, 5.0, 10.0, 30.0])
def test_the_float32_inverse_finds_a_point_whose_image_is_near(spread):
    raw = random_raw(100_000, spread=spread).float()
    source = torch.Generator().manual_seed(1)
    y = (2 * BOUND * (torch.rand(100_000, generator=source) - 0.5)).float()
    x, log_slope = rational_quadratic(y, raw, BOUND, inverse=True)
    again, _ = rational_quadratic(x, raw, BOUND)
    assert log_slope.isfinite().all()
    # A slope of 2000, the steepest there is in a smallest bin, times a rounding error of x.
    torch.testing.assert_close(again, y, rtol=0, atol=1e-3)


def test_any_leading_shape_is_elementwise():
    raw = random_raw(3, 4, 5)
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(2))
    y, log_slope = rational_quadratic(x, raw, BOUND)
    flat = rational_quadratic(x.flatten(), raw.flatten(0, 2), BOUND)
    assert torch.equal(y.flatten(), flat[0])
    assert torch.equal(log_slope.flatten(), flat[1])
    scalar, _ = rational_quadratic(x[0, 0, 0], raw[0, 0, 0], BOUND)
    torch.testing.assert_close(scalar, y[0, 0, 0])


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_seed_s_values_do_not_depend_on_where_in_a_stack_they_stand(inverse, dtype):
    """Bit for bit: vectorised kernels may end on a scalar tail that rounds differently."""
    raw = random_raw(7, 43, spread=2.0).to(dtype)
    x = (2 * torch.randn(7, 43, generator=torch.Generator().manual_seed(1))).to(dtype)
    mapped = vmap(partial(rational_quadratic, bound=BOUND, inverse=inverse))
    for size in (1, 2, 7):
        for values, expected in zip(mapped(x[:size], raw[:size]), mapped(x, raw), strict=True):
            assert torch.equal(values, expected[:size])
