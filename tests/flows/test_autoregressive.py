"""Which feature sees which, and where dropout strikes."""

import pytest
import torch
from torch.autograd.functional import jacobian

from repro.flows.autoregressive import MADE, AutoregressiveSpline


def shaken(module, spread=0.2, seed=0):
    """The module with every parameter moved, so that nothing starts near zero."""
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += spread * torch.randn(parameter.shape, generator=source)
    return module


def points(count, dim, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_jacobian_is_lower_triangular_with_a_positive_diagonal(dim, direction):
    spline = shaken(AutoregressiveSpline(dim, hidden=16, blocks=2, bins=4, bound=3.0))
    for row in points(5, dim):
        matrix = jacobian(lambda v: getattr(spline, direction)(v[None])[0][0], row)
        torch.testing.assert_close(matrix.triu(1), torch.zeros(dim, dim), rtol=0, atol=1e-12)
        assert (matrix.diagonal() > 0).all()
        if dim > 1:
            assert (matrix[torch.ones(dim, dim).tril(-1).bool()] != 0).all()


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_outputs_of_a_feature_see_every_feature_before_it_and_no_other(dim):
    made = shaken(MADE(dim, hidden=16, blocks=2, outputs=7))
    sees = torch.zeros(dim, 7, dim)
    for row in points(20, dim):
        sees += jacobian(lambda v: made(v[None])[0], row).abs()
    before = torch.arange(dim)[:, None, None] > torch.arange(dim)
    assert torch.equal(sees > 0, before.expand(-1, 7, -1))


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_first_feature_s_spline_depends_on_the_last_bias_alone(dim):
    spline = shaken(AutoregressiveSpline(dim, hidden=8, blocks=1, bins=4, bound=3.0))
    y, log_det = spline(points(100, dim))
    made = spline.network
    weights = [*made.first.weights, *(made.last.weights if dim > 1 else [])]
    *gradients, bias = torch.autograd.grad(y[:, 0].sum(), [*weights, made.last.bias])
    assert not any(gradient.any() for gradient in gradients)
    own = bias.view(dim, -1)
    assert own[0].any()
    assert not own[1:].any()
    assert log_det.isfinite().all()


def test_second_layers_start_near_zero_and_others_do_not():
    made = MADE(5, 64, blocks=2, outputs=3)
    for block in made.blocks:
        assert 0 < block.second.weight.abs().max() <= 1e-3
        assert 0 < block.second.bias.abs().max() <= 1e-3
        assert block.first.weight.abs().max() > 1e-2


def test_a_mask_acts_between_the_block_s_relu_and_its_second_layer():
    spline = shaken(AutoregressiveSpline(3, hidden=6, blocks=2, bins=4, bound=3.0))
    x = points(9, 3)
    per_unit = torch.tensor([[0.0, 2.0, 0.0, 1.5, 1.0, 0.0], [1.0, 0.0, 3.0, 0.0, 0.5, 2.0]])
    dropped = spline(x, per_unit[:, :, None].expand(spline.dropout_shape(9)))
    for block, scales in zip(spline.network.blocks, per_unit, strict=True):
        second = block.second  # a unit that is dropped is a column that is gone
        second.take(second.weight * scales, second.bias)
    torch.testing.assert_close(dropped, spline(x))


def test_each_row_has_its_own_mask():
    spline = shaken(AutoregressiveSpline(3, hidden=6, blocks=2, bins=4, bound=3.0))
    x = points(9, 3)
    masks = 2.0 * (points(9, 2 * 6).T.reshape(2, 6, 9) > 0)
    assert masks.shape == spline.dropout_shape(9)
    together = spline(x, masks)
    for row in range(9):
        alone = spline(x[row : row + 1], masks[:, :, row : row + 1])
        torch.testing.assert_close(alone[0][0], together[0][row])
        torch.testing.assert_close(alone[1][0], together[1][row])
