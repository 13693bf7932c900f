"""Made-up rows and arrays that look like those of the 2D and 5D identifiability experiments."""

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
        "training": {"epochs": epochs, "log_every": 25},
        "evaluation": {"primary": "end", "latent": "sample", "importance_samples": 64},
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
    metrics = {"mcc": value, "mcc_within_segment": value / 2, "updates": 1580}
    return row | {"metrics": metrics}


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


# -- 5D -----------------------------------------------------------------------------------------

UPDATES = 12_500


def config_5d(model, layers=3):
    config = config_of(model, layers, dim=5)
    config["data"]["segments"] = 40
    config["model"] |= {"log_pi": False} if model == "iflow" else {"prior_mean": "zero"}
    config["evaluation"]["primary"] = "10000" if model == "iflow" else "end"
    return config


def correlations_5d(model, seed, layers=3):
    """Five made-up correlations; one of iVAE's is dead for three seeds in four."""
    draw = np.random.RandomState(3000 + 10 * seed + layers + (model == "ivae"))
    values = np.clip((0.72 if model == "iflow" else 0.58) + 0.09 * draw.randn(5), 0.1, 0.99)
    if model == "ivae" and seed % 4:
        values[draw.randint(5)] = 0.04 * draw.rand()
    return values.tolist()


def point_5d(model, seed, correlations):
    draw = np.random.RandomState(4000 + seed)
    energy = 7 + 0.7 * draw.randn() if model == "iflow" else -0.9 + 0.9 * draw.randn()
    likelihood = energy - 2.4 if model == "iflow" else energy + 0.8
    mean = float(np.mean(correlations))
    return {
        "mcc": mean,
        "mcc_posterior_mean": mean + 0.01 * (model == "ivae"),
        "mcc_posterior_sample": mean,
        "correlations": correlations,
        "mcc_within_segment": mean / 2,
        "energy": energy,
        "log_likelihood": likelihood,
        "elbo": likelihood - 0.3 * (model == "ivae"),
        "learning_rate": 3.8e-9,
    }


def make_row_5d(model, data_seed, layers=3, model_seed=1, correlations=None, change=0.002):
    """A 5D row; at the end iFlow's correlations are higher by `change` than at its headline."""
    headline = correlations or correlations_5d(model, data_seed, layers)
    later = [value + change * (model == "iflow") for value in headline]
    at = {"end": point_5d(model, data_seed, later)}
    if model == "iflow":
        at["10000"] = point_5d(model, data_seed, headline)
    config = config_5d(model, layers)
    kept = f"arrays/{model}5d{layers}-{data_seed}-{model_seed}.npz" if data_seed == 49 else None
    return {
        "schema": 1, "id": f"{model}5d{layers}", "task": "identifiability",
        "data_seed": data_seed, "model_seed": model_seed, "status": "done", "arrays": kept,
        "config": config, "metrics": at[config["evaluation"]["primary"]]
        | {"updates": UPDATES, "parameters": 1, "at": at},
    }  # fmt: skip


def arrays_5d(row, points=20):
    """Sources of 40 segments and an estimate: permuted, some signs flipped, the last one dead."""
    draw = np.random.RandomState(row["data_seed"])
    segment = np.repeat(np.arange(40), points).astype(np.int16)
    s = draw.randn(len(segment), 5) * draw.uniform(0.5, 3, (40, 5))[segment]
    s = s + draw.uniform(-5, 5, (40, 5))[segment]
    noise = 1.2 if row["config"]["model"]["name"] == "iflow" else 3.0
    z = (s + noise * draw.randn(*s.shape))[:, [3, 0, 4, 1, 2]] * [1, -1, 1, -1, 1]
    if row["config"]["model"]["name"] == "ivae":
        z[:, 2] = draw.randn(len(z))
    return {"s": s.astype(np.float32), "x": s, "z": z, "segment": segment}


def make_rows_5d(seeds=range(1, 61), layers=(3,)):
    return [
        make_row_5d(model, seed, depth)
        for depth in layers
        for model in ("iflow", "ivae")
        for seed in seeds
    ]
