"""The ids of stored rows stay: what was run under a config is found again under it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from repro.config import identity as identity_module
from repro.config.compose import compose_tree
from repro.config.identity import filled, identity
from repro.config.schema import SECTIONS
from repro.config.schema.limits import limited
from repro.config.tree import Tree

STORED = Path(__file__).parents[2] / "results" / "paper" / "identifiability.jsonl"
PAPER_IDS = {
    "identifiability_2d": ["2240cd4fdd88", "c1cc3910fb11"],
    "mixing_depth": ["2240cd4fdd88", "11ac9c99d025", "2b70d93dfa3d",
                     "c1cc3910fb11", "4bc8e1b6a73e", "3b4cd199a781"],
    "mcc_sweep": ["79ec2265404a", "506d42510509"],
    "per_dimension": ["79ec2265404a", "506d42510509"],
}  # fmt: skip


@pytest.mark.parametrize("name", PAPER_IDS)
def test_the_ids_of_the_first_published_protocols_never_change(name: str) -> None:
    [found] = compose_tree(Tree(), [f"experiment={name}", "scale=paper"])
    assert [cell.id for cell in found.cells] == PAPER_IDS[name]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("audit_ivae", "as_released"), ("audit_ivae_data", "ivae")),
        (("audit_ivae", "authors_config"), ("audit_ivae_data", "authors_config")),
        (("audit_iflow_small", "hidden_32"), ("audit_ivae_data", "iflow_32")),
        (("ivae_capacity", "hidden_50"), ("audit_repeated_matrix", "ivae")),
        (("audit_repeated_matrix", "ivae_repeated"), ("audit_ivae_data", "ivae_repeated")),
        (("audit_batch_2d", "ivae_64_long"), ("audit_segments_2d", "ivae")),
        (("audit_batch_2d", "iflow_32_64_long"), ("audit_segments_2d", "iflow_32")),
    ],
    ids=str,
)
def test_what_two_audits_both_ask_for_is_run_once(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    first, second = (
        {cell.id for cell in compose_tree(Tree(), [f"experiment={name}", "scale=paper"])[0].cells
         if cell.arm == arm}
        for name, arm in (one, other)
    )  # fmt: skip
    assert first & second in (first, second)
    assert first


def test_a_stored_config_has_the_id_under_which_it_is_stored() -> None:
    if not STORED.is_file():
        pytest.skip("the shipped rows are not in this copy")
    rows = [json.loads(line) for line in STORED.read_text().splitlines()]
    assert rows
    assert {identity(row["config"]) for row in rows} == {row["id"] for row in rows}
    assert all(identity(row["config"]) == row["id"] for row in rows)


@dataclasses.dataclass
class Later:
    """A kind to which `late` came when rows of it were stored."""

    name: str
    dim: int = limited(at_least=1)
    late: float = limited(omitted_at=0.5)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A science config as it was stored before the key `data.late` existed."""
    kinds = {**SECTIONS, "data": {"later": Later}, "training.schedule": {"later": Later}}
    monkeypatch.setattr(identity_module, "SECTIONS", kinds)
    inner = {"name": "later", "dim": 3}
    return {"task": "x", "data": {"name": "later", "dim": 2}, "training": {"schedule": inner}}


def test_a_late_key_is_left_out_of_the_id_while_it_means_what_was_done_before(
    config: dict[str, Any],
) -> None:
    old = identity(config)
    data, inner = config["data"], config["training"]["schedule"]
    assert identity({**config, "data": {**data, "late": 0.5}}) == old
    assert identity({**config, "data": {**data, "late": 0.25}}) != old
    assert identity({**config, "training": {"schedule": {**inner, "late": 0.5}}}) == old
    assert identity({**config, "training": {"schedule": {**inner, "late": 0.0}}}) != old


def test_a_reader_finds_the_late_key_in_rows_from_before_it(config: dict[str, Any]) -> None:
    read = filled(config)
    assert read["data"] == {"name": "later", "dim": 2, "late": 0.5}
    assert read["training"]["schedule"]["late"] == 0.5
    assert "late" not in config["data"]
    assert filled({**config, "data": {**config["data"], "late": 0.1}})["data"]["late"] == 0.1
