"""NVF of images and iFlow of images: bounds, samples, reconstructions."""

import pytest
import torch

from repro.models.iflow_image import IFlowImage
from repro.models.nvf_image import NVFImage
from repro.models.pixels import Pixels

IMAGE = (1, 8, 8)
FLOW = {
    "flow_steps": [1, 1], "flow_widths": [4, 4], "coupling": "affine", "bins": 4,
    "tail_bound": 3.0, "condition_couplings": False, "split_hidden": 4,
}  # fmt: skip
LATENT = {
    "features": 4, "condition_channels": 3, "latent_size": 2, "variables": 2, "categories": 3,
    "temperature": 1.0, "vocabulary": 4, "code_width": 2, "decay": 0.9, "commitment": 0.25,
}  # fmt: skip
KINDS = [(a, b) for a in ("flow", "gaussian") for b in ("continuous", "discrete", "sequential")]


@pytest.fixture(autouse=True)
def _float64():
    """In the place of the folder's fixture: images are float32."""


def pixels(n=6, seed=0):
    source = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, *IMAGE), generator=source).float()


def made(likelihood, latent, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = {**FLOW, **LATENT, "likelihood": likelihood, "latent": latent}
        model = NVFImage(config, IMAGE, Pixels())
        model.initialise(pixels(), drawn(model, 6))
    return model


def drawn(model, n, seed=1):
    return model.draw_noise(n, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("likelihood", "latent"), [*KINDS, ("flow", "none")])
def test_the_training_loss_is_the_bound_per_dimension(likelihood, latent):
    model = made(likelihood, latent)
    found = model.bound(pixels(), drawn(model, 6))
    loss = model(pixels(), drawn(model, 6))
    expected = (found.likelihood + found.latent).mean() / 64
    if latent == "sequential":  # its training adds the commitment and so is no smaller
        assert loss >= expected - 1e-6
        assert found.codes.shape == (6, 4)
    else:
        torch.testing.assert_close(loss, expected)
    assert loss.isfinite()


def test_the_gaussian_decoder_is_a_normal_at_every_pixel():
    model = made("gaussian", "continuous")
    features = torch.randn(6, *model.shape, generator=torch.Generator().manual_seed(0))
    y, _ = model.pixels.forward(pixels(), torch.full((6, *IMAGE), 0.5))
    likelihood = model.likelihood
    normal = torch.distributions.Normal(likelihood.decoder(features), likelihood.log_scale.exp())
    expected = normal.log_prob(y).flatten(1).sum(dim=1)
    torch.testing.assert_close(likelihood.log_density(y, features), expected)


@pytest.mark.parametrize(("likelihood", "latent"), [*KINDS, ("flow", "none")])
def test_samples_are_pixels(likelihood, latent):
    model = made(likelihood, latent)
    codes = torch.zeros(5, 4, dtype=torch.long) if latent == "sequential" else None
    normals = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    for image in (
        model.sample(drawn(model, 5), normals),
        model.sample(drawn(model, 5), normals, codes),
    ):
        assert image.shape == (5, *IMAGE)
        assert torch.equal(image, image.round())
        assert (image.min() >= 0, image.max() <= 255) == (True, True)


@pytest.mark.parametrize(("likelihood", "latent"), KINDS)
def test_every_parameter_learns_and_the_latent_is_used(likelihood, latent):
    model = made(likelihood, latent)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn(
                parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())
            )
    model(pixels(), drawn(model, 6)).backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []
    still_noise = torch.zeros(6, 64)
    one, two = (model.sample(drawn(model, 6, seed), still_noise) for seed in (1, 2))
    assert (one != two).any()


def test_only_a_code_book_has_averages_to_follow():
    assert made("flow", "continuous").averages(pixels()) == {}
    model = made("flow", "sequential")
    moved = model.averages(pixels())
    assert set(moved) == set(model.following)
    assert set(moved) == {"latent.book", "latent.counts", "latent.sums"}
    assert moved["latent.book"].shape == model.latent.book.shape


@pytest.fixture
def iflow():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = {**FLOW, "natural_parameters": "xi_only", "lambda_hidden": [6]}
        model = IFlowImage(config, IMAGE, 3, Pixels(scale="logit"))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.1 * torch.randn(parameter.shape)
    return model


def test_iflow_of_images_inverts_to_the_pixels_that_it_was_given(iflow):
    middle = torch.full((6, 64), 0.5)
    assert torch.equal(iflow.decode(iflow.encode(pixels(), middle)), pixels())


def test_iflow_of_images_has_the_gaussian_prior_of_its_class(iflow):
    classes = torch.tensor([0, 1, 2, 0, 1, 2])
    mean, scale = iflow.moments(classes)
    z = iflow.encode(pixels(), drawn(iflow, 6))
    y, cells = iflow.pixels.forward(pixels(), drawn(iflow, 6).reshape(6, *IMAGE))
    normal = torch.distributions.Normal(mean, scale).log_prob(z).sum(dim=1)
    expected = normal + iflow.flow(y)[1] + cells
    found = iflow.log_probability(pixels(), classes, drawn(iflow, 6))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-2)
    assert not torch.equal(mean[0], mean[1])
    loss = iflow(pixels(), classes, drawn(iflow, 6))
    torch.testing.assert_close(loss, -found.mean() / 64)


def test_draws_at_temperature_zero_are_the_image_of_the_mean(iflow):
    classes = torch.tensor([0, 1, 2])
    normals = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    mean, _ = iflow.moments(classes)
    assert torch.equal(iflow.draw(classes, normals, 0.0), iflow.decode(mean))
    assert bool(iflow.draw(classes, normals).isfinite().all())
