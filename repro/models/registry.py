"""Finds a model class by the name that a config gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.errors import ConfigError
from repro.models.base import IdentifiableModel
from repro.models.iflow import IFlow
from repro.models.ivae import IVAE

MODELS: dict[str, type[IFlow] | type[IVAE]] = {"iflow": IFlow, "ivae": IVAE}


def make_model(config: Mapping[str, Any], dim: int, segments: int) -> IdentifiableModel:
    """A freshly initialised model for D dimensions and M segments, from torch's global generator.

    Raises:
        ConfigError: for a name that is not in `MODELS`.
    """
    name = config["name"]
    if name not in MODELS:
        raise ConfigError(f"unknown model '{name}'; set model to one of {', '.join(MODELS)}")
    return MODELS[name](config, dim, segments)
