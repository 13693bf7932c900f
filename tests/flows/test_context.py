"""Conditional flows: every row is mapped by its own context, in both directions."""

import pytest
import torch

from repro.flows.autoregressive import MADE, AutoregressiveAffine, AutoregressiveSpline
from repro.flows.base import Chain
from repro.flows.conditioners import Perceptron, ResidualConditioner
from repro.flows.coupling import AffineCoupling, SplineCoupling, Split
from repro.flows.linear import LULinear, Permutation

DIM, CONTEXT, ROWS = 4, 3, 6
FLOWS = {
    "spline_coupling": lambda: SplineCoupling(
        Split(DIM), lambda i, o: ResidualConditioner(i, o, 12, 2, CONTEXT), 4, 3.0
    ),
    "affine_coupling": lambda: AffineCoupling(
        Split(DIM), lambda i, o: Perceptron(i, o, (9,), CONTEXT)
    ),
    "autoregressive_spline": lambda: AutoregressiveSpline(DIM, 12, 2, 4, 3.0, CONTEXT),
    "autoregressive_affine": lambda: AutoregressiveAffine(DIM, 12, 2, context=CONTEXT),
    "chain": lambda: Chain(
        [
            Permutation(DIM),
            LULinear(DIM),
            AutoregressiveAffine(DIM, 12, 1, context=CONTEXT),
            AutoregressiveSpline(DIM, 12, 1, 4, 3.0, CONTEXT),
        ]
    ),
}


@pytest.fixture(params=FLOWS)
def flow(request):
    torch.manual_seed(0)
    made = FLOWS[request.param]()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return made


def inputs():
    source = torch.Generator().manual_seed(1)
    return torch.randn(ROWS, DIM, generator=source), torch.randn(ROWS, CONTEXT, generator=source)


def apply(flow, direction, x, context):
    if direction == "forward":
        return flow(x, None, context)
    return flow.inverse(x, context)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_a_row_sees_its_own_context_and_no_other(flow, direction):
    x, context = inputs()
    y, log_det = apply(flow, direction, x, context)
    for row in range(ROWS):
        alone = apply(flow, direction, x[row : row + 1], context[row : row + 1])
        torch.testing.assert_close(alone[0][0], y[row])
        torch.testing.assert_close(alone[1][0], log_det[row])
    other, _ = apply(flow, direction, x, context.flip(0))
    assert ((other - y).abs() > 1e-4).any(dim=-1).all()


def test_the_inverse_undoes_the_map_given_the_same_context(flow):
    x, context = inputs()
    y, log_det = flow(x, None, context)
    again, back = flow.inverse(y, context)
    torch.testing.assert_close(again, x, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(back, -log_det, rtol=1e-9, atol=1e-9)


def test_gradients_of_the_context_are_those_of_differences(flow):
    x, context = inputs()

    def total(context):
        y, log_det = flow(x, None, context)
        return (y * torch.arange(1.0, DIM + 1)).sum() + log_det.sum()

    context.requires_grad_()
    (gradient,) = torch.autograd.grad(total(context), context)
    direction = torch.randn(ROWS, CONTEXT, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        ahead, behind = (total(context + s * 1e-5 * direction) for s in (1, -1))
    expected = (ahead - behind) / 2e-5
    torch.testing.assert_close((gradient * direction).sum(), expected, rtol=1e-5, atol=1e-5)


def test_a_conditional_flow_refuses_to_go_without(flow):
    with pytest.raises(AssertionError, match="'context' must be given"):
        flow(inputs()[0])


def test_a_network_without_context_has_the_parameters_and_draws_that_it_had():
    torch.manual_seed(0)
    plain = MADE(DIM, 12, 2, 5)
    torch.manual_seed(0)
    conditional = MADE(DIM, 12, 2, 5, CONTEXT)
    shared = {k: v for k, v in conditional.state_dict().items() if not k.startswith("context")}
    assert plain.state_dict().keys() == shared.keys()
    for name, value in plain.state_dict().items():
        assert torch.equal(value, shared[name])


def test_the_first_feature_sees_no_context():
    flow = FLOWS["autoregressive_affine"]()
    x, context = inputs()
    y, other = flow(x, None, context)[0], flow(x, None, context.flip(0))[0]
    assert torch.equal(y[:, 0], other[:, 0])
    assert not torch.allclose(y[:, 1:], other[:, 1:])
