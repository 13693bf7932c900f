"""Circular convolution against its dense matrix, and the gate by its formula."""

import pytest
import torch
from scipy.linalg import circulant

from repro.flows.conditioners import Perceptron
from repro.flows.convolution import (
    CircularConvolution,
    ConvolutionalCoupling,
    convolve,
    deconvolve,
    gate,
    kernel,
    kernel_log_det,
    log_abs_det,
)
from repro.flows.coupling import AffineCoupling, Split

SIZES = [1, 2, 3, 7, 8, 64]


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def dense(w):
    return torch.from_numpy(circulant(w.detach().numpy()))


@pytest.mark.parametrize("size", SIZES)
def test_convolution_its_inverse_and_log_det_are_those_of_the_dense_matrix(size):
    w, x = drawn(size), drawn(5, size, seed=1)
    y = convolve(x, w)
    torch.testing.assert_close(y, x @ dense(w).T)
    torch.testing.assert_close(deconvolve(y, w), torch.linalg.solve(dense(w), y.T).T)
    torch.testing.assert_close(log_abs_det(w), torch.linalg.slogdet(dense(w))[1])


@pytest.mark.parametrize("size", SIZES)
def test_the_log_det_s_gradient_is_that_of_the_dense_matrix(size):
    w = drawn(size).requires_grad_()
    (found,) = torch.autograd.grad(log_abs_det(w), w)
    inverse = torch.linalg.inv(dense(w))  # d log|det A| = trace(A^-1 dA)
    shifts = [torch.from_numpy(circulant(row.numpy())) for row in torch.eye(size)]
    torch.testing.assert_close(found, torch.stack([(inverse * s.T).sum() for s in shifts]))


@pytest.mark.parametrize("size", SIZES)
def test_a_kernel_of_any_values_is_invertible_by_the_kernel_of_their_negatives(size):
    values, x = 2 * drawn(size), drawn(5, size, seed=1)
    w = kernel(values)
    torch.testing.assert_close(log_abs_det(w), kernel_log_det(values))
    torch.testing.assert_close(torch.linalg.slogdet(dense(w))[1], kernel_log_det(values))
    torch.testing.assert_close(convolve(convolve(x, w), kernel(-values)), x)
    torch.testing.assert_close(kernel(torch.zeros(size)), torch.eye(size)[0])


def test_a_layer_convolves_shifts_and_gates():
    family, x = CircularConvolution(4, 1), drawn(6, 4, seed=1)
    values = drawn(12)
    a = torch.nn.functional.softplus(values[8:]) + 1e-3
    inner = x @ dense(kernel(values[:4])).T + values[4:8]
    expected = inner.sign() * torch.log(1 + a * inner.abs()) / a
    y, log_det = family(x, values)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(log_det, 2 * values[0] - torch.log(1 + a * inner.abs()).sum(-1))


def test_without_gates_a_stack_is_affine():
    family = CircularConvolution(4, 3, gated=False)
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


def test_a_convolutional_coupling_takes_as_many_values_as_an_affine_one_and_mixes():
    def make(inputs, outputs):
        return Perceptron(inputs, outputs, (6,))

    torch.manual_seed(0)
    ours, affine = ConvolutionalCoupling(Split(6), make), AffineCoupling(Split(6), make)
    count = [sum(p.numel() for p in flow.parameters()) for flow in (ours, affine)]
    assert count[0] == count[1]
    matrix = torch.autograd.functional.jacobian(lambda v: ours(v[None])[0][0], drawn(6))
    block = matrix[3:, 3:]
    torch.testing.assert_close(block, dense(block[:, 0]))
    assert (block.abs() > 1e-4).all()
