"""Spreads within clusters and information about the cluster, on latents made by hand."""

import numpy as np
import pytest

from repro.metrics.informative import cluster_information, spreads


def latents(points=4000, apart=10.0):
    random = np.random.default_rng(0)
    cluster = random.integers(2, size=points)
    z = random.standard_normal((points, 3)) * [0.5, 2.0, 0.01]
    z[:, 0] += apart * cluster
    return z, cluster


def test_spreads_are_those_within_clusters():
    z, cluster = latents()
    np.testing.assert_allclose(spreads(z, cluster), [0.5, 2.0, 0.01], rtol=0.05)


def test_spreads_of_clusters_are_averaged_as_squares():
    cluster = np.repeat([0, 1], 2)
    z = np.array([[1.0], [-1.0], [7.0], [-7.0]])
    assert spreads(z, cluster)[0] == pytest.approx(5.0)


def test_a_latent_that_names_the_cluster_has_all_its_information_and_noise_none():
    z, cluster = latents()
    information = cluster_information(z, cluster)
    assert information[0] == pytest.approx(np.log(2), abs=0.01)
    assert np.abs(information[1:]).max() < 0.01


def test_clusters_of_unlike_size_have_the_entropy_of_their_shares():
    cluster = np.repeat([0, 1], [3000, 1000])
    z = 50.0 * cluster[:, None] + np.random.default_rng(0).standard_normal((4000, 1))
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert cluster_information(z, cluster)[0] == pytest.approx(entropy)


def test_the_two_rules_can_choose_differently():
    z, cluster = latents()
    assert np.argmax(spreads(z, cluster)) == 1
    assert np.argmax(cluster_information(z, cluster)) == 0


def test_a_cluster_of_one_point_is_refused():
    with pytest.raises(ValueError, match="use more points"):
        spreads(np.zeros((3, 1)), np.array([0, 0, 1]))
