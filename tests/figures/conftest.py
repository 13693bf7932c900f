"""What the figure tests share: the published numbers and a maker of made-up rows."""

import importlib.util
from pathlib import Path

import pytest

from repro.figures.published import load_published

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def synthetic():
    spec = importlib.util.spec_from_file_location("figures_synthetic", HERE / "synthetic.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def published():
    return load_published(HERE.parents[1] / "conf" / "published")
