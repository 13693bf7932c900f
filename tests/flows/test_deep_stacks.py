"""Eighty layers start at the identity, and their slopes stay in bounds."""

import pytest
import torch

from repro.flows.convolution import Convolution
from repro.flows.nice import Nice
from repro.flows.parametric import Amortised, Static
from repro.flows.planar import Planar
from repro.flows.radial import Radial
from repro.flows.sylvester import Sylvester

DIM, LENGTH, CONTEXT = 40, 80, 10
STACKS = {
    "planar": lambda: Planar(DIM, LENGTH),
    "planar_as_published": lambda: Planar(DIM, LENGTH, centred=False),
    "radial": lambda: Radial(DIM, LENGTH),
    "nice_orthogonal": lambda: Nice(DIM, LENGTH, 8),
    "nice_permutation": lambda: Nice(DIM, LENGTH, 8, mixing="permutation", scaling=True),
    "sylvester": lambda: Sylvester(DIM, LENGTH, units=4),
    "circular_convolution": lambda: Convolution(DIM, LENGTH, gated=False),
}


@pytest.mark.parametrize("amortised", [False, True])
@pytest.mark.parametrize("name", STACKS)
def test_eighty_layers_start_near_the_identity(name, amortised):
    torch.manual_seed(0)
    family = STACKS[name]()
    flow = Amortised(family, CONTEXT) if amortised else Static(family)
    x, context = torch.randn(50, DIM), torch.randn(50, CONTEXT)
    y, log_det = flow(x, None, context)
    assert (y - x).norm(dim=-1).max() < 0.25 * x.norm(dim=-1).mean()
    assert log_det.abs().max() < 2.0  # of the 57 nats that an entropy of 40 features is
    (y.square().sum() / 2 - log_det.sum()).backward()
    for parameter in flow.parameters():
        assert parameter.grad.isfinite().all()
