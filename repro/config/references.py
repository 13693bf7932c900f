"""Follows the `${...}` references of a configuration in plain values, with OmegaConf's meaning."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from repro.config.tree import project_root, register_resolvers
from repro.errors import ConfigError

_NAMES = re.compile(r"\$\{(\w+(?:\.\w+)*)\}")  # a value that is nothing but another one's name
_ENVIRONMENT = re.compile(r"oc\.env:\s*(\w+)")
_DEEPEST = 20  # references that lead to references; beyond it they go round


def followed(config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which every reference has become the value that it leads to.

    Names of other values, by far the most, are looked up here. All else is OmegaConf's affair,
    which takes milliseconds for each.

    Raises:
        ConfigError: a reference that leads nowhere.
    """
    try:
        return {key: _followed(value, config, 0) for key, value in config.items()}
    except (LookupError, TypeError):
        return _followed_by_omegaconf(config)


def _followed(value: object, root: Mapping[str, Any], depth: int) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _followed(item, root, depth) for key, item in value.items()}
    if isinstance(value, list):
        return [_followed(item, root, depth) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    named = _NAMES.fullmatch(value)
    if named is None:
        return _alone(value)
    if depth > _DEEPEST:
        raise LookupError(value)
    found: Any = root
    for name in named[1].split("."):
        found = found[name]
    return _followed(found, root, depth + 1)


def _alone(text: str) -> Any:  # noqa: ANN401 - whatever the text leads to
    """What a text with references to the environment or the project's folder becomes."""
    environment = tuple(os.environ.get(name) for name in _ENVIRONMENT.findall(text))
    return _resolved(text, environment, str(project_root()))


@functools.lru_cache(maxsize=64)
def _resolved(text: str, environment: tuple[str | None, ...], root: str) -> Any:  # noqa: ANN401
    """As `_alone`; `environment` and `root` are what the answer may depend on."""
    register_resolvers()
    try:
        return OmegaConf.create({"value": text})["value"]
    except OmegaConfBaseException as error:
        raise LookupError(text) from error


def _followed_by_omegaconf(config: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return OmegaConf.to_container(OmegaConf.create(dict(config)), resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"a reference in the configuration leads nowhere ({reason}); write a plain value"
        ) from None
