"""The task `flow_gallery`: what planar and radial layers make of simple densities, exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.experiments.pack import initialised
from repro.experiments.untrained import seed_by_seed
from repro.flows.parametric import Static
from repro.flows.planar import CENTRE, Planar
from repro.flows.radial import Radial
from repro.jobs import Context, Outcome, SeedPair

DIM = 2
HALF = 2.0  # half the side of the square of the uniform density
BRIGHT = 0.995  # the share of the picture's density that is not cut off


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Draw a flow for each model seed and compute its density on a grid; one outcome a seed.

    Raises:
        Interrupted: when asked to stop; nothing is kept.
    """

    def outcome(pair: SeedPair) -> Outcome:
        flow = initialised(pair.model_seed, lambda: drawn_flow(config["model"])).double()
        return _outcome(pair, flow, config["data"])

    return seed_by_seed(seeds, context, outcome)


def drawn_flow(model: Mapping[str, Any]) -> Static:
    """A planar or radial flow of two variables with drawn parameters.

    What K planar layers add has the standard deviation `strength` in each variable, before the
    constraint that makes them invertible; radial layers' gains are drawn likewise.
    """
    length = model["flow_length"]
    strength = model["strength"] / length**0.5
    with torch.no_grad():
        if model["family"] == "planar":
            flow = Static(Planar(DIM, length))
            layers = flow.values.view(length, 2 * DIM + 1)
            layers[:, :DIM] = 2 * torch.randn(length, DIM)  # w: bends of about 1 / |w|
            layers[:, DIM : 2 * DIM] = strength * torch.randn(length, DIM)  # u
            layers[:, -1] = torch.randn(length)  # b
        else:
            flow = Static(Radial(DIM, length))
            layers = flow.values.view(length, DIM + 2)
            layers[:, :DIM] = torch.randn(length, DIM)  # centres
            layers[:, DIM] = CENTRE + 0.5 * torch.randn(length)
            layers[:, DIM + 1] = CENTRE + strength * torch.randn(length)
    return flow


def log_base(name: str, x: Tensor) -> Tensor:
    """Log-density (B,) in nats of N(0, I) or of the uniform density on [-2, 2] squared."""
    if name == "gaussian":
        return -0.5 * (x * x).sum(dim=-1) - 0.5 * DIM * math.log(2 * math.pi)
    inside = (x.abs() <= HALF).all(dim=-1)
    return torch.where(inside, -DIM * math.log(2 * HALF), -math.inf)


def _outcome(pair: SeedPair, flow: Static, data: Mapping[str, Any]) -> Outcome:
    z, area = _grid(data)
    with torch.no_grad():
        x, log_det = flow.inverse(z)
        back, forward_log_det = flow(x)
        density = torch.exp(log_base(data["base"], x) + log_det)
    metrics = {
        "mass": float(density.sum()) * area,
        "largest_density": float(density.max()),
        "inverse_error": float((back - z).abs().max()),
        "log_det_error": float((forward_log_det + log_det).abs().max()),
    }
    picture = density.reshape(data["cells"], data["cells"]).numpy()
    most = np.quantile(picture[picture > 0], BRIGHT)  # a thin crest would leave the rest dark
    shades = np.round(255 * np.minimum(picture / most, 1)).astype(np.uint8)
    return Outcome(pair, "done", metrics, {"density": shades})


def _grid(data: Mapping[str, Any]) -> tuple[Tensor, float]:
    """Midpoints (G, 2) of the picture's cells in float64, row by row, and a cell's area."""
    step = 2 * data["box"] / data["cells"]
    line = torch.arange(data["cells"], dtype=torch.float64) * step - data["box"] + step / 2
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)
    return grid.reshape(-1, DIM), step * step
