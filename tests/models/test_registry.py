"""Models are found by name, sized as published and made from torch's generator."""

import pytest
import torch

from repro.errors import ConfigError
from repro.flows.masked_network import MaskedLinear
from repro.models.base import IdentifiableModel, count_parameters
from repro.models.registry import make_model


@pytest.mark.parametrize(
    ("name", "changes", "dim", "segments", "parameters"),
    [
        ("iflow", {}, 5, 40, 2_944_980),
        ("iflow", {}, 2, 5, 2_757_710),
        ("ivae", {}, 5, 40, 18_170),
        ("ivae", {}, 2, 5, 11_858),
        ("ivae", {"prior_mean": "trainable"}, 5, 40, 23_025),
        ("ivae", {"prior_mean": "trainable"}, 2, 5, 14_810),
    ],
)
def test_models_have_exactly_the_published_number_of_parameters(
    published, name, changes, dim, segments, parameters
):
    model = make_model({**published[name], **changes}, dim, segments)
    assert count_parameters(model) == parameters


def test_iflow_s_masks_leave_exactly_the_published_number_of_entries(published):
    model = make_model(published["iflow"], 5, 40)
    hidden = sum(int((m.mask == 0).sum()) for m in model.modules() if isinstance(m, MaskedLinear))
    assert count_parameters(model) - hidden == 1_808_340


def test_the_prior_network_of_iflow_has_the_released_widths(published):
    model = make_model(published["iflow"], 5, 40)
    sizes = [layer.out_features for layer in model.prior if hasattr(layer, "out_features")]
    assert sizes == [30, 20, 10]


def test_lambda_hidden_overrides_the_released_widths(published):
    config = {**published["iflow"], "lambda_hidden": [7], "flow_length": 1, "hidden": 4}
    model = make_model(config, 2, 5)
    sizes = [layer.out_features for layer in model.prior if hasattr(layer, "out_features")]
    assert sizes == [7, 4]


def test_counting_leaves_frozen_parameters_out(published):
    model = make_model(published["ivae"], 2, 5)
    all_of_them = count_parameters(model)
    frozen = model.decoder.layers[0].weight.requires_grad_(False)
    assert count_parameters(model) == all_of_them - frozen.numel()


@pytest.mark.parametrize("name", ["iflow", "ivae"])
def test_the_global_generator_decides_the_initial_weights(published, name):
    config = {**published[name], "hidden": 8}
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(make_model(config, 5, 4).state_dict())
    same = [torch.equal(a, b) for a, b in zip(*map(dict.values, states[:2]), strict=True)]
    other = [torch.equal(a, b) for a, b in zip(*map(dict.values, states[1:]), strict=True)]
    assert all(same)
    assert not all(other)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"unknown model 'vae'.*iflow.*ivae"):
        make_model({"name": "vae"}, 2, 5)


def test_the_base_says_nothing_itself():
    model = IdentifiableModel()
    for call in (
        lambda: model.draw_noise(1, torch.Generator()),
        lambda: model(torch.zeros(1, 1), torch.zeros(1), None),
        lambda: model.latents(torch.zeros(1, 1), torch.zeros(1), torch.zeros(1, 1)),
        lambda: model.log_likelihood(torch.zeros(1, 1), torch.zeros(1), torch.zeros(1, 1, 1)),
    ):
        with pytest.raises(NotImplementedError):
            call()
