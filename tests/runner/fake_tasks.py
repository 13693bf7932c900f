"""A task without torch, whose config says how it behaves; workers find it through REPRO_TASKS."""

import json
import os
import resource
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repro.errors import StoreError
from repro.jobs import Context, Interrupted, Outcome, SeedPair
from repro.runner.atomic import write_atomic


def _log(folder: str, word: str, seeds: Sequence[SeedPair]) -> None:
    line = "".join(f"{word} {pair.data_seed}/{pair.model_seed}\n" for pair in seeds)
    handle = os.open(Path(folder) / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(handle, line.encode())
    os.close(handle)


def _once(folder: str | Path, name: str) -> bool:
    """Returns True the first time only, over all processes."""
    try:
        (Path(folder) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _misbehave(  # noqa: C901 - a list of misdeeds
    config: dict[str, Any], context: Context, step: int, large: bool
) -> None:
    how, folder = config.get("how"), config["folder"]
    if step != config.get("at", 2):
        return
    if how == "fail" or (how == "fail_once" and _once(folder, "failed")):
        raise ValueError("the data do not fit\n==== failure of a kind that looks like a header")
    if how == "memory":
        raise MemoryError
    if how == "exit":
        raise SystemExit(3)
    if how == "print":
        print("not JSON at all {")  # noqa: T201 - as a careless task would
        os.system("echo from a grandchild")
        os.write(1, b"straight to the descriptor\n")
    if how == "term_once" and _once(folder, "told"):
        os.kill(os.getpid(), signal.SIGTERM)
    if how == "hog_large" and large:  # more than its Slurm task may take
        hog = np.ones(1_600_000_000, np.int8)
        time.sleep(60 + hog[0])
    if how == "full":  # no file may grow beyond what the rows take already
        rows = Path(folder) / "results" / "smoke" / "fake.jsonl"
        resource.setrlimit(resource.RLIMIT_FSIZE, (rows.stat().st_size,) * 2)
    if how == "die" or (how == "die_large" and large):
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "die_once" and _once(folder, "died"):
        os.kill(os.getpid(), signal.SIGKILL)


def _step_of(checkpoint: Path) -> int:
    try:
        return json.loads(checkpoint.read_text())["step"]
    except ValueError as error:
        raise StoreError(f"the checkpoint {checkpoint} cannot be read; delete it") from error


def _seen(config: dict[str, Any], context: Context) -> dict[str, str]:
    """What the task sees of GPUs and the data root, where it is asked to look."""
    if config.get("how") != "see":
        return {}
    return {"gpus": os.environ.get("CUDA_VISIBLE_DEVICES", ""), "data": str(context.data)}


def run(config: dict[str, Any], seeds: Sequence[SeedPair], context: Context) -> list[Outcome]:
    """Counts to `steps`, with a checkpoint each step."""
    folder, steps, how = config["folder"], config.get("steps", 4), config.get("how")
    start = 0
    if context.resume_from is not None:
        start = _step_of(context.resume_from)
        context.resumed_at = start
    _log(folder, "begun", seeds)
    for step in range(start, steps):
        large = len(seeds) > config.get("room", 1000)
        if step == config.get("at", 2) and large and how not in ("die_large", "hog_large"):
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        _misbehave(config, context, step, large)
        time.sleep(config.get("pause", 0.0))
        context.progress(step + 1, steps)
        if context.checkpoint is not None:
            content = json.dumps({"step": step + 1}).encode()
            write_atomic(context.checkpoint, lambda file, content=content: file.write(content))
        if context.stop_requested() and how != "deaf":
            raise Interrupted
    _log(folder, "ended", seeds)
    value = float("nan") if how == "nan" else np.float32(0.5)
    return [
        Outcome(
            pair,
            "diverged" if pair.data_seed == config.get("diverges") else "done",
            {"mcc": value, "seed": pair.data_seed, **_seen(config, context)},
            {"s": np.full((3, 2), pair.data_seed, np.float32)},
        )
        for pair in (reversed(seeds) if how == "disorder" else seeds)
    ]
