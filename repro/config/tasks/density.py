"""The task `density`: its kinds, the limits that tie several values together, its updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.schema.density import CURVES, TABULAR
from repro.config.tasks.rules import Rules, refuse_large_batch, steps
from repro.errors import ConfigError

DIMS = {"two_modes": 1, "gaussians": 2, **dict.fromkeys(CURVES, 2)}


def validate(config: Mapping[str, Any]) -> None:
    """Refuse a flow that the data's dimension or the latent variable does not go with.

    Raises:
        ConfigError: with the value that does.
    """
    data, model, training = (config[section] for section in ("data", "model", "training"))
    dim = DIMS.get(data["name"], 2)
    if dim == 1 and model["flow"] != "spline_autoregressive":
        raise ConfigError(
            f"model.flow={model['flow']} needs two dimensions, {data['name']} has one;"
            " use model.flow=spline_autoregressive"
        )
    if dim > 1 and model["slope_limit"] is not None:
        raise ConfigError("model.slope_limit is for data=two_modes alone; use null elsewhere")
    if model["match"] != "none" and model["match"] == model["latent"]:
        raise ConfigError("model.match names the model's own latent; use model.match=none")
    most = data.get("points") or data.get("train_rows") or training["batch_size"]
    refuse_large_batch(config, most, "points")
    if config["evaluation"]["every"] > training["updates"]:
        raise ConfigError(
            f"evaluation.every must be at most training.updates={training['updates']}, got"
            f" {config['evaluation']['every']}; the nearest valid value is {training['updates']}"
        )


RULES = Rules(
    kinds={
        "data": ("two_modes", "gaussians", *CURVES, *TABULAR, "bsds300_patches"),
        "model": ("variational_flow",),
        "training": ("steps",),
        "evaluation": ("density",),
        "fidelity": ("none",),
    },
    updates=steps,
    validate=validate,
)
