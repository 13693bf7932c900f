"""What a task has to hand back, checked before anything of it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from repro.errors import JobFailed
from repro.jobs import Outcome, SeedPair
from repro.runner.rows import STATUSES

_STORABLE = "biufc"  # numpy's letters for truth values, whole, real and complex numbers


def checked(task: str, seeds: tuple[SeedPair, ...], returned: object) -> list[Outcome]:
    """What a task returned, if it is one outcome a seed, in order, that can be stored.

    Raises:
        JobFailed: with what is wrong and how the task has to return it.
    """
    about = f"The task {task!r} returned"
    outcomes = _outcomes(about, returned)
    _check_seeds(about, seeds, outcomes)
    for one in outcomes:
        if one.status not in STATUSES:
            raise JobFailed(
                f"{about} the status {one.status!r}. Correct the task so that it returns one of"
                f" {', '.join(STATUSES)}."
            )
        _check_metrics(about, one)
        _check_arrays(about, one)
    return outcomes


def _outcomes(about: str, returned: object) -> list[Outcome]:
    remedy = "Correct it so that it returns a list with one repro.jobs.Outcome a seed."
    if not isinstance(returned, list | tuple):
        raise JobFailed(f"{about} {_kind(returned)}. {remedy}")
    for one in returned:
        if not isinstance(one, Outcome):
            raise JobFailed(f"{about} a list with {_kind(one)} in it. {remedy}")
    return list(returned)


def _check_seeds(about: str, seeds: tuple[SeedPair, ...], outcomes: list[Outcome]) -> None:
    for one in outcomes:
        if not isinstance(one.seeds, SeedPair):
            raise JobFailed(
                f"{about} an outcome whose seeds are {_kind(one.seeds)}, {one.seeds!r}. Correct it"
                " so that an outcome has the SeedPair that the task was given."
            )
    if [one.seeds for one in outcomes] != list(seeds):
        raise JobFailed(
            f"{about} {[tuple(one.seeds) for one in outcomes]} and was given"
            f" {list(map(tuple, seeds))}. Correct it so that it returns one"
            " outcome a seed, in the same order."
        )


def _check_metrics(about: str, one: Outcome) -> None:
    if not isinstance(one.metrics, Mapping):
        raise JobFailed(
            f"{about} {_kind(one.metrics)} as the metrics of {_of(one)}. Correct it so that they"
            " are a dict of numbers by their names."
        )


def _check_arrays(about: str, one: Outcome) -> None:
    arrays: Any = one.arrays
    if arrays is None:
        return
    if not isinstance(arrays, Mapping):
        raise JobFailed(
            f"{about} {_kind(arrays)} as the arrays of {_of(one)}. Correct it so that they are a"
            " dict of numpy arrays by their names, or None."
        )
    for name, value in arrays.items():
        if wrong := _wrong(name, value):
            raise JobFailed(
                f"{about} the array {name!r} of {_of(one)}, which {wrong}. Correct it so that it"
                " is a numpy array of numbers."
            )


def _wrong(name: object, value: object) -> str:
    """Why an array cannot be stored; empty where it can."""
    if not isinstance(name, str) or name in ("", "file", "allow_pickle"):
        return "has a name that numpy.savez cannot take"
    try:
        found = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        return f"is {_kind(value)} that makes no array ({' '.join(str(error).split())})"
    if found.dtype.kind not in _STORABLE:
        return f"is {_kind(value)} with values of the type {found.dtype}"
    return ""


def _of(one: Outcome) -> str:
    return f"data seed {one.seeds.data_seed}, model seed {one.seeds.model_seed}"


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
