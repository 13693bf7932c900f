"""What is asked of Slurm for a job array: submitit's parameters, and the script they become."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from repro.errors import ConfigError
from repro.runner.launch import THREAD_COUNTS, WORKER_ENVIRONMENT
from repro.runner.paths import StorePaths
from repro.runner.plan import PlannedCell, jobs

LARGEST_ARRAY = 1000  # tasks; Slurm's own default limit is 1001


def folder_of(paths: StorePaths) -> Path:
    """Where submissions, their logs and what tasks say are kept; all nodes must see it."""
    return (paths.root / "slurm").resolve()


def parameters(launcher: Mapping[str, Any]) -> dict[str, Any]:
    """The launcher's options in submitit's words for sbatch.

    Raises:
        ConfigError: an entry of `launcher.sbatch` is not an option that may be set there.
    """
    found: dict[str, Any] = {
        "job_name": "repro",
        "partition": launcher["partition"],
        "time": launcher["minutes"],
        "cpus_per_task": launcher["cpus"],
        "gpus_per_node": launcher["gpus_per_task"] or None,
        "mem": f"{round(launcher['memory_gb'] * 1024)}MB",
        "array_parallelism": launcher["parallel"],
        "signal_delay_s": launcher["warning_seconds"],
        "setup": list(launcher["setup"]) or None,
        "additional_parameters": {"requeue": True, **_extra(launcher["sbatch"])},
    }
    return {name: value for name, value in found.items() if value is not None}


def environment(launcher: Mapping[str, Any], threads: int | None) -> dict[str, str]:
    """What a worker's environment adds to its task's; Slurm itself shows it its GPUs."""
    share = str(threads or launcher["cpus"])
    return {**WORKER_ENVIRONMENT, **dict.fromkeys(THREAD_COUNTS, share)}


def script(launcher: Mapping[str, Any], folder: Path, tasks: int) -> str:
    """The text of the sbatch script that submitit sends for an array of `tasks`.

    Raises:
        ConfigError: as `parameters`.
    """
    from submitit.slurm.slurm import _make_sbatch_string  # exact version pinned in pyproject.toml

    command = (
        f"{shlex.quote(sys.executable)} -u -m submitit.core._submit {shlex.quote(str(folder))}"
    )
    array = {"map_count": min(tasks, LARGEST_ARRAY)} if tasks > 1 else {}
    options: dict[str, Any] = {**parameters(launcher), **array}
    return str(_make_sbatch_string(command, folder, **options))


def scripts(planned: Sequence[PlannedCell]) -> list[str]:
    """The script of each scale that a run of these cells would send to Slurm, if any.

    Raises:
        ConfigError: as `parameters`.
    """
    cells = [one for one in planned if one.composition.launcher["name"] == "slurm"]
    texts = []
    for scale in dict.fromkeys(one.cell.scale for one in cells):
        here = [one for one in cells if one.cell.scale == scale]
        if todo := jobs(here):
            texts.append(script(here[0].composition.launcher, folder_of(here[0].paths), len(todo)))
    return texts


_OURS = ("array", "output", "error", "open-mode", "signal", "job-name", "time", "mem", "wckey")


def _extra(entries: Sequence[str]) -> dict[str, str | bool]:
    """`account=abc` and `exclusive` as sbatch options."""
    found: dict[str, str | bool] = {}
    for entry in entries:
        name, equals, value = entry.strip().removeprefix("--").partition("=")
        if not name or " " in name:
            raise ConfigError(
                f"launcher.sbatch has the entry {entry!r}; write it as NAME=VALUE or NAME, for "
                'example \'launcher.sbatch=["account=abc","exclusive"]\''
            )
        if name in _OURS:
            raise ConfigError(
                f"launcher.sbatch sets {name}, which repro sets itself; leave it out (partition, "
                "minutes, memory_gb and parallel are options of the launcher)"
            )
        found[name] = value if equals else True
    return found
