"""How a dataclass states the limits of a value and what the value does to a run's identity."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def limited(**limits: object) -> Any:  # noqa: ANN401 - stands for a value of any type
    """A dataclass field without a default and with limits.

    The limits are `choices`, `at_least`, `at_most`, and the open ones `above` and `below`, which
    come with an `example` of a valid value. Defaults live in conf/, never here.

    Two more say what the value means. `omitted_at` is for a key that comes to a kind which has
    stored rows: while the key has that value, which stands for what was done before the key
    existed, the identity leaves it out, so that no stored id changes. `registered=True` says that
    a value which names a data set of conf/datasets.yaml needs its files.
    """
    return field(metadata=limits)
