"""Kept compositions: equal to Hydra's own, gone as soon as a file changes, never in the way."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from repro.config import cache
from repro.config.cache import CompositionCache, Kept, cache_folder
from repro.config.compose import compose_defaults
from repro.config.tree import Tree, conf_folder
from repro.errors import ConfigError

NAME = (("experiment", "per_dimension"),)  # its file names mcc_sweep, which it begins with


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return Path(shutil.copytree(conf_folder(), tmp_path / "conf"))


def test_a_kept_composition_is_hydra_s_own(folder: Path, conf: Path, composed: list[Any]) -> None:
    first, second = Tree(conf), Tree(conf)
    assert second.compose(NAME) == first.compose(NAME)
    assert first.compose(NAME)["task"] == "identifiability"
    assert second._chosen == first._chosen
    assert composed == [NAME]
    assert second.varied(NAME, {"model": "ivae"})["model"]["name"] == "ivae"


@pytest.mark.parametrize(
    ("file", "again"),
    [
        ("data/sources.yaml", True),
        ("config.yaml", True),
        ("experiment/per_dimension.yaml", True),
        ("experiment/mcc_sweep.yaml", True),
        ("experiment/mixing_depth.yaml", False),
        ("published/re_iflow.yaml", False),
    ],
)
def test_a_changed_file_is_composed_anew(
    folder: Path, conf: Path, composed: list[Any], file: str, again: bool
) -> None:
    Tree(conf).compose(NAME)
    path = conf / file
    path.write_text(path.read_text() + "\n# a word more\n")
    Tree(conf).compose(NAME)
    assert len(composed) == 1 + again


def test_what_is_not_composed_is_named_by_no_defaults_list() -> None:
    for file in conf_folder().rglob("*.yaml"):
        if file.parent.name not in cache.NOT_COMPOSED:
            lines = [line for line in file.read_text().splitlines() if "- " in line]
            for name in cache.NOT_COMPOSED:
                assert not any(line.strip().startswith(f"- {name}") for line in lines), file


def test_a_file_that_changes_while_it_is_composed_keeps_nothing(folder: Path, conf: Path) -> None:
    kept = CompositionCache(conf)
    assert kept.load(NAME) is None
    (conf / "data" / "sources.yaml").write_text("name: sources\n")
    kept.save(NAME, Kept({"a": 1}, {}))
    assert not folder.exists()


@pytest.mark.parametrize("value", [{1: "a number is no JSON key"}, {1, 2}])
def test_what_json_would_change_is_not_kept(folder: Path, conf: Path, value: Any) -> None:
    kept = CompositionCache(conf)
    kept.save(NAME, Kept({"a": value}, {}))
    assert kept.load(NAME) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"content": {}}'])
def test_a_damaged_entry_is_made_anew(
    folder: Path, conf: Path, composed: list[Any], content: bytes
) -> None:
    whole = Tree(conf).compose(NAME)
    [entry] = folder.iterdir()
    entry.write_bytes(content)
    assert Tree(conf).compose(NAME) == whole
    assert len(composed) == 2
    assert json.loads(entry.read_text())["content"] == whole


def test_it_can_be_switched_off_and_moved(
    folder: Path, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRO_CACHE", "off")
    CompositionCache(conf).save(NAME, Kept({}, {}))
    assert CompositionCache(conf).load(NAME) is None
    assert not folder.exists()
    monkeypatch.delenv("REPRO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    CompositionCache(conf).save(NAME, Kept({}, {}))
    assert len(list((folder / "repro").iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_no_error(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRO_CACHE", str(conf / "config.yaml" / "inside-a-file"))
    kept = CompositionCache(conf)
    kept.save(NAME, Kept({}, {}))
    assert kept.load(NAME) is None


def test_old_entries_go_when_there_are_too_many(
    folder: Path, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST", 4)
    for number in range(7):
        CompositionCache(conf).save([("experiment", f"name{number}")], Kept({}, {}))
    assert len(list(folder.iterdir())) <= 4
    assert CompositionCache(conf).load([("experiment", "name6")]) is not None
    assert CompositionCache(conf).load([("experiment", "name0")]) is None


def test_a_user_without_a_home_keeps_nothing_and_is_told_what_to_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(number: int) -> Any:
        raise KeyError(number)

    for name in ("HOME", "REPRO_CACHE", "XDG_CACHE_HOME", "REPRO_SPILL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert cache_folder() is None
    with pytest.raises(ConfigError, match=r"set HOME, or write paths\.spill=FOLDER"):
        compose_defaults(Tree(), [])
