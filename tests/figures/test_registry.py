"""The registry draws without torch and without a display."""

import subprocess
import sys

import pytest

from repro.figures.registry import FIGURES


@pytest.mark.parametrize("name", ["identifiability_2d", "mcc_sweep", "per_dimension"])
def test_the_iflow_experiments_can_be_drawn(name):
    assert callable(FIGURES[name])


def test_figures_load_neither_torch_nor_a_window():
    code = (
        "import sys, repro.figures.registry, repro.report.statistics; "
        "bad = {'torch', 'matplotlib.pyplot', 'tkinter'} & set(sys.modules); "
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
