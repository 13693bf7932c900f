"""StackedAdam is torch.optim.Adam, seed by seed."""

import itertools

import pytest
import torch

from repro.training.optimisers import StackedAdam

SHAPES = {"weight": (7, 5), "bias": (7,), "scalar": (), "empty": (0,), "cube": (3, 2, 4)}
RATES = (1e-3, 0.1, 3e-2, 0.0)
FIXED = torch.tensor(RATES, dtype=torch.float64)
STEPS = 50


def start(seed=0, dtype=torch.float32):
    source = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(len(RATES), *shape, generator=source).to(dtype)
        for name, shape in SHAPES.items()
    }


def gradients(step, transposed, dtype=torch.float32):
    """Gradients (S, ...) of a step, over many sizes; `transposed` as a matmul's backward may."""
    source = torch.Generator().manual_seed(100 + step)
    made = []
    for shape in SHAPES.values():
        size = 10.0 ** float(torch.randint(-6, 4, (1,), generator=source))
        full = (len(RATES), *shape)
        if transposed and len(shape) > 1:
            value = torch.randn(full[0], *reversed(shape), generator=source)
            value = value.permute(0, *range(len(shape), 0, -1))
            assert not value.is_contiguous()
        else:
            value = torch.randn(full, generator=source)
        made.append(value.to(dtype) * size)
    return made


def rate(seed, step):
    """A learning rate that changes as training goes on."""
    return RATES[seed] * (0.5 if step > 20 else 1.0)


def by_torch(seed, transposed, dtype=torch.float32, **options):
    values = [value[seed].clone().requires_grad_() for value in start(dtype=dtype).values()]
    adam = torch.optim.Adam(values, lr=1.0, **options)
    for step in range(STEPS):
        adam.param_groups[0]["lr"] = rate(seed, step)
        for value, gradient in zip(values, gradients(step, transposed, dtype), strict=True):
            value.grad = gradient[seed].contiguous()
        adam.step()
    return values


def stacked(transposed, dtype=torch.float32, active=None):
    values = start(dtype=dtype)
    adam = StackedAdam(values)
    for step in range(STEPS):
        rates = torch.tensor([rate(s, step) for s in range(len(RATES))], dtype=torch.float64)
        adam.step(gradients(step, transposed, dtype), rates, (active or alive)(step))
    return values, adam


def alive(step):
    return torch.ones(len(RATES), dtype=torch.bool)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("transposed", [False, True])
def test_it_is_torch_s_fused_adam_bit_for_bit(transposed, dtype):
    values, _ = stacked(transposed, dtype)
    for seed in range(len(RATES)):
        expected = by_torch(seed, transposed, dtype, fused=True)
        for name, theirs in zip(SHAPES, expected, strict=True):
            assert torch.equal(values[name][seed], theirs), (name, seed)


@pytest.mark.parametrize("transposed", [False, True])
def test_it_is_torch_s_default_adam_up_to_rounding(transposed):
    values, _ = stacked(transposed)
    for seed in range(len(RATES)):
        for name, theirs in zip(SHAPES, by_torch(seed, transposed), strict=True):
            torch.testing.assert_close(values[name][seed], theirs, rtol=1e-5, atol=1e-6)


def test_a_rate_of_zero_moves_nothing():
    values, _ = stacked(transposed=False)
    assert all(torch.equal(values[name][3], start()[name][3]) for name in SHAPES)


def test_an_inactive_seed_keeps_parameters_moments_and_step_count():
    pausing = lambda step: torch.tensor([True, step < 10, True, True])  # noqa: E731
    values, adam = stacked(transposed=True, active=pausing)
    whole, _ = stacked(transposed=True)
    for name in SHAPES:
        for seed in (0, 2, 3):
            assert torch.equal(values[name][seed], whole[name][seed])
    short = start()
    only_ten = StackedAdam(short)
    for step in range(10):
        rates = torch.tensor([rate(s, step) for s in range(len(RATES))], dtype=torch.float64)
        only_ten.step(gradients(step, transposed=True), rates, alive(step))
    assert all(torch.equal(values[name][1], short[name][1]) for name in SHAPES)
    for name, value in adam.state().items():
        assert torch.equal(value[1], only_ten.state()[name][1])


def test_a_nan_gradient_of_an_inactive_seed_touches_nobody():
    values, clean = start(), start()
    adam, other = StackedAdam(values), StackedAdam(clean)
    for step in range(5):
        spoilt = [g.clone() for g in gradients(step, transposed=False)]
        for gradient in spoilt:
            gradient[1] = torch.nan
        adam.step(spoilt, FIXED, torch.tensor([True, False, True, True]))
        other.step(gradients(step, transposed=False), FIXED, alive(step))
    for name in SHAPES:
        assert torch.equal(values[name][[0, 2, 3]], clean[name][[0, 2, 3]])
        assert torch.equal(values[name][1], start()[name][1])


def test_gradients_and_their_order_are_left_alone():
    values = start()
    adam, given = StackedAdam(values), gradients(0, transposed=True)
    before = [gradient.clone() for gradient in given]
    adam.step(given, FIXED, alive(0))
    assert all(torch.equal(a, b) for a, b in zip(given, before, strict=True))


def test_a_missing_gradient_is_an_error():
    names = dict(itertools.islice(start().items(), 2))
    with pytest.raises((ValueError, RuntimeError)):
        StackedAdam(names).step(gradients(0, transposed=False)[:1], FIXED, alive(0))


def test_a_loaded_state_goes_on_bit_for_bit():
    whole, _ = stacked(transposed=False)
    values = start()
    adam = StackedAdam(values)
    for step in range(STEPS):
        if step == 30:
            kept = {name: value.clone() for name, value in values.items()}
            state = {name: value.clone() for name, value in adam.state().items()}
            values, adam = kept, StackedAdam(kept)
            adam.load(state)
        rates = torch.tensor([rate(s, step) for s in range(len(RATES))], dtype=torch.float64)
        adam.step(gradients(step, transposed=False), rates, alive(step))
    assert all(torch.equal(values[name], whole[name]) for name in SHAPES)


def test_its_state_is_by_seed():
    _, adam = stacked(transposed=False)
    assert all(value.shape[0] == len(RATES) for value in adam.state().values())
    assert (adam.state()["steps"] == STEPS).all()
