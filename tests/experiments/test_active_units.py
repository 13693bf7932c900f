"""Which latents of iVAE tell anything, against the posterior and the prior taken one by one."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from repro.data.sources import generate
from repro.experiments.active_units import ACTIVE, active_units
from repro.experiments.identifiability import start
from repro.metrics.identifiability import matched_correlations
from repro.training.seed_stack import SeedStack

SEEDS = (1, 2)


@pytest.fixture
def config(make_config):
    return make_config("ivae", "data.points_per_segment=400", "model.prior_mean=trainable")


@pytest.fixture
def sources(config):
    return [generate(config["data"], seed) for seed in SEEDS]


def by_hand(model, truth):
    """Divergences (D,) in the order of the sources, by torch.distributions."""
    x, segment = torch.from_numpy(truth.x), torch.from_numpy(truth.segment)
    with torch.no_grad():
        mean, variance = model._posterior(x, segment)
        centre, spread = model._prior(segment)
        kl = kl_divergence(Normal(mean, variance.sqrt()), Normal(centre, spread.sqrt()))
    order = matched_correlations(truth.s, mean.numpy()).assignment
    return kl.double().mean(dim=0).numpy()[order]


def test_divergences_are_in_the_order_of_the_matched_sources(config, sources):
    models = [start(config, seed) for seed in SEEDS]
    expected = [by_hand(model, truth) for model, truth in zip(models, sources, strict=True)]
    found = active_units(SeedStack(models, "cpu"), sources)
    for own, numbers in zip(found, expected, strict=True):
        np.testing.assert_allclose(own["kl_by_source"], numbers, rtol=1e-4)
        assert own["active_units"] == (numbers >= ACTIVE).sum()


def test_a_latent_that_is_its_prior_whatever_the_data_is_not_active(config, sources):
    model = start(config, 1)
    with torch.no_grad():  # the second latent's posterior and prior: normal(0, 1)
        for network in (model.encoder_mean, model.encoder_log_variance,
                        model.prior_mean, model.prior_log_variance):  # fmt: skip
            network.layers[-1].weight[1] = 0
            network.layers[-1].bias[1] = 0
    [found] = active_units(SeedStack([model], "cpu"), sources[:1])
    assert found["active_units"] == 1
    assert min(found["kl_by_source"]) == 0 < max(found["kl_by_source"])


def test_a_seed_whose_numbers_are_not_finite_has_none_and_harms_no_other(config, sources):
    models = [start(config, seed) for seed in SEEDS]
    with torch.no_grad():
        models[0].prior_log_variance.layers[-1].bias.fill_(float("nan"))
    lost, kept = active_units(SeedStack(models, "cpu"), sources)
    [alone] = active_units(SeedStack(models[1:], "cpu"), sources[1:])
    assert lost == {}
    assert kept == alone
