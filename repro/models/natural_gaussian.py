"""The normal distribution by its natural parameters, and by the [Re] report's CDF, corrected."""

from __future__ import annotations

import torch
from torch import Tensor


def cdf(z: Tensor, xi: Tensor, eta: Tensor) -> Tensor:
    """The CDF (...) at z of the density proportional to exp(xi z^2 + eta z), xi < 0.

    1/2 + 1/2 erf(sqrt(-xi) z - eta / (2 sqrt(-xi))).

    Source: [Re] Identifying Through Flows, section 4.4.7, equation 6, which has erfi of an
    imaginary argument and leaves out the 1/2 between the antiderivative and the CDF.
    """
    root = torch.sqrt(-xi)
    return 0.5 + 0.5 * torch.erf(root * z - eta / (2 * root))


def quantile(share: Tensor, xi: Tensor, eta: Tensor) -> Tensor:
    """The z (...) at which the CDF is `share`: a draw from the density, for a uniform share.

    Source: as `cdf`, solved for z; the report's equation 5 had no usable inverse.
    """
    root = torch.sqrt(-xi)
    return (torch.erfinv(2 * share - 1) + eta / (2 * root)) / root


def largest_difference(xi: Tensor, eta: Tensor, points: int = 199) -> float:
    """How far the quantiles of `cdf`'s route are from the normal's own, at most, in its sd.

    The normal is N(eta / 2|xi|, 1 / 2|xi|), by torch.distributions, at evenly spaced shares.
    """
    shares = torch.linspace(0.005, 0.995, points, dtype=torch.float64)[:, None]
    xi, eta = xi.double().flatten(), eta.double().flatten()
    normal = torch.distributions.Normal(eta / (-2 * xi), (-2 * xi).rsqrt())
    z = normal.icdf(shares)
    by_quantile = (quantile(shares, xi, eta) - z).abs() / normal.stddev
    by_cdf = (cdf(z, xi, eta) - shares).abs()
    return float(torch.maximum(by_quantile, by_cdf).max())
