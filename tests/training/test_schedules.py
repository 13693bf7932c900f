"""The schedules are torch's, seed by seed."""

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from repro.errors import ConfigError
from repro.training.schedules import LOW, Cosine, Milestones, Plateau, Schedule, make_schedule

RATE = 1e-3


def torch_optimiser():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)


def random_walks(seeds=12, windows=600):
    """Losses (W, S): falling, rising, around zero, flat, negative, and one that becomes NaN."""
    source = torch.Generator().manual_seed(0)
    steps = torch.randn(windows, seeds, generator=source, dtype=torch.float64)
    walks = (steps + torch.linspace(-1, 1, seeds, dtype=torch.float64)).cumsum(dim=0)
    walks[:, 1] -= 1e4
    walks[:, 2] = 1.0
    walks[:, 3] = -1.0
    walks[:, 4] = walks[:, 4].abs()
    walks[:, 5] = 0.0
    walks[:, 6] = 5 - 1e-5 * torch.arange(windows)  # falls, but by less than the threshold
    walks[:, 7] = -5 - 1e-5 * torch.arange(windows)
    walks[50:, 8] = torch.nan
    walks[:, 9] = 1e-3 * torch.rand(windows, generator=source)
    return walks


@pytest.mark.parametrize(("factor", "patience"), [(0.25, 10), (0.5, 2), (0.1, 0), (0.9, 1)])
def test_plateau_is_torch_s_for_every_seed_at_every_window(factor, patience):
    walks = random_walks()
    ours = Plateau(RATE, walks.shape[1], factor, patience)
    optimisers = [torch_optimiser() for _ in range(walks.shape[1])]
    theirs = [ReduceLROnPlateau(o, factor=factor, patience=patience) for o in optimisers]
    for losses in walks:
        ours.after_window(losses)
        for schedule, loss in zip(theirs, losses, strict=True):
            schedule.step(float(loss))
        assert ours.rates.tolist() == [o.param_groups[0]["lr"] for o in optimisers]
    assert ours.rates.unique().numel() > 1


def test_the_last_value_of_the_published_schedule():
    schedule = Plateau(RATE, 1, factor=0.25, patience=10)
    rates = []
    for _ in range(500):
        schedule.after_window(torch.ones(1, dtype=torch.float64))
        rates.append(float(schedule.rates))
    assert rates[-1] == pytest.approx(RATE * 0.25**9, rel=1e-12)
    assert len(set(rates)) == 10
    assert rates[10] == RATE  # the first window sets the best, ten bad ones are borne
    assert rates[11] == RATE * 0.25


def test_cosine_is_torch_s():
    total, optimiser = 57, torch_optimiser()
    ours, theirs = Cosine(RATE, 3, total), CosineAnnealingLR(optimiser, T_max=total)
    for iteration in range(total):
        expected = [pytest.approx(optimiser.param_groups[0]["lr"], rel=0, abs=1e-15)] * 3
        assert ours.rates.tolist() == expected
        optimiser.step()
        theirs.step()
        ours.after_iteration(iteration)
    assert ours.rates.abs().max() < 1e-18
    ours.after_iteration(total)
    assert ours.rates.abs().max() < 1e-18


def test_cosine_starts_at_the_full_rate_and_passes_half_in_the_middle():
    schedule = Cosine(RATE, 1, total=10)
    assert float(schedule.rates) == RATE
    schedule.after_iteration(4)
    assert float(schedule.rates) == pytest.approx(RATE / 2)


def test_constant_hears_everything_and_does_nothing():
    schedule = make_schedule({"name": "constant"}, RATE, 2, total=10)
    schedule.after_window(torch.ones(2))
    schedule.after_iteration(3)
    assert schedule.rates.tolist() == [RATE, RATE]


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"name": "plateau", "factor": 0.3, "patience": 4}, Plateau),
        ({"name": "cosine"}, Cosine),
        ({"name": "constant"}, Schedule),
    ],
)
def test_a_schedule_is_found_by_name(config, kind):
    made = make_schedule(config, RATE, 4, total=77)
    assert type(made) is kind
    assert made.rates.tolist() == [RATE] * 4
    assert made.rates.dtype == torch.float64
    expected = {**{k: v for k, v in config.items() if k != "name"}}
    if kind is Cosine:
        expected["total"] = 77
    assert expected.items() <= vars(made).items()


def test_an_unknown_name_is_refused():
    with pytest.raises(
        ConfigError, match=r"unknown schedule 'step'.*plateau, constant, cosine or milestones"
    ):
        make_schedule({"name": "step"}, RATE, 1, 1)


def test_a_loaded_plateau_goes_on_as_the_old_one_would():
    walks = random_walks()
    old, new = (Plateau(RATE, walks.shape[1], 0.5, 2) for _ in range(2))
    for losses in walks[:100]:
        old.after_window(losses)
    new.load({name: value.clone() for name, value in old.state().items()})
    for losses in walks[100:]:
        old.after_window(losses)
        new.after_window(losses)
    for name, value in old.state().items():
        assert value.shape[0] == walks.shape[1]
        assert torch.equal(value, new.state()[name])


def test_a_schedule_remembers_the_first_iteration_at_a_low_rate():
    cosine, constant = Cosine(RATE, 2, total=100), Schedule(RATE, 2)
    rates = [float(cosine.rates[0])]
    for iteration in range(100):
        cosine.after_iteration(iteration)
        constant.after_iteration(iteration)
        rates.append(float(cosine.rates[0]))
    first = next(i for i, rate in enumerate(rates) if rate < LOW)
    assert cosine.low_at.tolist() == [first, first]
    assert constant.low_at.tolist() == [-1, -1]


def test_a_milestone_that_makes_the_rate_low_is_remembered():
    schedule = Milestones(10 * LOW, 2, at=[3, 6], factor=0.25)
    for iteration in range(8):
        schedule.after_iteration(iteration)
    assert schedule.low_at.tolist() == [6, 6]
    assert schedule.rates.tolist() == [10 * LOW * 0.25**2] * 2


def test_each_seed_becomes_slow_by_itself_and_keeps_the_iteration_through_a_checkpoint():
    schedule = Plateau(1.9e-5, 2, factor=0.5, patience=0)
    schedule.after_window(torch.tensor([1.0, 1.0]))
    schedule.after_window(torch.tensor([2.0, 0.5]))
    schedule.after_iteration(7)
    assert schedule.low_at.tolist() == [8, -1]
    other = Plateau(1.9e-5, 2, factor=0.5, patience=0)
    other.load(schedule.state())
    assert other.low_at.tolist() == [8, -1]
