"""Which data sets of conf/datasets.yaml a science config cannot be run without."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from repro.config.schema import SCIENCE, SECTIONS


def needs(config: Mapping[str, Any], registered: Collection[str]) -> set[str]:
    """The values of keys that are `registered=True` and name a registered data set.

    Other values of such keys are data that come with a library or are generated.
    """
    found: set[str] = set()
    for section in SCIENCE:
        values = config[section]
        kind = SECTIONS[section].get(str(values.get("name", "")))
        for item in dataclasses.fields(kind) if kind else ():
            if item.metadata.get("registered"):
                value = values.get(item.name)
                found |= set(value if isinstance(value, list) else [value])
    return found & set(registered)
