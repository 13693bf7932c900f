"""From the launcher's section of a config to the workers and GPUs that it means here."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from repro.errors import ConfigError
from repro.runner.launch import LocalOptions, cores, visible_gpus


def local_options(launcher: Mapping[str, Any], run: Mapping[str, Any]) -> LocalOptions:
    """The local launcher's options, from the launcher's and the run's section of a config.

    On CPUs there is a worker a core, of one thread each, unless the config says otherwise: seeds
    share nothing, so processes beat threads, which would wait for each other at every operation.

    For a cluster only `workers` means anything: how many packs run at a time.

    Raises:
        ConfigError: GPUs are asked for that are not there, or are not to be used.
    """
    if launcher["name"] == "slurm":
        _check_cluster(launcher["gpus_per_task"], run["device"])
        return LocalOptions(workers=launcher["parallel"])
    gpus = _gpus(launcher, run["device"])
    return LocalOptions(
        workers=launcher["workers"] or len(gpus) * launcher["workers_per_gpu"] or _workers(run),
        gpus=gpus,
        threads=run["threads"],
        retries=launcher["retries"],
        on_error=launcher["on_error"],
    )


def _workers(run: Mapping[str, Any]) -> int:
    return max(1, cores() // (run["threads"] or 1))


@functools.cache
def _found_gpus(named: str | None) -> tuple[str, ...]:
    """The visible GPUs, asked for once for what CUDA_VISIBLE_DEVICES named."""
    return visible_gpus()


def _check_cluster(gpus_per_task: int, device: str) -> None:
    if device == "cuda" and not gpus_per_task:
        raise ConfigError(
            "device=cuda, but launcher.gpus_per_task=0; write device=cpu or give tasks a GPU"
        )


def _gpus(launcher: Mapping[str, Any], device: str) -> tuple[str, ...]:
    if device == "cpu":
        return ()
    named = tuple(str(gpu) for gpu in launcher["gpus"] or ())
    found = _found_gpus(os.environ.get("CUDA_VISIBLE_DEVICES"))
    if device == "cuda" and not found:
        raise ConfigError("device=cuda, but no GPU is visible; write device=cpu or device=auto")
    if strange := [gpu for gpu in named if gpu not in found]:
        visible = f"visible are {_listed(found)}" if found else "no GPU is visible"
        raise ConfigError(
            f"launcher.gpus={_listed(named)}, but there is no GPU {strange[0]} ({visible}); "
            + ("name some of those" if found else "leave launcher.gpus out")
        )
    return named or found


def _listed(gpus: Sequence[str]) -> str:
    return f"[{','.join(gpus)}]"
