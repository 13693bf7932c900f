"""Sharing the machine: how many workers, and which GPU each of them gets."""

from typing import Any

import pytest

from repro.errors import ConfigError
from repro.runner import sharing
from repro.runner.launch import LocalOptions

LAUNCHER = {"name": "local", "workers": None, "gpus": None, "workers_per_gpu": 1,
            "seeds_per_pack": None, "retries": 1, "on_error": "continue"}  # fmt: skip


def shared(
    monkeypatch: pytest.MonkeyPatch,
    visible: str,
    device: str = "auto",
    threads: int | None = None,
    **launcher: Any,
) -> Any:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(sharing, "cores", lambda: 6)
    run = {"device": device, "threads": threads}
    options = sharing.local_options({**LAUNCHER, **launcher}, run)
    return options.workers, options.dealt


@pytest.mark.parametrize(
    ("visible", "options", "expected"),
    [
        ("", {}, (6, ())),
        ("", {"threads": 2}, (3, ())),
        ("", {"threads": 8}, (1, ())),
        ("", {"workers": 3}, (3, ())),
        ("0,1", {}, (2, ("0", "1"))),
        ("0,1", {"workers_per_gpu": 2}, (4, ("0", "1", "0", "1"))),
        ("0,1", {"workers": 3}, (3, ("0", "1", "0"))),
        ("0,1", {"workers": 1}, (1, ("0",))),
        ("0,1", {"gpus": [1]}, (1, ("1",))),
        ("0,1", {"device": "cpu"}, (6, ())),
        ("0,1", {"device": "cpu", "gpus": [1], "workers": 2}, (2, ())),
    ],
)
def test_workers_are_dealt_to_gpus_in_turn(
    monkeypatch: pytest.MonkeyPatch, visible: str, options: Any, expected: Any
) -> None:
    assert shared(monkeypatch, visible, **options) == expected


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="device=cpu"):
        shared(monkeypatch, "", device="cuda")
    with pytest.raises(ConfigError, match=r"no GPU 2 \(visible are \[0,1\]\)"):
        shared(monkeypatch, "0,1", gpus=[0, 2])
    with pytest.raises(ConfigError, match=r"no GPU is visible\); leave launcher.gpus out"):
        shared(monkeypatch, "", gpus=[0])


def test_a_cluster_s_tasks_without_gpus_cannot_use_one() -> None:
    launcher = {"name": "slurm", "gpus_per_task": 0, "parallel": 4}
    assert sharing.local_options(launcher, {"device": "auto"}).workers == 4
    with pytest.raises(ConfigError, match=r"gpus_per_task=0; write device=cpu"):
        sharing.local_options(launcher, {"device": "cuda"})


def test_the_launcher_takes_the_options() -> None:
    options = sharing.local_options(LAUNCHER, {"device": "cpu", "threads": 2})
    assert options == LocalOptions(workers=options.workers, threads=2)
