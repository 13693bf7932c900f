"""The nearest valid name to a mistyped one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

MANY = 12  # more names than this are not listed


def nearest(word: str, choices: Iterable[str], least: float = 0.55) -> str | None:
    """The choice most like `word` in its letters or its last part; None when none is near.

    `least` is the likeness, between 0 and 1 (difflib's ratio), from which a choice is near.
    """
    names = list(choices)
    scores = {name: _likeness(word, name) for name in names}
    best = max(names, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best] >= least else None


def suggestion(word: str, choices: Iterable[str]) -> str:
    """A clause that ends an error message: the nearest choice, or several when none is near."""
    names = sorted(choices)
    near = nearest(word, names)
    if near is not None:
        return f"the nearest valid name is {near}"
    if not names:
        return "there are no valid names"
    if len(names) > MANY:
        names = sorted(names, key=lambda name: -_likeness(word, name))[:3]
        return f"the nearest valid names are {', '.join(names)}"
    return f"the valid names are {', '.join(names)}"


def _likeness(word: str, name: str) -> float:
    whole = _ratio(word, name)
    tail = _ratio(_last(word), _last(name))
    same_folder = word.rpartition(".")[0] == name.rpartition(".")[0]
    return max(whole, tail if same_folder else 0.95 * tail)


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio()


def _last(name: str) -> str:
    return re.split(r"[./]", name)[-1]
