"""Runs of the same configs at another scale are taken over, and nothing else is."""

import dataclasses
import json

import numpy as np
import pytest

from repro.errors import StoreError
from repro.jobs import SeedPair
from repro.runner.locking import claim
from repro.runner.paths import StorePaths
from repro.runner.store import Store, packed
from repro.runner.takeover import offered, take_over

PROVENANCE = {"revision": "abc", "reductions": ["fewer seeds"], "seconds": 2.0}


@pytest.fixture
def store(tmp_path):
    """An empty store of the scale `paper`."""
    return Store(StorePaths(tmp_path / "results", "paper"))


@pytest.fixture
def other(store):
    """The store of another scale beside `store`."""
    return Store(StorePaths(store.paths.results, "reduced"))


def add(store, job, seed, arrays=True, status="done", mcc=0.5):
    pair = SeedPair(seed, 1)
    name = store.arrays_name(job.id, pair) if arrays else None
    row = {"schema": 1, "id": job.id, "task": job.task, "data_seed": seed, "model_seed": 1,
           "status": status, "metrics": {"mcc": mcc}, "arrays": name, "config": job.config,
           "provenance": PROVENANCE}  # fmt: skip
    store.append(job.task, [row], {name: packed({"z": np.full(3, seed)})} if arrays else None)


def test_rows_and_their_arrays_are_copied_with_their_provenance(store, other, make_job):
    job = make_job(options={"reductions": []})
    add(other, job, 1)
    add(other, job, 9)  # nobody asks for it here
    assert take_over([job], store) == 1
    [row] = store.read(job.task)
    assert row["provenance"] == {
        "revision": "abc", "reductions": [], "seconds": 2.0, "taken_over_from": "reduced",
    }  # fmt: skip
    assert (row["data_seed"], row["metrics"]) == (1, {"mcc": 0.5})
    assert store.load_arrays(row)["z"].tolist() == [1, 1, 1]
    assert len(other.read(job.task)) == 2
    assert take_over([job], store) == 0


@pytest.mark.parametrize(("here", "there"), [("quick", "paper"), ("paper", "quick")])
def test_what_is_there_to_be_tried_is_really_run(tmp_path, make_job, here, there):
    stores = [Store(StorePaths(tmp_path / "results", scale)) for scale in (here, there)]
    job = make_job()
    add(stores[1], job, 1)
    assert take_over([job], stores[0]) == 0
    assert stores[0].done(job.task, job.id) == {}


def test_a_plan_can_ask_what_there_is_to_take(store, other, make_job):
    job = make_job(data_seeds=(1, 2, 3))
    add(other, job, 1)
    add(other, job, 3, arrays=False)  # not what the job wants
    assert offered([job], store) == 1
    assert store.done(job.task, job.id) == {}
    assert take_over([job], store) == 1


def test_what_is_stored_here_stays(store, other, make_job):
    job = make_job()
    add(store, job, 1, mcc=0.9)
    add(other, job, 1, mcc=0.1)
    assert take_over([job], store) == 0
    assert [row["metrics"]["mcc"] for row in store.read(job.task)] == [0.9]


def test_a_row_without_the_arrays_that_are_wanted_is_made_anew(store, other, make_job):
    job = make_job(data_seeds=(1, 2, 3), options={"keep_arrays": [1, 2]})
    add(other, job, 1, arrays=False)
    add(other, job, 2)
    other.paths.arrays_of(job.id, SeedPair(2, 1)).unlink()
    add(other, job, 3, arrays=False)
    assert take_over([job], store) == 1
    assert store.done(job.task, job.id) == {(3, 1): "done"}


def test_arrays_that_nobody_wants_stay_where_they_are(store, other, make_job):
    job = make_job(data_seeds=(1,), options={"keep_arrays": False})
    add(other, job, 1)
    assert take_over([job], store) == 1
    assert store.read(job.task)[0]["arrays"] is None
    assert not store.paths.arrays.exists()


def test_a_diverged_run_is_a_result_too_and_another_config_is_not(store, other, make_job):
    job = make_job()
    add(other, job, 1, arrays=False, status="diverged")
    add(other, dataclasses.replace(job, id="b" * 12), 2)
    assert take_over([job], store) == 1
    assert store.done(job.task, job.id) == {(1, 1): "diverged"}


def test_a_seed_that_another_process_is_at_work_on_stays_its_own(store, other, make_job):
    job = make_job()
    add(other, job, 1)
    add(other, job, 2)
    with claim(store.paths.claim(job.id, SeedPair(1, 1))):
        assert take_over([job], store) == 1
    assert store.done(job.task, job.id) == {(2, 1): "done"}
    assert not store.paths.arrays_of(job.id, SeedPair(1, 1)).exists()


def test_a_failure_that_a_row_has_settled_is_forgotten(store, other, make_job):
    job = make_job()
    file = store.record_failure(job.id, [SeedPair(1, 1)], "Traceback", task=job.task)
    add(other, job, 1)
    take_over([job], store)
    assert not file.exists()


def test_a_file_is_read_once_however_many_jobs_it_serves(store, other, make_job, monkeypatch):
    reads = []
    jobs = [make_job(id=letter * 12) for letter in "abc"]
    for job in jobs:
        add(other, job, 1)
    read = Store.read
    monkeypatch.setattr(Store, "read", lambda self, task: reads.append(task) or read(self, task))
    assert take_over(jobs, store) == 3
    assert reads == ["fake"]


def test_a_damaged_file_of_another_scale_is_an_error_that_names_it(store, other, make_job):
    job = make_job()
    add(other, job, 1)
    file = other.paths.rows(job.task)
    file.write_text(file.read_text() + json.dumps({"id": job.id}) + "\n")
    with pytest.raises(StoreError, match=r"reduced.*fake\.jsonl:2"):
        take_over([job], store)
