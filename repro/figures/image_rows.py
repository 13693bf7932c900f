"""Stored rows of image densities as figures need them: a line a run, means over model seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from repro.errors import MissingResult
from repro.figures.rows import Rows, records
from repro.figures.tables import Cell
from repro.report.statistics import mean_interval

DATASETS = {
    "digits": "digits (8 x 8)",
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "cifar-10": "CIFAR-10",
    "celeba": "CelebA",
    "imagenet64": "ImageNet64",
}
LATENT_ORDER = ("none", "continuous", "discrete", "sequential")


def image_frame(rows: Rows, task: str, experiment: str) -> pd.DataFrame:
    """The rows of a task, a line each: its settings, status, metrics and the row itself.

    Raises:
        MissingResult: where there is no such row.
    """
    lines = [_line(row) for row in records(rows) if row["task"] == task]
    if not lines:
        raise MissingResult(
            f"there is no {task} row to draw; make them with `repro run experiment={experiment}`"
        )
    frame = pd.DataFrame(lines)
    frame["rank"] = frame["latent"].map(LATENT_ORDER.index)
    by = ["dataset", "bits", "likelihood", "rank", "model_seed"]
    return frame.sort_values(by, kind="stable").drop(columns="rank").reset_index(drop=True)


def chosen(frame: pd.DataFrame, **settings: Any) -> pd.DataFrame:  # noqa: ANN401 - a config's
    """The finished lines whose settings are these."""
    for name, value in settings.items():
        frame = frame[frame[name] == value]
    return frame[frame["done"]]


def values(lines: pd.DataFrame, metric: str) -> list[float]:
    """A metric of each line that has it."""
    found = (metrics.get(metric) for metrics in lines["metrics"])
    return [float(value) for value in found if value is not None and math.isfinite(value)]


def mean_sd(lines: pd.DataFrame, metric: str) -> Cell:
    """Mean and sd (ddof 1) of a metric over lines, as a table's cell; None without any."""
    found = values(lines, metric)
    if not found:
        return None
    interval = mean_interval(found)
    return interval.mean, None if math.isnan(interval.sd) else interval.sd


def mean(lines: pd.DataFrame, metric: str) -> float | None:
    """Mean of a metric over lines; None without any."""
    found = values(lines, metric)
    return mean_interval(found).mean if found else None


def run_notes(frame: pd.DataFrame) -> list[str]:
    """What every table of images says: seeds, what a distance is in, and what diverged."""
    done = frame[frame["done"]]
    seeds = done["model_seed"].nunique()
    notes = [
        f"Ours: mean (sd, ddof 1) over {seeds} model seeds."
        if seeds > 1
        else "Ours: one model seed, so no spread over seeds is known."
    ]
    lost = frame[~frame["done"]]
    if len(lost):
        notes.append(f"{len(lost)} of {len(frame)} runs diverged; counted, and in no mean.")
    return notes


def feature_notes(frame: pd.DataFrame) -> list[str]:
    """What the Frechet distances were measured in, from how many samples, and their floor."""
    notes = []
    for features, lines in frame[frame["done"]].groupby("features"):
        counts = sorted({int(value) for value in values(lines, "frechet_samples")})
        word = (
            "the 64 features of a small classifier trained here on the same data set: not "
            "comparable with published FIDs"
            if features == "classifier"
            else "the 2,048 features of InceptionV3"
        )
        notes.append(
            f"Frechet distance (float64) of {_listed(counts)} samples to all test images, in "
            f"{word}. The floor is the distance of as many real training images."
        )
    return notes


def dataset_label(dataset: str, bits: int, shown: Sequence[str] = ()) -> str:
    """A data set's name for readers, with its bits where a table shows several."""
    name = DATASETS.get(dataset, dataset)
    return f"{name}, {bits}-bit" if dataset == "cifar-10" or name in shown else name


def _listed(counts: Sequence[int]) -> str:
    return " or ".join(f"{count:,}" for count in counts)


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    data, model = row["config"]["data"], row["config"]["model"]
    return {
        "dataset": data["dataset"],
        "bits": int(data["bits"]),
        "pictures": data["pictures"],
        "noise": data["noise"],
        "likelihood": model.get("likelihood", "flow"),
        "latent": model.get("latent", "none"),
        "features": row["config"]["evaluation"]["features"],
        "model_seed": int(row["model_seed"]),
        "done": row["status"] == "done",
        "metrics": row["metrics"],
        "row": row,
    }
