"""References mean what they mean to OmegaConf, which is asked for all but the plainest."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from repro.config.references import followed
from repro.config.tree import project_root
from repro.errors import ConfigError

CASES = [
    {"a": {"b": [1, 2]}, "c": "${a}", "d": ["${a.b}", "x"], "e": None},
    {"a": "${b}", "b": "${c.d}", "c": {"d": 0.001}},
    {"a": "${oc.env:REPRO_TEST_FOLDER,/else}/results", "b": "${oc.env:REPRO_NOT_SET,null}"},
    {"a": {"b": "${.c}", "c": True}},  # relative
    {"a": "${b.${c}}", "b": {"x": 3}, "c": "x"},  # nested
    {"a": "one ${b} two", "b": 2},
    {"a": "\\${b}", "b": 1},
    {"a": {"${b}": 1}},
]


@pytest.mark.parametrize("config", CASES)
def test_it_agrees_with_omegaconf(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRO_TEST_FOLDER", "/some where/é")
    expected = OmegaConf.to_container(OmegaConf.create(config), resolve=True)
    assert followed(config) == expected


def test_the_environment_and_the_folder_are_asked_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {"a": "${oc.env:REPRO_TEST_FOLDER,/else}", "b": "${project_root:}"}
    assert followed(config) == {"a": "/else", "b": str(project_root())}
    monkeypatch.setenv("REPRO_TEST_FOLDER", "/there")
    assert followed(config)["a"] == "/there"


@pytest.mark.parametrize(
    "config",
    [
        {"a": "${nowhere}"},
        {"a": "${b.c}", "b": 1},
        {"a": "${b}", "b": "${a}"},
        {"a": "${oc.env:REPRO_NOT_SET}"},
        {"a": "${no_such_resolver:1}"},
        {"a": "${"},
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(config: Any) -> None:
    with pytest.raises(ConfigError, match=r"leads nowhere .*write a plain value"):
        followed(config)


def test_nothing_is_shared_with_the_original() -> None:
    config: Any = {"a": {"b": [1]}, "c": "${a}"}
    found = followed(config)
    found["a"]["b"].append(2)
    assert config == {"a": {"b": [1]}, "c": "${a}"}
    assert found["c"] == {"b": [1]}
