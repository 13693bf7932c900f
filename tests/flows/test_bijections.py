"""What has to hold for every bijection of the list in conftest.py."""

import io
import itertools

import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian
from torch.func import functional_call, vmap

from repro.flows.conditioners import ContextLayer
from repro.flows.masked_network import MaskedLinear

TIGHT = {"rtol": 1e-9, "atol": 1e-9}  # float64
LOOSE = {"rtol": 1e-9, "atol": 1e-4}  # float64 where a feature at 1e6 makes another's spline steep
SINGLE = {"rtol": 1e-4, "atol": 1e-4}  # float32, through two splines and three LU layers
ANY_WIDTH = ("reverse", "empty_chain")  # they take any number of features
BACK = {"forward": "inverse", "inverse": "forward"}


@pytest.mark.parametrize("there", ["forward", "inverse"])
def test_the_other_direction_undoes_value_and_log_det(case, there):
    bijection = case.make()
    assert_undone(bijection, torch.cat((case.points(), case.awkward_points(5.0))), there, TIGHT)
    assert_undone(bijection, case.awkward_points(5.0, 1e3, 1e6), there, LOOSE)


def assert_undone(bijection, x, there, tolerance):
    y, log_det = getattr(bijection, there)(x)
    again, log_det_back = getattr(bijection, BACK[there])(y)
    torch.testing.assert_close(again, x, **tolerance)
    torch.testing.assert_close(log_det_back, -log_det, **tolerance)


def test_shapes_and_dtypes_are_kept(case):
    for dtype in (torch.float32, torch.float64):
        bijection = case.make().to(dtype)
        x = case.points(7).to(dtype)
        for direction in (bijection.forward, bijection.inverse):
            y, log_det = direction(x)
            assert (y.shape, log_det.shape) == (x.shape, (7,))
            assert (y.dtype, log_det.dtype) == (dtype, dtype)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_the_log_det_is_that_of_the_autograd_jacobian(case, direction):
    bijection = case.make()
    x = torch.cat((case.points(6), 2.5 * case.points(6), case.awkward_points(5.0)[:12]))
    log_det = getattr(bijection, direction)(x)[1]
    for row, claimed in zip(x, log_det, strict=True):
        matrix = jacobian(lambda v: getattr(bijection, direction)(v[None])[0][0], row)
        torch.testing.assert_close(torch.linalg.slogdet(matrix)[1], claimed, **TIGHT)


def test_rows_do_not_see_each_other(case):
    bijection, x = case.make(), case.points(8)
    y, log_det = bijection(x)
    for row in range(len(x)):
        alone = bijection(x[row : row + 1])
        torch.testing.assert_close(alone[0][0], y[row], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(alone[1][0], log_det[row], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("direction", "spread"),
    [("forward", 0.0), ("forward", 0.1), ("forward", 3.0), ("inverse", 0.0), ("inverse", 0.1)],
)
def test_gradients_are_finite_wherever_the_input_is(case, direction, spread, dtype):
    bijection = case.make(spread=spread).to(dtype)
    x = torch.cat((case.points(), case.awkward_points(5.0, 1e3, 1e6))).to(dtype)
    x.requires_grad_()
    y, log_det = getattr(bijection, direction)(x)
    (y.sum() + log_det.sum()).backward()
    for value in (y, log_det, x.grad):
        assert value.isfinite().all()
    for name, parameter in bijection.named_parameters():
        assert parameter.grad.isfinite().all(), name


def expected_to_matter(bijection):
    """By parameter name: which entries the output depends on (masked weights do not matter)."""
    matters = {name: torch.ones_like(p, dtype=bool) for name, p in bijection.named_parameters()}
    for name, module in bijection.named_modules():
        if isinstance(module, MaskedLinear):
            for i, block in enumerate(module.blocks):
                used = module.mask[block.rows, : block.width].bool()
                matters[f"{name}.weights.{i}"] = used
    return matters


def test_every_parameter_that_can_matter_gets_a_gradient_and_no_other(case):
    bijection = case.make()
    with torch.no_grad():
        for module in bijection.modules():
            if isinstance(module, MaskedLinear):
                for weight in module.weights:
                    weight.abs_().mul_(0.3)  # so that no hidden unit is dead
                module.bias.abs_().add_(1.0)
            if isinstance(module, ContextLayer):
                module.linear.weight.mul_(0.1)
                module.linear.bias.abs_().add_(0.5)
    y, log_det = bijection(case.points(600))
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(3))
    if not list(bijection.parameters()):
        assert not y.requires_grad
        return
    ((y * weights).sum() + (log_det * weights[:, 0]).sum()).backward()
    for name, matters in expected_to_matter(bijection).items():
        assert torch.equal(bijection.get_parameter(name).grad != 0, matters), name


def test_float32_is_close_to_float64_and_inverts(case):
    exact, single = case.make(), case.make().float()
    x = case.points(200)
    y, log_det = single(x.float())
    expected, expected_log_det = exact(x)
    torch.testing.assert_close(y.double(), expected, **SINGLE)
    torch.testing.assert_close(log_det.double(), expected_log_det, **SINGLE)
    again, log_det_back = single.inverse(y)
    torch.testing.assert_close(again.double(), x, **SINGLE)
    torch.testing.assert_close(log_det_back, -log_det, **SINGLE)


def test_a_saved_state_gives_the_same_map(case):
    saved, other = case.make(seed=1), case.make(seed=2)
    file = io.BytesIO()
    torch.save(saved.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    x = torch.cat((case.points(), case.awkward_points(5.0, 1e6)))
    for one, two in zip(saved(x) + saved.inverse(x), other(x) + other.inverse(x), strict=True):
        assert torch.equal(one, two)


class Direction(nn.Module):
    """A direction of a bijection behind `forward`, where `functional_call` finds it."""

    def __init__(self, bijection, direction):
        super().__init__()
        self.bijection, self.direction = bijection, direction

    def forward(self, x):
        return getattr(self.bijection, self.direction)(x)


def stacked_state(modules):
    """Parameters and buffers of all modules by name, stacked; empty ones too."""
    named = [
        dict(itertools.chain(m.named_parameters(), m.named_buffers(remove_duplicate=False)))
        for m in modules
    ]
    return {name: torch.stack([state[name].detach() for state in named]) for name in named[0]}


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_vmap_over_stacked_bijections_equals_the_loop(case, direction):
    modules = [Direction(case.make(seed=seed), direction) for seed in range(3)]
    x = torch.stack([case.points(9, seed) for seed in range(3)])

    def one(state, x):
        return functional_call(modules[0], state, (x,), tie_weights=False)

    y, log_det = vmap(one)(stacked_state(modules), x)
    for index, module in enumerate(modules):
        expected = module(x[index])
        torch.testing.assert_close(y[index], expected[0], **TIGHT)
        torch.testing.assert_close(log_det[index], expected[1], **TIGHT)


def test_dropout_masks_are_applied_where_there_are_any(case):
    bijection, x = case.make(), case.points(9)
    shape = bijection.dropout_shape(9)
    plain = bijection(x)
    if shape is None:
        assert not any(isinstance(module, MaskedLinear) for module in bijection.modules())
        return
    ones = bijection(x, torch.ones(shape))
    assert all(torch.equal(a, b) for a, b in zip(plain, ones, strict=True))
    masks = 2.0 * (torch.rand(shape, generator=torch.Generator().manual_seed(0)) > 0.5)
    dropped, log_det = bijection(x, masks)
    assert not torch.allclose(dropped, plain[0])
    matrix = jacobian(lambda v: bijection(v, masks)[0].sum(dim=0), x).permute(1, 0, 2)
    torch.testing.assert_close(torch.linalg.slogdet(matrix)[1], log_det, **TIGHT)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_what_has_another_shape_is_refused_and_never_broadcast_or_cut(case, direction):
    go = getattr(case.make(), direction)
    if case.name in ANY_WIDTH:
        assert go(torch.zeros(7, case.dim + 1))[0].shape == (7, case.dim + 1)
        return
    narrow = [(7, 1)] if case.dim > 1 else []
    for shape in [(7, case.dim + 1), (case.dim,), (2, 7, case.dim), *narrow]:
        with pytest.raises((AssertionError, IndexError), match=r"'x' must be \(B, |too many ind"):
            go(torch.zeros(shape))
