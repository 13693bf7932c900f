"""The report's CDF route, corrected, against the normal distribution."""

import pytest
import torch
from torch.autograd.functional import jacobian

from repro.models.natural_gaussian import cdf, largest_difference, quantile


def parameters(n=20):
    source = torch.Generator().manual_seed(0)
    xi = -0.1 - 3 * torch.rand(n, generator=source, dtype=torch.float64)
    return xi, torch.randn(n, generator=source, dtype=torch.float64)


def test_the_slope_of_the_cdf_is_the_density():
    xi, eta = (value[0] for value in parameters())
    z = torch.linspace(-3, 3, 50, dtype=torch.float64)
    slopes = jacobian(lambda v: cdf(v, xi, eta), z).diagonal()
    density = torch.exp(xi * z * z + eta * z)
    share = density / slopes  # the normaliser, which must be one number
    torch.testing.assert_close(share, share[:1].expand(50), rtol=1e-9, atol=0)


def test_the_cdf_goes_from_0_to_1_and_its_inverse_inverts():
    xi, eta = parameters()
    assert cdf(torch.tensor(-100.0).double(), xi, eta).abs().max() < 1e-12
    assert (cdf(torch.tensor(100.0).double(), xi, eta) - 1).abs().max() < 1e-12
    shares = torch.full((20,), 0.3, dtype=torch.float64)
    torch.testing.assert_close(cdf(quantile(shares, xi, eta), xi, eta), shares)


def test_it_agrees_with_the_normal_to_a_millionth():
    assert largest_difference(*parameters()) < 1e-6


def test_without_the_half_it_does_not(monkeypatch):
    wrong = "repro.models.natural_gaussian.cdf"
    monkeypatch.setattr(wrong, lambda z, xi, eta: cdf(z, xi, eta) - 0.5)
    assert largest_difference(*parameters()) == pytest.approx(0.5)
