"""A training that was stopped and resumed is the uninterrupted one, bit for bit."""

import itertools

import pytest
import torch

from repro.training.checkpoint import read_checkpoint
from repro.training.fit import FitHooks, StopTraining

PACK = [(1, 1), (2, 2), (3, 1), (4, 4)]
UPDATES = 24
WATCH = (5, 10, 20)


def hooks(fit, path=None, stop_at=None):
    """Hooks that write down the evaluation points and stop at an iteration."""
    seen = []
    made = FitHooks(
        watch=WATCH,
        after=lambda iteration: seen.append((iteration, float(fit.window_mean[0]))),
        extra_state=lambda: {"seen": [list(entry) for entry in seen]},
        stop_requested=lambda: fit.iteration == stop_at,
        checkpoint=path,
    )
    return made, seen


def interrupted(setup, path, stop_at):
    fit = setup.fit(PACK, UPDATES)
    made, seen = hooks(fit, path, stop_at)
    with pytest.raises(StopTraining):
        fit.run(made)
    return seen


def resumed(setup, path, pairs):
    fit = setup.fit(pairs, UPDATES)
    saved = read_checkpoint(path)
    fit.load(saved["fit"], [PACK.index(pair) for pair in pairs])
    made, seen = hooks(fit)
    fit.run(made)
    return fit, saved, seen


def uninterrupted(setup):
    fit = setup.fit(PACK, UPDATES)
    made, seen = hooks(fit)
    fit.run(made)
    return fit, seen


STEEP = {"name": "plateau", "factor": 0.5, "patience": 0}


@pytest.mark.parametrize(
    ("order", "schedule"),
    [("fixed", STEEP), ("reshuffle", STEEP), ("fixed", {"name": "cosine"})],
    ids=["fixed", "reshuffle", "cosine"],
)
@pytest.mark.parametrize("stop_at", [0, 7, 15])  # at 15 an epoch has just ended
def test_resumed_is_uninterrupted(setup, order, schedule, stop_at, tmp_path, equal_rows):
    setup.order, setup.schedule = order, schedule
    straight, seen = uninterrupted(setup)
    before = interrupted(setup, tmp_path / "c.pt", stop_at)
    fit, saved, after = resumed(setup, tmp_path / "c.pt", PACK)
    assert saved["fit"]["iteration"] == stop_at
    assert saved["seen"] == [list(entry) for entry in before]
    assert before + after == seen
    for index in range(len(PACK)):
        equal_rows(fit, index, straight, index)
    assert (fit.iteration, fit.window_count) == (straight.iteration, straight.window_count)
    assert_same_future(fit, straight)


def assert_same_future(one, two):
    """The next batches and noises, too, are the same."""
    for _ in range(4):
        (x, segment), (other_x, other_segment) = one.batches.next(), two.batches.next()
        assert torch.equal(x, other_x)
        assert torch.equal(segment, other_segment)
        noise, other_noise = one.noise.next(16)[0], two.noise.next(16)[0]
        assert torch.equal(noise, other_noise)


@pytest.mark.parametrize("order", ["fixed", "reshuffle"])
@pytest.mark.parametrize(
    "pairs", [[(3, 1)], [(4, 4), (2, 2)], [(3, 1), (1, 1)], PACK[::-1]], ids=str
)
def test_some_seeds_of_a_checkpoint_go_on_by_themselves(setup, order, pairs, tmp_path, equal_rows):
    setup.order = order
    straight, _ = uninterrupted(setup)
    interrupted(setup, tmp_path / "c.pt", stop_at=16)
    fit, _, _ = resumed(setup, tmp_path / "c.pt", pairs)
    for index, pair in enumerate(pairs):
        equal_rows(fit, index, straight, PACK.index(pair))


def test_twice_interrupted_is_uninterrupted(setup, tmp_path, equal_rows):
    straight, _ = uninterrupted(setup)
    interrupted(setup, tmp_path / "c.pt", stop_at=8)
    fit = setup.fit(PACK, UPDATES)
    fit.load(read_checkpoint(tmp_path / "c.pt")["fit"], range(len(PACK)))
    with pytest.raises(StopTraining):
        fit.run(hooks(fit, tmp_path / "c.pt", stop_at=18)[0])
    fit, saved, _ = resumed(setup, tmp_path / "c.pt", PACK)
    assert saved["fit"]["iteration"] == 18
    for index in range(len(PACK)):
        equal_rows(fit, index, straight, index)


def test_a_diverged_seed_stays_diverged(setup, tmp_path, equal_rows):
    x = torch.stack([setup.data(data_seed)[0] for data_seed, _ in PACK])
    x[1] = torch.inf
    straight = setup.fit(PACK, UPDATES, x=x)
    straight.run(FitHooks())
    stopped = setup.fit(PACK, UPDATES, x=x)
    with pytest.raises(StopTraining):
        stopped.run(hooks(stopped, tmp_path / "c.pt", stop_at=9)[0])
    fit = setup.fit(PACK, UPDATES, x=x)
    fit.load(read_checkpoint(tmp_path / "c.pt")["fit"], range(len(PACK)))
    fit.run(FitHooks())
    assert fit.diverged_at.tolist() == [-1, 0, -1, -1]
    for index in range(len(PACK)):
        equal_rows(fit, index, straight, index)


def test_a_checkpoint_is_also_written_now_and_then(setup, tmp_path, equal_rows):
    path = tmp_path / "deep" / "c.pt"
    fit = setup.fit(PACK, UPDATES)
    found = []

    def look(step, steps):
        found.append(read_checkpoint(path)["fit"]["iteration"] if path.exists() else None)

    made = FitHooks(checkpoint=path, checkpoint_seconds=0.0, progress=look)
    fit.run(made)
    written = [iteration for iteration in found if iteration is not None]
    assert written[-1] == UPDATES - 1
    assert all(a <= b for a, b in itertools.pairwise(written))
    last, _, _ = resumed(setup, path, PACK)
    for index in range(len(PACK)):
        equal_rows(last, index, fit, index)


def test_a_written_checkpoint_is_a_snapshot(setup, tmp_path):
    """It does not change as training goes on."""
    fit = setup.fit(PACK, UPDATES)
    path = tmp_path / "c.pt"
    with pytest.raises(StopTraining):
        fit.run(hooks(fit, path, stop_at=4)[0])
    before = path.read_bytes()
    fit.run(FitHooks())
    assert path.read_bytes() == before
