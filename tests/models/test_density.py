"""Densities by flows: they integrate to one, and the twins have equally many parameters."""

import pytest
import torch

from repro.config.schema import flows as schema
from repro.errors import ConfigError
from repro.flows.boundaries import BOUNDARIES
from repro.models.density import DensityFlow, make_flow

COUPLING = {
    "name": "coupling_flow", "layers": 3, "widths": [8], "clamp": 2.0, "boundary": "circular",
}  # fmt: skip
STACK = {"name": "convolution_stack", "layers": 2, "widths": [2], "boundary": "circular"}
CONFIGS = {
    "affine": {**COUPLING, "transformer": "affine"},
    "convolution": {**COUPLING, "transformer": "convolution"},
    "mirrored": {**COUPLING, "transformer": "convolution", "boundary": "symmetric"},
    "stack": STACK,
    "mirrored_stack": {**STACK, "boundary": "symmetric"},
}


def made(config, dim=2):
    torch.manual_seed(0)
    model = DensityFlow(config, dim)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize("name", CONFIGS)
def test_a_density_integrates_to_one(name):
    edges = torch.linspace(-12, 12, 400)
    grid = torch.cartesian_prod(edges, edges)
    with torch.no_grad():
        mass = made(CONFIGS[name]).log_density(grid).exp().sum() * (edges[1] - edges[0]) ** 2
    assert mass.item() == pytest.approx(1.0, abs=0.02)


def test_the_loss_is_the_mean_of_minus_the_log_density():
    model, x = made(CONFIGS["affine"]), torch.randn(9, 2)
    torch.testing.assert_close(model(x, None), -model.log_density(x).mean())


def test_affine_and_convolutional_couplings_have_equally_many_parameters():
    counts = {
        sum(p.numel() for p in made(CONFIGS[name], 10).parameters())
        for name in ("affine", "convolution", "mirrored")
    }
    assert len(counts) == 1


@pytest.mark.parametrize("dim", [2, 5, 10])
def test_a_stack_is_as_long_as_a_coupling_flow_s_parameters_allow(dim):
    stack = make_flow({**STACK, "layers": 3, "widths": [8]}, dim)
    coupling = make_flow(CONFIGS["affine"], dim)
    ours, theirs = (sum(p.numel() for p in flow.parameters()) for flow in (stack, coupling))
    assert theirs - 3 * dim < ours <= theirs


def test_a_config_may_name_every_boundary_and_no_other():
    assert set(schema.BOUNDARIES) == set(BOUNDARIES)


def test_an_unknown_flow_is_refused():
    with pytest.raises(ConfigError, match="set model to coupling_flow"):
        make_flow({"name": "iflow"}, 2)
