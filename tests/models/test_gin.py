"""GIN: the loss is a likelihood in nats a dimension, and volumes stay."""

import math

import pytest
import torch

from repro.models.gin import Gin

CONFIG = {
    "blocks": 3,
    "widths": [6, 6],
    "clamp": 2.0,
    "volume_preserving": True,
    "input_noise": 0.1,
}
DIM, CLUSTERS = 4, 3


def made(volume_preserving, shaken=True):
    torch.manual_seed(0)
    model = Gin({**CONFIG, "volume_preserving": volume_preserving}, DIM, CLUSTERS).double()
    if shaken:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.3 * torch.randn_like(parameter)
    return model


def batch():
    source = torch.Generator().manual_seed(1)
    x = torch.randn(60, DIM, generator=source, dtype=torch.float64)
    return x, torch.arange(60) % CLUSTERS


@pytest.mark.parametrize("volume_preserving", [True, False])
def test_the_loss_is_the_likelihood_under_each_cluster_s_own_gaussian(volume_preserving):
    model, (x, cluster) = made(volume_preserving), batch()
    z, log_det = model.flow(x)
    total = 0.0
    for label in range(CLUSTERS):
        own = z[cluster == label]
        mean, sd = own.mean(0), own.std(0, correction=0)
        total += torch.distributions.Normal(mean, sd).log_prob(own).sum()
    expected = -(total + log_det.sum()) / (len(x) * DIM)
    torch.testing.assert_close(model(x, cluster, None), expected)
    assert bool((log_det == 0).all()) == volume_preserving


def test_it_starts_as_a_permutation():
    model, (x, _) = made(True, shaken=False), batch()
    assert torch.equal(model.latents(x).sort(dim=-1).values, x.sort(dim=-1).values)


def test_noise_is_added_as_small_as_the_config_says():
    model, (x, cluster) = made(True), batch()
    noise = model.draw_noise(60, torch.Generator().manual_seed(2)).double()
    assert noise.shape == x.shape
    torch.testing.assert_close(model(x, cluster, noise), model(x + 0.1 * noise, cluster, None))


def test_tight_clusters_far_from_zero_keep_their_spread_in_float32():
    model = made(True, shaken=False).float()
    source = torch.Generator().manual_seed(3)
    x = (1000 + 0.01 * torch.randn(600, DIM, generator=source)).float()
    loss = model(x, torch.arange(600) % CLUSTERS, None)
    assert loss.item() == pytest.approx(
        0.5 + 0.5 * math.log(2 * math.pi) + math.log(0.01), abs=0.1
    )


def test_the_twins_have_equally_many_parameters():
    counts = [sum(p.numel() for p in made(kind).parameters()) for kind in (True, False)]
    assert counts[0] == counts[1]
