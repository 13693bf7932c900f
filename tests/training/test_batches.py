"""Every epoch covers every row once, in an order that belongs to the model seed."""

import pytest
import torch

from repro.randomness import generator
from repro.training.batches import Batches, Shared, batches_per_epoch

ROWS, SIZE = 23, 5


def make(model_seeds=(1,), order="fixed", rows=ROWS, size=SIZE):
    """Data in which seed s's row r is the number 100 s + r, in segment r."""
    numbers = torch.arange(rows) + 100 * torch.arange(len(model_seeds))[:, None]
    x = torch.stack((numbers, -numbers), dim=-1).float()
    return Batches([x, Shared(torch.arange(rows))], list(model_seeds), size, order)


def epoch(batches):
    """Rows (S, N) of the next epoch, from the segments."""
    return torch.cat([batches.next()[1] for _ in range(batches_per_epoch(ROWS, SIZE))], dim=1)


@pytest.mark.parametrize(
    ("rows", "size", "count"), [(23, 5, 5), (20, 5, 4), (3, 5, 1), (5000, 64, 79), (1, 1, 1)]
)
def test_batches_per_epoch_counts_the_smaller_last_one(rows, size, count):
    assert batches_per_epoch(rows, size) == count


@pytest.mark.parametrize("order", ["fixed", "reshuffle"])
def test_the_last_batch_of_an_epoch_is_smaller(order):
    batches = make(order=order)
    sizes = [batches.next()[0].shape[1] for _ in range(11)]
    assert sizes == [5, 5, 5, 5, 3] * 2 + [5]


@pytest.mark.parametrize("order", ["fixed", "reshuffle"])
def test_every_epoch_covers_all_rows_once_and_none_in_their_order(order):
    batches = make((1, 2), order)
    for _ in range(4):
        rows = epoch(batches)
        assert torch.equal(rows.sort(dim=1).values, torch.arange(ROWS).expand(2, -1))
        assert not torch.equal(rows[0], torch.arange(ROWS))


def test_fixed_repeats_one_permutation_and_reshuffle_does_not():
    fixed, reshuffled = make(order="fixed"), make(order="reshuffle")
    first = epoch(fixed)
    assert all(torch.equal(first, epoch(fixed)) for _ in range(3))
    orders = {tuple(epoch(reshuffled)[0].tolist()) for _ in range(5)}
    assert len(orders) == 5


def test_both_orders_begin_with_the_same_epoch():
    assert torch.equal(epoch(make(order="fixed")), epoch(make(order="reshuffle")))


def test_the_order_is_that_of_the_model_seed_s_own_stream():
    expected = torch.randperm(ROWS, generator=generator(5, "order"))
    assert torch.equal(epoch(make((4, 5)))[1], expected)


@pytest.mark.parametrize("order", ["fixed", "reshuffle"])
def test_equal_model_seeds_share_an_order_and_others_do_not(order):
    batches = make((1, 2, 1), order)
    for _ in range(3):
        rows = epoch(batches)
        assert torch.equal(rows[0], rows[2])
        assert not torch.equal(rows[0], rows[1])


@pytest.mark.parametrize("order", ["fixed", "reshuffle"])
def test_the_pack_does_not_change_an_order(order):
    alone, together = make((2,), order), make((1, 2, 3), order)
    for _ in range(3):
        assert torch.equal(epoch(alone)[0], epoch(together)[1])


def test_observations_and_segments_are_of_the_same_rows_and_of_their_own_seed():
    batches = make((1, 2, 1), "reshuffle")
    for _ in range(12):
        x, segment = batches.next()
        numbers = segment + 100 * torch.arange(3)[:, None]
        assert torch.equal(x, torch.stack((numbers, -numbers), dim=-1).float())


@pytest.mark.parametrize("order", ["fixed", "reshuffle"])
@pytest.mark.parametrize("done", [0, 2, 5, 13])
def test_a_loaded_state_goes_on_also_with_fewer_seeds(order, done):
    old, same, fewer = make((1, 2, 3), order), make((1, 2, 3), order), make((3, 1), order)
    for _ in range(done):
        old.next()
    state = old.state()
    for batches in (same, fewer):
        batches.next()  # wherever it was before
        batches.load(state)
    for _ in range(12):
        expected = old.next()[1]
        assert torch.equal(same.next()[1], expected)
        assert torch.equal(fewer.next()[1], expected[[2, 0]])
