"""The plan: every seed in one set, nothing made twice, packs that lose and repeat no seed."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from repro.config.compose import Composition, compose_tree
from repro.config.tree import Tree
from repro.jobs import SeedPair
from repro.runner.checkpoints import groups
from repro.runner.paths import StorePaths
from repro.runner.plan import expected_seconds, jobs, open_store, pack, plan
from repro.runner.store import Store

TREE = Tree()
PAIRS = [SeedPair(seed, 1) for seed in range(1, 11)]


@pytest.fixture
def compose(tmp_path: Path) -> Any:
    def make(*words: str) -> Any:
        fixed = ["experiment=identifiability_2d", "scale=paper", "model=ivae", "device=cpu",
                 "launcher.workers=1", f"paths.results={tmp_path}"]  # fmt: skip
        given = {word.partition("=")[0] for word in words}
        kept = [word for word in fixed if word.partition("=")[0] not in given]
        return compose_tree(TREE, [*kept, *words])

    return make


def store_row(composition: Composition, pair: Any, status: str = "done") -> None:
    cell = composition.cells[0]
    row = {"schema": 1, "id": cell.id, "task": cell.task, "data_seed": pair[0],
           "model_seed": pair[1], "status": status, "metrics": {}, "arrays": None,
           "config": cell.config, "provenance": {}}  # fmt: skip
    open_store(composition.results, composition.scale).append(cell.task, [row])


def store_failure(composition: Composition, *pairs: Any) -> None:
    cell = composition.cells[0]
    store = open_store(composition.results, composition.scale)
    store.record_failure(cell.id, [SeedPair(*pair) for pair in pairs], "Traceback", task=cell.task)


def test_every_seed_is_in_exactly_one_set(compose: Any) -> None:
    [composition] = compose()
    store_row(composition, (1, 1))
    store_row(composition, (2, 1), "diverged")
    store_row(composition, (99, 1))
    store_failure(composition, (2, 1), (3, 1), (4, 1), (98, 1))
    store_row(composition, (4, 1))
    [one] = plan([composition])
    assert one.done == {(1, 1), (4, 1)}
    assert one.diverged == {(2, 1)}
    assert one.failed == {(3, 1)}
    assert one.missing == {(seed, 1) for seed in range(5, 11)}
    assert one.left == one.failed | one.missing
    assert one.expected_seconds == pytest.approx(7 * one.cell.seconds_per_seed)


def test_workers_share_the_expected_time(compose: Any) -> None:
    [alone], [shared] = (plan(compose(f"launcher.workers={count}")) for count in (1, 4))
    assert shared.expected_seconds == pytest.approx(alone.expected_seconds / 4)


def test_cells_that_cannot_fill_the_workers_alone_fill_them_together(compose: Any) -> None:
    composed = compose("layers=3,4,5", "seeds=1", "launcher.workers=2")
    planned = plan(composed)
    [second] = {one.cell.seconds_per_seed for one in planned}
    assert [one.expected_seconds for one in planned] == pytest.approx([second] * 3)
    assert expected_seconds(planned) == pytest.approx(1.5 * second)
    assert expected_seconds(plan([*composed, *composed])) == pytest.approx(1.5 * second)
    assert expected_seconds([]) == 0


def test_an_empty_store_misses_everything_and_writes_nothing(compose: Any, tmp_path: Path) -> None:
    [one] = plan(compose())
    assert one.missing == set(PAIRS)
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_left_becomes_a_job(compose: Any) -> None:
    [composition] = compose()
    for seed in range(1, 10):
        store_row(composition, (seed, 1))
    [job] = jobs(plan([composition]))
    assert job.seeds == ((10, 1),)
    assert job.expected_seconds == pytest.approx(composition.cells[0].seconds_per_seed)
    store_row(composition, (10, 1))
    assert jobs(plan([composition])) == []


def test_failed_seeds_are_tried_again(compose: Any) -> None:
    [composition] = compose("seeds=1-2")
    store_failure(composition, (1, 1))
    [job] = jobs(plan([composition]))
    assert job.seeds == ((1, 1), (2, 1))


def test_a_job_carries_what_its_worker_needs_and_its_rows_record(compose: Any) -> None:
    [composition] = compose("scale=smoke", "threads=2", "keep_arrays=false")
    [job] = jobs(plan([composition]))
    assert job.options == {
        "device": "cpu",
        "threads": 2,
        "tf32": False,
        "checkpoint_minutes": 5.0,
        "keep_arrays": False,
        "data": str(composition.data),
        "experiment": "identifiability_2d",
        "label": "ivae",
        "reductions": list(composition.reductions),
    }
    assert json.loads(json.dumps(job.config)) == job.config
    assert (job.id, job.scale) == (composition.cells[0].id, "smoke")


def test_experiments_that_need_the_same_run_share_it(compose: Any) -> None:
    [composition] = compose("seeds=1-3")
    [other] = compose("seeds=2-5")
    cells = tuple(dataclasses.replace(cell, experiment="other") for cell in other.cells)
    twin = dataclasses.replace(other, experiment="other", cells=cells)
    [job] = jobs(plan([composition, twin]))
    assert job.seeds == tuple(PAIRS[:5])


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        ("[49]", "[1,49]", [1, 49]),
        ("false", "[7]", [7]),
        ("[7]", "true", True),
        ("false", "false", False),
    ],
)
def test_shared_runs_keep_what_either_experiment_draws(
    compose: Any, one: str, other: str, kept: Any
) -> None:
    found = [*compose(f"keep_arrays={one}"), *compose(f"keep_arrays={other}")]
    [job] = jobs(plan(found))
    assert job.options["keep_arrays"] == kept


def test_arrays_may_be_kept_of_some_model_seeds(compose: Any) -> None:
    [job] = jobs(plan(compose("model_seeds=1-3", "seeds=1", "keep_model_seeds=[1,3]")))
    pairs = [(seed, job.keeps_arrays(SeedPair(1, seed))) for seed in (1, 2, 3)]
    assert pairs == [(1, True), (2, False), (3, True)]


def test_scales_do_not_share_rows(compose: Any) -> None:
    found = compose("scale=quick,paper", "seeds=1")
    assert len(jobs(plan(found))) == 2


@pytest.mark.parametrize(
    ("count", "workers", "most", "sizes"),
    [
        (10, 1, None, [10]),
        (20, 1, None, [20]),
        (60, 1, None, [60]),
        (180, 1, None, [60, 60, 60]),
        (61, 1, None, [30, 31]),
        (10, 2, None, [5, 5]),
        (10, 3, None, [3, 4, 3]),
        (2, 8, None, [2]),
        (5, 8, None, [1, 2, 2]),
        (10, 1, 4, [3, 4, 3]),
        (10, 1, 100, [10]),
        (0, 1, None, []),
        (180, 2, None, [45] * 4),  # two rounds of both workers, not three packs of 60
    ],
)
def test_packs_are_even(count: int, workers: int, most: int | None, sizes: list[int]) -> None:
    seeds = [SeedPair(seed, 1) for seed in range(count)]
    packs = pack(seeds, [], workers, most)
    assert sorted(map(len, packs)) == sorted(sizes)
    assert [pair for one in packs for pair in one] == seeds


def test_a_pack_is_no_larger_than_memory_allows() -> None:
    seeds = [SeedPair(seed, 1) for seed in range(60)]
    assert [len(one) for one in pack(seeds, [], 1, None, 64)] == [60]
    assert {len(one) for one in pack(seeds, [], 2, None, 7)} <= {6, 7}
    assert {len(one) for one in pack(seeds, [], 2, None, 1)} == {1}


@pytest.mark.parametrize(
    ("words", "most"),
    [
        (["launcher.gpus_per_task=1"], 64),
        (["launcher.gpus_per_task=0", "launcher.memory_gb=64"], 60),
        (["launcher.gpus_per_task=0", "launcher.memory_gb=1"], 2),
    ],
)
def test_a_cluster_s_packs_follow_its_tasks_memory(
    tmp_path: Path, words: list[str], most: int
) -> None:
    start = ["experiment=mcc_sweep", "launcher=slurm", "launcher.parallel=1", "seeds=1-64"]
    [composition] = compose_tree(
        TREE, [*start, "model=iflow", f"paths.results={tmp_path}", *words]
    )
    packs = [len(job.seeds) for job in jobs(plan([composition]))]
    assert max(packs) <= most < 2 * max(packs) + 2


def test_packs_do_not_depend_on_the_order_of_seeds() -> None:
    assert pack(reversed(PAIRS), [], 3, None) == pack(PAIRS, [], 3, None)


def test_seeds_of_a_checkpoint_stay_together() -> None:
    covered = {SeedPair(seed, 1) for seed in (2, 5, 9, 50)}
    packs = pack(PAIRS, [covered], 4, None)
    assert ((2, 1), (5, 1), (9, 1)) in packs
    assert sorted(pair for one in packs for pair in one) == PAIRS


def test_overlapping_checkpoints_repeat_no_seed() -> None:
    packs = pack(PAIRS, [set(PAIRS[:4]), set(PAIRS[2:9])], 1, None)
    assert sorted(pair for one in packs for pair in one) == PAIRS
    assert tuple(PAIRS[2:9]) in packs


def test_checkpoints_are_found_on_disk_and_damaged_lists_are_stepped_over(tmp_path: Path) -> None:
    paths = StorePaths(tmp_path, "quick")
    paths.checkpoints.mkdir(parents=True)
    lists = {"abc-1": '{"seeds": [[1, 1], [2, 1]]}', "abc-2": '{"seeds": [[1', "abc-3": "[]",
             "abd-1": '{"seeds": [[7, 1]]}', "abc-4": '{"seeds": [[8, 1]]}'}  # fmt: skip
    for name, text in lists.items():
        (paths.checkpoints / f"{name}.json").write_text(text)
    for name in ("abc-1", "abc-2", "abc-3", "abd-1"):
        (paths.checkpoints / f"{name}.pt").write_bytes(b"")
    assert groups(paths, "abc") == [{SeedPair(1, 1), SeedPair(2, 1)}]


def test_an_interrupted_pack_is_a_pack_again(compose: Any) -> None:
    [composition] = compose("launcher.workers=2")
    paths = StorePaths(composition.results, "paper")
    paths.checkpoints.mkdir(parents=True)
    name = f"{composition.cells[0].id}-x"
    (paths.checkpoints / f"{name}.json").write_text(json.dumps({"seeds": PAIRS[:7]}))
    (paths.checkpoints / f"{name}.pt").write_bytes(b"")
    assert tuple(PAIRS[:7]) in [job.seeds for job in jobs(plan([composition]))]


def test_a_store_is_opened_once_a_scale(compose: Any) -> Any:
    opened = []

    def open_(results: Path, scale: str) -> Any:
        opened.append(scale)
        return Store(StorePaths(results, scale))

    plan(compose("layers=3,4", "scale=quick,paper"), open_)
    assert opened == ["quick", "paper"]
