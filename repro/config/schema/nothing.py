"""The kind of a section that a task has no use for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Nothing:
    """A section that says nothing: no training, no model, no switches, whatever stands there."""

    name: str
