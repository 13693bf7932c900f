"""The chain: order, log-determinants and who gets which dropout mask."""

import pytest
import torch

from repro.flows.autoregressive import AutoregressiveSpline
from repro.flows.base import Bijection, Chain
from repro.flows.linear import LULinear, Permutation


def spline(dim=3, hidden=6, seed=0):
    torch.manual_seed(seed)
    made = AutoregressiveSpline(dim, hidden, blocks=2, bins=4, bound=3.0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return made


def test_members_act_first_to_last_and_log_dets_add_up():
    torch.manual_seed(0)
    members = [spline(seed=1), Permutation(3), LULinear(3), spline(seed=2)]
    x = torch.randn(7, 3)
    y, total = x, torch.zeros(7)
    for member in members:
        y, log_det = member(y)
        total = total + log_det
    torch.testing.assert_close(Chain(members)(x), (y, total))


def test_each_member_with_dropout_gets_its_own_mask_in_order():
    torch.manual_seed(0)
    first, second = spline(seed=1), spline(seed=2)
    chain = Chain([Permutation(3), first, LULinear(3), second])
    x = torch.randn(7, 3)
    shape = chain.dropout_shape(7)
    assert shape == (2, *first.dropout_shape(7)) == (2, 2, 6, 7)
    masks = 2.0 * (torch.rand(shape) > 0.5)
    permuted, _ = chain.members[0](x)
    y, log_det = first(permuted, masks[0])
    y, more = second(y, masks[1])
    torch.testing.assert_close(chain(x, masks), (y, log_det + more))


def test_chains_nest():
    inner = Chain([spline(seed=1), LULinear(3)])
    outer, x = Chain([inner, LULinear(3)]), torch.randn(5, 3)
    assert outer.dropout_shape(5) == (1, *inner.dropout_shape(5))
    masks = 2.0 * (torch.rand(outer.dropout_shape(5)) > 0.5)
    torch.testing.assert_close(outer(x, masks), inner(x, masks[0]))


def test_members_with_masks_of_different_shapes_are_refused():
    chain = Chain([spline(hidden=6), spline(hidden=7)])
    with pytest.raises(AssertionError, match="one mask shape"):
        chain.dropout_shape(4)


def test_without_dropout_there_is_no_mask():
    assert Chain([Permutation(2), LULinear(2)]).dropout_shape(4) is None
    assert Bijection().dropout_shape(4) is None


def test_a_bijection_must_say_what_it_does():
    with pytest.raises(NotImplementedError):
        Bijection()(torch.zeros(1, 1))
    with pytest.raises(NotImplementedError):
        Bijection().inverse(torch.zeros(1, 1))
