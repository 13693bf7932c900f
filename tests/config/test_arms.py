"""Arms: variants as configs, crossed with the grid, chosen by name, each with its own seeds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from repro.config.compose import compose_tree
from repro.config.tree import Tree, conf_folder
from repro.errors import ConfigError

ARMED = """\
# @package _global_
paper: re_iflow
title: A test
artefacts: none
task: identifiability
figures: null
protocol: none
deviations: []
seeds: 1-10
model_seeds: 1-3
for_model:
  ivae: {model.hidden: 40}
arms:
  flow: {}
  plain: {model: ivae}
  trained: {model: ivae, model.prior_mean: trainable, training/schedule: cosine}
arm_seeds: {trained: 1-4}
arm_model_seeds: {plain: 1}
sweep: {data.layers: [3, 4]}
cost:
  seconds_per_update: {iflow: 2, ivae: 1, trained: 3}
  seconds_per_seed: {iflow: 5}
  mib_per_seed: {iflow: 80, plain: 7}
scales:
  smoke:
    seeds: 3-5
    data.layers: 3
    training.epochs: 1
    arm: [flow, plain]
    arms: {plain: {model.hidden: 6}}
    arm_seeds: {plain: 3}
    reductions: [small]
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A copy of the conf tree with an experiment that has arms."""
    shutil.copytree(conf_folder(), tmp_path, dirs_exist_ok=True)
    return written(tmp_path, ARMED)


def written(folder: Path, text: str) -> Tree:
    (folder / "experiment" / "armed.yaml").write_text(text)
    return Tree(folder)


def at(tree: Tree, *words: str) -> Any:
    [found] = compose_tree(tree, ["experiment=armed", *words])
    return found


def test_arms_are_crossed_with_the_sweep_and_hold_their_own_values(tree: Tree) -> None:
    cells = at(tree, "scale=paper").cells
    shown = [(c.arm, c.config["model"]["name"], c.config["data"]["layers"]) for c in cells]
    assert shown == [
        ("flow", "iflow", 3), ("flow", "iflow", 4), ("plain", "ivae", 3), ("plain", "ivae", 4),
        ("trained", "ivae", 3), ("trained", "ivae", 4),
    ]  # fmt: skip
    trained = cells[4].config
    assert trained["training"]["schedule"] == {"name": "cosine"}
    assert trained["model"]["prior_mean"] == "trainable"
    assert {c.config["model"]["hidden"] for c in cells[2:]} == {40}
    assert cells[2].config["training"]["schedule"]["name"] == "plateau"


def test_an_arm_may_have_fewer_seeds(tree: Tree) -> None:
    by_arm = {c.arm: c.seeds for c in at(tree, "scale=paper").cells}
    assert {arm: len(seeds) for arm, seeds in by_arm.items()} == {
        "flow": 30, "plain": 10, "trained": 12,
    }  # fmt: skip
    assert {pair.model_seed for pair in by_arm["plain"]} == {1}
    assert {c.arm for c in at(tree, "scale=paper", "seeds=7").cells} == {"flow", "plain"}
    with pytest.raises(ConfigError, match="no arm of experiment armed is run with these seeds"):
        at(tree, "scale=paper", "seeds=7", "arm=trained")


def test_costs_are_an_arms_where_it_has_its_own(tree: Tree) -> None:
    cells = {c.arm: c for c in at(tree, "scale=paper").cells}
    updates = 1580
    assert cells["flow"].seconds_per_seed == pytest.approx(2 * updates + 5)
    assert cells["plain"].seconds_per_seed == pytest.approx(updates)
    assert cells["trained"].seconds_per_seed == pytest.approx(3 * updates)
    assert [cells[arm].mib_per_seed for arm in ("flow", "plain", "trained")] == [80, 7, 0]


def test_the_cost_of_an_update_may_grow_with_a_key(tmp_path: Path, tree: Tree) -> None:
    armed = ARMED.replace("cost:\n", "cost:\n  times: model.flow_length\n")
    cells = {c.arm: c for c in at(written(tmp_path, armed), "scale=paper").cells}
    assert cells["flow"].seconds_per_seed == pytest.approx(2 * 1580 * 10 + 5)
    assert cells["plain"].seconds_per_seed == pytest.approx(1580)


def test_the_command_line_chooses_arms(tree: Tree) -> None:
    words = ["scale=paper", "layers=3"]
    assert [c.arm for c in at(tree, *words, "arm=trained").cells] == ["trained"]
    assert [c.arm for c in at(tree, *words, "arm=plain,flow").cells] == ["plain", "flow"]
    assert [c.id for c in at(tree, *words, "arm=flow").cells] == [at(tree, *words).cells[0].id]
    with pytest.raises(ConfigError, match=r"arm=trianed names no arm of .*nearest.* trained"):
        at(tree, *words, "arm=trianed")
    with pytest.raises(ConfigError, match="arm=plain names no arm of experiment mcc_sweep"):
        compose_tree(tree, ["experiment=mcc_sweep", "arm=plain"])


def test_a_scale_chooses_and_changes_arms(tree: Tree) -> None:
    flow, plain = at(tree, "scale=smoke").cells
    assert (flow.arm, plain.arm, plain.config["model"]["hidden"]) == ("flow", "plain", 6)
    assert {pair.data_seed for pair in flow.seeds} == {3, 4, 5}
    assert {pair.data_seed for pair in plain.seeds} == {3}
    assert [c.arm for c in at(tree, "scale=smoke", "arm=trained", "seeds=4").cells] == ["trained"]


def test_an_arm_wins_over_the_scale_and_the_command_line_over_the_arm(tree: Tree) -> None:
    plain = at(tree, "scale=smoke", "arm=plain")
    assert plain.cells[0].config["model"]["hidden"] == 6
    assert plain.cells[0].config["training"]["epochs"] == 1
    word = "model.hidden=9"
    assert at(tree, "scale=smoke", "arm=plain", word).cells[0].config["model"]["hidden"] == 9


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ("plain: {model: ivae}", "plain: {}", "flow and plain of .* are the same run"),
        ("model.prior_mean", "model.prior_meen", "nearest valid name is model.prior_mean"),
        (
            "model.prior_mean: trainable",
            "model.bins: 4",
            "arm trained of .*sets model.bins, which",
        ),
        ("model.prior_mean: trainable", "seeds: 4", "seeds is the same for every arm"),
        ("model.prior_mean: trainable", "data.dim: [2, 3]", "data.dim takes one value"),
        ("model.prior_mean: trainable", "data.layers: 3", "which the sweep varies"),
        ("arm_seeds: {trained", "arm_seeds: {tained", "arm_seeds: tained names no arm.*trained"),
        ("arm_seeds: {trained: 1-4}", "arm_seeds: {trained: 4-1}", "arm_seeds.trained"),
        ("arm: [flow, plain]", "arm: [flow, plan]", "arm=plan names no arm"),
        ("mib_per_seed", "mb_per_seed", "cost.mb_per_seed is not a key; .*mib_per_seed"),
        ("paper: re_iflow", "paper: re_flow", "paper=re_flow is not in conf/papers; .*re_iflow"),
        ("cost:\n", "cost:\n  times: model.name\n", "cost.times=model.name is no number"),
        ("cost:\n", "cost:\n  times: model.lenth\n", "cost.times=model.lenth is not a key; .*len"),
    ],
)
def test_a_mistake_in_arms_is_one_message(
    tmp_path: Path, tree: Tree, before: str, after: str, hint: str
) -> None:
    assert before in ARMED
    changed = written(tmp_path, ARMED.replace(before, after))
    words = ["experiment=armed", "scale=paper,smoke"]
    with pytest.raises(ConfigError, match=hint):
        compose_tree(changed, words)
