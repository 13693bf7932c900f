"""The flow that carries an encoder's Gaussian to the approximate posterior."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from repro.errors import ConfigError
from repro.flows.base import Bijection
from repro.flows.nice import Nice
from repro.flows.parametric import Amortised, Family, Static
from repro.flows.planar import Planar
from repro.flows.radial import Radial

Config = Mapping[str, Any]


def _nice(config: Config, dim: int, length: int) -> Family:
    return Nice(dim, length, config["flow_hidden"], mixing=config["mixing"])


FAMILIES: dict[str, Callable[[Config, int, int], Family]] = {
    "planar": lambda config, dim, length: Planar(dim, length),
    "radial": lambda config, dim, length: Radial(dim, length),
    "nice": _nice,
}


def make_posterior_flow(config: Config, dim: int, context: int) -> Bijection | None:
    """The flow of a model config, or None where its length is 0.

    Its parameters are affine functions of the encoder's hidden values (B, `context`), or the same
    for every datum if not `amortised`.

    Raises:
        ConfigError: for a flow that is not in `FAMILIES`.
    """
    name, length = config["flow"], config["flow_length"]
    if length == 0:
        return None
    if name not in FAMILIES:
        raise ConfigError(f"unknown flow {name}; set model.flow to one of {', '.join(FAMILIES)}")
    family = FAMILIES[name](config, dim, length)
    return Amortised(family, context) if config["amortised"] else Static(family)
