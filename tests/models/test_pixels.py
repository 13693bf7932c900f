"""Dequantisation, fewer bits and the logit: exact accounting."""

import math

import pytest
import torch
from torch.autograd.functional import jacobian

from repro.models.pixels import Pixels, as_released, bits_per_dim


def some_pixels(n=2, channels=1, side=2):
    source = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, channels, side, side), generator=source).double()


def uniforms_like(x):
    return torch.rand(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("bits", [1, 5, 8])
def test_a_uniform_density_costs_exactly_the_bits(bits):
    x = some_pixels()
    _, log_det = Pixels(bits=bits).forward(x, uniforms_like(x))
    cost = bits_per_dim(-log_det, 4)  # log p(y) = 0 on the unit cube
    torch.testing.assert_close(cost, torch.full_like(cost, bits), rtol=1e-12, atol=0)


def test_a_logistic_density_behind_the_logit_costs_exactly_the_bits():
    """The standard logistic is the uniform seen through the logit: the two must cancel."""
    x = some_pixels()
    pixels = Pixels(bits=8, scale="logit", margin=1e-12)
    y, log_det = pixels.forward(x, uniforms_like(x))
    log_p = (-y - 2 * torch.log1p(torch.exp(-y))).flatten(1).sum(dim=1)
    cost = bits_per_dim(-(log_p + log_det), 4)
    torch.testing.assert_close(cost, torch.full_like(cost, 8.0), rtol=1e-9, atol=0)


@pytest.mark.parametrize("scale", ["centred", "logit"])
def test_the_log_det_is_that_of_the_map_from_the_lattice(scale):
    pixels, x = Pixels(bits=5, scale=scale, margin=0.01), some_pixels(1)
    noise = uniforms_like(x)
    cells = pixels.reduce(x)

    def map_of(v):  # the same map, seen as one of the real numbers level + noise
        return pixels.forward(8 * cells, v.reshape(1, 1, 2, 2) - cells)[0].flatten()

    start = (cells + noise).flatten()
    matrix = jacobian(map_of, start)
    claimed = pixels.forward(x, noise)[1][0]
    torch.testing.assert_close(torch.linalg.slogdet(matrix)[1], claimed, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", ["centred", "logit"])
@pytest.mark.parametrize("noise", ["uniform", "none"])
def test_eight_bits_come_back_whole(scale, noise):
    x = some_pixels(3)
    pixels = Pixels(bits=8, noise=noise, scale=scale)
    middle = 0.1 + 0.8 * uniforms_like(x)
    if noise == "none":
        pixels_back = pixels.inverse(pixels.forward(x, middle)[0] + 1e-9)
    else:
        pixels_back = pixels.inverse(pixels.forward(x, middle)[0])
    torch.testing.assert_close(pixels_back, x)


def test_fewer_bits_span_the_whole_range():
    ends = torch.tensor([0.0, 7.0, 8.0, 255.0]).reshape(1, 1, 2, 2)
    back = Pixels(bits=5).inverse(Pixels(bits=5).forward(ends, torch.full_like(ends, 0.5))[0])
    assert back.flatten().tolist() == [0.0, 0.0, 8.0, 255.0]


def test_without_noise_the_bits_have_no_bound():
    """A ever narrower density on the lattice's points costs ever fewer bits, below zero too."""
    x = torch.zeros(1, 1, 2, 2)
    y, log_det = Pixels(noise="none").forward(x, torch.rand(x.shape))
    costs = []
    for scale in (1e-2, 1e-4, 1e-8):
        log_p = torch.distributions.Normal(-0.5, scale).log_prob(y).flatten(1).sum(dim=1)
        costs.append(float(bits_per_dim(-(log_p + log_det), 4)))
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0 < costs[0]


def test_the_released_pictures_are_three_copies():
    images = torch.randint(0, 256, (2, 1, 28, 28), dtype=torch.uint8)
    shown = as_released(images, 32)
    assert (shown.shape, shown.dtype) == ((2, 3, 32, 32), torch.uint8)
    assert torch.equal(shown[:, 0], shown[:, 1])
    assert torch.equal(shown[:, 0], shown[:, 2])
    assert not math.isclose(float(shown.float().std()), 0)
