"""Noise belongs to the model seed and its stream, not to the pack."""

import torch

from repro.randomness import generator
from repro.training.noise import NoiseSource


def draw(batch, source):
    return torch.randn(batch, 3, generator=source)


def make(*model_seeds, stream="noise"):
    return NoiseSource(model_seeds, stream, draw)


def by_seed(source, batch=4):
    """The next noise (S, B, 3), shared or not."""
    noise, dim = source.next(batch)
    return noise.expand(len(source._member), *noise.shape) if dim is None else noise


def test_it_is_the_stream_of_the_model_seed():
    source, expected = make(5), generator(5, "noise")
    for batch in (4, 2, 4):
        assert torch.equal(by_seed(source, batch)[0], draw(batch, expected))


def test_a_lone_model_seed_is_drawn_once_and_shared_by_all():
    noise, dim = make(7, 7, 7).next(4)
    assert dim is None
    assert noise.shape == (4, 3)


def test_different_model_seeds_are_stacked_and_equal_ones_alike():
    noise, dim = make(1, 2, 1).next(4)
    assert dim == 0
    assert noise.shape == (3, 4, 3)
    assert torch.equal(noise[0], noise[2])
    assert not torch.equal(noise[0], noise[1])


def test_the_pack_does_not_change_a_seed_s_noise():
    packs = [make(2), make(1, 2, 3), make(3, 2), make(2, 2)]
    rows = [0, 1, 1, 1]
    for _ in range(5):
        first, *others = [by_seed(pack)[row] for pack, row in zip(packs, rows, strict=True)]
        assert all(torch.equal(first, other) for other in others)


def test_streams_differ():
    assert not torch.equal(by_seed(make(1)), by_seed(make(1, stream="dropout")))


def test_a_model_may_need_none():
    assert NoiseSource([1, 2], "noise", lambda batch, source: None).next(4) == (None, None)


def test_a_loaded_state_goes_on_also_with_fewer_seeds():
    old, fewer = make(1, 2, 3), make(3, 1)
    for _ in range(3):
        old.next(4)
    fewer.load(old.state())
    for _ in range(3):
        assert torch.equal(by_seed(fewer), by_seed(old)[[2, 0]])
