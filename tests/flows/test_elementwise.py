"""Softplus and sigmoid: torch's values, finite everywhere, one rounding wherever they stand."""

import pytest
import torch
from torch.nn import functional as F

from repro.flows.elementwise import sigmoid, softplus

PAIRS = [(softplus, F.softplus), (sigmoid, torch.sigmoid)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_values_and_gradients_are_torch_s_up_to_rounding(ours, theirs, dtype):
    x = torch.linspace(-30, 1, 4001).to(dtype)
    results = []
    for function in (ours, theirs):
        leaf = x.clone().requires_grad_()
        value = function(leaf)
        results.append((value.detach(), *torch.autograd.grad(value.sum(), leaf)))
    tolerance = {"rtol": 0, "atol": 2e-7 if dtype == torch.float32 else 1e-14}
    torch.testing.assert_close(results[0][0], results[1][0], **tolerance)
    torch.testing.assert_close(results[0][1], results[1][1], **tolerance)


@pytest.mark.parametrize("ours", [softplus, sigmoid])
def test_huge_inputs_stay_finite(ours):
    x = torch.tensor([-1e30, -1e6, 0.0, 1e6, 1e30], dtype=torch.float32, requires_grad=True)
    value = ours(x)
    value.sum().backward()
    assert value.isfinite().all()
    assert x.grad.isfinite().all()
    assert (value >= 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ours", [softplus, sigmoid])
def test_an_element_is_bit_for_bit_the_same_alone_and_in_a_row(ours, dtype):
    source = torch.Generator().manual_seed(0)
    x = (3 * torch.randn(999, generator=source)).to(dtype).requires_grad_()
    together = ours(x)
    (gradient,) = torch.autograd.grad(together.sum(), x)
    for index in range(len(x)):
        one = x.detach()[index : index + 1].clone().requires_grad_()
        value = ours(one)
        assert torch.equal(value, together[index : index + 1])
        assert torch.equal(torch.autograd.grad(value.sum(), one)[0], gradient[index : index + 1])
