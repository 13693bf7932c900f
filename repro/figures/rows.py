"""Stored rows as figures need them: chosen by task and dimension, one config a model and depth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import pandas as pd

from repro.errors import ConfigError, MissingResult, StoreError
from repro.nested import flatten

Record = Mapping[str, Any]
Rows: TypeAlias = pd.DataFrame | Iterable[Record]
ConfigFilter = Callable[[Mapping[str, Any]], bool]
MODEL_ORDER = ("ivae", "iflow")


def records(rows: Rows) -> list[dict[str, Any]]:
    """Return rows as plain dictionaries, whether they come as a frame or as dictionaries."""
    if isinstance(rows, pd.DataFrame):
        return [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]
    return [dict(row) for row in rows]


def identifiability_frame(
    rows: Rows, dim: int, config_filter: ConfigFilter | None = None
) -> pd.DataFrame:
    """Return the identifiability rows of one dimension: a line a seed, sorted.

    Columns: id, model, layers, data_seed, model_seed, status, done, mcc (nan where diverged),
    diverged_at (text), row (the stored row itself).

    Raises: ConfigError where one model at one depth has several configs; StoreError for a done
        row without a finite MCC.
    """
    keep = config_filter or (lambda config: True)
    chosen = [
        row
        for row in records(rows)
        if row["task"] == "identifiability"
        and row["config"]["data"]["dim"] == dim
        and keep(row["config"])
    ]
    _refuse_mixed_configs(chosen)
    columns = [
        "id", "model", "layers", "data_seed", "model_seed", "status", "done", "mcc",
        "diverged_at", "row",
    ]  # fmt: skip
    frame = pd.DataFrame([_line(row) for row in chosen], columns=columns)
    frame = frame.astype({"mcc": float, "done": bool})
    order = frame["model"].map(model_rank)
    return (
        frame.assign(order=order)
        .sort_values(["layers", "order", "model", "data_seed", "model_seed"], kind="stable")
        .drop(columns="order")
        .reset_index(drop=True)
    )


def drawable_frame(
    rows: Rows,
    dim: int,
    maker: str,
    *,
    layers: int | None = None,
    config_filter: ConfigFilter | None = None,
) -> pd.DataFrame:
    """Return `identifiability_frame` of rows that there are, at one depth where `layers` names it.

    Raises: MissingResult where there is none, with `maker`, the words that make them.
    """
    frame = identifiability_frame(rows, dim, config_filter)
    if layers is not None:
        frame = frame[frame["layers"] == layers]
    if frame.empty:
        kind = f"{dim}D identifiability" if dim else "identifiability"
        depth = "" if layers is None else f" of {layers} layers"
        raise MissingResult(
            f"there is no {kind} row{depth} to draw; make them with `repro run {maker}`"
        )
    return frame


def model_rank(model: str) -> int:
    """Return a model's place in every legend and table: iVAE, iFlow, then the others."""
    return MODEL_ORDER.index(model) if model in MODEL_ORDER else len(MODEL_ORDER)


def seed_means(frame: pd.DataFrame, model: str, layers: int) -> pd.Series:
    """Return the finished MCCs of a model at a depth by data seed, a mean over model seeds."""
    chosen = frame[(frame["model"] == model) & (frame["layers"] == layers) & frame["done"]]
    return chosen.groupby("data_seed")["mcc"].mean().astype(float).sort_index()


def models_in(frame: pd.DataFrame, layers: int) -> list[str]:
    """Return the models with rows at a depth, in their order."""
    found = set(frame.loc[frame["layers"] == layers, "model"])
    return sorted(found, key=lambda model: (model_rank(model), model))


def layers_in(frame: pd.DataFrame) -> list[int]:
    """Return the depths that have rows, ascending."""
    return sorted(int(layers) for layers in frame["layers"].unique())


def diverged_notes(frame: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    """Return a sentence for each model and depth with diverged seeds, naming them."""
    notes = []
    for layers, model in [(k, m) for k in layers_in(frame) for m in models_in(frame, k)]:
        group = frame[(frame["layers"] == layers) & (frame["model"] == model)]
        lost = group[~group["done"]]
        if len(lost):
            seeds = ", ".join(str(seed) for seed in lost["data_seed"])
            notes.append(
                f"{labels.get(model, model)}, {layers} layers: {len(lost)} of {len(group)} runs "
                f"diverged (data seed{'s' * (len(lost) > 1)} {seeds}); counted, and in no mean."
            )
    return notes


def model_seed_notes(frame: pd.DataFrame) -> list[str]:
    """Return a sentence where data seeds were run with several model seeds."""
    runs = frame.groupby(["layers", "model", "data_seed"]).size()
    if not len(runs) or runs.max() < 2:
        return []
    return [f"A data seed's value is the mean over its model seeds (up to {runs.max()})."]


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    done = row["status"] == "done"
    return {
        "id": row["id"],
        "model": row["config"]["model"]["name"],
        "layers": int(row["config"]["data"]["layers"]),
        "data_seed": int(row["data_seed"]),
        "model_seed": int(row["model_seed"]),
        "status": row["status"],
        "done": done,
        "mcc": _mcc(row) if done else math.nan,
        "diverged_at": "" if done else str(row["metrics"].get("diverged_at", "?")),
        "row": row,
    }


def _mcc(row: Mapping[str, Any]) -> float:
    mcc = row["metrics"].get("mcc")
    if mcc is None or not math.isfinite(mcc):
        raise StoreError(
            f"row {row['id']} of data seed {row['data_seed']} is done but its MCC is {mcc}; "
            "check it with `repro verify`, or remove the row and run it again"
        )
    return float(mcc)


def _refuse_mixed_configs(rows: list[dict[str, Any]]) -> None:
    configs: dict[tuple[str, int], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        key = (row["config"]["model"]["name"], int(row["config"]["data"]["layers"]))
        configs.setdefault(key, {})[row["id"]] = row["config"]
    for (model, layers), by_id in configs.items():
        if len(by_id) > 1:
            raise ConfigError(
                f"{model} at {layers} layers has {len(by_id)} configs: {_differences(by_id)}; "
                "pass the rows of one experiment, or a config_filter that keeps one of them"
            )


def _differences(by_id: Mapping[str, Mapping[str, Any]]) -> str:
    flat = {name: flatten(config) for name, config in by_id.items()}
    keys = sorted({key for config in flat.values() for key in config})
    differing = [k for k in keys if len({repr(c.get(k)) for c in flat.values()}) > 1]
    return "; ".join(
        f"{name} ({', '.join(f'{key}={config.get(key)}' for key in differing)})"
        for name, config in flat.items()
    )
