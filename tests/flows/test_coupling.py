"""What passes and what moves, and each coupling by its formula."""

import math

import pytest
import torch
from torch.autograd.functional import jacobian

from repro.flows.conditioners import Perceptron, ResidualConditioner
from repro.flows.coupling import (
    AffineCoupling,
    SplineCoupling,
    Split,
    VolumePreservingCoupling,
)
from repro.flows.spline import rational_quadratic

SPLITS = [
    Split(dim, alternate, swapped)
    for dim in (2, 5)
    for alternate in (False, True)
    for swapped in (False, True)
]


def perceptron(inputs, outputs):
    return Perceptron(inputs, outputs, (7, 7))


def residual(inputs, outputs):
    return ResidualConditioner(inputs, outputs, 7, 1)


def shaken(module, spread=0.3):
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += spread * torch.randn_like(parameter)
    return module


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_takes_apart_and_puts_together(split):
    x = torch.randn(3, split.dim)
    passed, moved = split.apart(x)
    assert (passed.shape[1], moved.shape[1]) == (split.passed, split.moved)
    assert torch.equal(split.together(passed, moved), x)
    assert torch.equal(torch.cat((passed, moved), -1).sort().values, x.sort().values)


def test_halves_and_every_other_feature():
    x = torch.arange(5.0)[None]
    assert Split(5).apart(x)[0].tolist() == [[0, 1]]
    assert Split(5, swapped=True).apart(x)[0].tolist() == [[2, 3, 4]]
    assert Split(5, alternate=True).apart(x)[0].tolist() == [[0, 2, 4]]
    assert Split(5, alternate=True, swapped=True).apart(x)[0].tolist() == [[1, 3]]


@pytest.mark.parametrize("kind", [AffineCoupling, VolumePreservingCoupling])
@pytest.mark.parametrize("split", SPLITS)
def test_passed_features_stay_and_moved_ones_see_no_other_moved_one(kind, split):
    coupling, x = shaken(kind(split, perceptron)), torch.randn(4, split.dim)
    y, _ = coupling(x)
    assert torch.equal(split.apart(y)[0], split.apart(x)[0])
    for row in x:
        matrix = jacobian(lambda v: coupling(v[None])[0][0], row)
        moving = split.apart(torch.arange(split.dim)[None])[1][0]
        block = matrix[moving][:, moving]
        torch.testing.assert_close(block, block.diagonal().diag())


def test_an_affine_coupling_scales_within_its_bound_and_shifts():
    split = Split(5)
    coupling, x = shaken(AffineCoupling(split, perceptron, bound=1.5), 2.0), torch.randn(9, 5)
    raw = coupling.conditioner(x[:, :2])
    log_scale = 1.5 * 2 / math.pi * torch.atan(raw[:, :3] / 1.5)
    y, log_det = coupling(x)
    torch.testing.assert_close(y[:, 2:], x[:, 2:] * log_scale.exp() + raw[:, 3:])
    torch.testing.assert_close(log_det, log_scale.sum(-1))
    assert log_scale.abs().max() < 1.5
    assert log_det.abs().max() > 0.1


def test_a_volume_preserving_coupling_scales_but_keeps_every_volume():
    split = Split(5)
    coupling, x = shaken(VolumePreservingCoupling(split, perceptron)), torch.randn(9, 5)
    _, log_det = coupling(x)
    assert (log_det == 0).all()
    for row in x:
        matrix = jacobian(lambda v: coupling(v[None])[0][0], row)
        scales = matrix.diagonal()[2:]
        torch.testing.assert_close(scales.prod(), torch.tensor(1.0))
        assert (scales - 1).abs().max() > 0.01


@pytest.mark.parametrize("unconditional", [False, True])
def test_a_spline_coupling_shrinks_raw_sizes_and_bends_passed_features_by_themselves(
    unconditional,
):
    coupling = SplineCoupling(Split(5), residual, 4, 3.0, unconditional=unconditional)
    shaken(coupling)
    x = torch.randn(9, 5)
    raw = coupling.conditioner(x[:, :2]).unflatten(-1, (3, 11)).clone()
    raw[..., :8] /= 7**0.5
    moved, slopes = rational_quadratic(x[:, 2:], raw, 3.0)
    y, log_det = coupling(x)
    torch.testing.assert_close(y[:, 2:], moved)
    if unconditional:
        passed, more = coupling.unconditional(x[:, :2])
        assert not torch.allclose(passed, x[:, :2])
    else:
        passed, more = x[:, :2], 0.0
    torch.testing.assert_close(y[:, :2], passed)
    torch.testing.assert_close(log_det, slopes.sum(-1) + more)


def test_one_feature_is_too_few():
    with pytest.raises(AssertionError, match="'dim' must be 2 or more"):
        AffineCoupling(Split(1), perceptron)


def test_a_perceptron_can_start_at_zero():
    network = Perceptron(3, 4, (6,), last_scale=0.0)
    assert (network(torch.randn(5, 3)) == 0).all()
