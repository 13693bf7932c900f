"""The loop: windows, hooks, and seeds that diverge without touching the others."""

import math

import pytest
import torch
from torch import nn

from repro.training.batches import Batches, Shared, batches_per_epoch
from repro.training.fit import Fit, FitHooks, StopTraining
from repro.training.noise import NoiseSource
from repro.training.schedules import Schedule
from repro.training.seed_stack import SeedStack


class Echo(nn.Module):
    """A model whose loss is the mean of its batch, so that a test can say what each loss is."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x, segment, noise):
        return x.mean() + self.weight * 0


class Recorder(Schedule):
    """A constant schedule that keeps what it was told, and in what order."""

    def __init__(self, seeds):
        super().__init__(0.1, seeds)
        self.windows, self.calls = [], []

    def after_window(self, loss):
        self.windows.append(loss.clone())
        self.calls.append("window")

    def after_iteration(self, iteration):
        self.calls.append(iteration)


def echo_fit(losses, updates, window=25):
    """A fit whose seed s has the loss losses[s, i] (S, N) at iteration i < N."""
    seeds, rows = losses.shape
    batches = Batches(
        [losses[..., None], Shared(torch.zeros(rows, dtype=torch.int64))],
        [1] * seeds, 1, "fixed",
    )  # fmt: skip
    order = batches.state()["orders"]["1"]
    batches._data[0] = losses[:, torch.argsort(order)][..., None]
    noise = NoiseSource([1] * seeds, "noise", lambda batch, source: None)
    return Fit(SeedStack([Echo()] * seeds), batches, noise, Recorder(seeds), updates, window)


def test_windows_close_at_iterations_0_25_50_with_the_mean_of_the_losses_since():
    losses = torch.randn(2, 80, generator=torch.Generator().manual_seed(0))
    fit = echo_fit(losses, updates=80)
    fit.run(FitHooks())
    expected = [losses[:, :1], losses[:, 1:26], losses[:, 26:51], losses[:, 51:76]]
    assert len(fit.schedule.windows) == 4
    for found, part in zip(fit.schedule.windows, expected, strict=True):
        torch.testing.assert_close(found, part.double().mean(dim=1))
    assert torch.equal(fit.window_mean, fit.schedule.windows[-1])
    assert fit.window_count == 4  # iterations 76 to 79 wait for their window


def test_the_published_number_of_windows():
    fit = echo_fit(torch.zeros(1, 12_500), updates=12_500)
    fit._iterate = lambda: (fit._log(torch.zeros(1)), setattr(fit, "iteration", fit.iteration + 1))
    fit.run(FitHooks())
    assert len(fit.schedule.windows) == 500


def test_the_schedule_hears_of_a_window_before_the_next_iteration():
    fit = echo_fit(torch.zeros(1, 8), updates=8, window=3)
    fit.run(FitHooks())
    assert fit.schedule.calls == ["window", 0, 1, 2, "window", 3, 4, 5, "window", 6, 7]


def test_before_its_first_iteration_a_fit_has_no_window_mean():
    assert echo_fit(torch.zeros(2, 3), updates=3).window_mean.isnan().all()


def test_a_rate_cut_by_a_window_holds_from_the_next_update(setup):
    fit = setup.fit([(1, 1), (2, 2)], updates=4)
    fit.window = 2
    used = []
    step = fit.optimiser.step
    fit.optimiser.step = lambda gradients, rates, active: (
        used.append(rates.tolist()),
        step(gradients, rates, active),
    )
    cuts = iter([torch.tensor([0.5, 0.25]), torch.tensor([0.1, 0.2])])

    def cut(loss):
        fit.schedule.rates = next(cuts).double()

    fit.schedule.after_window = cut
    first = fit.schedule.rates.tolist()
    fit.run(FitHooks())
    torch.testing.assert_close(
        torch.tensor(used), torch.tensor([first, [0.5, 0.25], [0.5, 0.25], [0.1, 0.2]])
    )


def test_after_is_called_with_the_zero_based_iteration_once_its_update_is_made(setup):
    fit = setup.fit([(1, 1)], updates=9)
    seen = []
    after = lambda iteration: seen.append((iteration, fit.iteration, snapshot(fit)))  # noqa: E731
    fit.run(FitHooks(watch=(0, 4, 8, 100), after=after))
    assert [(named, made) for named, made, _ in seen] == [(0, 1), (4, 5), (8, 9)]
    for updates, (_, _, found) in zip((1, 5, 9), seen, strict=True):
        shorter = setup.fit([(1, 1)], updates)
        shorter.run(FitHooks())
        assert all(torch.equal(a, b) for a, b in zip(found, snapshot(shorter), strict=True))


def snapshot(fit):
    return [value.detach().clone() for value in fit.stack.parameters.values()]


def test_progress_counts_updates(setup):
    seen = []
    setup.fit([(1, 1)], updates=3).run(FitHooks(progress=lambda *step: seen.append(step)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_stop_needs_no_checkpoint_and_comes_before_the_next_update(setup):
    fit = setup.fit([(1, 1)], updates=5)
    with pytest.raises(StopTraining):
        fit.run(FitHooks(stop_requested=lambda: fit.iteration == 3))
    assert fit.iteration == 3


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(setup, tmp_path):
    (tmp_path / "file").write_text("a file where a folder should be")
    fit = setup.fit([(1, 1)], updates=3)
    with pytest.warns(UserWarning, match="no checkpoint could be written"):
        fit.run(FitHooks(checkpoint=tmp_path / "file" / "c.pt", checkpoint_seconds=0.0))
    assert fit.iteration == 3


def test_a_finished_fit_is_not_stopped(setup):
    fit = setup.fit([(1, 1)], updates=2)
    fit.run(FitHooks(stop_requested=lambda: fit.iteration == 2))
    assert fit.iteration == 2


PACK = [(1, 1), (2, 2), (3, 2)]


def poisoned(setup, row, value=math.inf):
    """The data of PACK with one value of the second seed's row spoilt."""
    x = torch.stack([setup.data(data_seed)[0] for data_seed, _ in PACK])
    x[1, row, 0] = value
    return x


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_diverging_seed_is_reported_and_leaves_the_others_bit_for_bit(setup, value, equal_rows):
    clean = setup.fit(PACK, updates=30)
    order = clean.batches.state()["orders"]["2"]
    row = int(order[20])  # met in the second batch of 16
    fit = setup.fit(PACK, updates=30, x=poisoned(setup, row, value))
    for each in (clean, fit):
        each.run(FitHooks())
    assert fit.diverged_at.tolist() == [-1, 1, -1]
    assert fit.iteration == 30
    for index in (0, 2):
        equal_rows(clean, index, fit, index)


def test_a_diverged_seed_stays_where_its_last_good_update_left_it(setup, equal_rows):
    row = int(setup.fit(PACK, updates=1).batches.state()["orders"]["2"][20])
    fit = setup.fit(PACK, updates=30, x=poisoned(setup, row))
    fit.run(FitHooks())
    short = setup.fit(PACK, updates=1)
    short.run(FitHooks())
    for name, value in fit.stack.parameters.items():
        assert torch.equal(value[1], short.stack.parameters[name][1])
    assert all(
        torch.equal(value[1], short.optimiser.state()[name][1])
        for name, value in fit.optimiser.state().items()
    )


def test_a_pack_whose_seeds_have_all_diverged_stops_with_the_epoch(setup):
    x = torch.full((3, setup.rows, setup.dim), math.nan)
    fit = setup.fit(PACK, updates=30, x=x)
    fit.run(FitHooks())
    assert fit.diverged_at.tolist() == [0, 0, 0]
    assert fit.iteration == batches_per_epoch(setup.rows, setup.batch_size)


def test_fits_are_of_the_seeds_alone(setup, equal_rows):
    """The global generator takes no part."""
    fits = []
    for state in (1, 2):
        torch.manual_seed(state)
        fits.append(setup.fit(PACK, updates=10))
        fits[-1].run(FitHooks())
    for index in range(3):
        equal_rows(fits[0], index, fits[1], index)
