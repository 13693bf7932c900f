"""Convolution with either boundary against its dense matrix, and the gate by its formula."""

import pytest
import torch
from scipy.fft import dct
from scipy.linalg import circulant

from repro.flows.boundaries import BOUNDARIES, SYMMETRIC
from repro.flows.conditioners import Perceptron
from repro.flows.convolution import (
    Convolution,
    ConvolutionalCoupling,
    convolve,
    deconvolve,
    gate,
    kernel,
    log_abs_det,
)
from repro.flows.coupling import AffineCoupling, Split

SIZES = [1, 2, 3, 7, 8, 64]
either = pytest.mark.parametrize("name", BOUNDARIES)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def dense(w, name="circular"):
    w = w.detach()
    return torch.from_numpy(circulant(w.numpy())) if name == "circular" else mirroring(w)


def mirroring(w):
    """y_i = sum of w_|j| x_(i - j) over |j| < N, x mirrored at both ends, entry by entry."""
    size = len(w)
    matrix = torch.zeros(size, size)
    for i in range(size):
        for j in range(1 - size, size):
            place = (i - j) % (2 * size)
            matrix[i, min(place, 2 * size - 1 - place)] += w[abs(j)]
    return matrix


@either
@pytest.mark.parametrize("size", SIZES)
def test_convolution_its_inverse_and_log_det_are_those_of_the_dense_matrix(size, name):
    w, x, boundary = drawn(size), drawn(5, size, seed=1), BOUNDARIES[name]
    matrix = dense(w, name)
    y = convolve(x, w, boundary)
    torch.testing.assert_close(y, x @ matrix.T)
    torch.testing.assert_close(deconvolve(y, w, boundary), torch.linalg.solve(matrix, y.T).T)
    torch.testing.assert_close(log_abs_det(w, boundary), torch.linalg.slogdet(matrix)[1])


@either
@pytest.mark.parametrize("size", SIZES)
def test_the_log_det_s_gradient_is_that_of_the_dense_matrix(size, name):
    w = drawn(size).requires_grad_()
    (found,) = torch.autograd.grad(log_abs_det(w, BOUNDARIES[name]), w)
    inverse = torch.linalg.inv(dense(w, name))  # d log|det A| = trace(A^-1 dA)
    shifts = [dense(row, name) for row in torch.eye(size)]
    torch.testing.assert_close(found, torch.stack([(inverse * s.T).sum() for s in shifts]))


@either
@pytest.mark.parametrize("size", SIZES)
def test_a_kernel_of_any_values_is_invertible_by_the_kernel_of_their_negatives(size, name):
    values, x, boundary = 2 * drawn(size), drawn(5, size, seed=1), BOUNDARIES[name]
    w, sums = kernel(values, boundary), boundary.log_det_of(values)
    torch.testing.assert_close(log_abs_det(w, boundary), sums)
    torch.testing.assert_close(torch.linalg.slogdet(dense(w, name))[1], sums)
    back = convolve(convolve(x, w, boundary), kernel(-values, boundary), boundary)
    torch.testing.assert_close(back, x)
    torch.testing.assert_close(kernel(torch.zeros(size), boundary), torch.eye(size)[0])


@pytest.mark.parametrize("size", SIZES)
def test_the_symmetric_transform_is_the_orthonormal_cosine_transform(size):
    x = drawn(3, size)
    exponents = SYMMETRIC.exponents(x)
    torch.testing.assert_close(exponents, torch.from_numpy(dct(x.numpy(), norm="ortho")))
    torch.testing.assert_close(SYMMETRIC.synthesise(SYMMETRIC.analyse(x), size), x)


def test_what_a_symmetric_kernel_moves_past_an_end_comes_back_from_it():
    x = torch.tensor([1.0, 2.0, 3.0])
    neighbours = torch.tensor([0.0, 1.0, 0.0])  # the entry before plus the one after
    assert convolve(x, neighbours, SYMMETRIC).tolist() == pytest.approx([3, 4, 5])
    assert convolve(x, torch.tensor([0.0, 1.0, 1.0])).tolist() == pytest.approx([5, 4, 3])


@either
def test_a_layer_convolves_shifts_and_gates(name):
    family, x = Convolution(4, 1, boundary=BOUNDARIES[name]), drawn(6, 4, seed=1)
    values = drawn(12)
    a = torch.nn.functional.softplus(values[8:]) + 1e-3
    w = kernel(values[:4], BOUNDARIES[name])
    inner = x @ dense(w, name).T + values[4:8]
    expected = inner.sign() * torch.log(1 + a * inner.abs()) / a
    y, log_det = family(x, values)
    torch.testing.assert_close(y, expected)
    of_kernel = torch.linalg.slogdet(dense(w, name))[1]
    torch.testing.assert_close(log_det, of_kernel - torch.log(1 + a * inner.abs()).sum(-1))


def test_without_gates_a_stack_is_affine():
    family = Convolution(4, 3, gated=False)
    values = family.initial() + 0.3 * drawn(family.parameter_count)
    one, two = drawn(2, 1, 4, seed=1)
    middle = family((one + two) / 2, values)[0]
    expected = (family(one, values)[0] + family(two, values)[0]) / 2
    torch.testing.assert_close(middle, expected)


def test_the_gate_has_slope_one_at_zero():
    x = torch.zeros(1, 3, requires_grad=True)
    y, log_det = gate(x, torch.tensor([0.5, 1.0, 4.0]))
    assert torch.equal(torch.autograd.grad(y.sum(), x)[0], torch.ones(1, 3))
    assert log_det.item() == 0


@either
def test_a_convolutional_coupling_takes_as_many_values_as_an_affine_one_and_mixes(name):
    def make(inputs, outputs):
        return Perceptron(inputs, outputs, (6,))

    torch.manual_seed(0)
    ours = ConvolutionalCoupling(Split(6), make, boundary=BOUNDARIES[name])
    affine = AffineCoupling(Split(6), make)
    count = [sum(p.numel() for p in flow.parameters()) for flow in (ours, affine)]
    assert count[0] == count[1]
    matrix = torch.autograd.functional.jacobian(lambda v: ours(v[None])[0][0], drawn(6))
    block = matrix[3:, 3:]
    if name == "circular":
        torch.testing.assert_close(block, dense(block[:, 0]))
    else:
        torch.testing.assert_close(block, block.T)
        torch.testing.assert_close(block.sum(dim=0), block.sum(dim=0).mean().expand(3))
    assert (block.abs() > 1e-4).all()
