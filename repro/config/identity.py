"""The identity of a run: which part of a config decides what it finds, and its name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from repro.config.schema import NOT_IDENTITY, SCIENCE, SECTIONS


def science(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved, typed config that decides what a run finds, and no more."""
    sections = {name: _kept(name, config[name]) for name in SCIENCE}
    return {"task": config["task"]} | sections


def canonical(config: Mapping[str, Any]) -> str:
    """The one JSON text of a science config: sorted keys, no spaces, no NaN."""
    return json.dumps(_plain_zero(config), sort_keys=True, separators=(",", ":"), allow_nan=False)


def identity(config: Mapping[str, Any]) -> str:
    """The id of a science config: the first 12 hex digits of the SHA-256 of its canonical JSON.

    Keys that still have the value of the time before they existed are left out (`omitted_at`).
    """
    named = _without_omitted(config)
    return hashlib.sha256(canonical(named).encode()).hexdigest()[:12]


def filled(config: Mapping[str, Any]) -> dict[str, Any]:
    """A stored science config with the keys that came after it, at what was done before them."""
    return {name: _filled(name, value) for name, value in config.items()}


def _kept(name: str, section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: section[key] for key in section if key not in NOT_IDENTITY.get(name, ())}


def _omitted(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of a section's kind that came late, with the values at which they are left out."""
    kinds = SECTIONS.get(section, {})
    kind = kinds.get(str(values.get("name", "")))
    fields = dataclasses.fields(kind) if kind else ()
    return {f.name: f.metadata["omitted_at"] for f in fields if "omitted_at" in f.metadata}


def _without_omitted(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    omitted = _omitted(prefix.rstrip("."), config)
    return {
        key: _without_omitted(value, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        for key, value in config.items()
        if not (key in omitted and value == omitted[key])
    }


def _filled(section: str, value: object) -> Any:  # noqa: ANN401 - whatever a config holds
    if not isinstance(value, Mapping):
        return value
    inside = {key: _filled(f"{section}.{key}", item) for key, item in value.items()}
    return inside | {k: v for k, v in _omitted(section, value).items() if k not in value}


def _plain_zero(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain_zero(item) for key, item in value.items()}
    return value + 0.0 if isinstance(value, float) else value
