"""The flows of NSF and NVF: a linear layer before each coupling or autoregressive layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from repro.flows.autoregressive import AutoregressiveSpline
from repro.flows.base import Bijection, Chain
from repro.flows.conditioners import ResidualConditioner
from repro.flows.coupling import AffineCoupling, SplineCoupling, Split
from repro.flows.linear import LULinear, Permutation
from repro.flows.slope_floor import SlopeFloor

Config = Mapping[str, Any]


def make_stack(config: Config, dim: int, width: int) -> Bijection:
    """The flow `config.flow` of `length` layers for D features and a context of `width` values.

    Each layer is a random permutation, a LU layer and what `flow` names: "spline_coupling"
    (RQ-NSF (C)) or "spline_autoregressive" (RQ-NSF (AR)). One more permutation and LU layer end
    it. "affine_coupling" has permutations if `permute_affine`; without, it is the toy model, where
    features take turns in passing, in place of the paper's reversals (the released code reverses
    *and* takes turns, so that one always passes). A `slope_limit` bounds the slope of the
    generating map, in one dimension.

    Source: Durkan et al. 2019 (NSF), appendix B; released hendrydong/normalizing-variational-flow
    nvf.py (`NVFTabular`, `NVFToy`).
    """
    layer = LAYERS[config["flow"]]
    members: list[Bijection] = []
    for index in range(config["length"]):
        members += [*_linear(config, dim), layer(config, dim, width, index)]
    flow = Chain([*members, *_linear(config, dim)])
    limit = config["slope_limit"]
    return flow if limit is None else SlopeFloor(flow, 1 / limit)


def _linear(config: Config, dim: int) -> list[Bijection]:
    plain = config["flow"] == "affine_coupling" and not config["permute_affine"]
    if dim == 1 or plain:
        return [LULinear(dim)]
    return [Permutation(dim), LULinear(dim)]


def _affine_coupling(config: Config, dim: int, width: int, index: int) -> Bijection:
    split = Split(dim, alternate=True, swapped=index % 2 == 1)
    return AffineCoupling(split, _conditioner(config, width))


def _spline_coupling(config: Config, dim: int, width: int, index: int) -> Bijection:
    split = Split(dim, alternate=True, swapped=index % 2 == 1)
    made = _conditioner(config, width)
    return SplineCoupling(split, made, config["bins"], config["tail_bound"], unconditional=True)


def _spline_autoregressive(config: Config, dim: int, width: int, index: int) -> Bijection:
    shape = (config["hidden"], config["blocks"], config["bins"], config["tail_bound"])
    return AutoregressiveSpline(dim, *shape, context=width)


def _conditioner(config: Config, width: int) -> Callable[[int, int], ResidualConditioner]:
    hidden, blocks = config["hidden"], config["blocks"]
    return lambda inputs, outputs: ResidualConditioner(inputs, outputs, hidden, blocks, width)


LAYERS: dict[str, Callable[[Config, int, int, int], Bijection]] = {
    "affine_coupling": _affine_coupling,
    "spline_coupling": _spline_coupling,
    "spline_autoregressive": _spline_autoregressive,
}
