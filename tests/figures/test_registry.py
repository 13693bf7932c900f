"""The registry draws without torch and without a display."""

import subprocess
import sys

from repro.figures.registry import FIGURES


def test_the_2d_experiment_can_be_drawn():
    assert callable(FIGURES["identifiability_2d"])


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
