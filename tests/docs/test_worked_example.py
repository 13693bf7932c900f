"""docs/adding-an-experiment.md is followed word by word: its files, in a copy, make one that runs.

A file of the page is a block under a paragraph that begins with a name in bold and the path; a
block of the language `diff` adds lines to files that are there. The copy has nothing else.
"""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from repro.config.compose import Composition, compose_tree
from repro.config.schema import SCALES
from repro.config.tree import Tree, conf_folder
from repro.figures.material import Material, save_products
from repro.figures.published import (
    FIELDS,
    ORIGINS,
    REQUIRED,
    SPREAD_KINDS,
    find_published,
    load_published,
)
from repro.figures.registry import FIGURES
from repro.runner.execute import run_job
from repro.runner.plan import jobs, open_store, plan

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-an-experiment.md").read_text(encoding="utf-8")
FILE = re.compile(
    r"^\*\*[^*\n]+\*\*, `([\w./]+)`(?:(?!\n\n).)*\n\n```(?:python|yaml)\n(.*?)^```", re.M | re.S
)
FIRST = 'artefacts: "[Re]'  # in the file of section 1
FOLLOWER = """\
import json, shlex, sys
from pathlib import Path
import repro
from repro import cli
from repro.config.compose import compose_all
from repro.jobs import Context, SeedPair

verdicts = []
for line in json.loads(sys.argv[1]):
    code = cli.main(shlex.split(line, comments=True)[1:])
    assert code == 0, f"{line} answers {code}"
    if line.startswith("repro report"):
        report = Path("results/report.md").read_text(encoding="utf-8")
        verdicts += [one for one in report.splitlines() if one.startswith("| B1 |")]

from repro.experiments import bell_fit

[composition] = compose_all(["experiment=bell_fit", "scale=paper"])
config, pairs = composition.cells[0].config, tuple(SeedPair(seed, 1) for seed in (1, 2, 3))
found = {
    "package": repro.__file__,
    "verdicts": verdicts,
    "together": [one.metrics for one in bell_fit.run(config, pairs, Context())],
    "alone": [one.metrics for one in bell_fit.run(config, pairs[1:2], Context())],
}
Path("found.json").write_text(json.dumps(found), encoding="utf-8")
"""


def blocks(language: str) -> list[str]:
    """The page's blocks of a language, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.M | re.S)
    return [text for name, text in found if name == language]


def block(language: str, having: str) -> str:
    """The one block of a language that has some words in it."""
    [found] = [text for text in blocks(language) if having in text]
    return found


def section(title: str) -> str:
    """The text of a section of the page whose heading begins with a title."""
    [found] = [text for text in re.split(r"^## ", PAGE, flags=re.M) if text.startswith(title)]
    return found


def additions() -> Iterator[tuple[str, str, str]]:
    """Each place where the page adds lines to a file: the file, what is there, what is then."""
    for diff in blocks("diff"):
        for part in re.split(r"^\+\+\+ ", diff, flags=re.M)[1:]:
            path, _, hunks = part.partition("\n")
            for hunk in re.split(r"^@@\n", hunks, flags=re.M):
                lines = hunk.splitlines(keepends=True)
                assert all(line[0] in " +\n" for line in lines), hunk
                there = [line for line in lines if line[0] != "+"]
                yield path, _unmarked(there), _unmarked(lines)


def _unmarked(lines: list[str]) -> str:
    """Lines of a diff without the sign at their start; an empty line may lack it."""
    return "".join(line if line == "\n" else line[1:] for line in lines)


def bound(source: str) -> list[str]:
    """The names that a module's imports bind."""
    return [
        alias.asname or alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]


@dataclass
class Followed:
    """A copy of the project in which the page was followed, and what came out."""

    root: Path
    output: str
    found: dict[str, Any]

    def rows(self, scale: str) -> list[dict[str, Any]]:
        text = (self.root / "results" / scale / "bell_fit.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


def loaded(path: Path) -> Any:
    """A module from a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def follow(root: Path) -> None:
    """Write the page's files into a copy of the project, and add its lines."""
    for part in ("repro", "conf"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for path, content in FILE.findall(PAGE):
        file = root / path
        assert not file.exists(), f"{path} is there: the page has to name files that are not"
        assert file.parent.is_dir(), f"{path}: there is no such folder"
        file.write_text(content, encoding="utf-8")
    for path, before, after in additions():
        file = root / path
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{path} does not have these lines once:\n{before}"
        file.write_text(text.replace(before, after), encoding="utf-8")
        names = bound(file.read_text(encoding="utf-8"))
        twice = {name for name in names if names.count(name) > 1}
        assert not twice, f"{path} imports {twice} twice: the page has to choose another name"


def run_the_copy(root: Path) -> Followed:
    """Give the page's last commands in the copy, make the rows of paper, and report again."""
    own = block("", "repro run experiment=<name> scale=smoke").replace("<name>", "bell_fit")
    lines = [*own.splitlines(), "repro run experiment=bell_fit scale=paper", "repro report"]
    lines = [f"{line} launcher.workers=1" if " run " in line else line for line in lines]
    env = {key: value for key, value in os.environ.items() if not key.startswith("REPRO_")}
    env |= {f"REPRO_{name.upper()}": str(root / name) for name in ("results", "spill", "cache")}
    done = subprocess.run(
        [sys.executable, "-c", FOLLOWER, json.dumps(lines)],
        cwd=root, env=env | {"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((root / "found.json").read_text(encoding="utf-8"))
    assert Path(found["package"]).is_relative_to(root)
    return Followed(root, done.stdout, found)


def test_the_page_is_followed_in_a_copy(tmp_path: Path) -> None:
    """One test, so that no other process makes the copy again."""
    follow(tmp_path)
    followed = run_the_copy(tmp_path)
    it_runs_and_breaks_nothing(followed)
    it_finds_the_mean_whoever_shares_the_pack(followed)
    its_claim_is_not_run_until_rows_of_paper_are_there(followed)
    its_figure_leaves_out_what_diverged_or_is_not_finite(followed, tmp_path / "drawn")
    its_published_number_is_read(followed)


def it_runs_and_breaks_nothing(followed: Followed) -> None:
    assert [row["status"] for row in followed.rows("smoke")] == ["done", "done"]
    assert "bell_fit, smoke: nothing left to do" in followed.output
    assert "energy_fits, smoke" in followed.output
    drawn = {path.name for path in (followed.root / "results/smoke/figures/bell_fit").iterdir()}
    assert drawn == {
        *(f"table_means.{kind}" for kind in ("md", "tex", "csv")),
        *(f"figure_means.{kind}" for kind in ("pdf", "png", "svg")),
    }
    assert "\nverified\n" in followed.output


def it_finds_the_mean_whoever_shares_the_pack(followed: Followed) -> None:
    rows = sorted(followed.rows("paper"), key=lambda row: int(row["data_seed"]))
    means = [row["metrics"]["mean"] for row in rows]
    assert means == pytest.approx([3.0] * 10, abs=0.3)
    together, [alone] = followed.found["together"], followed.found["alone"]
    assert together[1] == alone == rows[1]["metrics"]
    assert [bool(row["arrays"]) for row in rows] == [True] + [False] * 9


def its_claim_is_not_run_until_rows_of_paper_are_there(followed: Followed) -> None:
    before, after = followed.found["verdicts"]
    assert "**not run**" in before
    assert "**holds**" in after
    assert "3.000 (0.070), n 10" in after


def its_figure_leaves_out_what_diverged_or_is_not_finite(followed: Followed, folder: Path) -> None:
    found = [("done", 2.9), ("done", 3.2), ("diverged", 3.0), ("done", None)]
    rows = [
        {"status": status, "data_seed": seed, "metrics": {"mean": mean}}
        for seed, (status, mean) in enumerate(found, 1)
    ]
    draw = loaded(followed.root / "repro/figures/bell_fit.py").draw_bell_fit
    save_products(draw(Material(rows, dict, pd.DataFrame(), ["A note."])), folder)
    assert (folder / "table_means.csv").read_text() == "seed,mean\n1,2.9\n2,3.2\n"
    assert "A note." in (folder / "table_means.md").read_text()
    none = save_products(draw(Material(rows[2:], dict, pd.DataFrame())), folder / "none")
    assert {path.stem for path in none} == {"table_means"}


def its_published_number_is_read(followed: Followed) -> None:
    number = find_published(
        load_published(followed.root / "conf" / "published"), paper="bell_curves",
        artefact="table 1", experiment="bell_fit", model="bell_curve", metric="mean",
    )  # fmt: skip
    assert number is not None
    assert (number.value, number.spread, number.spread_kind) == (3.0, 0.07, "sd_seeds")


def test_every_word_of_a_published_number_is_told() -> None:
    text = section("4. Published numbers")
    words = (*FIELDS, *SPREAD_KINDS, *ORIGINS)
    assert [word for word in words if not re.search(rf"\b{word}\b", text)] == []
    first = yaml.safe_load(block("yaml", "origin: printed"))["entries"][0]
    assert set(list(first)[: len(REQUIRED)]) == set(REQUIRED)


def test_experiments_of_the_page_begin_as_they_have_to() -> None:
    for having in (FIRST, "task: bell_fit"):
        text = block("yaml", having)
        assert text.startswith("# @package _global_\n")
        assert tuple(yaml.safe_load(text)["scales"]) == SCALES


def test_the_table_of_figures_names_each_with_its_task() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| `(\w+)` \|", section("3. A new figure"), re.M)
    told = {name: task for names, task in rows for name in re.findall(r"\w+", names)}
    assert set(told) == set(FIGURES)
    tree = Tree()
    for name in tree.experiments:
        base = tree.compose((("experiment", name),))
        assert base["figures"] is None or told[base["figures"]] == base["task"], name


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
    text = block("yaml", FIRST)
    for scale in ("smoke", "paper"):
        found = composed(conf, tmp_path, text, f"scale={scale}")
        assert [cell.config["model"]["name"] for cell in found.cells] == ["iflow", "ivae"]
    small = ["data.points_per_segment=40", "evaluation.importance_samples=2"]
    rows = run(composed(conf, tmp_path, text, "scale=smoke", "model=ivae", *small))
    assert [(row["data_seed"], row["status"]) for row in rows] == [(1, "done"), (2, "done")]
    assert rows[0]["provenance"]["reductions"] == ["Smoke test."]


def test_the_arms_are_compared(conf: Path, tmp_path: Path) -> None:
    whole = yaml.safe_load(block("yaml", FIRST))
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
