"""Buffers that follow the data while a model trains: each seed's own, kept by checkpoints."""

import pytest
import torch
from torch import nn

from repro.training.batches import Batches
from repro.training.fit import Fit
from repro.training.gradients import Gradients
from repro.training.noise import NoiseSource
from repro.training.schedules import make_schedule
from repro.training.seed_stack import SeedStack

RATE, DECAY = 0.01, 0.9
DATA = torch.randn(2, 30, 3, generator=torch.Generator().manual_seed(0))


class Centred(nn.Module):
    """A scale of data whose mean is followed by a moving average."""

    following = ("mean",)

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x, noise):
        return ((x - self.mean) * self.scale - 1).square().mean()

    def averages(self, x):
        return {"mean": DECAY * self.mean + (1 - DECAY) * x.mean(dim=0)}


def make_fit(seeds, updates=20, data=DATA):
    stack = SeedStack([Centred() for _ in seeds])
    batches = Batches([data[list(range(len(seeds)))]], seeds, 10, "reshuffle")
    noise = NoiseSource(seeds, "noise", lambda *_: None)
    schedule = make_schedule({"name": "constant"}, RATE, len(seeds), updates)
    clipped = Gradients(stack.parameters, clip_norm=0.1)  # of a parameter without dimensions
    return Fit(stack, batches, noise, schedule, updates, gradients=clipped)


def run(fit, updates):
    while fit.iteration < updates:
        fit._iterate()
    return fit


def test_the_average_is_that_of_a_plain_loop_seed_by_seed():
    fit = run(make_fit([1, 2]), 20)
    for index, seed in enumerate((1, 2)):
        feed = Batches([DATA[index : index + 1]], [seed], 10, "reshuffle")
        mean = torch.zeros(3)
        for _ in range(20):
            mean = DECAY * mean + (1 - DECAY) * feed.next()[0][0].mean(dim=0)
        torch.testing.assert_close(fit.stack.buffers["mean"][index], mean)
        torch.testing.assert_close(fit.stack.member(index).mean, mean)


def test_a_seed_that_has_diverged_stays_where_it_was():
    data = DATA.clone()
    data[1] = torch.inf
    fit = run(make_fit([1, 2], data=data), 20)
    assert torch.equal(fit.stack.buffers["mean"][1], torch.zeros(3))
    alone = run(make_fit([1]), 20)
    torch.testing.assert_close(fit.stack.buffers["mean"][0], alone.stack.buffers["mean"][0])


@pytest.mark.parametrize("rows", [[0, 1], [1]])
def test_a_resumed_training_finds_the_same(rows):
    whole, first = run(make_fit([1, 2]), 20), run(make_fit([1, 2]), 7)
    data = DATA[rows]
    resumed = make_fit([[1, 2][row] for row in rows], data=data)
    resumed.load(first.state(), rows)
    run(resumed, 20)
    for place, row in enumerate(rows):
        assert torch.equal(resumed.stack.buffers["mean"][place], whole.stack.buffers["mean"][row])
        assert torch.equal(
            resumed.stack.parameters["scale"][place], whole.stack.parameters["scale"][row]
        )
