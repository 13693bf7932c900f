"""Image bijections and the multi-scale flow: inverse, log-determinant, initialisation, vmap."""

import pytest
import torch
from torch.autograd.functional import jacobian
from torch.func import functional_call, stack_module_state, vmap

from repro.flows.image import (
    COUPLINGS,
    ActNorm,
    ConditionalScaling,
    ImageCoupling,
    LUConvolution,
    Squeeze,
)
from repro.flows.multiscale import FlowShape, MultiScaleFlow
from repro.models.normal import log_normal

TIGHT = {"rtol": 1e-9, "atol": 1e-9}
FEATURES = 2
BIJECTIONS = {
    "squeeze": lambda: Squeeze(),
    "actnorm": lambda: ActNorm(3),
    "lu_convolution": lambda: LUConvolution(3),
    **{kind: lambda kind=kind: ImageCoupling(3, 4, kind, bins=4) for kind in COUPLINGS},
    "conditioned": lambda: ImageCoupling(3, 4, condition_channels=FEATURES),
    "conditional_scaling": lambda: ConditionalScaling(3, FEATURES, 4),
}
SHAPES = {
    **{f"two_levels_{kind}": FlowShape((1, 1), (3, 3), kind, bins=4) for kind in COUPLINGS},
    "squeezed_first": FlowShape((0, 2), (1, 4)),
    "conditioned_priors": FlowShape((1, 1), (3, 3), condition_channels=FEATURES),
    "conditioned_throughout": FlowShape(
        (1, 1), (3, 3), condition_channels=FEATURES, condition_couplings=True
    ),
}


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def moved(make, seed=0):
    """A module whose parameters are all moved at random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = make()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter += 0.2 * torch.randn_like(parameter)
    return module


def normals(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def a_flow(name, seed=0):
    """A flow of 1 x 4 x 4 images with its conditions for three of them."""
    shape = SHAPES[name]
    flow = moved(lambda: MultiScaleFlow((1, 4, 4), shape), seed)
    conditioned = shape.condition_channels > 0
    sides = [4 // 2 ** (level + 1) for level in range(len(shape.steps))]
    conditions = [normals(3, FEATURES, side, side, seed=9) for side in sides]
    return flow, (conditions if conditioned else None)


@pytest.mark.parametrize("name", BIJECTIONS)
def test_an_image_bijection_is_undone_and_knows_its_determinant(name):
    bijection, x = moved(BIJECTIONS[name]), normals(2, 3, 2, 2)
    condition = normals(2, FEATURES, 2, 2, seed=1)
    y, log_det = bijection(x, condition)
    again, log_det_back = bijection.inverse(y, condition)
    torch.testing.assert_close(again, x, **TIGHT)
    torch.testing.assert_close(log_det_back, -log_det, **TIGHT)
    for row in range(2):
        seen = condition[row : row + 1]
        matrix = jacobian(lambda v, c=seen: bijection(v[None], c)[0].flatten(), x[row])
        expected = torch.linalg.slogdet(matrix.reshape(12, 12))[1]
        torch.testing.assert_close(log_det[row], expected, **TIGHT)


@pytest.mark.parametrize("name", SHAPES)
def test_a_multi_scale_flow_is_undone_and_knows_its_determinant(name):
    flow, conditions = a_flow(name)
    x = normals(3, 1, 4, 4)
    z, log_det = flow(x, conditions)
    assert (z.shape, log_det.shape) == ((3, 16), (3,))
    again, log_det_back = flow.inverse(z, conditions)
    torch.testing.assert_close(again, x, **TIGHT)
    torch.testing.assert_close(log_det_back, -log_det, **TIGHT)
    for row in range(2):
        seen = None if conditions is None else [c[row : row + 1] for c in conditions]
        matrix = jacobian(lambda v, c=seen: flow(v[None], c)[0][0], x[row]).reshape(16, 16)
        torch.testing.assert_close(torch.linalg.slogdet(matrix)[1], log_det[row], **TIGHT)


@pytest.mark.parametrize("name", SHAPES)
def test_every_parameter_of_a_flow_learns(name):
    flow, conditions = a_flow(name)
    many = None if conditions is None else [c.repeat(20, 1, 1, 1) for c in conditions]
    z, log_det = flow(normals(60, 1, 4, 4), many)
    (log_normal(z) + log_det).mean().backward()
    still = [n for n, p in flow.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_the_first_batch_leaves_every_actnorm_normalised():
    flow, _ = a_flow("two_levels_affine")
    x = 3 + 5 * normals(50, 1, 4, 4)
    flow.initialise(x)
    seen = []
    for module in flow.modules():
        if isinstance(module, ActNorm):
            module.register_forward_hook(lambda _, __, output: seen.append(output[0]))
    flow(x)
    assert len(seen) == 2
    for image in seen:
        variance, mean = torch.var_mean(image, dim=(0, 2, 3), correction=0)
        torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-9)
        torch.testing.assert_close(variance, torch.ones_like(variance), rtol=0, atol=1e-9)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", SHAPES)
def test_stacked_flows_equal_each_alone(name, direction):
    members = [a_flow(name, seed)[0] for seed in (0, 1)]
    conditions = a_flow(name)[1]
    x = normals(2, 3, 1, 4, 4) if direction == "forward" else normals(2, 3, 16)

    class Either(torch.nn.Module):
        def __init__(self, flow):
            super().__init__()
            self.flow = flow

        def forward(self, x):
            return getattr(self.flow, direction)(x, conditions)

    wrapped = [Either(flow) for flow in members]
    parameters, buffers = stack_module_state(wrapped)
    y, log_det = vmap(lambda p, b, x: functional_call(wrapped[0], (p, b), (x,)))(
        parameters, buffers, x
    )
    for index, flow in enumerate(wrapped):
        expected, expected_log_det = flow(x[index])
        torch.testing.assert_close(y[index], expected, **TIGHT)
        torch.testing.assert_close(log_det[index], expected_log_det, **TIGHT)


@pytest.mark.parametrize(
    ("image", "shape", "word"),
    [
        ((1, 6, 6), FlowShape((1, 1), (2, 2)), "image"),
        ((1, 4, 4), FlowShape((1, 1), (2,)), "hidden"),
        ((1, 4, 4), FlowShape((1, 0), (2, 2)), "steps"),
        ((1, 4, 4), FlowShape((1,), (2,), "cubic"), "kind"),
    ],
)
def test_sizes_that_cannot_be_are_refused(image, shape, word):
    with pytest.raises(AssertionError, match=f"'{word}'"):
        MultiScaleFlow(image, shape)
