"""Mistakes in an experiment's file: one line each, with the file or experiment and the remedy."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from repro.config.compose import compose_tree
from repro.config.schema import SECTIONS
from repro.config.tasks import RULES
from repro.config.tree import Tree, conf_folder
from repro.errors import ConfigError
from repro.experiments.registry import TASKS

LINES = {
    "paper": "re_iflow",
    "title": "A test",
    "artefacts": "none",
    "task": "identifiability",
    "figures": "null",
    "protocol": "none",
    "deviations": "[first]",
    "seeds": "1-3",
    "cost": "{seconds_per_update: {iflow: 1, ivae: 1}}",
    "scales": "{smoke: {training.epochs: 1}}",
}
HEADER = "# @package _global_\n"
FILE = "conf/experiment/zz.yaml: "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the conf tree."""
    return Path(shutil.copytree(conf_folder(), tmp_path_factory.mktemp("tree") / "conf"))


def text_with(changed: str) -> str:
    """The lines of a good file, those of the keys in `changed` replaced by it."""
    keys = {line.partition(":")[0] for line in changed.splitlines()}
    kept = [f"{key}: {value}\n" for key, value in LINES.items() if key not in keys]
    return HEADER + "".join(kept) + changed + "\n"


def composed(folder: Path, text: str, *words: str) -> Any:
    (folder / "experiment" / "zz.yaml").write_text(text, encoding="utf-8")
    [found] = compose_tree(Tree(folder), ["experiment=zz", *(words or ["scale=smoke"])])
    return found


def refusal(folder: Path, text: str, *words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        composed(folder, text, *words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_file_is_a_good_one_without_a_mistake(folder: Path) -> None:
    assert composed(folder, text_with("")).cells
    assert composed(folder, text_with("for_model: {ivae: }\nsweep:\narms:")).cells


# -- shapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "key", "example"),
    [
        ("arms: [released, mean]", "arms", "`arms: {released: {}, cosine: {training/"),
        ("arms: released", "arms", "`arms: {released: {}, "),
        ("arms: {a: [model]}", "arms.a", "`a: {training/schedule: cosine}`"),
        ("arms: {a: word}", "arms.a", "`a: {training/schedule: cosine}`"),
        ("arm_seeds: [cosine]", "arm_seeds", "`arm_seeds: {cosine: 1-10}`"),
        ("arm_model_seeds: cosine", "arm_model_seeds", "`arm_model_seeds: {cosine: 1}`"),
        ("sweep: [ivae]", "sweep", "`sweep: {model: [iflow, ivae], "),
        ("sweep: ivae", "sweep", "`sweep: {model: [iflow, ivae], "),
        ("for_model: [ivae]", "for_model", "`for_model: {ivae: {model.hidden: 40}}`"),
        ("for_model: {ivae: [x]}", "for_model.ivae", "`ivae: {model.hidden: 40}`"),
        ("scales: [smoke]", "scales", "`scales: {smoke: {seeds: 1-2}, paper: {}}`"),
        ("scales: {smoke: [1]}", "scales.smoke", "`smoke: {seeds: 1-2, training.epochs: 1}`"),
        ("scales: {smoke: {arms: [a]}}", "scales.smoke.arms", "`arms: {released: {}, "),
        ("cost: [1]", "cost", "`cost: {seconds_per_update: {iflow: 0.02}}`"),
        ("data: 3", "data", "`data: {KEY: VALUE}`; a file of conf/data is chosen with"),
        ("data: sources", "data", "`override /data: NAME` in defaults"),
        ("data: [1]", "data", "`override /data: NAME` in defaults"),
        ("data:", "data", "`override /data: NAME` in defaults"),
        ("model: ivae", "model", "`override /model: NAME` in defaults"),
        ("training: cosine", "training", "`override /training: NAME` in defaults"),
        ("training: {schedule: cosine}", "training.schedule", "`override /training/schedule: N"),
        ("evaluation: 3", "evaluation", "`override /evaluation: NAME` in defaults"),
        ("fidelity: none", "fidelity", "`override /fidelity: NAME` in defaults"),
        ("paths: here", "paths", "`paths: {KEY: VALUE}`"),
    ],
)
def test_a_value_of_another_shape_is_refused_with_an_example(
    folder: Path, line: str, key: str, example: str
) -> None:
    found = refusal(folder, text_with(line))
    assert found.startswith(f"{FILE}{key} must be a mapping, got ")
    assert example in found


def test_scale_for_scales_is_refused_with_the_word_that_was_meant(folder: Path) -> None:
    found = refusal(folder, text_with("scale: {quick: {seeds: 1-2}}"))
    assert found.startswith(f"{FILE}scale must be a name such as quick")
    assert "`scales`" in found


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("arms: {1: {}}", "arms has the key 1, which is no text; write it in quotes: '1'"),
        ("sweep: {3: [1]}", "sweep has the key 3"),
        ("scales: {smoke: {1: 2}}", "scales.smoke has the key 1"),
        ("task: [x]", "task=['x'] does not exist"),
        ("model: {name: 3}", "the task identifiability has no use for model=3"),
        ("training: {name: x}", "has no use for training=x; leave training.name out"),
        ("sweep: {data: {dim: [2]}}", "data takes no mapping, .*as in `data.dim: \\[2\\]`"),
        ("scales: {smoke: {scale: paper}}", "scale is chosen on the command line"),
    ],
)
def test_other_values_that_cannot_be_read_are_refused(folder: Path, line: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint if "\\" in hint else None) as caught:
        composed(folder, text_with(line))
    assert "zz" in str(caught.value)
    assert "\\" in hint or hint in str(caught.value)


@pytest.mark.parametrize("value", ["Smoke test.", "3", "[{Smoke: test}]"])
def test_reductions_are_a_list_of_texts(folder: Path, value: str) -> None:
    found = refusal(folder, text_with(f"scales: {{smoke: {{reductions: {value}}}}}"))
    assert found.startswith(f"{FILE}scales.smoke.reductions must be a list of texts, got ")
    assert '`reductions: ["One seed of ten; its numbers mean nothing."]`' in found
    assert composed(folder, text_with("scales: {smoke: {reductions: }}")).reductions == ()


def test_deviations_are_refused_with_a_text_as_the_example(folder: Path) -> None:
    found = refusal(folder, text_with("deviations: none"))
    assert found.endswith('write for example deviations=["Where we differ, and why."]')


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("cost: {seconds_per_update: {iflow: -1}}", "cost.seconds_per_update.iflow must be at le"),
        ("cost: {mib_per_seed: {iflow: -1}}", "cost.mib_per_seed.iflow must be at least 0, got"),
        ("cost: {seconds_per_seed: 3}", "cost.seconds_per_seed must be a mapping from names to"),
    ],
)
def test_a_cost_is_no_negative_number(folder: Path, line: str, hint: str) -> None:
    assert refusal(folder, text_with(line)).startswith(FILE + hint)


# -- the header and the defaults ----------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "- a\n- b\n", "a word\n", "# a comment\n", text_with("").removeprefix(HEADER),
     text_with("").replace("_global_", "_globl_"), f"{HEADER}- a\n"],
)  # fmt: skip
def test_a_file_without_its_first_line_is_told_what_that_has_to_be(
    folder: Path, text: str
) -> None:
    assert refusal(folder, text).startswith(f"{FILE}its first line has to be `{HEADER.strip()}`")


def test_a_file_with_its_first_line_is_told_of_the_wrong_key(folder: Path) -> None:
    assert composed(folder, "\n" + text_with("")).cells
    assert refusal(folder, text_with("tilte: x")).startswith("tilte in conf/experiment/zz.yaml")
    assert "first line" in refusal(folder, "# A comment.\n" + text_with(""))


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("mcc_swep", "names conf/experiment/mcc_swep.yaml, which does not exist; .* mcc_sweep$"),
        ("override /dta: gas", "overrides /dta, which is no group; the nearest .* is data$"),
        ("override /data: gass", "names conf/data/gass.yaml, which does not exist; .* is gas$"),
        (
            "override /training/shedule: cosine",
            "overrides /training/shedule, .* is training/schedule$",
        ),
        ("/data: gas", "has the entry `/data: gas`; write `override /data: gas`$"),
        ("override data: gas", "has .* `override data: gas`; write `override /data: gas`$"),
        ("3", "has the entry 3; write for example `defaults: "),
        ("zz", "leads back to zz; leave it out$"),
    ],
)
def test_a_mistake_in_the_defaults_is_told_with_the_nearest_name(
    folder: Path, entry: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{FILE}defaults {hint}") as caught:
        composed(folder, text_with(f"defaults: [{entry}, _self_]"))
    assert str(folder) not in str(caught.value)


def test_a_mistake_in_a_file_that_the_defaults_name_is_told_of_that_file(folder: Path) -> None:
    inner = folder / "experiment" / "inner.yaml"
    inner.write_text(HEADER + "defaults: none\n")
    found = refusal(folder, text_with("defaults: [inner, _self_]"))
    inner.unlink()
    assert ": conf/experiment/inner.yaml: defaults must be a list, got none; write" in found


def test_a_file_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "experiment" / "zz.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"zz.yaml cannot be read .*; restore or mend it"):
        compose_tree(Tree(folder), ["experiment=zz"])


# -- names that are listed elsewhere ------------------------------------------------------------


def test_a_figure_that_does_not_exist_is_refused_before_anything_is_run(folder: Path) -> None:
    found = refusal(folder, text_with("figures: audit_arm"))
    why = "figures=audit_arm is not drawn by anything; the nearest valid name is audit_arms"
    assert found == FILE + why
    assert composed(folder, text_with("figures: audit_arms")).about.figures == "audit_arms"


def test_a_kind_without_its_line_is_told_where_that_belongs(folder: Path) -> None:
    found = refusal(folder, text_with("launcher: {name: cloud}"))
    assert "launcher.name=cloud is unknown; the valid names are local, slurm; a new kind" in found
    assert found.endswith("needs its line in SECTIONS of repro/config/schema/__init__.py")
    assert "leave paths.name out" in refusal(folder, text_with("paths: {name: here}"))


def test_a_task_without_rules_is_told_where_they_belong(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text_with("task: normal_fit\ndefaults: [{override /data: gas}, _self_]")
    monkeypatch.setenv("REPRO_TASKS", "normal_fit=builtins:len")
    found = refusal(folder, text)
    assert "the task normal_fit has no use for data=gas; it has no rules of its own" in found
    assert found.endswith("add its line to RULES in repro/config/tasks/__init__.py")
    monkeypatch.setitem(TASKS, "normal_fit", "builtins:len")
    assert "the task normal_fit has no rules; add its line to RULES in" in refusal(folder, text)


def test_every_task_has_its_rules_and_every_kind_is_one_that_a_section_has() -> None:
    assert RULES.keys() == TASKS.keys()
    for rules in RULES.values():
        assert all(set(kinds) <= set(SECTIONS[section]) for section, kinds in rules.kinds.items())


def test_a_group_that_a_task_does_not_take_is_refused_as_such(folder: Path) -> None:
    with pytest.raises(ConfigError, match="the task density has no use for data=sources; "):
        compose_tree(Tree(folder), ["experiment=nvf_toy", "scale=smoke", "data=sources"])


# -- scales, seeds and where a mistake is -------------------------------------------------------


def test_a_scale_that_the_file_does_not_have_is_refused_but_for_paper(folder: Path) -> None:
    found = refusal(folder, text_with(""), "scale=quick")
    assert found.startswith("experiment zz has no scale=quick; choose scale=smoke|paper, or write")
    assert found.endswith("under scales in conf/experiment/zz.yaml, `quick: {}` for nothing")
    for scales in ("scales:", "scales: {reduced: {}}"):
        assert "has no scale=smoke" in refusal(folder, text_with(scales))
        assert composed(folder, text_with(scales), "scale=paper").cells


ARMS = "arms: {released: {}, cosine: {training/schedule: cosine}}\n"


def test_an_arm_whose_seeds_are_not_the_experiments_is_refused(folder: Path) -> None:
    found = refusal(folder, text_with(f"{ARMS}arm_seeds: {{cosine: 50-60}}"))
    assert found == ("experiment zz at scale=smoke: arm_seeds.cosine=50-60 has none of seeds=1-3,"
                     " so that the arm is never run; name some of these, or choose the other arms"
                     " with `arm:`")  # fmt: skip
    found = refusal(folder, text_with(f"{ARMS}arm_model_seeds: {{cosine: 2}}"))
    assert "arm_model_seeds.cosine=2 has none of model_seeds=1" in found


def test_seeds_of_the_command_line_may_leave_an_arm_out(folder: Path) -> None:
    text = text_with(f"{ARMS}arm_seeds: {{cosine: 2-3}}")
    assert {c.arm for c in composed(folder, text, "scale=smoke", "seeds=1").cells} == {"released"}
    cosine = composed(folder, text, "scale=smoke", "seeds=1-4", "arm=cosine").cells
    assert [len(cell.seeds) for cell in cosine] == [2]


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("evaluation: {samples: 3}", "experiment zz at scale=smoke: evaluation.samples is not a"),
        ("seeds: x", "experiment zz at scale=smoke: seeds=x is not a list of seeds"),
        ("sweep: {model.bns: [5]}", "sweep of experiment zz: model.bns is not a key; "),
        ("scales: {smoke: {model.bns: 5}}", "scales.smoke of experiment zz: model.bns is not a"),
        ("arms: {a: {model.bns: 5}}", "arm a of experiment zz: model.bns is not a key; "),
        ("arms: {a: {model.bins: x}}", "experiment zz at scale=smoke, arm a: model.bins must be"),
        ("for_model: {ivae: {model.bns: 5}}", "for_model of experiment zz, ivae: model.bns is"),
    ],
)
def test_a_mistake_says_where_it_is(folder: Path, line: str, start: str) -> None:
    assert refusal(folder, text_with(line)).startswith(start)


def test_among_all_experiments_the_one_with_a_mistake_is_named(folder: Path) -> None:
    (folder / "experiment" / "zz.yaml").write_text(text_with("evaluation: {samples: 3}"))
    with pytest.raises(ConfigError, match=r"^experiment zz at scale=smoke: evaluation\.samples"):
        compose_tree(Tree(folder), ["experiment=all", "scale=smoke"])
