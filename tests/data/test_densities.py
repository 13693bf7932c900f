"""Data sets of known density: the density is one, and it is that of the points."""

import numpy as np
import pytest

from repro.data import densities
from repro.data.densities import generate_density
from repro.errors import DataError

MIXTURE = {"name": "mixture", "dim": 2, "components": 3, "points": 500}
WAVES = {"name": "waves", "dim": 4, "noise": 0.3, "points": 500}


def truth(data, seed=1):
    random = np.random.default_rng(seed)
    return {"mixture": densities._Mixture, "waves": densities._Waves}[data["name"]](data, random)


def test_a_mixture_integrates_to_one():
    edges = np.linspace(-9, 9, 240)
    grid = np.stack(np.meshgrid(edges, edges), axis=-1).reshape(-1, 2)
    mass = np.exp(truth(MIXTURE).log_density(grid)).sum() * (edges[1] - edges[0]) ** 2
    assert mass == pytest.approx(1.0, abs=1e-3)


def test_a_wave_s_density_is_that_of_many_drawn_waves():
    waves, random = truth(WAVES), np.random.default_rng(3)
    x = waves.draw(random, 6)
    period, phase = random.choice((1, 2), 60_000), random.uniform(0, 2 * np.pi, 60_000)
    clean = waves._wave(period, phase, random.uniform(0.5, 1.5, 60_000))
    squares = ((x[:, None] - clean) ** 2).sum(-1)
    drawn = np.exp(-squares / 2 / 0.3**2).mean(1) / (2 * np.pi * 0.3**2) ** 2
    np.testing.assert_allclose(np.exp(waves.log_density(x)), drawn, rtol=0.15)


@pytest.mark.parametrize("data", [MIXTURE, WAVES])
def test_splits_are_of_one_density_and_fixed_by_the_seed(data):
    found, again, other = (generate_density(data, seed) for seed in (1, 1, 2))
    assert (len(found.train), len(found.val), len(found.test)) == (500, 100, 500)
    assert np.array_equal(found.test, again.test)
    assert not np.array_equal(found.train, other.train)
    density = truth(data)
    entropy = [-density.log_density(part).mean() for part in (found.train, found.test)]
    assert entropy[1] == pytest.approx(found.entropy_sample)
    assert entropy[0] == pytest.approx(entropy[1], abs=0.3)


def test_an_unknown_data_set_is_refused():
    with pytest.raises(DataError, match="use mixture, waves"):
        generate_density({"name": "moon"}, 1)
