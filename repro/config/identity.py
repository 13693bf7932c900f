"""The identity of a run: which part of a config decides what it finds, and its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from repro.config.schema import NOT_IDENTITY, SCIENCE


def science(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved, typed config that decides what a run finds, and no more."""
    sections = {name: _kept(name, config[name]) for name in SCIENCE}
    return {"task": config["task"]} | sections


def canonical(config: Mapping[str, Any]) -> str:
    """The one JSON text of a science config: sorted keys, no spaces, no NaN."""
    return json.dumps(_plain_zero(config), sort_keys=True, separators=(",", ":"), allow_nan=False)


def identity(config: Mapping[str, Any]) -> str:
    """The id of a science config: the first 12 hex digits of the SHA-256 of its canonical JSON."""
    return hashlib.sha256(canonical(config).encode()).hexdigest()[:12]


def _kept(name: str, section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: section[key] for key in section if key not in NOT_IDENTITY.get(name, ())}


def _plain_zero(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain_zero(item) for key, item in value.items()}
    return value + 0.0 if isinstance(value, float) else value
