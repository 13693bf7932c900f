"""What a GPU replays is what the CPU computes; here a recording stands in for a CUDA graph."""

import pytest
import torch

from repro.training.fit import FitHooks
from repro.training.replay import WARM_UP, Captured, Replayed

PACK = [(1, 1), (2, 2), (3, 2)]


class Recorder:
    """Captures a function as a CUDA graph does: it runs later, on the tensors it was given."""

    def __init__(self):
        self.captures = []

    def __call__(self, function, inputs):
        output = torch.empty((), dtype=torch.float64)

        def replay():
            result = function(*inputs)
            output.resize_(result.shape).copy_(result)

        self.captures.append([None if value is None else value.shape for value in inputs])
        return Captured(inputs, replay, output)


def test_calls_warm_up_then_replay_and_each_shape_is_captured_once():
    seen = []

    def function(x, nothing):
        seen.append(x.clone())
        return x.double() * 2

    recorder = Recorder()
    replayed = Replayed(function, recorder)
    calls = WARM_UP + 2
    for size in (3, 5):
        results = [replayed(torch.full((size,), float(i)), None) for i in range(calls)]
        for i, result in enumerate(results):
            assert torch.equal(result, torch.full((size,), 2.0 * i).double())
    assert [len(x) for x in seen] == [3] * calls + [5] * calls
    assert recorder.captures == [[torch.Size([3]), None], [torch.Size([5]), None]]


@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
def test_a_replayed_pack_is_bit_for_bit_the_pack_itself(setup, equal_rows, schedule):
    """Also across rates that change, the smaller last batch and a seed that diverges."""
    if schedule == "cosine":
        setup.schedule = {"name": "cosine"}
    x = torch.stack([setup.data(data_seed)[0] for data_seed, _ in PACK])
    order = setup.fit(PACK, updates=1).batches.state()["orders"]["2"]
    x[1, int(order[20]), 0] = torch.nan
    plain = setup.fit(PACK, updates=40, x=x)
    replayed = setup.fit(PACK, updates=40, x=x)
    recorder = Recorder()
    replayed._step = Replayed(replayed._update, recorder)
    for fit in (plain, replayed):
        fit.run(FitHooks())
    assert len(recorder.captures) == 2
    assert replayed.diverged_at.tolist() == [-1, 1, -1]
    for index in range(3):
        equal_rows(plain, index, replayed, index)


def test_an_update_does_not_wait_for_the_device(setup, monkeypatch):
    """A value that the host asks for would end a capture with an error."""
    fit = setup.fit(PACK, updates=3)
    x, segment = fit.batches.next()
    noise, fit._noise_dim = fit.noise.next(x.shape[1])
    monkeypatch.setattr(torch.Tensor, "item", _refused)
    monkeypatch.setattr(torch.Tensor, "tolist", _refused)
    monkeypatch.setattr(torch.Tensor, "__bool__", _refused)
    monkeypatch.setattr(torch.Tensor, "__float__", _refused)
    monkeypatch.setattr(torch.Tensor, "cpu", _refused)
    losses = fit._update(x, segment, noise)
    monkeypatch.undo()
    assert losses.isfinite().all()


def _refused(*_):
    raise AssertionError("the host waits for the device")
