"""A stacked seed is that seed alone: the stack, its members and its trainings."""

import copy

import pytest
import torch
from torch import nn

from repro.training.fit import FitHooks
from repro.training.seed_stack import SeedStack

PACK = [(1, 1), (2, 2), (3, 3), (4, 4)]


def trained(setup, pairs, updates=30):
    fit = setup.fit(pairs, updates)
    fit.run(FitHooks())
    return fit


@pytest.mark.parametrize("model_seeds", [(1, 2, 3), (1, 1, 1), (1,), (2, 1, 2)])
def test_a_call_is_every_model_s_own(setup, model_seeds):
    setup.dtype = torch.float64
    models = [setup.model(seed) for seed in model_seeds]
    stack = SeedStack(models)
    x = torch.stack([setup.data(seed)[0] for seed in range(len(models))])
    segment = setup.data(0)[1]
    normals = torch.randn(len(models), *x.shape[1:], generator=torch.Generator().manual_seed(0))
    sample, mean = stack.call("latents", x, segment, normals.double(), in_dims=(0, None, 0))
    for index, model in enumerate(models):
        expected = model.latents(x[index], segment, normals[index].double())
        torch.testing.assert_close((sample[index], mean[index]), expected)


@pytest.mark.parametrize("model_seeds", [(1, 2, 3), (1, 1)])
def test_members_are_the_plain_models(setup, model_seeds):
    models = [setup.model(seed) for seed in model_seeds]
    stack = SeedStack(models)
    for index, model in enumerate(models):
        member = stack.member(index)
        assert type(member) is type(model)
        assert_same_state(member, model)
        x, segment = setup.data(0)
        noise = torch.ones(4, *x.shape)
        for mine, theirs in zip(
            member.log_likelihood(x, segment, noise),
            model.log_likelihood(x, segment, noise),
            strict=True,
        ):
            assert torch.equal(mine, theirs)


def assert_same_state(one, two):
    """Parameters and buffers, also those that are not saved or are listed under two names."""
    for list_all in (nn.Module.named_parameters, nn.Module.named_buffers):
        mine = dict(list_all(one, remove_duplicate=False))
        theirs = dict(list_all(two, remove_duplicate=False))
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(value, theirs[name]) for name, value in mine.items())


def test_a_member_is_a_copy(setup):
    stack = SeedStack([setup.model(1), setup.model(2)])
    before = copy.deepcopy(stack.state())
    with torch.no_grad():
        for parameter in stack.member(1).parameters():
            parameter.zero_()
    assert all(torch.equal(before[name], value) for name, value in stack.state().items())


def test_the_models_that_went_in_are_left_alone(setup):
    model = setup.model(1)
    before = copy.deepcopy(model.state_dict())
    stack = SeedStack([model])
    with torch.no_grad():
        for value in stack.parameters.values():
            value.zero_()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_equal_buffers_take_memory_once_and_others_are_stacked(setup):
    models = [setup.model(1), setup.model(2), setup.model(1)]
    stack = SeedStack(models)
    named = [dict(model.named_buffers(remove_duplicate=False)) for model in models]
    for name, buffer in stack.buffers.items():
        equal = all(torch.equal(named[0][name], other[name]) for other in named[1:])
        stored = buffer.untyped_storage().nbytes()
        assert stored == named[0][name].nbytes * (1 if equal else 3), name
        if not equal:
            assert torch.equal(buffer, torch.stack([each[name] for each in named]))
    assert stack.buffers.keys() == named[0].keys()
    stacked = [name for name in stack.buffers if name.endswith(("order", "back"))]
    assert len(stacked) == (6 if setup.kind == "iflow" else 0)


def test_a_loaded_state_replaces_the_parameters_in_place(setup):
    one, two = (SeedStack([setup.model(s), setup.model(s + 1)]) for s in (1, 3))
    storage = {name: value.data_ptr() for name, value in two.parameters.items()}
    two.load(one.state())
    for name, value in two.parameters.items():
        assert torch.equal(value, one.parameters[name])
        assert value.data_ptr() == storage[name]
        assert value.requires_grad
        assert value.is_leaf


def test_training_stacked_is_training_in_a_plain_loop(setup):
    setup.dtype = torch.float64
    fit = trained(setup, PACK, updates=60)
    for index, pair in enumerate(PACK):
        plain, rate = setup.plain_loop(pair, updates=60)
        assert float(fit.schedule.rates[index]) == rate
        for name, value in plain.named_parameters():
            torch.testing.assert_close(
                fit.stack.parameters[name][index], value, rtol=1e-9, atol=1e-9
            )
    assert fit.schedule.rates.unique().numel() > 1  # the seeds' schedules went their own ways


def test_in_float32_too_within_what_adam_makes_of_rounding(setup):
    fit = trained(setup, PACK)
    plain, _ = setup.plain_loop(PACK[2], updates=30)
    for name, value in plain.named_parameters():
        torch.testing.assert_close(fit.stack.parameters[name][2], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("choice", ["softplus", "xi_only", "sigmoid", "sigmoid5"])
def test_natural_parameters_are_bit_for_bit_the_same_in_any_pack(choice, make_setup):
    setup = make_setup("iflow", segments=5)
    models = [setup.model(seed) for seed in range(7)]
    for model in models:
        model.activation = choice
    every = torch.arange(5)
    pack = SeedStack(models).call("natural_parameters", every, in_dims=(None,))
    for index, model in enumerate(models):
        alone = SeedStack([model]).call("natural_parameters", every, in_dims=(None,))
        for values, own in zip(pack, alone, strict=True):
            assert torch.equal(values[index], own[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "size",
    [
        {},
        {"dim": 2, "segments": 5, "batch_size": 17, "rows": 40},
        {"dim": 5, "segments": 7, "hidden": 32, "batch_size": 64, "rows": 150},
        {"dim": 5, "segments": 40, "hidden": 50, "batch_size": 64, "rows": 200},
    ],
    ids=str,
)
def test_a_seed_is_bit_for_bit_the_same_whoever_shares_its_pack(setup, size, dtype, equal_rows):
    """Alone, in another order, beside seeds of its own model seed or of others.

    Rounding may depend on memory alignment: repro/__init__.py asks MKL not to let it.
    """
    for name, value in size.items():
        setattr(setup, name, value)
    setup.dtype = dtype
    pack = trained(setup, PACK, updates=12)
    for others in (
        [(3, 3)],
        [(4, 4), (3, 3), (1, 1)],
        [(2, 2), (3, 3), (1, 1)],
        [(9, 3), (3, 3), (8, 3)],
        [(3, 3), (7, 1)],
    ):
        equal_rows(pack, 2, trained(setup, others, updates=12), others.index((3, 3)))


def test_a_seed_is_finite_where_all_of_its_parameters_are():
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(1.0))  # a number, not a vector
            self.weight = torch.nn.Parameter(torch.ones(2, 3))

    stack = SeedStack([Scaled() for _ in range(3)])
    assert stack.finite().tolist() == [True, True, True]
    with torch.no_grad():
        stack.parameters["scale"][0] = float("nan")
        stack.parameters["weight"][2, 1, 1] = float("inf")
    assert stack.finite().tolist() == [False, True, False]
