"""docs/adding-an-experiment.md is followed word by word: its blocks make experiments that run."""

import importlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from repro.config.compose import Composition, compose_tree
from repro.config.schema import SECTIONS
from repro.config.tasks import RULES, flows
from repro.config.tree import Tree, conf_folder
from repro.figures.material import Material, save_products
from repro.runner.execute import run_job
from repro.runner.plan import jobs, open_store, plan

PAGE = (Path(__file__).parents[2] / "docs" / "adding-an-experiment.md").read_text(encoding="utf-8")
FORMULA = """\
    def __init__(self, model):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))
        self.log_sd = nn.Parameter(torch.full((1,), math.log(model["start"])))

    def forward(self, x, noise):
        z = (x - self.mean) / self.log_sd.exp()
        return (0.5 * z**2 + self.log_sd + 0.5 * math.log(2 * math.pi)).mean()
"""
DRAWS = """
def draws(data, seed):
    return 3 + torch.randn(data["points"], 1, generator=generator(seed, "data"))
"""
IMPORTS = """\
from __future__ import annotations
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
import torch
from torch import Tensor, nn
from repro.config.schema.limits import limited
from repro.experiments.pack import TrainedPack, initialised
from repro.jobs import Context, Outcome, SeedPair
from repro.randomness import generator
from repro.training.batches import Batches
from repro.training.fit import Fit, fit_steps
from repro.training.noise import NoiseSource
from repro.training.seed_stack import SeedStack
"""
FIGURE_IMPORTS = """\
from __future__ import annotations
from repro.figures.error_bars import draw_values
from repro.figures.style import INK, Layout, page_title, panel_page, styled
from repro.figures.tables import Column, Table
"""


def block(language: str, having: str) -> str:
    """The one block of a language that has some words in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.M | re.S)
    [found] = [text for text in blocks if having in text]
    return found


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return Path(shutil.copytree(conf_folder(), tmp_path / "conf"))


def composed(conf: Path, tmp_path: Path, text: str, *words: str) -> Composition:
    (conf / "experiment" / "worked.yaml").write_text(text, encoding="utf-8")
    place = f"paths.results={tmp_path / 'results'}"
    [found] = compose_tree(Tree(conf), ["experiment=worked", "device=cpu", place, *words])
    return found


def run(composition: Composition) -> list[dict[str, Any]]:
    """The rows that a composition's jobs store."""
    store = open_store(composition.results, composition.scale)
    for job in jobs(plan([composition])):
        run_job(job, store, lambda event: None, lambda: False)
    return store.read(composition.task)


def test_the_file_of_section_1_composes_and_runs(conf: Path, tmp_path: Path) -> None:
    text = block("yaml", "artefacts:")
    for scale in ("smoke", "paper"):
        found = composed(conf, tmp_path, text, f"scale={scale}")
        assert [cell.config["model"]["name"] for cell in found.cells] == ["iflow", "ivae"]
    small = ["data.points_per_segment=40", "evaluation.importance_samples=2"]
    rows = run(composed(conf, tmp_path, text, "scale=smoke", "model=ivae", *small))
    assert [(row["data_seed"], row["status"]) for row in rows] == [(1, "done"), (2, "done")]
    assert rows[0]["provenance"]["reductions"] == ["Smoke test."]


def test_the_arms_are_compared(conf: Path, tmp_path: Path) -> None:
    whole = yaml.safe_load(block("yaml", "artefacts:"))
    arms = yaml.safe_load(block("yaml", "arm_seeds:"))
    del whole["sweep"], whole["for_model"]
    text = "# @package _global_\n" + yaml.safe_dump(
        whole | arms | {"seeds": "1-12"}, sort_keys=False
    )
    found = composed(conf, tmp_path, text, "scale=paper")
    assert [cell.arm for cell in found.cells] == list(arms["arms"])
    assert {cell.arm: len(cell.seeds) for cell in found.cells} == {
        "released": 12, "mean": 12, "cosine": 10,
    }  # fmt: skip


@pytest.fixture
def normal(tmp_path: Path, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new task of section 2: the page's blocks, and what it leaves to the reader."""
    model = re.sub(r"    def forward.*\n", FORMULA, block("python", "class Normal(nn.Module)"))
    task = block("python", "class Pack(TrainedPack)")
    task = task.replace(
        '{"mean": ...}, arrays', '{"mean": self.fit.stack.member(index).mean.item()}'
    )
    kinds = IMPORTS + block("python", "class Draws:")
    (tmp_path / "worked_kinds.py").write_text(kinds)
    (tmp_path / "worked_normal.py").write_text(IMPORTS + model + DRAWS + task)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("worked_kinds", "worked_normal"):
        sys.modules.pop(name, None)
    made = importlib.import_module("worked_kinds")
    monkeypatch.setitem(SECTIONS["data"], "draws", made.Draws)
    monkeypatch.setitem(SECTIONS["model"], "normal", made.Normal)
    words: dict[str, Any] = {"check_batch": flows.check_batch}
    exec(
        "from repro.config.tasks.rules import Rules, steps\n" + block("python", "RULES = "), words
    )
    monkeypatch.setitem(RULES, "normal_fit", words["RULES"])
    monkeypatch.setenv("REPRO_TASKS", "normal_fit=worked_normal:run")
    (conf / "data" / "draws.yaml").write_text("name: draws\npoints: 200\n")
    (conf / "model" / "normal.yaml").write_text("name: normal\nstart: 2.0\n")


@pytest.mark.usefixtures("normal")
def test_the_task_of_section_2_is_trained(conf: Path, tmp_path: Path) -> None:
    groups = yaml.safe_load(block("yaml", "override /fidelity: none"))
    groups["defaults"][0] = {"override /data": "draws"}
    first = yaml.safe_load(block("yaml", "artefacts:"))
    kept = {key: first[key] for key in ("paper", "title", "artefacts", "protocol", "deviations")}
    own = {"task": "normal_fit", "figures": None, "seeds": "1-3", "scales": {"paper": {}},
           "training": {"updates": 150, "batch_size": 50, "learning_rate": 0.05},
           "cost": {"seconds_per_seed": {"normal": 1}}}  # fmt: skip
    text = "# @package _global_\n" + yaml.safe_dump(groups | kept | own, sort_keys=False)
    rows = run(composed(conf, tmp_path, text, "scale=paper", "launcher.seeds_per_pack=3"))
    means = [row["metrics"]["mean"] for row in rows]
    assert means == pytest.approx([3.0] * 3, abs=0.5)
    alone = composed(conf, tmp_path / "alone", text, "scale=paper", "seeds=2")
    assert run(alone)[0]["metrics"]["mean"] == pytest.approx(means[1], abs=1e-6)
    with pytest.raises(Exception, match="at most 200"):
        composed(conf, tmp_path, text, "scale=paper", "training.batch_size=201")


def test_the_figure_of_section_3_is_drawn(tmp_path: Path) -> None:
    words: dict[str, Any] = {}
    exec(FIGURE_IMPORTS + block("python", "def draw_normal"), words)
    rows = [
        {"status": status, "data_seed": seed, "metrics": {"mean": mean}}
        for seed, (status, mean) in enumerate(
            [("done", 2.9), ("done", 3.2), ("diverged", None)], 1
        )
    ]
    given = Material(rows, dict, pd.DataFrame(), ["A note."])
    paths = save_products(words["draw_normal"](given), tmp_path)
    assert {path.name for path in paths} == {
        *(f"table_means.{kind}" for kind in ("md", "tex", "csv")),
        *(f"figure_means.{kind}" for kind in ("pdf", "png", "svg")),
    }
    assert (tmp_path / "table_means.csv").read_text() == "seed,mean\n1,2.9\n2,3.2\n"
    assert "A note." in (tmp_path / "table_means.md").read_text()
