"""The masked residual network as one step equals the same network written out in torch."""

import pytest
import torch
from torch.func import functional_call, vmap

from repro.flows.masked_network import (
    Block,
    MaskedLinear,
    _product,
    residual_network,
    staircase,
)


def steps(rows, columns, *, height, width):
    """A staircase mask whose next `height` rows use `width` columns more."""
    used = width * (torch.arange(rows) // height + 1)
    return (torch.arange(columns) < used[:, None]).double()


def layers(kind):
    """A first, two times two and a last layer, their masks blocks, no blocks, or full."""
    torch.manual_seed(0)
    between = {
        "blocks": steps(64, 64, height=16, width=16),
        "small steps": steps(64, 64, height=4, width=4),
        "full": torch.ones(64, 64),
    }[kind]
    into, out = steps(64, 3, height=32, width=1), steps(60, 64, height=20, width=16) - 0.0
    out[:20] = 0  # the first feature's outputs see nothing
    return [MaskedLinear(mask) for mask in (into, *[between] * 4, out)]


class Network(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layers = torch.nn.ModuleList(layers(kind))

    def forward(self, x, keep):
        return residual_network(list(self.layers), x, keep)


def written_out(network, x, keep):
    first, *between, last = [(layer.weight, layer.bias[:, None]) for layer in network.layers]
    h = first[0] @ x + first[1]
    for i in range(len(between) // 2):
        (w1, b1), (w2, b2) = between[2 * i], between[2 * i + 1]
        inner = (w1 @ h.relu() + b1).relu()
        h = h + w2 @ (inner if keep is None else inner * keep[i]) + b2
    return last[0] @ h + last[1]


def inputs(*stacked):
    source = torch.Generator().manual_seed(1)
    x = torch.randn(*stacked, 3, 7, generator=source)
    keep = (torch.rand(*stacked, 2, 64, 7, generator=source) < 0.75) / 0.75
    return x, keep.double()


def gradients(outputs, x, network):
    wanted = [x, *network.parameters()]
    weights = torch.linspace(-1, 1, outputs.numel()).view_as(outputs)
    return torch.autograd.grad((outputs * weights).sum(), wanted, materialize_grads=True)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("kind", ["blocks", "small steps", "full"])
def test_values_and_gradients_equal_the_network_written_out(kind, dropout):
    network = Network(kind)
    x, keep = inputs()
    x.requires_grad_()
    keep = keep if dropout else None
    ours, plain = network(x, keep), written_out(network, x, keep)
    torch.testing.assert_close(ours, plain)
    for mine, other in zip(*(gradients(y, x, network) for y in (ours, plain)), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("shared", ["nothing", "masks", "points", "parameters"])
def test_under_vmap_each_seed_gets_what_it_would_alone(shared):
    networks = [Network("blocks") for _ in range(3)]
    for seed, network in enumerate(networks):
        torch.manual_seed(seed if shared != "parameters" else 0)
        for parameter in network.parameters():
            parameter.data = parameter.data + 0.1 * torch.randn_like(parameter)
    x, keep = inputs(3)
    x = x[:1].expand_as(x) if shared == "points" else x
    keep = keep[:1].expand_as(keep) if shared == "masks" else keep
    named = zip(*(n.named_parameters() for n in networks), strict=True)
    state = {group[0][0]: torch.stack([p.detach() for _, p in group]) for group in named}
    dims = [0, 0, 0]
    arguments = [state, x, keep]
    for position, name in enumerate(("parameters", "points", "masks")):
        if name == shared:
            dims[position] = None
            given = arguments[position]
            first = {k: v[0] for k, v in given.items()} if name == "parameters" else given[0]
            arguments[position] = first
    for value in arguments[0].values():
        value.requires_grad_()

    def one(state, x, keep):
        return functional_call(networks[0], state, (x, keep))

    together = vmap(one, in_dims=tuple(dims))(*arguments)
    alone = torch.stack([n(x[i], keep[i]) for i, n in enumerate(networks)])
    torch.testing.assert_close(together, alone)
    weights = torch.linspace(-1, 1, alone.numel()).view_as(alone)
    stacked = torch.autograd.grad((together * weights).sum(), list(arguments[0].values()))
    (alone * weights).sum().backward()
    for name, gradient in zip(arguments[0], stacked, strict=True):
        single = torch.stack([n.get_parameter(name).grad for n in networks])
        expected = single.sum(dim=0) if shared == "parameters" else single
        torch.testing.assert_close(gradient, expected)


def test_a_staircase_has_its_blocks_and_anything_else_has_none():
    mask = steps(64, 40, height=32, width=20)
    assert staircase(mask) == (Block(0, 32, 20), Block(32, 64, 40))
    assert staircase(torch.ones(5, 3)) == (Block(0, 5, 3),)
    assert staircase(mask.flip(0)) is None
    assert staircase(mask.flip(1)) is None
    assert staircase(steps(64, 64, height=4, width=4)) is None


def test_a_layer_holds_only_the_entries_in_use():
    layer = MaskedLinear(steps(64, 64, height=16, width=16))
    assert sum(weight.numel() for weight in layer.weights) == int(layer.mask.sum())
    assert layer.hidden_entries == int((layer.mask == 0).sum())
    dense = torch.randn(64, 64)
    layer.take(dense, torch.zeros(64))
    torch.testing.assert_close(layer.weight, dense * layer.mask)


@pytest.fixture
def one_thread():
    """With more, a product may be split differently for packs of different sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("rows", "inner", "columns"),
    [(256, 64, 1), (1, 64, 256), (32, 64, 1), (64, 256, 1), (256, 64, 128), (3, 0, 2), (5, 1, 7)],
)
@pytest.mark.usefixtures("one_thread")
def test_a_matrix_alone_is_multiplied_as_it_is_among_several(rows, inner, columns):
    draw = torch.Generator().manual_seed(1)
    left = torch.randn(3, rows, inner, generator=draw)
    right = torch.randn(3, inner, columns, generator=draw)
    together = _product(left, right)
    for index in range(3):
        one = slice(index, index + 1)
        assert torch.equal(_product(left[one], right[one]), together[one])
