"""Tiny configs of the task `identifiability`, composed from conf/ as a run's are."""

import pytest
import torch

from repro.config.compose import compose_defaults
from repro.config.tree import Tree

TINY = [
    "dim=2",
    "segments=3",
    "data.points_per_segment=20",
    "model.hidden=8",
    "training.batch_size=16",
    "training.max_updates=30",
    "training.learning_rate=0.01",
    "evaluation.at=[4,17]",
    "evaluation.importance_samples=4",
]
OF_THE_MODEL = {"iflow": ["model.flow_length=1", "model.bins=4"], "ivae": []}


@pytest.fixture(autouse=True)
def _one_thread():
    """With more, MKL may split a product differently for packs of different sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tree():
    return Tree()


@pytest.fixture
def make_config(tree):
    """Returns a maker of science configs: a model's name and overrides in, the frozen one out."""

    def make(model, *words):
        defaults = [f"model={model}", *TINY, *OF_THE_MODEL[model]]
        by_key = {word.partition("=")[0].removeprefix("data."): word for word in defaults}
        by_key |= {word.partition("=")[0].removeprefix("data."): word for word in words}
        [cell] = compose_defaults(tree, list(by_key.values())).cells
        return cell.config

    return make


@pytest.fixture(params=["iflow", "ivae"])
def model(request):
    return request.param
