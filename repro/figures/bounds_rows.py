"""Rows of latent Gaussian models as figures need them: a line a run, named by flow and length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from repro.errors import MissingResult
from repro.figures.lost import lost_sentences
from repro.figures.material import Material
from repro.figures.published import Published
from repro.figures.rows import Rows, records
from repro.figures.tables import MINUS
from repro.report.statistics import Interval, mean_interval

GAUSSIAN = "gaussian"
FLOW_LABELS = {
    GAUSSIAN: "Gaussian (K = 0)",
    "planar": "planar",
    "nice": "NICE",
    "radial": "radial",
    "sylvester": "Sylvester",
    "convolution": "circular convolution",
    "iaf": "inverse autoregressive",
    "static planar": "planar, static",
    "realnvp": "RealNVP",
}
FLOW_COLOURS = {
    "planar": "#0072B2", "nice": "#D55E00", "radial": "#009E73", "sylvester": "#CC79A7",
    "convolution": "#E69F00", "iaf": "#56B4E9", "static planar": "#5f5f5f", GAUSSIAN: "#1f1f1f",
}  # fmt: skip
THINGS = {"image_patches": "patches"}  # what is measured, where it is not images
METRICS = ("free_energy", "gap", "nll", "fall_in_last_fifth")
ANNEALINGS = {"joint": "log-joint (the paper's)", "kl": "KL", "none": "none"}
PUBLISHED_VARIANTS = {"joint": None, "kl": "kl_annealing", "none": "unannealed"}


def bounds_frame(rows: Rows) -> pd.DataFrame:
    """Return a line a run, sorted: its arm, flow, K, annealing, units, seeds, status and metrics.

    Columns: arm, flow (of `FLOW_LABELS`), length, annealing, units, updates (asked for),
    data_seed, model_seed, done, METRICS (nan where diverged), tighter (-ln p by more samples, of
    fewer images; nan where it was not measured), row.

    Raises: MissingResult where there is no row of the task latent_gaussian.
    """
    lines = [_line(row) for row in records(rows) if row["task"] == "latent_gaussian"]
    if not lines:
        raise MissingResult(
            "there is no row of a latent Gaussian model; make them with "
            "`repro run experiment=mnist_bounds`"
        )
    frame = pd.DataFrame(lines)
    rank = frame["flow"].map(list(FLOW_LABELS).index)
    keys = ["units", "rank", "length", "annealing", "data_seed", "model_seed"]
    return frame.assign(rank=rank).sort_values(keys, kind="stable").drop(columns="rank")


def of_flow(
    frame: pd.DataFrame, flow: str, length: int, annealing: str, units: int
) -> pd.DataFrame:
    """Return the finished runs of a flow of K layers; those of K = 0 begin every flow."""
    name = flow if length else GAUSSIAN
    return frame[
        (frame["flow"] == name)
        & (frame["length"] == length)
        & (frame["annealing"] == annealing)
        & (frame["units"] == units)
        & frame["done"]
    ]


def lengths_of(frame: pd.DataFrame, flow: str, annealing: str, units: int) -> list[int]:
    """Return the K with finished runs of a flow, 0 with them where there are such runs."""
    shown = [0, *sorted(int(k) for k in frame.loc[frame["flow"] == flow, "length"].unique())]
    return [k for k in shown if len(of_flow(frame, flow, k, annealing, units))]


def interval(chosen: pd.DataFrame, metric: str) -> Interval:
    """Estimate a metric's mean over model seeds; nothing where there are none."""
    return mean_interval(chosen[metric].dropna().to_numpy())


def main_setting(frame: pd.DataFrame) -> tuple[str, int]:
    """Return the annealing and the units of most runs: what the main figure shows."""
    settings = Counter(zip(frame["annealing"], frame["units"], strict=True))
    annealing, units = settings.most_common(1)[0][0]
    return str(annealing), int(units)


def settings_in(frame: pd.DataFrame) -> list[tuple[str, int]]:
    """Return each pair of annealing and units that has runs, in order."""
    return list(dict.fromkeys(zip(frame["annealing"], frame["units"], strict=True)))


def dataset_of(frame: pd.DataFrame) -> str:
    """Return the data set of the runs, or several joined."""
    return " and ".join(sorted({row["config"]["data"]["dataset"] for row in frame["row"]}))


def bounds_of(given: Material, dataset: str) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return `bounds_frame`, the numbers to compare it with, and the notes on both.

    The published numbers are of `dataset`: there are none where the runs are of other images.

    Raises: MissingResult where there is no row of the task latent_gaussian.
    """
    frame = bounds_frame(given.rows)
    published = given.published if dataset_of(frame) == dataset else given.published.iloc[:0]
    notes = [*measured_notes(frame), *diverged_and_fall_notes(frame), *given.notes]
    return frame, published, notes


def dataset_label(frame: pd.DataFrame) -> str:
    """Return the data set of the runs as a title has it."""
    name = dataset_of(frame)
    return {"mnist": "MNIST", "cifar-10": "CIFAR-10", "digits": "the 8x8 digits"}.get(name, name)


def published_line(
    published: pd.DataFrame,
    paper: str,
    artefact: str,
    experiment: str,
    flow: str,
    metric: str,
    annealing: str = "joint",
) -> dict[int, Published]:
    """Return a paper's numbers of a flow and an annealing by K, those of K = 0 with them."""
    variant = PUBLISHED_VARIANTS[annealing]
    chosen = published[
        (published["paper"] == paper)
        & (published["artefact"] == artefact)
        & (published["experiment"] == experiment)
        & published["model"].isin([flow, GAUSSIAN])
        & (published["metric"] == metric)
        & (published["variant"].isna() if variant is None else published["variant"] == variant)
    ]
    fields = [name for name in Published.__dataclass_fields__ if name in chosen]
    found = {int(row["length"]): row for row in chosen.to_dict("records")}
    return {k: Published(**{name: found[k][name] for name in fields}) for k in sorted(found)}


def diverged_and_fall_notes(frame: pd.DataFrame) -> list[str]:
    """Return sentences on runs that diverged and on how far from its end training still fell."""
    runs = frame[["flow", "length", "done"]].itertuples(index=False, name=None)
    notes = lost_sentences((f"{FLOW_LABELS[flow]}, K = {length}", ok) for flow, length, ok in runs)
    falls = frame.loc[frame["done"], "fall_in_last_fifth"].dropna()
    updates = sorted({row["metrics"]["updates"] for row in frame.loc[frame["done"], "row"]})
    if len(falls):
        *first, last = (f"{count:,}" for count in updates)
        spelled = f"{', '.join(first)} and {last}" if first else last
        notes.append(
            f"{spelled} updates; over their last fifth the training free energy still fell by "
            f"{falls.mean():.2f} nats on average ({falls.min():.2f} to {falls.max():.2f})."
        )
    return notes


def measured_notes(frame: pd.DataFrame) -> list[str]:
    """Return a sentence that says on what, and with how many samples, runs were measured."""
    done = frame.loc[frame["done"], "row"]
    said = {
        (row["metrics"]["images"], row["config"]["evaluation"]["split"],
         THINGS.get(row["config"]["data"].get("name"), "images"),
         row["metrics"]["importance_samples"])
        for row in done
    }  # fmt: skip
    parts = [f"{n:,} {split} {things}, {k} importance samples" for n, split, things, k in said]
    return [
        f"Measured on {'; '.join(sorted(parts))}. Bars and intervals: 95 %, Student-t over model "
        "seeds."
    ]


def tighter_notes(frame: pd.DataFrame) -> list[str]:
    """Return a sentence on what more samples were measured on; none where they were not."""
    found = [row["metrics"]["tighter"] for row in frame.loc[frame["tighter"].notna(), "row"]]
    said = sorted({(one["samples"], one["images"]) for one in found})
    parts = [f"{samples:,} on the first {images:,} test images" for samples, images in said]
    if not parts:
        return []
    return [
        f"By more samples: {'; '.join(parts)}. Fewer samples overstate {MINUS}ln p, the more the "
        "further the posterior is off."
    ]


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    model, metrics = row["config"]["model"], row["metrics"]
    done = row["status"] == "done"
    flow = model["flow"] if model["flow_length"] else GAUSSIAN
    static = "static " if flow != GAUSSIAN and not model["amortised"] else ""
    return {
        "arm": row.get("arm", ""),
        "flow": static + flow,
        "length": int(model["flow_length"]),
        "annealing": model["annealing"],
        "units": int(model["units"]),
        "updates": int(row["config"]["training"]["updates"]),
        "data_seed": int(row["data_seed"]),
        "model_seed": int(row["model_seed"]),
        "done": done,
        **{k: _number(metrics.get(k)) if done else float("nan") for k in METRICS},
        "tighter": _number(metrics.get("tighter", {}).get("nll")),
        "row": row,
    }


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
