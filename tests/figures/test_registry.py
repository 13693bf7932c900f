"""The registry draws without torch and without a display."""

import inspect
import subprocess
import sys

import pytest

from repro.figures.registry import FIGURES, find_draw


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_a_function_of_its_material(name):
    [given] = inspect.signature(find_draw(name)).parameters.values()
    assert given.annotation == "Material"


def test_figures_load_neither_torch_nor_a_window():
    code = (
        "import sys, repro.report.statistics; "
        "from repro.figures.registry import FIGURES, find_draw; "
        "[find_draw(name) for name in FIGURES]; "
        "bad = {'torch', 'matplotlib.pyplot', 'tkinter'} & set(sys.modules); "
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
