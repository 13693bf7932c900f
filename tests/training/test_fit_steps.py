"""Training of any stacked model: without data, annealed, with its best state kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from repro.training.batches import Batches, NoData, Shared
from repro.training.best import Best
from repro.training.checkpoint import read_checkpoint, write_checkpoint
from repro.training.denormals import flushed_denormals
from repro.training.fit import Fit, FitHooks, fit_steps
from repro.training.noise import NoiseSource
from repro.training.seed_stack import SeedStack

STEPS: dict[str, Any] = {
    "optimiser": "rmsprop", "learning_rate": 0.05, "momentum": 0.0, "weight_decay": 0.0,
    "clip_norm": None, "zero_grad": True, "updates": 30, "log_every": 10,
    "schedule": {"name": "constant"},
}  # fmt: skip


class Point(nn.Module):
    """A point that is drawn to annealed noise, or to the mean of its batches."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.full((2,), start))

    def forward(self, *inputs: Tensor) -> Tensor:
        target = inputs[-2] * inputs[-1] if len(inputs[-1].shape) == 0 else inputs[0]
        return ((self.at - target) ** 2).mean()


class Meeting(Point):
    """A point that is drawn to the mean of two tensors' rows."""

    def forward(self, *inputs: Tensor) -> Tensor:
        own, shared, noise = inputs
        assert noise is None
        return ((self.at - own) ** 2).mean() + ((self.at - shared) ** 2).mean()


def annealed(seeds: list[int], seen: list[float] | None = None) -> Fit:
    def value(iteration: int) -> float:
        if seen is not None:
            seen.append(0.1 * iteration)
        return 0.1 * iteration

    noise = NoiseSource(
        seeds, "noise", lambda rows, source: torch.randn(rows, 2, generator=source)
    )
    stack = SeedStack([Point(float(seed)) for seed in seeds])
    best = Best(stack, 10, lambda s: s.parameters["at"].square().sum(dim=1))
    return fit_steps(STEPS, stack, NoData(7), noise, annealing=value, best=best)


def test_a_model_without_data_is_fitted_to_annealed_noise() -> None:
    seen: list[float] = []
    fit = annealed([1, 2], seen)
    fit.run(FitHooks())
    plain = Point(2.0)
    optimiser = torch.optim.RMSprop(plain.parameters(), lr=0.05)
    source = NoiseSource([2], "noise", lambda rows, s: torch.randn(rows, 2, generator=s))
    for iteration in range(30):
        optimiser.zero_grad()
        plain(source.next(7)[0], torch.tensor(0.1 * iteration)).backward()
        optimiser.step()
    torch.testing.assert_close(fit.stack.parameters["at"][1], plain.at, rtol=1e-5, atol=1e-6)
    assert seen == [0.1 * i for i in range(30)]


def test_the_best_state_of_each_seed_comes_back() -> None:
    fit = annealed([1, 2])
    assert fit.best is not None
    seen = {}
    hooks = FitHooks(
        watch=[9, 19, 29],
        after=lambda i: seen.update({i: fit.stack.parameters["at"].detach().clone()}),
    )
    fit.run(hooks)
    losses = torch.stack([seen[i].square().sum(dim=1) for i in (9, 19, 29)])
    assert torch.equal(fit.best.loss, losses.double().min(dim=0).values)
    assert torch.equal(fit.best.iteration, 10 * losses.argmin(dim=0) + 9)
    assert sorted(fit.best.history) == [9, 19, 29]
    fit.best.restore()
    for seed in range(2):
        at_best = seen[int(fit.best.iteration[seed])][seed]
        assert torch.equal(fit.stack.parameters["at"][seed], at_best)


def test_it_goes_on_from_a_checkpoint_to_the_same_bits_with_fewer_seeds(tmp_path: Path) -> None:
    whole, cut, rest = annealed([1, 2]), annealed([1, 2]), annealed([2])
    whole.run(FitHooks())
    cut.updates = 15
    cut.run(FitHooks())
    write_checkpoint(tmp_path / "c", cut.state())
    rest.load(read_checkpoint(tmp_path / "c"), [1])
    rest.run(FitHooks())
    first, second = whole.state()["seeds"], rest.state()["seeds"]
    assert first.keys() == second.keys()
    assert all(torch.equal(value[1:], second[name]) for name, value in first.items())


def test_batches_of_several_tensors_some_of_them_shared() -> None:
    own = torch.stack([torch.zeros(8, 2), torch.ones(8, 2)])
    shared = torch.full((8, 2), 4.0)
    batches = Batches([own, Shared(shared)], [1, 2], 4, "reshuffle")
    noise = NoiseSource([1, 2], "noise", lambda rows, source: None)
    stack = SeedStack([Meeting(0.5), Meeting(0.5)])
    fit = fit_steps({**STEPS, "optimiser": "adam", "updates": 600}, stack, batches, noise)
    fit.run(FitHooks())
    assert batches.rows == 4
    torch.testing.assert_close(
        stack.parameters["at"].detach(), torch.tensor([[2.0, 2.0], [2.5, 2.5]]), rtol=0, atol=1e-2
    )


def test_denormals_are_zero_inside_the_block_alone() -> None:
    tiny = torch.tensor([1e-39])
    with flushed_denormals():
        inside = float((tiny * 1.0).item())
    assert inside == 0.0
    assert float((tiny * 1.0).item()) > 0.0
