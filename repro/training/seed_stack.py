"""Stacks the same model for many seeds, so that one program trains them all."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap


class SeedStack:
    """S models of one architecture with their parameters stacked along a first dimension.

    `parameters` maps names to leaf tensors (S, ...). Buffers (S, ...) that are equal in all models
    take the memory of one, but for those that a model names in `following`: they move while
    training goes on (`follow`) and are part of the state. Every tensor has the seeds in front,
    also when S = 1, so that each seed takes the same path through the same kernels whoever shares
    its stack.
    """

    def __init__(self, models: Sequence[nn.Module], device: str = "cpu") -> None:
        self.size = len(models)
        self.base = copy.deepcopy(models[0]).to("meta")
        self.parameters = {
            name: torch.stack(values).to(device).requires_grad_()
            for name, values in _by_name(m.named_parameters() for m in models).items()
        }
        # One entry a name: layers may share a mask, and each must find it under its own name.
        buffers = (m.named_buffers(remove_duplicate=False) for m in models)
        self.buffers = {
            name: _stacked([value.to(device) for value in values])
            for name, values in _by_name(buffers).items()
        }
        self.following: tuple[str, ...] = tuple(getattr(models[0], "following", ()))
        for name in self.following:
            self.buffers[name] = self.buffers[name].clone()

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(iter(self.parameters.values())).device

    def call(self, method: str, *inputs: Any, in_dims: Sequence[int | None]) -> Any:  # noqa: ANN401
        """Call a method of every model; `in_dims` is 0 for inputs that differ by seed, else None.

        Results carry the seeds in their first dimension: a loss comes back as (S,).
        """
        bound = _Method(self.base, method)

        def one(parameters: dict, buffers: dict, *arguments: Any) -> Any:  # noqa: ANN401
            state = {f"model.{k}": v for k, v in (parameters | buffers).items()}
            return functional_call(bound, state, arguments)

        return vmap(one, in_dims=(0, 0, *in_dims))(self.parameters, self.buffers, *inputs)

    def finite(self) -> Tensor:
        """Whether all parameters of a seed are finite, (S,)."""
        each = [v.detach().reshape(self.size, -1) for v in self.parameters.values()]
        return torch.cat([one.isfinite() for one in each], dim=1).all(dim=1)

    def member(self, index: int) -> nn.Module:
        """A plain model with the parameters and buffers of one seed, detached from the stack."""
        model = copy.deepcopy(self.base).to_empty(device="cpu")
        state = {k: value[index] for k, value in (self.parameters | self.buffers).items()}
        with torch.no_grad():
            buffers = model.named_buffers(remove_duplicate=False)
            for name, target in [*model.named_parameters(), *buffers]:
                target.copy_(state[name])
        return model

    def state(self) -> dict[str, Tensor]:
        """Parameters and following buffers (S, ...) by name, detached; the seeds give the rest."""
        parameters = {name: value.detach() for name, value in self.parameters.items()}
        return parameters | {name: self.buffers[name] for name in self.following}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take parameters and following buffers (S, ...) by name from `state`, in place."""
        with torch.no_grad():
            for name, value in self.parameters.items():
                value.copy_(state[name])
            for name in self.following:
                self.buffers[name].copy_(state[name])

    def follow(self, values: Mapping[str, Tensor], active: Tensor) -> None:
        """Move following buffers to `values` (S, ...), in place, where a seed is `active` (S,)."""
        for name, value in values.items():
            mask = active.view(-1, *[1] * (value.dim() - 1))
            self.buffers[name].copy_(torch.where(mask, value, self.buffers[name]))


class _Method(nn.Module):
    """A method of a model behind `forward`, where `functional_call` finds it."""

    def __init__(self, model: nn.Module, method: str) -> None:
        super().__init__()
        self.model = model
        self.method = method

    def forward(self, *arguments: Any) -> Any:  # noqa: ANN401
        return getattr(self.model, self.method)(*arguments)


def _by_name(named: Any) -> dict[str, list[Tensor]]:  # noqa: ANN401
    gathered: dict[str, list[Tensor]] = {}
    for pairs in named:
        for name, value in pairs:
            gathered.setdefault(name, []).append(value.detach())
    return gathered


def _stacked(values: list[Tensor]) -> Tensor:
    """One tensor (S, ...): a view that repeats the first value if all are equal."""
    if all(torch.equal(values[0], value) for value in values[1:]):
        return values[0].expand(len(values), *values[0].shape)
    return torch.stack(values)
