"""iVAE's ELBO and importance-weighted bound, against torch.distributions and exact cases."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence
from torch.nn import functional as F

from repro.models.ivae import LeakyNetwork


def parts(model, x, segment):
    """Posterior q(z | x, u) and prior p(z | u) from the networks, one-hot input and all."""
    u = F.one_hot(segment, model.one_hot.shape[0]).to(x.dtype)
    both = torch.cat((x, u), dim=-1)
    posterior = Normal(model.encoder_mean(both), (0.5 * model.encoder_log_variance(both)).exp())
    scale = (0.5 * model.prior_log_variance(u)).exp()
    mean = torch.zeros_like(scale) if model.prior_mean is None else model.prior_mean(u)
    return posterior, Normal(mean, scale)


def log_weight(model, x, segment, noise):
    posterior, prior = parts(model, x, segment)
    z = posterior.mean + posterior.stddev * noise
    decoded = Normal(model.decoder(z), math.sqrt(model.decoder_variance))
    terms = decoded.log_prob(x) + prior.log_prob(z) - posterior.log_prob(z)
    return terms.sum(dim=-1)


def normals(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("prior_mean", ["zero", "trainable"])
def test_the_loss_is_minus_the_mean_one_sample_elbo(make_ivae, batch, prior_mean):
    model = make_ivae(prior_mean=prior_mean)
    x, segment = batch()
    noise = normals(*x.shape)
    loss = model(x, segment, noise)
    assert loss.shape == ()
    torch.testing.assert_close(loss, -log_weight(model, x, segment, noise).mean())


@pytest.mark.parametrize("prior_mean", ["zero", "trainable"])
def test_the_elbo_is_reconstruction_minus_kl(make_ivae, batch, prior_mean):
    model = make_ivae(prior_mean=prior_mean)
    x, segment = batch(rows=4)
    with torch.no_grad():
        posterior, prior = parts(model, x, segment)
        noise = normals(20_000, *x.shape)
        decoded = Normal(
            model.decoder(posterior.mean + posterior.stddev * noise),
            math.sqrt(model.decoder_variance),
        )
        fit = decoded.log_prob(x).sum(dim=-1)
        expected = fit.mean(dim=0) - kl_divergence(posterior, prior).sum(dim=-1)
        _, elbo = model.log_likelihood(x, segment, noise)
        error = log_weight(model, x, segment, noise).std(dim=0) / math.sqrt(len(noise))
    assert ((elbo - expected).abs() < 6 * error).all()


@pytest.mark.parametrize("prior_mean", ["zero", "trainable"])
def test_divergences_are_those_of_each_latent_from_its_prior(make_ivae, batch, prior_mean):
    model = make_ivae(prior_mean=prior_mean)
    x, segment = batch()
    with torch.no_grad():
        posterior, prior = parts(model, x, segment)
        mean, divergences = model.divergences(x, segment)
    torch.testing.assert_close(mean, posterior.mean)
    torch.testing.assert_close(divergences, kl_divergence(posterior, prior))


def test_the_bound_and_the_elbo_average_the_same_weights(make_ivae, batch):
    model = make_ivae()
    x, segment = batch()
    noise = normals(16, *x.shape)
    weights = torch.stack([log_weight(model, x, segment, one) for one in noise])
    bound, elbo = model.log_likelihood(x, segment, noise)
    torch.testing.assert_close(elbo, weights.mean(dim=0))
    torch.testing.assert_close(bound, weights.exp().mean(dim=0).log())
    assert (bound > elbo).all()


def test_one_importance_sample_gives_the_elbo(make_ivae, batch):
    model = make_ivae()
    x, segment = batch()
    bound, elbo = model.log_likelihood(x, segment, normals(1, *x.shape))
    torch.testing.assert_close(bound, elbo)
    torch.testing.assert_close(-elbo.mean(), model(x, segment, normals(1, *x.shape)[0]))


def test_the_bound_survives_weights_that_underflow(make_ivae, batch):
    x, segment = batch()
    model = make_ivae(decoder_variance=1e-4)
    bound, elbo = model.log_likelihood(x, segment, normals(8, *x.shape))
    assert elbo.mean() < -1000
    assert bound.isfinite().all()


def linear_marginal(model, segment):
    """Exact p(x | u) of a model whose networks have one layer: a Gaussian."""
    layer = model.decoder.layers[0]
    _, prior = parts(model, torch.zeros(len(segment), model.dim), segment)
    weight = layer.weight
    mean = prior.mean @ weight.T + layer.bias
    spread = weight @ torch.diag_embed(prior.variance) @ weight.T
    return MultivariateNormal(mean, spread + model.decoder_variance * torch.eye(model.dim))


@pytest.mark.parametrize("prior_mean", ["zero", "trainable"])
def test_the_bound_tends_to_the_exact_likelihood_of_a_linear_model(make_ivae, batch, prior_mean):
    model = make_ivae(depth=1, decoder_variance=1.0, dim=2, prior_mean=prior_mean)
    x, segment = batch(rows=6, dim=2)
    with torch.no_grad():
        model.encoder_log_variance.layers[0].bias += 1.0  # a wide posterior bounds the weights
        exact = linear_marginal(model, segment).log_prob(x)
        gaps = []
        for samples in (1, 4, 16):  # the mean over many repetitions falls as samples grow
            noise = normals(samples, 2000 * len(x), 2)
            bound, _ = model.log_likelihood(x.repeat(2000, 1), segment.repeat(2000), noise)
            gaps.append(float((exact.repeat(2000) - bound).mean()))
        bound, elbo = model.log_likelihood(x, segment, normals(200_000, *x.shape))
    assert gaps[0] > gaps[1] > gaps[2] > 0
    torch.testing.assert_close(bound, exact, rtol=0, atol=0.02)
    assert (elbo < exact).all()


def test_with_the_exact_posterior_bound_elbo_and_likelihood_agree(make_ivae, batch):
    model = make_ivae(depth=1, decoder_variance=0.7, dim=2, prior_mean="trainable")
    with torch.no_grad():
        # x = 2 Q z + b + noise with Q a rotation, and prior variances that do not depend on u:
        # then the posterior is diagonal and its mean is linear in x and u.
        rotation = torch.tensor([[0.6, -0.8], [0.8, 0.6]])
        decoder = model.decoder.layers[0]
        decoder.weight.copy_(2 * rotation)
        variance = torch.tensor([0.5, 1.5])
        model.prior_log_variance.layers[0].weight.zero_()
        model.prior_log_variance.layers[0].bias.copy_(variance.log())
        own = 1 / (1 / variance + 4 / model.decoder_variance)
        means = model.prior_mean(torch.eye(5))
        layer = model.encoder_mean.layers[0]
        layer.weight[:, :2] = own[:, None] * decoder.weight.T / model.decoder_variance
        layer.weight[:, 2:] = (own * means / variance).T
        layer.bias.copy_(-layer.weight[:, :2] @ decoder.bias)
        model.encoder_log_variance.layers[0].weight.zero_()
        model.encoder_log_variance.layers[0].bias.copy_(own.log())
    x, segment = batch(rows=30, dim=2)
    exact = linear_marginal(model, segment).log_prob(x)
    bound, elbo = model.log_likelihood(x, segment, normals(3, *x.shape))
    torch.testing.assert_close(bound, exact)
    torch.testing.assert_close(elbo, exact)


def test_latents_are_a_posterior_sample_and_its_mean(make_ivae, batch):
    model = make_ivae()
    x, segment = batch()
    noise = normals(*x.shape)
    sample, mean = model.latents(x, segment, noise)
    posterior, _ = parts(model, x, segment)
    torch.testing.assert_close(mean, posterior.mean)
    torch.testing.assert_close(sample, posterior.mean + posterior.stddev * noise)


@pytest.mark.parametrize("prior_mean", ["zero", "trainable"])
def test_gradients_reach_every_parameter_and_none_is_missing(make_ivae, batch, prior_mean):
    model = make_ivae(prior_mean=prior_mean)
    x, segment = batch(rows=400)
    model(x, segment, normals(*x.shape)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert (parameter.grad != 0).all(), name


def test_noise_is_standard_normal_of_the_batch_s_shape(make_ivae):
    noise = make_ivae(dim=3).draw_noise(50_000, torch.Generator().manual_seed(0))
    assert noise.shape == (50_000, 3)
    assert noise.mean().abs() < 0.01
    assert noise.std() == pytest.approx(1, abs=0.01)


def test_the_loss_needs_its_noise(make_ivae, batch):
    with pytest.raises(AssertionError, match="'noise'"):
        make_ivae()(*batch(), None)


def test_the_network_is_linear_leaky_linear_with_xavier_weights():
    network = LeakyNetwork(7, 2, hidden=50, depth=3, slope=0.1, activation="lrelu")
    h = normals(10, 7)
    one, two, three = network.layers
    by_hand = three(F.leaky_relu(two(F.leaky_relu(one(h), 0.1)), 0.1))
    torch.testing.assert_close(network(h), by_hand)
    for layer in network.layers:
        limit = math.sqrt(6 / sum(layer.weight.shape))
        assert 0.9 * limit < float(layer.weight.detach().abs().max()) <= limit
    assert len(LeakyNetwork(7, 2, hidden=50, depth=1, slope=0.1, activation="lrelu").layers) == 1


def test_linear_initialisation_is_torch_s_own_and_leaves_the_biases_alone():
    shape = {"hidden": 50, "depth": 3, "slope": 0.1, "activation": "xtanh"}
    networks = {}
    for initialisation in ("xavier", "linear"):
        torch.manual_seed(0)
        networks[initialisation] = LeakyNetwork(7, 2, **shape, initialisation=initialisation)
    torch.manual_seed(0)
    plain = [torch.nn.Linear(i, o) for i, o in ((7, 50), (50, 50), (50, 2))]
    for layer, expected in zip(networks["linear"].layers, plain, strict=True):
        torch.testing.assert_close(layer.weight, expected.weight)
        assert layer.weight.abs().max() <= layer.in_features**-0.5
    other = networks["xavier"].layers[0].weight
    assert other.abs().max() > 7**-0.5 * 0.8
    assert (other != networks["linear"].layers[0].weight).all()


def four(**changes):
    names = ("reconstruction", "information", "correlation", "dimensions")
    return {f"weight_{name}": changes.get(name, 1.0) for name in names}


def test_the_weighted_objective_with_weights_of_one_is_the_elbo(make_ivae, batch):
    x, segment = batch()
    noise = normals(*x.shape)
    plain = make_ivae(**four())
    nearly = make_ivae(**four(reconstruction=1 + 1e-12))  # takes the other path
    torch.testing.assert_close(nearly(x, segment, noise), plain(x, segment, noise))


def test_each_weight_belongs_to_its_term(make_ivae, batch):
    x, segment = batch(rows=6)
    noise = normals(*x.shape)
    model = make_ivae(**four(reconstruction=0.0, information=0.0, correlation=0.0, dimensions=1.0))
    posterior, prior = parts(model, x, segment)
    z = posterior.mean + posterior.stddev * noise
    each = Normal(posterior.mean[None], posterior.stddev[None]).log_prob(z[:, None])
    apart = (each.logsumexp(dim=1) - math.log(6)).sum(dim=-1)
    joint = each.sum(dim=-1).logsumexp(dim=1) - math.log(6)
    log_q = posterior.log_prob(z).sum(dim=-1)
    expected = (apart - prior.log_prob(z).sum(dim=-1)).mean()
    torch.testing.assert_close(model(x, segment, noise), expected)
    model.weights = (0.0, 1.0, 0.0, 0.0)
    torch.testing.assert_close(model(x, segment, noise), (log_q - joint).mean())
    model.weights = (0.0, 0.0, 1.0, 0.0)
    torch.testing.assert_close(model(x, segment, noise), (joint - apart).mean())


def test_a_learnable_decoder_variance_starts_where_the_fixed_one_stays(make_ivae, batch):
    x, segment = batch()
    noise = normals(*x.shape)
    fixed = make_ivae(spread=0.0)
    learnable = make_ivae(spread=0.0, decoder_noise="learnable")
    torch.testing.assert_close(learnable(x, segment, noise), fixed(x, segment, noise))
    learnable(x, segment, noise).backward()
    assert float(learnable.decoder_log_variance.grad) != 0
    assert learnable.decoder_log_variance.exp().item() == pytest.approx(0.5)


def test_xtanh_is_a_leaky_tanh():
    network = LeakyNetwork(2, 2, hidden=4, depth=2, slope=0.1, activation="xtanh")
    x = normals(5, 2)
    h = network.layers[0](x)
    torch.testing.assert_close(network(x), network.layers[1](h.tanh() + 0.1 * h))


def test_samples_have_the_moments_of_a_linear_decoder(make_ivae):
    model = make_ivae(depth=1, dim=2, prior_mean="trainable", decoder_variance=0.3)
    segment = torch.full((40_000,), 2)
    with torch.no_grad():
        x = model.sample(segment, torch.Generator().manual_seed(0))
        mean, variance = model._prior(segment[:1])
        weight = model.decoder.layers[0].weight
        spread = weight @ torch.diag(variance[0]) @ weight.T + 0.3 * torch.eye(2)
        torch.testing.assert_close(x.mean(dim=0), model.decoder(mean)[0], atol=0.05, rtol=0)
        torch.testing.assert_close(torch.cov(x.T), spread, atol=0.05, rtol=0.05)
