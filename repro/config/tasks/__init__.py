"""What a task makes of a science config: the kinds it takes, its limits and its updates.

Found by the task's name, so that a config is refused before anything runs and no torch is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.tasks import (
    baselines,
    checks,
    density,
    energies,
    flow_times,
    flows,
    identifiability,
    image_flows,
    latent_gaussian,
    tabular_gaussian,
)
from repro.config.tasks.rules import Rules
from repro.errors import ConfigError
from repro.experiments.registry import TASKS
from repro.nearest import suggestion

RULES: dict[str, Rules] = {
    "identifiability": identifiability.RULES,
    "energy_fit": energies.FIT,
    "flow_gallery": energies.GALLERY,
    "baselines": baselines.RULES,
    "density": density.RULES,
    "tabular_gaussian": tabular_gaussian.RULES,
    "flow_times": flow_times.RULES,
    "nvf_image": image_flows.NVF_IMAGE,
    "iflow_image": image_flows.IFLOW_IMAGE,
    "latent_gaussian": latent_gaussian.RULES,
    "inference_gap": latent_gaussian.INFERENCE_GAP,
    "determinants": checks.DETERMINANTS,
    "circulant": checks.CIRCULANT,
    "gin_sources": flows.GIN_SOURCES,
    "density_fit": flows.DENSITY_FIT,
}


REMEDY = "add its line to RULES in repro/config/tasks/__init__.py"


def rules(task: str) -> Rules:
    """The rules of a task; those of `identifiability` for a task of REPRO_TASKS."""
    return RULES.get(task, identifiability.RULES)


def check_kinds(task: str, config: Mapping[str, Any]) -> None:
    """Refuse a science config with a section of a kind that its task has no use for.

    Raises:
        ConfigError: with the kinds that the task takes, or the file that has to name them.
    """
    if task in TASKS and task not in RULES:
        raise ConfigError(f"the task {task} has no rules; {REMEDY}")
    for section, kinds in rules(task).kinds.items():
        name = str(config[section].get("name", ""))
        if name not in kinds:
            what = f"{section}={name}" if name else f"the values of {section}"
            named = list(filter(None, kinds))
            hint = suggestion(name, named) if named else f"leave {section}.name out"
            if task not in RULES:
                hint = f"it has no rules of its own: {REMEDY}"
            raise ConfigError(f"the task {task} has no use for {what}; {hint}")
