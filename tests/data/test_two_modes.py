"""The mixture on the line: its density, and the slope of its map by formula and by measurement."""

from __future__ import annotations

import numpy as np
import pytest

from repro.data.two_modes import TwoModes


@pytest.mark.parametrize("sigma", [0.5, 1.0])
@pytest.mark.parametrize("ratio", [0.5, 1, 2, 3, 4, 5])
def test_the_slope_in_the_middle_is_example_1s(sigma: float, ratio: float) -> None:
    truth = TwoModes(ratio * sigma, sigma)
    assert truth.slope_in_the_middle() == pytest.approx(sigma * np.exp(ratio**2 / 2))
    assert truth.measured_slope_in_the_middle() == pytest.approx(
        truth.slope_in_the_middle(), rel=1e-4
    )


def test_the_density_is_the_slope_of_the_noise() -> None:
    truth, x = TwoModes(1.0, 0.5), np.linspace(-2.5, 2.5, 11)
    z, step = truth.noise_of(x), 1e-5
    slope = (truth.noise_of(x + step) - truth.noise_of(x - step)) / (2 * step)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * slope
    np.testing.assert_allclose(np.log(density), truth.log_density(x[:, None]), atol=1e-6)


def test_points_have_both_modes() -> None:
    points = TwoModes(3.0, 0.5).draw(4000, np.random.RandomState(0))[:, 0]
    assert (points > 0).mean() == pytest.approx(0.5, abs=0.05)
    assert np.abs(points).std() == pytest.approx(0.5, rel=0.1)
