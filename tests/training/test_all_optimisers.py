"""Every optimiser by name is torch.optim's, seed by seed, with clipping and piling up as torch."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from repro.errors import ConfigError
from repro.training.gradients import Gradients
from repro.training.optimisers import make_optimiser

SHAPES = [(3, 4), (5,)]
RATES = torch.tensor([1e-2, 3e-3, 2e-1], dtype=torch.float64)
STEPS = 12
MAKERS: dict[str, Any] = {
    "adam": torch.optim.Adam,
    "adamax": torch.optim.Adamax,
    "rmsprop": lambda p, lr: torch.optim.RMSprop(p, lr=lr, momentum=0.9),
    "adamw": lambda p, lr: torch.optim.AdamW(p, lr=lr, weight_decay=0.1),
}
CONFIG = {"momentum": 0.9, "weight_decay": 0.1}


def start() -> dict[str, Tensor]:
    source = torch.Generator().manual_seed(1)
    made = [torch.randn(3, *s, generator=source, dtype=torch.float64) for s in SHAPES]
    return {f"p{i}": value.requires_grad_() for i, value in enumerate(made)}


def gradients(step: int) -> list[Tensor]:
    source = torch.Generator().manual_seed(100 + step)
    size = (0.0, 3.0, 0.1, 3.0)[step % 4]  # of norms within the bound and beyond it
    return [size * torch.randn(3, *s, generator=source, dtype=torch.float64) for s in SHAPES]


def by_torch(name: str, seed: int, clip: float | None = None, zero: bool = True) -> list[Tensor]:
    """One seed's parameters after torch's own optimiser."""
    values = [nn.Parameter(value.detach()[seed].clone()) for value in start().values()]
    optimiser = MAKERS[name](values, lr=float(RATES[seed]))
    for step in range(STEPS):
        if zero:
            optimiser.zero_grad()
        for value, gradient in zip(values, gradients(step), strict=True):
            fresh = gradient[seed]
            value.grad = fresh.clone() if value.grad is None else value.grad + fresh
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(values, clip)
        optimiser.step()
    return [value.detach() for value in values]


def stacked(
    name: str, clip: float | None = None, zero: bool = True, dead: int | None = None, cut: int = 0
) -> dict[str, Tensor]:
    """All seeds after ours, from a checkpoint after `cut` steps; `dead` stands still from 5 on."""
    values = start()
    config = CONFIG | {"optimiser": name}
    optimiser, prepare = make_optimiser(config, values), Gradients(values, clip, zero)
    for step in range(STEPS):
        if step == cut > 0:
            states = optimiser.state(), prepare.state()
            optimiser, prepare = make_optimiser(config, values), Gradients(values, clip, zero)
            optimiser.load({k: v.clone() for k, v in states[0].items()})
            prepare.load({k: v.clone() for k, v in states[1].items()})
        active = torch.ones(3, dtype=torch.bool)
        fresh = gradients(step)
        if dead is not None and step >= 5:
            active[dead] = False
            for gradient in fresh:
                gradient[dead] = math.nan
        optimiser.step(prepare.prepared(fresh), RATES, active)
    return {key: value.detach() for key, value in values.items()}


@pytest.mark.parametrize(
    ("clip", "zero"), [(None, True), (1.5, True), (None, False), (1.5, False)]
)
@pytest.mark.parametrize("name", MAKERS)
def test_it_is_torchs_seed_by_seed(name: str, clip: float | None, zero: bool) -> None:
    ours = stacked(name, clip, zero)
    for seed in range(3):
        for value, theirs in zip(ours.values(), by_torch(name, seed, clip, zero), strict=True):
            torch.testing.assert_close(value[seed], theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", MAKERS)
def test_a_seed_that_stands_still_keeps_its_values_and_disturbs_no_other(name: str) -> None:
    whole, with_dead = stacked(name), stacked(name, dead=1)
    for key, value in with_dead.items():
        assert value.isfinite().all()
        assert torch.equal(value[[0, 2]], whole[key][[0, 2]])
        assert not torch.equal(value[1], whole[key][1])


@pytest.mark.parametrize("name", MAKERS)
def test_it_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(name: str) -> None:
    for key, value in stacked(name, clip=1.5, zero=False, cut=6).items():
        assert torch.equal(value, stacked(name, clip=1.5, zero=False)[key])


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"set training\.optimiser to adam, adamw"):
        make_optimiser({"optimiser": "sgd"}, start())
