"""The example notebook runs from top to bottom, and shows what the stored rows say."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[2] / "docs" / "stored_rows.ipynb"


def texts(notebook: Any) -> list[list[str]]:
    """What the code cells print or show as text."""
    shown = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            shown.append(output.get("text") or output["data"].get("text/plain", []))
    return shown


def test_it_shows_what_it_finds(script: Callable[[str], Any]) -> None:
    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    found = copy.deepcopy(stored)
    script("execute_notebook").execute(found)
    assert texts(found) == texts(stored), "refresh it: python scripts/execute_notebook.py"
    pictures = [
        output["data"]["image/png"]
        for cell in found["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 1
    assert len(pictures[0]) > 10_000


def test_it_is_a_notebook() -> None:
    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (stored["nbformat"], stored["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in stored["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in stored["cells"]:
        assert ("outputs" in cell) == (cell["cell_type"] == "code")
