"""The flow that carries an encoder's Gaussian to the approximate posterior."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from repro.errors import ConfigError
from repro.flows.autoregressive import AutoregressiveAffine
from repro.flows.base import Bijection, Chain
from repro.flows.convolution import Convolution
from repro.flows.linear import Reverse
from repro.flows.nice import Nice
from repro.flows.parametric import Amortised, Family, Static
from repro.flows.planar import Planar
from repro.flows.radial import Radial
from repro.flows.sylvester import Sylvester

Config = Mapping[str, Any]
IAF_START = 0.01  # how far the last layers of autoregressive networks are shrunk at the start


def _planar(config: Config, dim: int, length: int) -> Family:
    return Planar(dim, length)


def _radial(config: Config, dim: int, length: int) -> Family:
    return Radial(dim, length)


def _nice(config: Config, dim: int, length: int) -> Family:
    return Nice(dim, length, config["flow_hidden"], mixing=config["mixing"])


def _sylvester(config: Config, dim: int, length: int) -> Family:
    return Sylvester(dim, length, min(dim, config["flow_hidden"]))


def _convolution(config: Config, dim: int, length: int) -> Family:
    return Convolution(dim, length)


FAMILIES: dict[str, Callable[[Config, int, int], Family]] = {
    "planar": _planar,
    "radial": _radial,
    "nice": _nice,
    "sylvester": _sylvester,
    "convolution": _convolution,
}


def make_posterior_flow(config: Config, dim: int, context: int) -> Bijection | None:
    """The flow of a model config, or None where its length is 0.

    Its parameters are affine functions of the encoder's hidden values (B, `context`), or the same
    for every datum if not `amortised`. Those of an autoregressive flow (iaf) are its networks'
    outputs, which see the hidden values (but for those of a step's first feature), or do not.

    Raises:
        ConfigError: for a flow that does not exist.
    """
    name, length = config["flow"], config["flow_length"]
    if length == 0:
        return None
    if name == "iaf":
        return _autoregressive(config, dim, context if config["amortised"] else 0)
    if name not in FAMILIES:
        names = ", ".join([*FAMILIES, "iaf"])
        raise ConfigError(f"unknown flow {name}; set model.flow to one of {names}")
    family = FAMILIES[name](config, dim, length)
    return Amortised(family, context) if config["amortised"] else Static(family)


def _autoregressive(config: Config, dim: int, context: int) -> Bijection:
    """Affine autoregressive steps, the features' order turned round between them.

    Like the other flows they start near the identity: the last layers are shrunk.
    """
    steps: list[Bijection] = []
    for step in range(config["flow_length"]):
        steps += [Reverse()] if step else []
        flow = AutoregressiveAffine(dim, config["flow_hidden"], 1, context=context)
        with torch.no_grad():
            for parameter in flow.network.last.parameters():
                parameter.mul_(IAF_START)
        steps.append(flow)
    return Chain(steps)
