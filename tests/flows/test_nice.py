"""NICE's mixings, its networks and its determinant."""

import pytest
import torch

from repro.flows.nice import Nice


def shaken(**choices):
    torch.manual_seed(0)
    family = Nice(4, 2, 6, **choices)
    return family, family.initial() + 0.3 * torch.randn(family.parameter_count)


@pytest.mark.parametrize("mixing", ["orthogonal", "permutation"])
def test_a_layer_mixes_and_adds_a_network_of_the_first_half_to_the_second(mixing):
    family, values = shaken(mixing=mixing)
    x = torch.randn(5, 4)
    y = x
    for mixed, layer in zip(family.mixing, values.view(2, -1), strict=True):
        w1, b1, w2, b2 = layer.split([12, 6, 12, 2])
        y = y @ mixed
        added = (y[:, :2] @ w1.view(6, 2).T + b1).relu() @ w2.view(2, 6).T + b2
        y = torch.cat((y[:, :2], y[:, 2:] + added), dim=-1)
    y = y @ family.mixing[1].T @ family.mixing[0].T
    torch.testing.assert_close(family(x, values)[0], y)


@pytest.mark.parametrize("mixing", ["orthogonal", "permutation"])
def test_only_scaling_changes_volumes(mixing):
    x = torch.randn(5, 4)
    family, values = shaken(mixing=mixing)
    assert (family(x, values)[1] == 0).all()
    scaled, more = shaken(mixing=mixing, scaling=True)
    more[:-4] = values
    torch.testing.assert_close(scaled(x, more)[0], family(x, values)[0] * more[-4:].exp())
    torch.testing.assert_close(scaled(x, more)[1], more[-4:].sum().expand(5))


def test_mixings_are_orthogonal_random_and_travel_with_the_state():
    torch.manual_seed(0)
    one, other = Nice(5, 3, 4), Nice(5, 3, 4)
    identity = torch.eye(5).expand(3, -1, -1)
    torch.testing.assert_close(one.mixing @ one.mixing.mT, identity)
    assert not torch.allclose(one.mixing, other.mixing)
    assert set(one.state_dict()) == {"mixing", "undo"}


def test_permutations_only_reorder():
    family, _ = shaken(mixing="permutation")
    assert ((family.mixing == 0) | (family.mixing == 1)).all()
    assert (family.mixing.sum(-1) == 1).all()
    assert (family.mixing.sum(-2) == 1).all()
