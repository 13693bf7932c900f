"""Typed values: spelling does not matter, type and limits do."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from repro.config.identity import filled
from repro.config.schema import SECTIONS
from repro.config.tree import conf_folder
from repro.config.typed import type_section
from repro.errors import ConfigError

PLATEAU = {"name": "plateau", "factor": 0.25, "patience": 10}
IVAE = filled({"model": {"name": "ivae", "hidden": 50, "depth": 3, "slope": 0.1,
                         "decoder_variance": 0.01, "prior_mean": "zero"}})["model"]  # fmt: skip


def with_ivae(**changes: Any) -> Any:
    return type_section("model", {**IVAE, **changes})


@pytest.mark.parametrize("hidden", [64, 64.0, "64"])
def test_a_whole_number_has_one_form(hidden: Any) -> None:
    value = with_ivae(hidden=hidden)["hidden"]
    assert (value, type(value)) == (64, int)


@pytest.mark.parametrize("slope", [0, 0.0, "0"])
def test_a_number_has_one_form(slope: Any) -> None:
    value = with_ivae(slope=slope)["slope"]
    assert (value, type(value)) == (0.0, float)


def test_the_order_of_keys_is_the_schemas() -> None:
    assert list(type_section("model", dict(reversed(IVAE.items())))) == list(IVAE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden": 1.5}, "model.hidden must be a whole number, got 1.5"),
        ({"hidden": "wide"}, "model.hidden must be a whole number, got wide"),
        ({"hidden": None}, "model.hidden must be a whole number, got null"),
        ({"hidden": True}, "model.hidden must be a whole number, got True"),
        ({"hidden": [1, 2]}, "model.hidden must be a whole number"),
        ({"hidden": 0}, "model.hidden must be at least 1, got 0; the nearest valid value is 1"),
        ({"slope": -0.1}, "model.slope must be at least 0.0, got -0.1; the nearest valid value"),
        ({"slope": 1.0}, "model.slope must be below 1.0, got 1.0; the nearest valid value is 0.1"),
        ({"decoder_variance": 0}, "model.decoder_variance must be above 0.0"),
        ({"decoder_variance": float("nan")}, "model.decoder_variance must be finite"),
        ({"decoder_variance": float("inf")}, "model.decoder_variance must be finite"),
        ({"prior_mean": "trained"}, "nearest valid value is trainable"),
        ({"prior_mean": "qq"}, "valid values are trainable, zero"),
        ({"hiden": 3}, "model.hiden is not a key; the nearest valid name is model.hidden"),
    ],
)
def test_what_cannot_run_is_refused_by_name(changes: object, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        with_ivae(**changes)
    assert message in str(refused.value)


def test_a_missing_value_is_refused() -> None:
    values = {key: value for key, value in PLATEAU.items() if key != "patience"}
    with pytest.raises(ConfigError, match=r"training\.schedule\.patience is missing"):
        type_section("training.schedule", values)


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match="nearest valid name is plateau"):
        type_section("training.schedule", {**PLATEAU, "name": "platau"})


@pytest.mark.parametrize("section", [s for s in SECTIONS if s not in ("paths", "fidelity")])
def test_every_file_of_a_group_has_exactly_the_keys_of_its_type(section: str) -> None:
    files = sorted((conf_folder() / section.replace(".", "/")).glob("*.yaml"))
    assert files
    for file in files:
        written = with_bases(file)
        kind = SECTIONS[section][written.get("name", "")]
        assert set(written) == {item.name for item in dataclasses.fields(kind)}


def with_bases(file: Path) -> dict[str, Any]:
    """The values of a group's file on top of those of the files that it begins with."""
    written = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(written, dict)
    bases = [base for base in written.pop("defaults", []) if isinstance(base, str)]
    found: dict[str, Any] = {}
    for base in bases:
        found |= with_bases(file.with_name(f"{base}.yaml")) if base != "_self_" else {}
    return found | written


def test_a_key_is_a_list_in_all_kinds_of_a_section_or_in_none() -> None:
    for section, kinds in SECTIONS.items():
        lists: dict[str, bool] = {}
        for item in (item for kind in kinds.values() for item in dataclasses.fields(kind)):
            is_list = "list" in str(item.type)
            assert lists.setdefault(item.name, is_list) == is_list, f"{section}.{item.name}"


@pytest.mark.parametrize("file", sorted((conf_folder() / "fidelity").glob("as_*.yaml")), ids=str)
def test_every_fidelity_switch_is_set_and_explained(file: Path) -> None:
    written = OmegaConf.load(file)
    fields = {item.name for item in dataclasses.fields(SECTIONS["fidelity"][""])}
    assert set(written) - {"defaults"} == fields
    for name in fields:
        line = next(x for x in file.read_text().splitlines() if x.startswith(f"{name}:"))
        assert re.search(r"\(.+\)", line.partition("#")[2]), f"{name} names no source"
