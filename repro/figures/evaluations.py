"""Stored metrics by evaluation point: each finished run at its headline and after its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from repro.errors import ConfigError, StoreError
from repro.figures.rows import Rows, layers_in, models_in, records
from repro.figures.style import MODEL_LABELS

END = "end"
METRICS = ("mcc", "mcc_posterior_mean", "mcc_within_segment", "energy", "log_likelihood", "elbo")
PLACES = ("model", "layers", "data_seed", "model_seed")


def evaluations(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each finished run at its headline, and one after its last update.

    `frame` comes from `identifiability_frame`. Columns: model, layers, data_seed, model_seed,
    final (False: the headline), point (as stored), METRICS (nan where null), correlations (a
    list in source order).

    Raises: StoreError for a row that lacks one of the two points, or a source's correlation.
    """
    lines = [
        _line(run, final)
        for run in frame[frame["done"]].to_dict("records")
        for final in (False, True)
    ]
    columns = [*PLACES, "final", "point", *METRICS, "correlations"]
    found = pd.DataFrame(lines, columns=columns)
    return found.astype({name: float for name in METRICS} | {"final": bool})


def at_seed(
    found: pd.DataFrame, model: str, layers: int, metric: str, final: bool = False
) -> pd.Series:
    """Return a metric by data seed, the mean over its model seeds; null ones are left out."""
    chosen = found[
        (found["model"] == model) & (found["layers"] == layers) & (found["final"] == final)
    ]
    return chosen.groupby("data_seed")[metric].mean().dropna().astype(float).sort_index()


def headline(frame: pd.DataFrame, model: str, layers: int) -> str:
    """Return a model's headline evaluation point, such as "10000" or "end"."""
    return str(_first_config(frame, model, layers)["evaluation"]["primary"])


def spell_point(point: str, updates: int | None = None) -> str:
    """Say when an evaluation takes place: "at iteration 10,000 of 12,500 updates"."""
    if point == END:
        return "after the last update" if updates is None else f"after all {updates:,} updates"
    return f"at iteration {int(point):,}" + ("" if updates is None else f" of {updates:,}")


def scored_notes(frame: pd.DataFrame) -> list[str]:
    """Return a sentence that says when each model is scored, and by which latents."""
    models: dict[str, list[str]] = {}
    for layers in layers_in(frame):
        for model in models_in(frame, layers):
            words = _when(frame, model, layers)
            named = models.setdefault(words, [])
            label = MODEL_LABELS.get(model, model)
            named += [label] if label not in named else []
    parts = [f"{' and '.join(named)} {words}" for words, named in models.items()]
    if not parts:
        return []
    return [f"Scored on the training points: {', '.join(parts)}.{_latents(frame)}"]


def only_dim(rows: Rows, experiment: str) -> int:
    """Return the one number of sources that the identifiability rows have.

    Raises: ConfigError where there are several, which one figure cannot show.
    """
    dims = {int(row["config"]["data"]["dim"]) for row in records(rows)}
    if len(dims) > 1:
        listed = ", ".join(map(str, sorted(dims)))
        raise ConfigError(
            f"the rows have {listed} sources; draw one of them at a time:"
            f" repro figures experiment={experiment} dim={max(dims)}"
        )
    return next(iter(dims), 0)


def correlations_of(
    found: pd.DataFrame, model: str, layers: int, final: bool = False
) -> pd.DataFrame:
    """Return the matched correlations of a model at a depth: a line a run, a column a source.

    Columns count sources from 1; the index is (data_seed, model_seed).
    """
    chosen = found[
        (found["model"] == model) & (found["layers"] == layers) & (found["final"] == final)
    ].set_index(["data_seed", "model_seed"])
    frame = pd.DataFrame(chosen["correlations"].tolist(), index=chosen.index, dtype=float)
    return frame.rename(columns=lambda source: source + 1)


def _line(run: Mapping[Any, Any], final: bool) -> dict[str, Any]:
    row = run["row"]
    point = END if final else str(row["config"]["evaluation"]["primary"])
    metrics = row["metrics"].get("at", {}).get(point)
    if metrics is None:
        raise StoreError(
            f"row {row['id']} of data seed {row['data_seed']} has no metrics {spell_point(point)};"
            " remove the row and run it again"
        )
    if len(metrics.get("correlations") or ()) != row["config"]["data"]["dim"]:
        raise StoreError(
            f"row {row['id']} of data seed {row['data_seed']} has not one correlation a source"
            f" {spell_point(point)}; remove the row and run it again"
        )
    values = {name: metrics.get(name) for name in METRICS}
    own = {"final": final, "point": point, "correlations": metrics["correlations"]}
    return {name: run[name] for name in PLACES} | own | values


def _when(frame: pd.DataFrame, model: str, layers: int) -> str:
    evaluation = _first_config(frame, model, layers)["evaluation"]
    done = frame[(frame["model"] == model) & (frame["layers"] == layers) & frame["done"]]
    updates = {row["metrics"].get("updates") for row in done["row"]}
    known = updates.pop() if len(updates) == 1 else None
    return spell_point(str(evaluation["primary"]), known)


def _latents(frame: pd.DataFrame) -> str:
    """Say which latents of the one model with a posterior are scored."""
    rows = frame.loc[frame["model"] == "ivae", "row"]
    kinds = sorted({row["config"]["evaluation"]["latent"] for row in rows})
    return f" iVAE's latents are posterior {' or '.join(kinds)}s." if kinds else ""


def _first_config(frame: pd.DataFrame, model: str, layers: int) -> Mapping[str, Any]:
    chosen = frame[(frame["model"] == model) & (frame["layers"] == layers)]
    config: Mapping[str, Any] = chosen["row"].iloc[0]["config"]
    return config
