"""Says in a refusal which file, experiment, scale and arm it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from repro.errors import ConfigError


@contextmanager
def within(where: str) -> Iterator[None]:
    """Puts `where` before a refusal."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


@contextmanager
def within_experiment(name: str, scale: str, arm: str = "") -> Iterator[None]:
    """Puts an experiment, its scale and its arm before a refusal that does not name it."""
    try:
        yield
    except ConfigError as error:
        text = " ".join(str(error).splitlines())
        named = re.search(rf"\bexperiment[ /]{re.escape(name)}\b", text)
        which = f"experiment {name} at scale={scale}" + (f", arm {arm}" if arm else "")
        raise ConfigError(f"{which}: {text}" if name and not named else text) from None


def experiment_file(name: str) -> str:
    """An experiment's file, or the root's for no experiment, as a refusal names it."""
    return f"conf/experiment/{name}.yaml" if name else "conf/config.yaml"
