"""Who may import whom: data walks one way through the rooms, and no room reaches back."""

from __future__ import annotations

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

import repro

PACKAGE = Path(repro.__file__).parent
SHARED = {
    "errors",
    "jobs",
    "atomic",
    "nearest",
    "nested",
    "randomness",
    "reading",
}  # values and helpers that know no room
ALLOWED = {
    "flows": {"flows"},
    "data": {"data"},
    "metrics": {"metrics"},
    "training": {"training"},
    "models": {"models", "flows", "data", "metrics", "training"},
    "experiments": {"experiments", "models", "flows", "data", "metrics", "training"},
    "config": {"config", "experiments.registry", "figures.registry"},
    "runner": {"runner", "experiments.registry", "config", "data.registry"},
    "report": {"report", "runner.store", "runner.rows"},
    "figures": {
        "figures",
        "report",
        "metrics.identifiability",
        "data.tabular.features",
        "runner.store",
        "runner.rows",
    },
    "claims": {
        "claims",
        "report",
        "figures.published",
        "config.schema",
        "config.seeds",
    },
    "page": {"page", "claims", "report", "figures", "config", "runner"},
}
TORCH_FREE = {"data", "metrics", "config", "runner", "report", "figures", "claims", "page"}


def imports(file: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


def test_every_room_is_known() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] != "_"}
    assert rooms == set(ALLOWED)


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_stands_before_it(room: str) -> None:
    assert files(room)
    for file, name in itertools.chain.from_iterable(
        itertools.product([file], sorted(imports(file))) for file in files(room)
    ):
        parts = name.split(".")
        if parts[0] != "repro" or len(parts) == 1:
            continue
        inside = ".".join(parts[1:])
        allowed = ALLOWED[room] | SHARED
        reached = any(inside == one or inside.startswith(f"{one}.") for one in allowed)
        module = (PACKAGE / parts[1]).is_dir() and len(parts) == 2  # `from repro.x import y`
        assert reached or module, f"{file.relative_to(PACKAGE)} imports {name}"


@pytest.mark.parametrize("room", sorted(TORCH_FREE))
def test_rooms_without_models_never_import_torch(room: str) -> None:
    guilty = [
        file for file in files(room) if any(n.split(".")[0] == "torch" for n in imports(file))
    ]
    assert guilty == []


def test_figures_draw_without_torch() -> None:
    code = (
        "import sys, repro.cli; from repro.figures.registry import FIGURES, find_draw;"
        " [find_draw(name) for name in FIGURES]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_file_outgrows_its_concept() -> None:
    long = {
        f.name: n for f in PACKAGE.rglob("*.py") if (n := len(f.read_text().splitlines())) > 400
    }
    assert long == {}
