"""Small models of both kinds, in float64."""

import pytest
import torch

from repro.models.iflow import IFlow
from repro.models.ivae import IVAE

IFLOW = {
    "name": "iflow",
    "flow_length": 10,
    "bins": 8,
    "tail_bound": 3.0,
    "hidden": 256,
    "blocks": 2,
    "dropout": 0.25,
    "lambda_hidden": None,
    "natural_parameters": "softplus",
    "log_pi": False,
}
IVAE_CONFIG = {
    "name": "ivae",
    "hidden": 50,
    "depth": 3,
    "slope": 0.1,
    "activation": "lrelu",
    "initialisation": "xavier",
    "decoder_variance": 0.01,
    "decoder_noise": "fixed",
    "prior_mean": "zero",
    "weight_reconstruction": 1.0,
    "weight_information": 1.0,
    "weight_correlation": 1.0,
    "weight_dimensions": 1.0,
}
SMALL = {"hidden": 8, "flow_length": 2, "bins": 4}


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def shaken(model, seed, spread):
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += spread * torch.randn_like(parameter)
    return model


@pytest.fixture
def published():
    """The configs of the published runs, by name of the model."""
    return {"iflow": IFLOW, "ivae": IVAE_CONFIG}


@pytest.fixture
def make_iflow():
    """A small iFlow whose every parameter has been moved from its start."""

    def make(dim=3, segments=5, seed=0, spread=0.2, **changes):
        torch.manual_seed(seed)
        return shaken(IFlow({**IFLOW, **SMALL, **changes}, dim, segments), seed, spread)

    return make


@pytest.fixture
def make_ivae():
    """A small iVAE whose every parameter has been moved from its start."""

    def make(dim=3, segments=5, seed=0, spread=0.1, **changes):
        torch.manual_seed(seed)
        config = {**IVAE_CONFIG, "hidden": 8, "decoder_variance": 0.5, **changes}
        return shaken(IVAE(config, dim, segments), seed, spread)

    return make


@pytest.fixture
def batch():
    """A maker of observations (B, D) and their segments (B,)."""

    def make(rows=40, dim=3, segments=5, seed=0):
        source = torch.Generator().manual_seed(seed)
        x = 1.5 * torch.randn(rows, dim, generator=source)
        return x, torch.randint(segments, (rows,), generator=source)

    return make
