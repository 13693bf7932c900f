"""A masked residual network as one differentiable step: only entries in use are multiplied.

Models are written for one seed; under `torch.func.vmap` the step sees all seeds at once and makes
each product for all of them in one call.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

SMALLEST_BLOCK = 16  # rows or columns; a product of fewer costs more to start than it saves


class Block(NamedTuple):
    """Rows `start` to `stop` of a masked weight, of which the first `width` columns are used."""

    start: int
    stop: int
    width: int

    @property
    def rows(self) -> slice:
        """The rows of the block."""
        return slice(self.start, self.stop)


class MaskedLinear(nn.Module):
    """The weight (O, I) and bias (O,) of a linear layer, used only where `mask` (O, I) is 1.

    If the mask is a staircase (in each row the first columns, never fewer than in the row above)
    its blocks are the parameters and the entries outside them do not exist; otherwise the one
    parameter is the whole weight, multiplied by the mask. Initialised as nn.Linear is.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask, persistent=False)
        found = staircase(mask)
        self.is_staircase = found is not None
        self.blocks = found or (Block(0, mask.shape[0], mask.shape[1]),)
        initial = nn.Linear(mask.shape[1], mask.shape[0])
        self.weights = nn.ParameterList(initial.weight[b.rows, : b.width] for b in self.blocks)
        self.bias = initial.bias

    @property
    def hidden_entries(self) -> int:
        """Number of entries of the weight that are no parameters."""
        return self.mask.numel() - sum(weight.numel() for weight in self.weights)

    @property
    def weight(self) -> Tensor:
        """The whole weight (O, I), zero where it is masked."""
        whole = self.mask.new_zeros(self.mask.shape, dtype=self.bias.dtype)
        for block, weight in zip(self.blocks, self.weights, strict=True):
            whole[block.rows, : block.width] = weight
        return whole * self.mask

    def take(self, weight: Tensor, bias: Tensor) -> None:
        """Take the values of a weight (O, I), where they are used, and of a bias (O,)."""
        with torch.no_grad():
            self.bias.copy_(bias)
            for block, own in zip(self.blocks, self.weights, strict=True):
                own.copy_(weight[block.rows, : block.width])


def staircase(mask: Tensor) -> tuple[Block, ...] | None:
    """The blocks of a mask (O, I) that is a staircase, None if it is none or has a small step."""
    widths = mask.sum(dim=1).long()
    ones_first = torch.arange(mask.shape[1]) < widths[:, None]
    if not torch.equal(mask.bool(), ones_first) or bool((widths.diff() < 0).any()):
        return None
    found, counts = torch.unique_consecutive(widths, return_counts=True)
    if len(found) > 1 and min(int(counts.min()), mask.shape[1]) < SMALLEST_BLOCK:
        return None
    ends = counts.cumsum(0)
    rows = zip((ends - counts).tolist(), ends.tolist(), found.tolist(), strict=True)
    return tuple(Block(*row) for row in rows)


def residual_network(
    layers: Sequence[MaskedLinear],
    x: Tensor,
    dropout: Tensor | None,
    added: Tensor | None = None,
) -> Tensor:
    """Outputs (O, B) of a masked residual network for x (I, B), differentiable once.

    `layers` are the first layer, each residual block's two and the last; dropout (blocks, H, B)
    holds scaled keep masks, or is None; added (1 + blocks, H, B), if given, goes to the first
    layer's outputs and to those of each block's first layer. A block adds
    W2 (keep * relu(W1 relu(h) + b1)) + b2 to h. Works alone and under `torch.func.vmap`.

    Source: He et al. 2016 (pre-activation residual blocks), with MADE's masks (Germain et al.
    2015), as in the released bayesiains/nsf transforms/made.py.
    """
    weights = [list(layer.weights) for layer in layers]
    for layer, own in zip(layers, weights, strict=True):
        if not layer.is_staircase:
            own[0] = own[0] * layer.mask
    shapes = tuple(layer.blocks for layer in layers)
    flat = [*itertools.chain.from_iterable(weights), *(layer.bias for layer in layers)]
    keep = None if dropout is None else dropout[None]
    extra = None if added is None else added[None]
    outputs, *_ = _ResidualNetwork.apply(shapes, x[None], keep, extra, *(t[None] for t in flat))
    return outputs[0]


class _Layer(NamedTuple):
    """A masked linear layer of S stacked seeds: weights (S, rows, width) a block, bias (S, O)."""

    blocks: tuple[Block, ...]
    weights: Sequence[Tensor]
    bias: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """The layer's outputs (S, O, B) for x (S, I, B)."""
        parts = [
            _product(weight, x[:, : block.width])
            for block, weight in zip(self.blocks, self.weights, strict=True)
        ]
        outputs = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return outputs.add_(self.bias.unsqueeze(-1))

    def back(self, slope: Tensor, inputs: int) -> Tensor:
        """Gradient (S, I, B) at the I inputs for a `slope` (S, O, B) at the outputs."""
        widest = self.blocks[-1]
        total = _product(self.weights[-1].mT, slope[:, widest.rows])
        for block, weight in zip(self.blocks[:-1], self.weights[:-1], strict=True):
            if block.width:
                total[:, : block.width].add_(_product(weight.mT, slope[:, block.rows]))
        return total if widest.width == inputs else F.pad(total, (0, 0, 0, inputs - widest.width))

    def gradients(self, slope: Tensor, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Gradients of the weights and the bias for a `slope` (S, O, B) and inputs (S, I, B)."""
        weights = [_product(slope[:, b.rows], x[:, : b.width].mT) for b in self.blocks]
        return weights, slope.sum(dim=-1)


class _ResidualNetwork(torch.autograd.Function):
    """`residual_network` for S stacked seeds: every tensor has them in front."""

    @staticmethod
    def forward(
        shapes: tuple[tuple[Block, ...], ...],
        x: Tensor,
        keep: Tensor | None,
        added: Tensor | None,
        *flat: Tensor,
    ) -> tuple:
        """Outputs (S, O, B), then what `backward` needs of the hidden values."""
        first, *between, last = _layers(shapes, flat)
        h = first.forward(x)
        if added is not None:
            h.add_(added[:, 0])
        kept = []
        for i in range(len(between) // 2):
            active = h.relu()
            inner = between[2 * i].forward(active)
            if added is not None:
                inner.add_(added[:, i + 1])
            inner.relu_()
            if keep is not None:
                inner.mul_(keep[:, i])
            h.add_(between[2 * i + 1].forward(inner))
            kept += [active, inner]
        return (last.forward(h), h, *kept)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:  # noqa: ANN401
        """Keep the parameters and the hidden values for `backward`."""
        shapes, x, keep, _, *flat = inputs
        ctx.shapes, ctx.has_keep, ctx.hidden = shapes, keep is not None, len(output) - 1
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, *output[1:], *flat, *([] if keep is None else [keep]))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor, *unused: Any) -> tuple:  # noqa: ANN401
        """Gradients of x and of every parameter for `slope` (S, O, B) at the outputs."""
        x, *saved = ctx.saved_tensors
        keep = saved.pop() if ctx.has_keep else None
        (h, *kept), flat = saved[: ctx.hidden], saved[ctx.hidden :]
        first, *between, last = _layers(ctx.shapes, flat)
        slope = slope.contiguous()
        gradients = [last.gradients(slope, h)]
        at_added = []
        total = last.back(slope, h.shape[1])
        for i in reversed(range(len(between) // 2)):
            active, inner = kept[2 * i], kept[2 * i + 1]
            gradients.append(between[2 * i + 1].gradients(total, inner))
            through = between[2 * i + 1].back(total, h.shape[1])
            if keep is not None:
                through.mul_(keep[:, i])
            at_added.append(_stop_where_not_positive(through, inner))
            gradients.append(between[2 * i].gradients(through, active))
            back = between[2 * i].back(through, h.shape[1])
            total.add_(_stop_where_not_positive(back, active))
        gradients.append(first.gradients(total, x))
        weights, biases = zip(*reversed(gradients), strict=True)
        x_slope = first.back(total, x.shape[1]) if ctx.needs_input_grad[1] else None
        wanted = ctx.needs_input_grad[3]
        added = torch.stack((total, *reversed(at_added)), dim=1) if wanted else None
        return (None, x_slope, None, added, *itertools.chain.from_iterable(weights), *biases)

    @staticmethod
    def vmap(info: Any, in_dims: tuple, shapes: tuple, *tensors: Tensor | None) -> tuple:  # noqa: ANN401
        """Join the mapped dimension with the stacked one, in front."""
        size = info.batch_size
        keep = tensors[1]
        joined = [_joined(t, d, size) for t, d in zip(tensors, in_dims[1:], strict=True)]
        if keep is not None and in_dims[2] is None and keep.shape[0] == 1:
            joined[1] = keep  # shared by all seeds: it broadcasts
        results = _ResidualNetwork.apply(shapes, *joined)
        split = tuple(t.unflatten(0, (size, -1)) for t in results)
        return split, (0,) * len(split)


def _layers(shapes: Sequence[tuple[Block, ...]], flat: Sequence[Tensor]) -> list[_Layer]:
    """The layers out of all blocks' weights, in order, and then all biases."""
    weights, biases = iter(flat[: -len(shapes)]), flat[-len(shapes) :]
    return [
        _Layer(blocks, list(itertools.islice(weights, len(blocks))), bias)
        for blocks, bias in zip(shapes, biases, strict=True)
    ]


def _product(left: Tensor, right: Tensor) -> Tensor:
    """The products (S, I, K) of matrices (S, I, J) and (S, J, K), also where a size is 0.

    A matrix times a vector alone is summed in another order than among several, so that one
    alone is doubled: a seed's result does not depend on who shares its pack.
    """
    if left.shape[2] == 0:
        return right.new_zeros(left.shape[0], left.shape[1], right.shape[2])
    if len(left) == 1 and 1 in (left.shape[1], right.shape[2]):
        return torch.bmm(left.expand(2, -1, -1), right.expand(2, -1, -1))[:1]
    return torch.bmm(left, right)


def _joined(value: Tensor | None, dim: int | None, size: int) -> Tensor | None:
    """The tensor (S, ...), mapped along `dim` or the same for all, as (size * S, ...)."""
    if value is None:
        return None
    mapped = value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)
    return mapped.flatten(0, 1)


def _stop_where_not_positive(slope: Tensor, value: Tensor) -> Tensor:
    """Set the slope to zero, in place, where a ReLU's value is zero."""
    return torch.ops.aten.threshold_backward.grad_input(slope, value, 0, grad_input=slope)
