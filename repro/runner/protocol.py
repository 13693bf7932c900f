"""What a launcher and its workers say to each other: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from repro.jobs import Job, SeedPair

Event = dict[str, Any]

READY = "ready"  # the worker has started and can take a job
STARTED = "started"  # seeds, resumed: the task begins
PROGRESS = "progress"  # step, steps
HAD = "had"  # seeds: they have rows already
HELD = "held"  # seeds, holder: another runner is at work on them
STORED = "stored"  # rows: [data_seed, model_seed, status], seconds
FAILED = "failed"  # seeds, cause, file; store: true where not the job but the store is at fault
SPILLED = "spilled"  # seeds, file, cause: the rows could not be stored and are kept in a spill
NOTE = "note"  # text: something that a person should know
MEMORY = "memory"  # a Slurm task's worker was killed by the system because memory ran out
STOPPED = "stopped"  # seeds, checkpoint: whether there is one to go on from
FINISHED = "finished"  # the worker is done with the job, however it went


def encode(message: dict[str, Any]) -> bytes:
    """Returns a message as one line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def whole_events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Yields the events of a file's lines; one that a full disk has cut short is left out."""
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and "event" in found:
            yield found


def encode_job(job: Job) -> bytes:
    """Returns a job as one line."""
    return encode(asdict(job))


def decode_job(line: bytes) -> Job:
    """Returns the job of a line."""
    fields = json.loads(line)
    return Job(**{**fields, "seeds": pairs(fields["seeds"])})


def pairs(seeds: Iterable[Iterable[int]]) -> tuple[SeedPair, ...]:
    """Returns seed pairs from the lists that JSON makes of them."""
    return tuple(SeedPair(*pair) for pair in seeds)
