"""Made-up rows and arrays that look like the 2D identifiability experiment's."""

from __future__ import annotations

import numpy as np


def sources(seed, points=1000, segments=5):
    draw = np.random.RandomState(seed)
    sd = draw.uniform(0.5, 3, (segments, 2))
    mean = draw.uniform(-5, 5, (segments, 2))
    segment = np.repeat(np.arange(segments), points).astype(np.int16)
    return draw.randn(len(segment), 2) * sd[segment] + mean[segment], segment


def mixed(values, seed, layers):
    draw = np.random.RandomState(1000 + seed)
    for layer in range(layers):
        values = values @ np.linalg.qr(draw.randn(2, 2))[0] * 0.8
        if layer < layers - 1:
            values = np.tanh(values) + 0.1 * values
    return values


def estimate(s, x, seed, weight):
    draw = np.random.RandomState(2000 + seed)
    z = weight * s[:, ::-1] * [-1, 1] / 3 + (1 - weight) * x / x.std(axis=0)
    return z + 0.08 * draw.randn(*z.shape)


def mcc(s, z):
    c = np.abs(np.corrcoef(s.T, z.T)[:2, 2:])
    return float(max(c[0, 0] + c[1, 1], c[0, 1] + c[1, 0]) / 2)


def arrays_of(row, points=1000):
    seed, layers = row["data_seed"], row["config"]["data"]["layers"]
    s, segment = sources(seed, points)
    x = mixed(s, seed, layers)
    weight = 0.45 if row["config"]["model"]["name"] == "iflow" else 0.6 - 0.1 * (layers - 3)
    z = estimate(s, x, seed + 7 * row["model_seed"], weight)
    return {"s": s.astype(np.float32), "x": x, "z": z, "segment": segment}


def config_of(model, layers, dim=2, epochs=20):
    return {
        "task": "identifiability",
        "data": {"name": "sources", "dim": dim, "segments": 5, "layers": layers},
        "model": {"name": model},
        "training": {"epochs": epochs},
    }


def make_row(model, layers, data_seed, value=None, model_seed=1, dim=2, epochs=20, points=100):
    row = {
        "schema": 1,
        "id": f"{model}{layers}{dim}{epochs}",
        "task": "identifiability",
        "data_seed": data_seed,
        "model_seed": model_seed,
        "status": "done",
        "arrays": f"arrays/{model}{layers}-{data_seed}-{model_seed}.npz",
        "config": config_of(model, layers, dim, epochs),
    }
    if value is None:
        found = arrays_of(row, points)
        value = mcc(found["s"], found["z"])
    return row | {"metrics": {"mcc": value, "mcc_within_segment": value / 2}}


def diverged(row, step=321):
    return row | {
        "status": "diverged",
        "arrays": None,
        "metrics": {"diverged_at": step, "updates": step},
    }


def make_rows(seeds=range(1, 11), layers=(3,), points=100):
    return [
        make_row(model, depth, seed, points=points)
        for depth in layers
        for model in ("iflow", "ivae")
        for seed in seeds
    ]
