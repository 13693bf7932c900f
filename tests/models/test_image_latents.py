"""Latents of images: their costs, their draws, and the book that follows the encoder."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from repro.models.image_latents import ContinuousLatent, DiscreteLatent, SequentialLatent

SHAPE = (3, 2, 2)


@pytest.fixture(autouse=True)
def _float64():
    """In the place of the folder's fixture: images are float32."""


def made(make, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def features(n=5, seed=1):
    return torch.randn(n, *SHAPE, generator=torch.Generator().manual_seed(seed))


def uniforms(n, size, seed=2):
    return torch.rand(n, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ContinuousLatent(SHAPE, 2),
        lambda: DiscreteLatent(SHAPE, 3, 4),
        lambda: SequentialLatent(SHAPE, 5, 2),
    ],
    ids=["continuous", "discrete", "sequential"],
)
def test_every_latent_keeps_the_shape_costs_and_draws(make):
    latent = made(make)
    coded = latent(features(), uniforms(5, latent.draws))
    assert coded.features.shape == (5, *SHAPE)
    assert coded.cost.shape == coded.penalty.shape == (5,)
    assert (coded.cost >= 0).all()
    assert latent.from_prior(uniforms(7, latent.draws)).shape == (7, *SHAPE)
    x = features().requires_grad_()
    latent(x, uniforms(5, latent.draws)).features.square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0  # gradients reach the encoder, through rounding too


def test_the_gaussian_latent_costs_its_kl_divergence():
    latent = made(lambda: ContinuousLatent(SHAPE, 2))
    mean, log_variance = latent.moments(features().flatten(1)).chunk(2, dim=1)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(latent(features(), uniforms(5, 2)).cost, expected)


def test_the_discrete_latent_draws_one_hot_from_its_posterior():
    latent = made(lambda: DiscreteLatent(SHAPE, 1, 4))
    with torch.no_grad():
        latent.back.weight.copy_(torch.eye(12, 4))  # the features show the draw
        latent.back.bias.zero_()
    one = features(1).expand(4000, -1, -1, -1)
    drawn = latent(one, uniforms(4000, 4)).features.flatten(1)[:, :4]
    assert torch.equal(drawn.round(), torch.nn.functional.one_hot(drawn.argmax(1), 4).float())
    expected = latent.logits(features(1).flatten(1)).softmax(dim=1)[0].detach()
    torch.testing.assert_close(drawn.mean(dim=0), expected, rtol=0, atol=0.03)
    assert latent(one, uniforms(4000, 4)).cost[0].item() == pytest.approx(
        float((expected * expected.log()).sum() + math.log(4)), rel=1e-4
    )


def test_codes_are_the_nearest_and_nothing_moves_at_evaluation():
    latent = made(lambda: SequentialLatent(SHAPE, 5, 2))
    before = {name: value.clone() for name, value in latent.named_buffers()}
    coded = latent(features())
    vectors = latent.down(features()).flatten(2).mT
    distances = torch.cdist(vectors, latent.book[None].expand(5, -1, -1))
    assert torch.equal(coded.codes, distances.argmin(dim=-1))
    torch.testing.assert_close(coded.features, latent.from_codes(coded.codes))
    assert float(coded.cost[0]) == pytest.approx(4 * math.log(5))
    for name, value in latent.named_buffers():
        assert torch.equal(value, before[name])


def test_the_book_follows_the_encoder():
    """After many equal batches every code in use is the mean of the vectors nearest to it."""
    latent = made(lambda: SequentialLatent(SHAPE, 3, 2))
    latent.initialise(features(40))
    for _ in range(600):
        for name, value in latent.averages(features(40)).items():
            getattr(latent, name).copy_(value)
    vectors = latent.down(features(40)).flatten(2).mT.flatten(0, 1)
    codes = latent(features(40)).codes.flatten()
    assert set(codes.tolist()) == {0, 1, 2}
    for code in range(3):
        mean = vectors[codes == code].mean(dim=0)
        torch.testing.assert_close(latent.book[code], mean, rtol=0, atol=0.02)
