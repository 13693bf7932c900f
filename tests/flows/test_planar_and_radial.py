"""Planar and radial layers by the papers' formulas, and the bounds of their parameters."""

import pytest
import torch
from torch.nn import functional as F

from repro.flows.planar import Planar
from repro.flows.radial import Radial
from repro.flows.tanh_equation import solve


def drawn(family, spread=1.0, seed=0):
    source = torch.Generator().manual_seed(seed)
    return spread * torch.randn(family.parameter_count, generator=source)


def test_a_planar_layer_is_the_published_formula():
    family = Planar(3, 1, centred=False)
    values, x = drawn(family), torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    w, u, b = values[:3], values[3:6], values[6]
    along = w @ u
    u = u + (F.softplus(along) - 1 - along) * w / w.square().sum()
    y, log_det = family(x, values)
    h = torch.tanh(x @ w + b)
    torch.testing.assert_close(y, x + h[:, None] * u)
    torch.testing.assert_close(log_det, torch.log(1 + (1 - h * h) * (w @ u)))


def test_a_radial_layer_is_the_published_formula():
    family = Radial(3, 1)
    values, x = drawn(family), torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    centre, alpha = values[:3], F.softplus(values[3])
    beta = F.softplus(values[4]) - alpha
    r = (x - centre).norm(dim=-1)
    h, slope = 1 / (alpha + r), -1 / (alpha + r) ** 2
    y, log_det = family(x, values)
    torch.testing.assert_close(y, x + beta * h[:, None] * (x - centre))
    expected = 2 * torch.log(1 + beta * h) + torch.log(1 + beta * h + beta * slope * r)
    torch.testing.assert_close(log_det, expected)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_however_its_values_fall_a_planar_layer_stays_invertible(spread, centred):
    family = Planar(2, 1, centred=centred)
    for seed in range(20):
        values = drawn(family, spread, seed)
        w = values[:2] / values[:2].norm()
        line = torch.linspace(-1, 1, 2001)[:, None] * w  # across the plane, where it is steepest
        line = line - values[4] / values[:2].norm() * w
        y, log_det = family(line, values)
        assert ((y @ w).diff() >= 0).all()
        assert log_det.isfinite().all()


def test_centred_values_of_zero_are_the_identity_and_published_ones_are_not():
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(1))
    values = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
    torch.testing.assert_close(Planar(2, 1)(x, values)[0], x)
    moved = Planar(2, 1, centred=False)(x, values)[0]
    pull = 1 - torch.tensor(2.0).log()
    torch.testing.assert_close(moved[:, 0], x[:, 0] - pull * torch.tanh(x[:, 0]))


def test_the_centre_of_a_radial_layer_stays_and_has_a_gradient():
    family, values = Radial(2, 1), drawn(Radial(2, 1))
    centre = values[:2].clone()
    x = centre[None].clone().requires_grad_()
    y, log_det = family(x, values)
    torch.testing.assert_close(y[0], centre)
    (y.sum() + log_det.sum()).backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("slope", [-0.999, -0.3, 0.0, 2.0, 50.0])
def test_the_tanh_equation_and_its_derivatives(slope):
    target = torch.linspace(-60, 60, 101).requires_grad_()
    steepness = torch.full_like(target, slope, requires_grad=True)
    a = solve(steepness, target)
    torch.testing.assert_close(a + slope * torch.tanh(a), target, rtol=1e-10, atol=1e-10)
    found = torch.autograd.grad(a.sum(), (target, steepness))
    h = torch.tanh(a.detach())
    rate = 1 / (1 + slope * (1 - h * h))
    torch.testing.assert_close(found, (rate, -h * rate), rtol=1e-6, atol=1e-9)
