"""The names of the tasks, and the import of the one that is asked for.

More tasks come from the environment: REPRO_TASKS="name=module:function,..." adds them in every
process that inherits it, workers included.
"""

from __future__ import annotations

import importlib
import os
from typing import cast

from repro.errors import ConfigError
from repro.jobs import Task
from repro.nearest import suggestion

TASKS: dict[str, str] = {
    "energy_fit": "repro.experiments.energy_fit:run",
    "flow_gallery": "repro.experiments.flow_gallery:run",
    "density": "repro.experiments.density:run",
    "tabular_gaussian": "repro.experiments.tabular_gaussian:run",
    "flow_times": "repro.experiments.flow_times:run",
    "identifiability": "repro.experiments.identifiability:run",
    "baselines": "repro.experiments.baselines:run",
    "iflow_image": "repro.experiments.iflow_image:run",
    "nvf_image": "repro.experiments.nvf_image:run",
    "latent_gaussian": "repro.experiments.latent_gaussian:run",
    "inference_gap": "repro.experiments.inference_gap:run",
    "determinants": "repro.experiments.determinants:run",
    "circulant": "repro.experiments.circulant:run",
    "gin_sources": "repro.experiments.gin_sources:run",
    "density_fit": "repro.experiments.density_fit:run",
}


def _added() -> dict[str, str]:
    entries = filter(None, (part.strip() for part in os.environ.get("REPRO_TASKS", "").split(",")))
    added: dict[str, str] = {}
    for entry in entries:
        name, equals, target = entry.partition("=")
        if not equals or ":" not in target:
            raise ConfigError(
                f"REPRO_TASKS has the entry {entry!r}. Write it as name=module:function."
            )
        added[name.strip()] = target.strip()
    return added


def known() -> dict[str, str]:
    """Returns every task's name and where it is, those of REPRO_TASKS included.

    Raises:
        ConfigError: REPRO_TASKS is not of the form name=module:function,...
    """
    return {**TASKS, **_added()}


def resolve(name: str) -> Task:
    """Imports a task.

    Raises:
        ConfigError: No task has this name; the message gives the nearest that exists.
    """
    tasks = known()
    if name not in tasks:
        raise ConfigError(f"no task is called {name!r}; {suggestion(name, tasks)}")
    module, _, function = tasks[name].partition(":")
    return cast(Task, getattr(importlib.import_module(module), function))
