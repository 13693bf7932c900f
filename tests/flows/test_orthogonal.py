"""Random rotations and products of reflections."""

import pytest
import torch

from repro.flows.orthogonal import Orthogonal, householder_product, random_orthogonal


def test_a_product_of_reflections_is_orthogonal_with_their_sign():
    vectors = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    product = householder_product(vectors)
    torch.testing.assert_close(product @ product.mT, torch.eye(5).expand(3, -1, -1))
    torch.testing.assert_close(torch.linalg.det(product), torch.ones(3))
    torch.testing.assert_close(
        torch.linalg.det(householder_product(vectors[:, :3])), -torch.ones(3)
    )


def test_a_reflection_turns_its_vector_round():
    v = torch.randn(5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(householder_product(v[None]) @ v, -v)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_a_rotation_starts_as_the_identity_and_keeps_lengths(dim):
    torch.manual_seed(0)
    layer, x = Orthogonal(dim), torch.randn(6, dim)
    torch.testing.assert_close(layer(x)[0], x)
    with torch.no_grad():
        layer.vectors.add_(torch.randn_like(layer.vectors))
    torch.testing.assert_close(layer(x)[0].norm(dim=-1), x.norm(dim=-1))
    assert dim == 1 or not torch.allclose(layer(x)[0], x)


def test_an_odd_number_of_reflections_is_refused():
    with pytest.raises(AssertionError, match="'reflections' must be even"):
        Orthogonal(4, 3)


def test_random_matrices_are_uniform_over_rotations_and_reflections():
    torch.manual_seed(0)
    drawn = torch.stack([random_orthogonal(3) for _ in range(2000)])
    torch.testing.assert_close(drawn @ drawn.mT, torch.eye(3).expand(2000, -1, -1))
    torch.testing.assert_close(drawn.mean(0), torch.zeros(3, 3), rtol=0, atol=0.06)
    spread = drawn.square().mean(0)
    torch.testing.assert_close(spread, torch.full((3, 3), 1 / 3), rtol=0, atol=0.04)
    assert abs(torch.linalg.det(drawn).mean().item()) < 0.1
