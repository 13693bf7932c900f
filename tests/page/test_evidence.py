"""What claims may name: the keys of configs, and published numbers of experiments that exist."""

import shutil

import pytest

from repro.config.compose import compose_all
from repro.config.tree import Tree, conf_folder
from repro.errors import ConfigError
from repro.nested import flatten
from repro.page.evidence import Shelf
from repro.page.keys import science_keys


@pytest.fixture
def conf(tmp_path):
    return shutil.copytree(conf_folder(), tmp_path / "conf")


def test_every_key_of_every_experiment_may_be_named():
    for composition in compose_all(["scale=smoke"]):
        keys = science_keys(composition.task)
        for cell in composition.cells:
            assert set(flatten(cell.config)) <= keys


def test_a_key_of_another_task_or_of_no_run_may_not():
    keys = science_keys("identifiability")
    assert "model.flow_length" in keys
    assert not {"model.components", "training.checkpoint_minutes", "device", "model"} & keys


def test_a_where_that_no_config_has_is_refused_with_the_nearest(conf):
    file = conf / "claims" / "re_iflow.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("model.name: iflow", "model.nam: iflow", 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"model\.nam does not exist; .* model\.name"):
        Shelf(Tree(conf)).claims()


def test_a_published_number_of_a_mistyped_experiment_is_refused_with_its_file(conf):
    file = conf / "published" / "re_iflow.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("experiment: mcc_sweep", "experiment: mcc_swep"), "utf-8")
    with pytest.raises(ConfigError, match=r"re_iflow\.yaml: the experiment mcc_swep does not exi"):
        Shelf(Tree(conf)).claims()
