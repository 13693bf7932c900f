"""The toy data sets: the released moons to the bit, exact densities, and what lies away."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_moons, make_swiss_roll

from repro.data import toy as module
from repro.data.toy import TOYS, generate_toy
from repro.errors import DataError

NOISE = {"moons": 0.01, "gaussians": 0.1, "circles": 0.05, "swiss_roll": 0.03, "pinwheel": 0.1}


def data(name: str, points: int = 1024, **changes: object) -> dict[str, object]:
    return {"name": name, "points": points, "noise": NOISE[name], "modes": 8} | changes


def test_moons_are_the_released_ones() -> None:
    toy = generate_toy(data("moons"), 1)
    for split, seed in (("train", 2022), ("val", 2021), ("test", 2023)):
        x = make_moons(1024, noise=0.01, random_state=seed)[0]
        x[:, 0] -= 0.5
        x[:, 1] -= 0.25
        np.testing.assert_array_equal(getattr(toy, split), x.astype(np.float32))


def test_the_swiss_roll_is_a_tenth_of_scikit_learn_s() -> None:
    theirs = make_swiss_roll(50, random_state=5)[0][:, [0, 2]]
    found = module._swiss_roll(np.random.RandomState(5).rand(50))
    np.testing.assert_allclose(found, 0.1 * theirs)


@pytest.mark.parametrize("name", TOYS)
def test_splits_differ_and_come_back(name: str) -> None:
    toy, again, other = (generate_toy(data(name, 64), seed) for seed in (1, 1, 2))
    splits = [toy.train, toy.val, toy.test, other.train, other.val, other.test]
    assert len({part.tobytes() for part in splits}) == 6
    assert all(part.shape == (64, 2) and part.dtype == np.float32 for part in splits)
    np.testing.assert_array_equal(toy.train, again.train)


@pytest.mark.parametrize("name", [name for name in TOYS if name != "pinwheel"])
def test_densities_integrate_to_one_and_fit_the_points(name: str) -> None:
    noise = 0.1  # wide enough for a coarse grid
    toy = generate_toy(data(name, 256, noise=noise), 1)
    assert toy.generator is not None
    side = np.linspace(-2.6, 2.6, 66)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    log_p = toy.generator.log_density(grid)
    assert np.exp(log_p).sum() * (side[1] - side[0]) ** 2 == pytest.approx(1, abs=0.01)
    # The mean log-density of the points is minus the entropy: the grid's is the same number.
    entropy = -(np.exp(log_p) * log_p).sum() * (side[1] - side[0]) ** 2
    assert -toy.generator.log_density(toy.test).mean() == pytest.approx(entropy, abs=0.1)


def test_a_mixture_of_gaussians_has_its_formula() -> None:
    generator = generate_toy(data("gaussians", modes=2), 1).generator
    assert generator is not None
    x = np.array([[0.3, -0.2]])
    squares = ((x[0] - np.array([[2, 0], [-2, 0]])) ** 2).sum(axis=1)
    expected = np.log(np.exp(-squares / 0.02).mean() / (2 * np.pi * 0.01))
    assert generator.log_density(x)[0] == pytest.approx(expected, rel=1e-9)


def test_away_is_five_standard_deviations() -> None:
    generator = generate_toy(data("gaussians", modes=1), 1).generator
    assert generator is not None
    found = generator.away(np.array([[2.49, 0.0], [2.51, 0.0], [0.0, 0.0]]))
    assert found.tolist() == [False, True, True]


def test_the_pinwheel_has_no_known_density() -> None:
    assert generate_toy(data("pinwheel", 64), 1).generator is None


def test_a_wrong_name_is_refused() -> None:
    with pytest.raises(DataError, match="use one of moons"):
        generate_toy(data("moons") | {"name": "spoons"}, 1)


def test_data_seed_0_shares_no_split_with_the_first() -> None:
    zero, first = (generate_toy(data("moons", 64), seed) for seed in (0, 1))
    splits = [split for toy in (zero, first) for split in (toy.train, toy.val, toy.test)]
    assert len({split.tobytes() for split in splits}) == 6
