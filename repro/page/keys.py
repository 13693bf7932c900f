"""The dotted keys that the config of a run may have, by its task."""

from __future__ import annotations

import dataclasses

from repro.config.schema import NOT_IDENTITY, SCIENCE, SECTIONS
from repro.config.tasks import rules


def science_keys(task: str) -> set[str]:
    """Every key of the science configs that a task takes: `data.layers`, `model.name`, `task`."""
    kinds = rules(task).kinds
    found = {"task"}
    for section, offered in SECTIONS.items():
        outer = section.partition(".")[0]
        names = kinds.get(outer, ()) if section == outer else tuple(offered)
        if outer in SCIENCE:
            found |= {f"{section}.{key}" for name in names for key in _fields(offered[name])}
    return found - {f"{section}.{key}" for section, keys in NOT_IDENTITY.items() for key in keys}


def _fields(kind: type) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]
