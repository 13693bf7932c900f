"""A training update that a GPU replays as one graph, so that the host only feeds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

WARM_UP = 3  # calls made one operation at a time before a shape is captured
Function = Callable[..., Tensor]
Inputs = Sequence[Tensor | None]


class Captured(NamedTuple):
    """A captured call: where it reads its inputs, how to run it again, where its result is."""

    inputs: Inputs
    replay: Callable[[], None]
    output: Tensor


class Replayed:
    """A function of tensors that is captured once for each shape of its inputs, then replayed.

    It must read and write nothing but its inputs and tensors that stay where they are, and not
    wait for the device. Its first calls run as they are: they warm up what a capture may not set
    up, and they count, so that nothing is computed twice.
    """

    def __init__(
        self, function: Function, capture: Callable[[Function, Inputs], Captured] | None = None
    ) -> None:
        self._function = function
        self._capture = capture or capture_cuda_graph
        self._calls: Counter[tuple] = Counter()
        self._captured: dict[tuple, Captured] = {}

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        """The function's result for `inputs`, a tensor of the caller's own."""
        shape = tuple(None if value is None else value.shape for value in inputs)
        self._calls[shape] += 1
        if self._calls[shape] <= WARM_UP:
            return self._function(*inputs)
        if shape not in self._captured:
            self._captured[shape] = self._capture(self._function, _copies(inputs))
        captured = self._captured[shape]
        for place, value in zip(captured.inputs, inputs, strict=True):
            if place is not None and value is not None:
                place.copy_(value, non_blocking=True)
        captured.replay()
        return captured.output.clone()


def capture_cuda_graph(function: Function, inputs: Inputs) -> Captured:
    """Record `function(*inputs)` as a CUDA graph, without running it.

    Source: PyTorch's notes on CUDA graphs (whole-network capture).
    """
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        output = function(*inputs)
    return Captured(inputs, graph.replay, output)


def _copies(inputs: Inputs) -> Inputs:
    return [None if value is None else value.clone() for value in inputs]
