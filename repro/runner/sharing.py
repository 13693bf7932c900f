"""From the launcher's section of a config to the workers and GPUs that it means here."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from repro.errors import ConfigError

PASSED_ON = ("retries", "on_error")


def local_options(launcher: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """The local launcher's options: `gpus` with one entry a worker, or `workers` on the CPU.

    Raises:
        ConfigError: device=cuda where no GPU is visible.
    """
    gpus = _gpus(launcher, run["device"])
    count = launcher["workers"] or len(gpus) * launcher["workers_per_gpu"] or 1
    return {
        "workers": count,
        "gpus": list(itertools.islice(itertools.cycle(gpus), count)),
        "threads": run["threads"],
        **{name: launcher[name] for name in PASSED_ON},
    }


@functools.cache
def visible_gpus() -> tuple[str, ...]:
    """The GPUs that CUDA_VISIBLE_DEVICES names, or else those that the driver's tool lists."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(part.strip() for part in named.split(",") if part.strip())
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        command = [tool, "--query-gpu=index", "--format=csv,noheader"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(answer.stdout.split())


def _gpus(launcher: Mapping[str, Any], device: str) -> tuple[str, ...]:
    if device == "cpu":
        return ()
    if launcher["gpus"]:
        return tuple(str(gpu) for gpu in launcher["gpus"])
    found = visible_gpus()
    if device == "cuda" and not found:
        raise ConfigError("device=cuda, but no GPU is visible; write device=cpu or device=auto")
    return found
