"""GIN's data: what the sources and clusters are, and that the mixing hides but loses nothing."""

import numpy as np
import pytest

from repro.data import hidden_sources
from repro.data.hidden_sources import generate_hidden_sources
from repro.errors import DataError

DATA = {"dim": 10, "sources": 2, "clusters": 5, "points": 3000, "noise": 0.01, "blocks": 8}


@pytest.fixture(scope="module")
def drawn():
    return generate_hidden_sources(DATA, 1)


def test_clusters_have_means_and_spreads_in_their_bounds(drawn):
    for cluster in range(5):
        own = drawn.train.s[drawn.train.cluster == cluster]
        assert 450 < len(own) < 750
        assert (np.abs(own.mean(axis=0)) < 5.5).all()
        assert ((own.std(axis=0) > 0.4) & (own.std(axis=0) < 3.2)).all()


def test_a_seed_is_a_data_set_and_another_is_another(drawn):
    again, other = generate_hidden_sources(DATA, 1), generate_hidden_sources(DATA, 2)
    assert np.array_equal(again.test.x, drawn.test.x)
    assert not np.array_equal(other.train.x, drawn.train.x)
    assert not np.array_equal(drawn.train.x, drawn.test.x)


def test_train_and_test_points_share_clusters_and_mixing(drawn):
    means = [
        np.stack([part.s[part.cluster == c].mean(axis=0) for c in range(5)])
        for part in (drawn.train, drawn.test)
    ]
    np.testing.assert_allclose(means[0], means[1], atol=0.5)
    np.testing.assert_allclose(drawn.train.x.std(0), drawn.test.x.std(0), rtol=0.2)


def test_the_mixing_is_invertible_and_not_the_identity():
    random = np.random.default_rng(0)
    blocks = [hidden_sources._draw_block(random, 10) for _ in range(3)]
    latent = random.standard_normal((5, 10))
    x = hidden_sources.mix(latent, blocks)
    nudge = 1e-6
    for row in range(5):
        moved = latent[row] + nudge * np.eye(10)
        matrix = (hidden_sources.mix(moved, blocks) - x[row]) / nudge
        assert np.linalg.svd(matrix, compute_uv=False).min() > 1e-3
    assert np.abs(x - latent).max() > 0.1


def test_a_block_by_hand():
    """First half: scaled and shifted; second half: moved by the new first half; then swapped."""
    scale, shift = 1.5, 0.3
    constant = ((np.zeros((2, 1)), np.array([scale, shift])),)
    follow = ((np.array([[0.0], [1.0]]), np.zeros(2)),)
    block = hidden_sources._Block(constant, follow, np.array([1, 0]))
    one, two = 0.7, -0.2
    new = one * np.exp(0.636 * 2 * np.arctan(scale / 2)) + shift  # released: 0.636 for 2 / pi
    found = hidden_sources.mix(np.array([[one, two]]), [block])
    np.testing.assert_allclose(found, [[two + new, new]])


def test_more_sources_than_dimensions_are_refused():
    with pytest.raises(DataError, match="use fewer"):
        generate_hidden_sources({**DATA, "sources": 11}, 1)
