"""The names that an experiment's `figures:` may have."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import repro


@functools.cache
def figure_names() -> tuple[str, ...]:
    """The keys of FIGURES, read from the registry's text: importing it imports matplotlib."""
    text = (Path(repro.__file__).parent / "figures" / "registry.py").read_text(encoding="utf-8")
    [table] = [
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "FIGURES"
    ]
    assert isinstance(table, ast.Dict)
    return tuple(str(ast.literal_eval(key)) for key in table.keys if key)
