"""Tasks are found by name, here and through the environment."""

import pytest

from repro.errors import ConfigError
from repro.experiments.registry import TASKS, known, resolve


def test_a_typo_is_answered_with_the_nearest_task() -> None:
    with pytest.raises(ConfigError, match="the nearest valid name is identifiability"):
        resolve("identifiabilty")


def test_the_environment_adds_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRO_TASKS", " length=builtins:len ,")
    assert resolve("length")([1, 2]) == 2
    assert known() == {**TASKS, "length": "builtins:len"}


def test_a_malformed_addition_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRO_TASKS", "length")
    with pytest.raises(ConfigError, match="name=module:function"):
        known()
