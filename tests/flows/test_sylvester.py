"""Sylvester layers by the published formula, and what they are made of."""

import pytest
import torch

from repro.flows.sylvester import Sylvester

KINDS = {"orthogonal": {"units": 3}, "householder": {"reflections": 2}}


@pytest.fixture(params=KINDS)
def family(request):
    return Sylvester(5, 2, **KINDS[request.param])


def drawn(family):
    return torch.randn(family.parameter_count, generator=torch.Generator().manual_seed(0))


def test_a_stack_is_the_published_formula(family):
    values, x = drawn(family), torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    units, expected, total = family.units, x, torch.zeros(7)
    for layer in values.view(2, -1):
        basis, both, diagonal, bias = layer.split(family.sizes)
        vectors, both = basis.view(-1, 5), both.view(units, units)
        if family.reflections is None:
            q = torch.linalg.qr(vectors.T).Q
        else:
            q = torch.eye(5)
            for v in vectors:
                q = q @ (torch.eye(5) - 2 * torch.outer(v, v) / v.dot(v))
        r1 = both.triu(1) + both.diagonal().tanh().diag()
        r2 = both.T.triu(1) + diagonal.tanh().diag()
        h = torch.tanh(expected @ q @ r2.T + bias)
        slopes = r1.diagonal() * r2.diagonal()
        total = total + torch.log(1 + (1 - h * h) * slopes).sum(-1)
        expected = expected + h @ r1.T @ q.T
    torch.testing.assert_close(family(x, values), (expected, total))


def test_q_has_orthonormal_columns_and_both_triangles_are_upper(family):
    q, r1, r2, _ = family._layers(drawn(family))
    identity = torch.eye(family.units).expand(2, -1, -1)
    torch.testing.assert_close(q.mT @ q, identity)
    for triangle in (r1, r2):
        assert torch.equal(triangle.triu(), triangle)
        assert (triangle.diagonal(dim1=-2, dim2=-1).abs() < 1).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(AssertionError, match="'units' must be at most 'dim'"):
        Sylvester(3, 1, units=4)
    with pytest.raises(AssertionError, match="'units' must be 'dim' with reflections"):
        Sylvester(3, 1, units=2, reflections=2)
