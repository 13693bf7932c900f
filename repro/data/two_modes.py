"""An even mixture of two normals on the line, and the one increasing map that makes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEP = 1e-4  # of sigma, to each side of the middle


@dataclass(frozen=True)
class TwoModes:
    """The density 1/2 N(-distance, sigma^2) + 1/2 N(distance, sigma^2) and its increasing map.

    The map T takes standard normal noise to the mixture: T(z) = F^-1(Phi(z)).

    Source: Dong et al. 2022 (NVF), Example 1.
    """

    distance: float
    sigma: float

    def draw(self, points: int, random: np.random.RandomState) -> Floats:
        """Points (N, 1)."""
        side = np.where(random.rand(points) < 0.5, -1.0, 1.0)
        return (side * self.distance + self.sigma * random.randn(points))[:, None]

    def log_density(self, x: NDArray[np.floating]) -> Floats:
        """Exact log-density (N,) in nats of the points x (N, 1)."""
        near = np.asarray(x, dtype=np.float64)[:, 0]
        left, right = (
            -0.5 * ((near + s) / self.sigma) ** 2 for s in (self.distance, -self.distance)
        )
        return np.logaddexp(left, right) - np.log(2 * self.sigma * np.sqrt(2 * np.pi))

    def slope_in_the_middle(self) -> float:
        """T'(0) = sigma exp(distance^2 / 2 sigma^2), from the formula."""
        return float(self.sigma * np.exp(0.5 * (self.distance / self.sigma) ** 2))

    def measured_slope_in_the_middle(self) -> float:
        """T'(0) by a central difference of the map's inverse, Phi^-1(F(x)), at 0."""
        step = STEP * self.sigma
        z = self.noise_of(np.array([-step, step]))
        return float(2 * step / (z[1] - z[0]))

    def noise_of(self, x: Floats) -> Floats:
        """The noise T^-1(x) (N,) of positions x (N,)."""
        from scipy.special import ndtr, ndtri  # slow to import

        below = 0.5 * (
            ndtr((x + self.distance) / self.sigma) + ndtr((x - self.distance) / self.sigma)
        )
        return np.asarray(ndtri(below))
