"""Composition: every file at every scale, four levels of precedence, sweeps, and frozen cells."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir

from repro.config.compose import (
    Composition,
    compose_all,
    compose_defaults,
    compose_tree,
    means_all,
    named_experiments,
)
from repro.config.identity import filled
from repro.config.schema import SCALES
from repro.config.tree import Tree, conf_folder
from repro.errors import ConfigError
from repro.experiments.registry import known

TREE = Tree()
NAME = "identifiability_2d"
SCIENCE = {
    "task": "identifiability",
    "data": {"name": "sources", "dim": 2, "segments": 5, "points_per_segment": 1000, "layers": 3,
             "prior": "gauss", "centered": False, "noise": 0.0, "spread": "standard_deviation"},
    "model": {"name": "iflow", "flow_length": 10, "bins": 8, "tail_bound": 3.0, "hidden": 256,
              "blocks": 2, "dropout": 0.25, "lambda_hidden": None,
              "natural_parameters": "softplus", "log_pi": False},
    "training": {"optimiser": "adam", "learning_rate": 0.001, "batch_size": 64, "epochs": 20,
                 "max_updates": None, "order": "fixed", "log_every": 25,
                 "schedule": {"name": "plateau", "factor": 0.25, "patience": 10}},
    "evaluation": {"at": [2500, 5000, 7500, 10000], "primary": "end", "latent": "sample",
                   "importance_samples": 64},
}  # fmt: skip
IVAE = {"name": "ivae", "hidden": 50, "depth": 3, "slope": 0.1, "decoder_variance": 0.01,
        "prior_mean": "zero"}  # fmt: skip

TEXT = (TREE.folder / "experiment" / f"{NAME}.yaml").read_text()
COSTS = yaml.safe_load(TEXT)["cost"]["seconds_per_update"]


def composed(*words: str) -> Any:
    [found] = compose_tree(TREE, [f"experiment={NAME}", *words])
    return found


def values(composition: Composition, section: str, key: str) -> Any:
    return [cell.config[section][key] for cell in composition.cells]


def test_a_name_that_is_given_twice_counts_once() -> None:
    [found] = compose_tree(TREE, [f"experiment={NAME},{NAME}", "scale=smoke,smoke"])
    assert (found.experiment, found.scale) == (NAME, "smoke")


@pytest.mark.parametrize(
    ("words", "named", "everything"),
    [
        (["scale=smoke"], (), True),
        (["experiment=[all]"], ("all",), True),
        (["++experiment=all"], ("all",), True),
        (["experiment=all,gin_sources"], ("all", "gin_sources"), True),
        (["experiment=gin_sources"], ("gin_sources",), False),
    ],
)
def test_all_experiments_are_meant_however_it_is_written(
    words: list[str], named: tuple[str, ...], everything: bool
) -> None:
    assert (named_experiments(words), means_all(words)) == (named, everything)


def test_a_command_to_print_has_the_folders_that_were_given() -> None:
    found = composed("++paths.results=/a b/c", "paths.locks=null", "paths.offline=true")
    assert found.told("repro x") == "repro x 'paths.results=/a b/c' paths.locks=null"
    assert composed().told("repro x") == "repro x"


def test_the_words_that_chose_the_runs_choose_them_again() -> None:
    given = ("seeds=[5,7]", "layers=3,4", "data.centered=true", "device=cpu")
    [found] = compose_tree(TREE, ["experiment=identifiability_2d", *given])
    assert found.chosen == ("seeds=[5,7]", "data.layers=3,4", "data.centered=true")
    [again] = compose_tree(TREE, ["experiment=identifiability_2d", *found.chosen])
    assert [(cell.id, cell.seeds) for cell in again.cells] == [
        (cell.id, cell.seeds) for cell in found.cells
    ]


def test_the_defaults_are_of_one_scale() -> None:
    with pytest.raises(ConfigError, match=r"scale=smoke,quick names several.*scale=smoke"):
        compose_defaults(TREE, ["scale=smoke,quick"])


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["experiment=audit_ivae", "scale=paper", "training/schedule=cosine"],
         r"sets training.schedule.factor, which training/schedule=cosine does not have"),
        (["experiment=baselines", "layers=3"],
         "same run .* with data.layers from the command; leave data.layers out here"),
        (["experiment=cifar_bounds", "scale=smoke", "data.size=9"], "nearest valid value is 8"),
        (["experiment=iflow_mnist", "scale=smoke", "data.validation=1500"], "value is 1499"),
        (["experiment=iflow_mnist", "scale=smoke", "data.train_images=1490"], "at most 1400"),
    ],
)  # fmt: skip
def test_values_that_do_not_go_together_are_refused_before_anything_runs(
    words: list[str], hint: str
) -> None:
    with pytest.raises(ConfigError, match=hint):
        compose_tree(TREE, words)


CASES = list(itertools.product(TREE.experiments, SCALES))


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_every_experiment_composes_at_every_scale(name: str, scale: str) -> None:
    [found] = compose_tree(TREE, [f"experiment={name}", f"scale={scale}"])
    assert found.cells
    assert found.task in known()
    assert all(cell.seeds and cell.seconds_per_seed > 0 for cell in found.cells)
    assert all(cell.scale == scale and cell.experiment == name for cell in found.cells)
    assert found.about.title
    assert found.about.artefacts
    if scale in ("smoke", "quick"):
        assert found.reductions, "a smaller protocol is not declared"
        assert sum(c.seconds_per_seed * len(c.seeds) for c in found.cells) < 1200


def test_the_paper_scale_reduces_nothing() -> None:
    for name in TREE.experiments:
        [found] = compose_tree(TREE, [f"experiment={name}", "scale=paper"])
        assert found.reductions == ()


def test_the_published_2d_protocol() -> None:
    found = composed("scale=paper")
    iflow, ivae = (cell.config for cell in found.cells)
    assert iflow == filled(SCIENCE)
    assert ivae["model"] == filled({"model": IVAE})["model"]
    assert [tuple(pair) for pair in found.cells[0].seeds] == [(seed, 1) for seed in range(1, 11)]
    assert found.cells[0].seconds_per_seed == pytest.approx(1580 * COSTS["iflow"])


def test_fidelity_moves_every_switch_with_one_word() -> None:
    iflow, ivae = (cell.config for cell in composed("fidelity=as_published").cells)
    assert iflow["model"]["natural_parameters"] == "xi_only"
    assert iflow["model"]["log_pi"] is True
    assert iflow["data"]["spread"] == "variance"
    assert iflow["training"]["schedule"] == {"name": "constant"}
    assert iflow["training"]["order"] == "reshuffle"
    assert ivae["model"]["prior_mean"] == "trainable"
    assert ivae["evaluation"]["latent"] == "mean"


def test_a_single_switch_moves_alone() -> None:
    [one] = composed("model=ivae", "fidelity.prior_mean=trainable").cells
    [other] = composed("model=ivae", "model.prior_mean=trainable").cells
    assert one.id == other.id
    assert one.config["evaluation"]["latent"] == "sample"


def test_the_command_line_wins_over_fidelity() -> None:
    found = composed("fidelity=as_published", "training/schedule=cosine", "model.log_pi=false",
                     "model=iflow")  # fmt: skip
    assert found.cells[0].config["training"]["schedule"] == {"name": "cosine"}
    assert found.cells[0].config["model"]["log_pi"] is False


# -- precedence ---------------------------------------------------------------------------------

EXPERIMENT = """\
# @package _global_
paper: re_iflow
title: A test
artefacts: none
task: identifiability
figures: null
protocol: none
deviations: [first]
seeds: 1-3
data: {segments: 7}
training: {epochs: 3}
sweep: {model: [iflow, ivae], data.layers: [3, 4], model.bins: [5]}
cost: {seconds_per_update: {iflow: 1, ivae: 1}}
scales:
  smoke: {seeds: 9, training.epochs: 2, data.layers: 6, model.depth: 2, reductions: [small]}
  reduced: {data.layers: [5, 6]}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Any:
    """A copy of the conf tree with one more experiment."""
    shutil.copytree(conf_folder(), tmp_path, dirs_exist_ok=True)
    (tmp_path / "experiment" / "precedence.yaml").write_text(EXPERIMENT)
    return Tree(tmp_path)


def at(tree: Tree, *words: str) -> Any:
    [found] = compose_tree(tree, ["experiment=precedence", *words])
    return found


def test_an_experiment_wins_over_the_defaults(tree: Tree) -> None:
    found = at(tree, "scale=paper")
    assert set(values(found, "data", "segments")) == {7}
    assert set(values(found, "data", "points_per_segment")) == {1000}
    assert set(values(found, "training", "epochs")) == {3}
    assert len(found.cells) == 4


def test_a_scale_wins_over_its_experiment(tree: Tree) -> None:
    found = at(tree, "scale=smoke")
    assert set(values(found, "training", "epochs")) == {2}
    assert values(found, "data", "layers") == [6, 6]
    assert {pair.data_seed for pair in found.cells[0].seeds} == {9}
    assert found.notes == ["first", "small"]
    assert set(values(at(tree, "scale=reduced"), "data", "layers")) == {5, 6}


def test_the_command_line_wins_over_the_scale(tree: Tree) -> None:
    found = at(tree, "scale=smoke", "training.epochs=5", "seeds=4", "layers=3,4", "model=ivae")
    assert set(values(found, "training", "epochs")) == {5}
    assert values(found, "data", "layers") == [3, 4]
    assert values(found, "model", "name") == ["ivae", "ivae"]
    assert {pair.data_seed for pair in found.cells[0].seeds} == {4}


def test_settings_of_one_model_pass_the_other_by(tree: Tree) -> None:
    cells = at(tree, "scale=smoke").cells
    assert [cell.config["model"].get("bins") for cell in cells] == [5, None]
    assert [cell.config["model"].get("depth") for cell in cells] == [None, 2]


def test_a_command_line_key_that_no_cell_takes_is_refused(tree: Tree) -> None:
    assert values(at(tree, "scale=smoke", "model.depth=1", "model=ivae"), "model", "depth") == [1]
    with pytest.raises(ConfigError, match="another model"):
        at(tree, "scale=smoke", "model.depth=1", "model=iflow")


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ("seeds: 1-3", "sedes: 1-3", "sedes in .*precedence.yaml is not a key.* seeds"),
        ("title: A test", "title: null", "precedence.yaml: title must be text"),
        ("title: A test\n", "", "precedence.yaml: title is missing"),
        ("task: identifiability", "task: identifability", "nearest valid name is identifiability"),
        ("  smoke:", "  smoky:", "nearest valid name is smoke"),
        ("ivae: 1}", "ivea: 1}", "states no cost for ivae"),
        ("segments: 7", "segmnts: 7", "data.segmnts is not a key"),
        ("model.bins", "model.bns", "nearest valid name is model.bins"),
        ("[iflow, ivae]", "[iflow, ivea]", "nearest valid name is model=ivae"),
        ("training: {epochs: 3}", "training: {epochs: '${nowhere}'}", "leads nowhere"),
        ("title: A test", "title: [", "precedence.yaml cannot be read"),
    ],
)
def test_a_mistake_in_an_experiment_file_is_one_message(
    tree: Tree, before: str, after: str, hint: str
) -> None:
    assert before in EXPERIMENT
    file = tree.folder / "experiment" / "precedence.yaml"
    file.write_text(EXPERIMENT.replace(before, after))
    with pytest.raises(ConfigError, match=hint):
        at(tree, "scale=paper")


# -- what one model's cells have of their own ----------------------------------------------------

OWN = EXPERIMENT.replace(
    "sweep:",
    """for_model:
  iflow: {training/schedule: cosine, model.blocks: 4, data.noise: 0.5}
  ivae: {evaluation.importance_samples: 3}
sweep:""",
).replace("reduced: {", "reduced: {data.noise: 0.25, ")


@pytest.fixture
def own(tree: Tree) -> Any:
    """The tree with an experiment that sets some values for each model alone."""
    (tree.folder / "experiment" / "precedence.yaml").write_text(OWN)
    return tree


def test_values_of_one_model_reach_its_cells_alone(own: Tree) -> None:
    iflow, _, ivae, _ = (cell.config for cell in at(own, "scale=paper").cells)
    assert iflow["training"]["schedule"] == {"name": "cosine"}
    assert ivae["training"]["schedule"]["name"] == "plateau"
    assert (iflow["model"]["blocks"], iflow["data"]["noise"], ivae["data"]["noise"]) == (4, 0.5, 0)
    samples = [config["evaluation"]["importance_samples"] for config in (iflow, ivae)]
    assert samples == [64, 3]


def test_a_scale_and_the_command_line_win_over_a_models_own_values(own: Tree) -> None:
    assert set(values(at(own, "scale=reduced"), "data", "noise")) == {0.25}
    words = ["data.noise=0.75", "training/schedule=constant", "model=iflow"]
    found = at(own, "scale=reduced", *words)
    assert set(values(found, "data", "noise")) == {0.75}
    assert [c.config["training"]["schedule"]["name"] for c in found.cells] == ["constant"] * 2


def test_a_model_that_is_chosen_without_a_sweep_has_its_own_values_too(tree: Tree) -> None:
    text = OWN.replace("model: [iflow, ivae], data.layers: [3, 4], model.bins: [5]",
                       "data.layers: [3]")  # fmt: skip
    (tree.folder / "experiment" / "precedence.yaml").write_text(text)
    assert values(at(tree, "scale=paper"), "model", "blocks") == [4]


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ("  ivae: {ev", "  ivea: {ev", "for_model of .*names the model ivea; .*ivae"),
        ("model.blocks", "model.blokcs", "nearest valid name is model.blocks"),
        ("model.blocks", "model.depth", "sets model.depth, which that model does not have"),
        ("model.blocks: 4", "seeds: 4", "seeds is the same for every model"),
        ("model.blocks: 4", "device: cpu", "device is the same for every model"),
        ("model.blocks: 4", "model: ivae", "model is the same for every model"),
        ("model.blocks: 4", "model.blocks: [4, 5]", "model.blocks takes one value"),
    ],
)
def test_a_mistake_in_a_models_own_values_is_one_message(
    tree: Tree, before: str, after: str, hint: str
) -> None:
    assert before in OWN
    text = OWN.replace(before, after)
    (tree.folder / "experiment" / "precedence.yaml").write_text(text)
    with pytest.raises(ConfigError, match=hint):
        at(tree, "scale=paper")


# -- the published 5D protocol -------------------------------------------------------------------


def of(name: str, *words: str) -> Any:
    scale = () if any(word.startswith("scale=") for word in words) else ("scale=paper",)
    [found] = compose_tree(TREE, [f"experiment={name}", *scale, *words])
    return found


def test_the_5d_sweep_is_the_2d_experiment_at_another_size_but_for_when_iflow_is_scored() -> None:
    sweep = of("mcc_sweep")
    iflow, ivae = (cell.config for cell in sweep.cells)
    assert (iflow["evaluation"]["primary"], ivae["evaluation"]["primary"]) == ("10000", "end")
    twins = of(NAME, "dim=5", "segments=40").cells
    for config, twin in zip((iflow, ivae), twins, strict=True):
        for section in ("task", "data", "model", "training"):
            assert config[section] == twin.config[section], section
        at_end = config["evaluation"] | {"primary": "end"}
        assert at_end == twin.config["evaluation"]
    assert sweep.cells[1].id == twins[1].id
    assert [tuple(pair) for pair in sweep.cells[0].seeds] == [(seed, 1) for seed in range(1, 61)]
    assert sweep.cells[0].seconds_per_seed / 12_500 < 1
    assert sweep.run["keep_arrays"] == [49]


@pytest.mark.parametrize("scale", SCALES)
def test_the_5d_experiments_share_every_run(scale: str) -> None:
    sweep, sources = (of(name, f"scale={scale}") for name in ("mcc_sweep", "per_dimension"))
    assert [(c.id, c.seeds) for c in sweep.cells] == [(c.id, c.seeds) for c in sources.cells]
    assert sweep.run == sources.run
    assert sweep.notes == sources.notes
    assert any(pair.data_seed == 49 for pair in sources.cells[0].seeds)
    assert sweep.about.figures != sources.about.figures


@pytest.mark.parametrize("word", ["evaluation=final", "evaluation.primary=end"])
def test_the_command_line_says_when_both_models_are_scored(word: str) -> None:
    assert values(of("mcc_sweep", word), "evaluation", "primary") == ["end", "end"]


def test_other_depths_and_seeds_come_by_override() -> None:
    found = of("mixing_depth", "layers=[2,6]", "seeds=1-50")
    assert values(found, "data", "layers") == [2, 6, 2, 6]
    assert {len(cell.seeds) for cell in found.cells} == {50}


# -- sweeps -------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["layers=3,4", "layers=[3,4]", "data.layers=3,4",
                                  "data.layers=[3,4]", "data.layers=range(3,5)"])  # fmt: skip
def test_every_way_to_sweep_means_the_cross_product(word: str) -> None:
    found = composed(word)
    pairs = [(c.config["model"]["name"], c.config["data"]["layers"]) for c in found.cells]
    assert pairs == [("iflow", 3), ("iflow", 4), ("ivae", 3), ("ivae", 4)]


def test_seeds_are_no_axis() -> None:
    spelled = [composed(word).cells for word in ("seeds=1,2,3", "seeds=[1,2,3]", "seeds=1-3")]
    assert spelled[0] == spelled[1] == spelled[2]
    assert len(spelled[0]) == 2


def test_data_and_model_seeds_are_crossed() -> None:
    seeds = composed("seeds=1-2", "model_seeds=1,3").cells[0].seeds
    assert {tuple(pair) for pair in seeds} == {(1, 1), (2, 1), (1, 3), (2, 3)}


def test_experiments_and_scales_can_be_swept() -> None:
    found = compose_tree(TREE, [f"experiment=[{NAME}]", "scale=smoke,paper"])
    assert [(c.experiment, c.scale) for c in found] == [(NAME, "smoke"), (NAME, "paper")]
    everything = compose_tree(TREE, ["experiment=all"])
    assert [c.experiment for c in everything] == TREE.experiments
    assert [c.experiment for c in compose_tree(TREE, [])] == TREE.experiments


def test_the_same_config_twice_is_one_cell() -> None:
    assert len(composed("training.learning_rate=0.001,1e-3", "model=ivae").cells) == 1


# -- frozen, re-entrant, from anywhere ----------------------------------------------------------


def test_cells_do_not_change_when_files_do(tree: Tree) -> None:
    found = at(tree, "scale=paper")
    before = [cell.id for cell in found.cells]
    (tree.folder / "data" / "sources.yaml").write_text("name: sources\ndim: 9\n")
    assert [cell.id for cell in found.cells] == before
    assert [cell.id for cell in at(tree, "scale=paper").cells] == before


def test_it_works_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = [cell.id for cell in composed().cells]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPRO_RESULTS", raising=False)
    [found] = compose_all([f"experiment={NAME}"])
    assert [cell.id for cell in found.cells] == here
    assert found.results == conf_folder().parent / "results"


def test_folders_come_from_the_environment_and_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path / "r"))
    monkeypatch.setenv("REPRO_DATA", str(tmp_path / "d"))
    found = composed()
    assert (found.results, found.data) == (tmp_path / "r", tmp_path / "d")
    monkeypatch.chdir(tmp_path)
    assert composed("paths.results=here").results == tmp_path / "here"


def test_a_folder_that_cannot_be_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file is not a folder; name another one"):
        composed(f"paths.data={tmp_path}/file/inside")
    with pytest.raises(ConfigError, match=r"paths.spill has no value; write paths.spill=VALUE"):
        composed("paths.spill=")
    monkeypatch.setenv("REPRO_RESULTS", "")
    with pytest.raises(ConfigError, match=r"REPRO_RESULTS in the environment names a folder or"):
        composed()


def test_it_leaves_the_callers_hydra_alone() -> None:
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        compose_all([f"experiment={NAME}"])
        assert compose("config").data.name == "sources"


def test_the_callers_values_are_not_shared_between_cells() -> None:
    one, other = composed().cells
    one.config["data"]["dim"] = 99
    assert other.config["data"]["dim"] == 2


def test_many_cells_need_one_composition_a_choice_of_groups(
    monkeypatch: pytest.MonkeyPatch, composed: list[Any]
) -> None:
    monkeypatch.setenv("REPRO_CACHE", "off")
    words = [
        "layers=range(2,12)",
        "training.epochs=range(1,6)",
        "fidelity=as_released,as_published",
    ]
    [found] = compose_tree(Tree(), [f"experiment={NAME}", *words])
    assert len(found.cells) == 200
    # the root, the experiment, and 2 models x 2 fidelities
    assert len(composed) == len(set(composed)) <= 5


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["training.batch_size=5001"], "at most 5000"),
        (["model=ivae", "model=iflow"], "model is given twice, as ivae and as iflow; leave one"),
        (["layers=3,4", "data.layers=5"], "data.layers is given twice, as 3,4 and as 5"),
        (["seeds=1-4", "seeds=7"], "seeds is given twice, as 1-4 and as 7"),
        (["evaluation.primary='2500'"], "not evaluated in a run of 1580 updates.*end"),
        (["evaluation=checkpoint_10000"], "not evaluated"),
        (["scale=qick"], "nearest valid name is quick"),
    ],
)
def test_values_that_do_not_go_together_are_refused(words: list[str], hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        composed(*words)


def test_a_checkpoint_can_be_the_headline_where_it_is_reached() -> None:
    found = composed("evaluation=checkpoint_10000", "segments=40", "dim=5")
    assert set(values(found, "evaluation", "primary")) == {"10000"}
    assert composed("evaluation.primary=100", "evaluation.at=[100]").cells


def test_run_needs_an_experiment() -> None:
    with pytest.raises(ConfigError, match=f"{NAME}.*all"):
        compose_tree(TREE, [], need_experiment=True)


def test_the_defaults_alone_compose() -> None:
    found = compose_defaults(TREE, ["model=ivae"])
    assert [cell.config["model"]["name"] for cell in found.cells] == ["ivae"]
    assert found.scale == "quick"
