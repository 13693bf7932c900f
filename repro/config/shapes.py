"""Refuses values of an experiment's file that have another shape than their readers expect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.schema import SECTIONS
from repro.errors import ConfigError

ARMS = ("arms", "arm_seeds", "arm_model_seeds")
TABLES = {
    "arms": "{released: {}, cosine: {training/schedule: cosine}}",
    "arm_seeds": "{cosine: 1-10}",
    "arm_model_seeds": "{cosine: 1}",
    "for_model": "{ivae: {model.hidden: 40}}",
    "sweep": "{model: [iflow, ivae], data.layers: [3]}",
    "cost": "{seconds_per_update: {iflow: 0.02}}",
    "scales": "{smoke: {seeds: 1-2}, paper: {}}",
}
INSIDE = {  # the entries of these are mappings, too
    "arms": "{training/schedule: cosine}",
    "for_model": "{model.hidden: 40}",
    "scales": "{seeds: 1-2, training.epochs: 1}",
}
TEXTS = '["One seed of ten; its numbers mean nothing."]'


def refuse_shapes(found: Mapping[str, Any]) -> None:
    """Refuse a section, a table or a list of texts that is something else.

    Raises:
        ConfigError: with the key, what was found and an example of what is wanted.
    """
    refuse_sections(found)
    if isinstance(found.get("scale"), Mapping):
        raise ConfigError(
            "scale must be a name such as quick; what each scale changes is written under `scales`"
        )
    for key in TABLES:
        _check_table(key, found.get(key), key)
    for scale, changes in (found.get("scales") or {}).items():
        for key in ARMS:
            _check_table(key, (changes or {}).get(key), f"scales.{scale}.{key}")
        _check_texts((changes or {}).get("reductions"), f"scales.{scale}.reductions")


def refuse_sections(found: Mapping[str, Any]) -> None:
    """Refuse a section, such as `data` or `training.schedule`, that is no mapping.

    Raises:
        ConfigError: as `refuse_shapes`, with the way to choose a file of the section's group.
    """
    for section, kinds in SECTIONS.items():
        outer, _, key = section.rpartition(".")
        holder = found.get(outer, {}) if outer else found
        if key in holder and not isinstance(holder[key], Mapping):
            group = section.replace(".", "/")
            file = f"; a file of conf/{group} is chosen with `override /{group}: NAME` in defaults"
            raise ConfigError(
                f"{section} must be a mapping, got {spelt(holder[key])};"
                f" write for example `{key}: {{KEY: VALUE}}`{file if len(kinds) > 1 else ''}"
            )


def spelt(value: object) -> str:
    """A value as a refusal repeats it."""
    return "null" if value is None else str(value)


def _check_table(name: str, table: object, key: str) -> None:
    if table is None:
        return
    for entry, value in _mapping(table, key, TABLES[name]).items():
        if name in INSIDE and value is not None:
            _mapping(value, f"{key}.{entry}", INSIDE[name])


def _mapping(value: object, key: str, example: str) -> Mapping[str, Any]:
    last = key.rpartition(".")[2]
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{key} must be a mapping, got {spelt(value)}; write for example `{last}: {example}`"
        )
    for entry in value:
        if not isinstance(entry, str):
            raise ConfigError(
                f"{key} has the key {spelt(entry)}, which is no text; write it in quotes:"
                f" '{spelt(entry)}'"
            )
    return value


def _check_texts(value: object, key: str) -> None:
    texts = value if isinstance(value, list) else [None]
    if value is not None and not all(isinstance(text, str) for text in texts):
        last = key.rpartition(".")[2]
        raise ConfigError(
            f"{key} must be a list of texts, got {spelt(value)}; write for example"
            f" `{last}: {TEXTS}`"
        )
