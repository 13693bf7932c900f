"""Executes the example notebook in place, without Jupyter: its code cells, one after the other.

python scripts/execute_notebook.py                 # docs/stored_rows.ipynb
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "stored_rows.ipynb"
DPI = 80


def main(path: Path) -> None:
    """Executes a notebook file and writes its outputs into it."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    execute(notebook)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def execute(notebook: dict[str, Any]) -> None:
    """Executes the code cells in one namespace and replaces their outputs.

    Raises: whatever a cell raises.
    """
    mpl.use("Agg")
    namespace: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = _run("".join(cell["source"]), namespace)


def _run(source: str, namespace: dict[str, Any]) -> list[dict[str, Any]]:
    """What a cell prints and, where it ends in an expression, that one's value."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), namespace)
        value = None
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": text})
    if value is not None:
        shown = {"data": _shown(value), "execution_count": None, "metadata": {}}
        outputs.append({**shown, "output_type": "execute_result"})
    return outputs


def _shown(value: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a cell ends in
    """A value as a notebook shows it: a figure as a picture, a table as HTML, all else as text."""
    if isinstance(value, Figure):
        picture = io.BytesIO()
        value.savefig(picture, format="png", dpi=DPI, metadata={"Software": None})
        return {"image/png": base64.b64encode(picture.getvalue()).decode() + "\n"}
    if hasattr(value, "to_html"):
        html = value.to_html().splitlines(keepends=True)
        return {"text/html": html, "text/plain": value.to_string().splitlines(keepends=True)}
    return {"text/plain": [repr(value)]}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK)
