"""[Re]'s Figure 2: MCC, energy and likelihood of both models against the data seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from repro.figures.baselines import baseline_means, draw_baselines
from repro.figures.compared import PAPERS, Found, find_in_papers, remarks
from repro.figures.evaluations import (
    END,
    at_seed,
    evaluations,
    headline,
    only_dim,
    scored_notes,
    spell_point,
)
from repro.figures.rows import Rows, diverged_notes, drawable_frame, model_seed_notes, models_in
from repro.figures.style import (
    FAINT,
    MODEL_COLOURS,
    MODEL_LABELS,
    MODEL_MARKERS,
    Layout,
    page_title,
    panel_page,
    styled,
)
from repro.figures.tables import show_number
from repro.report.statistics import mean_interval

LAYOUT = Layout(panel=(6.1, 1.5), gap=(0.0, 0.68), left=0.62, right=0.12, top=0.86, bottom=0.42)
MODELS = ("iflow", "ivae")
DASHES = {  # by paper
    "re_iflow": (0, (4, 2.5)), "iflow": (0, (1, 1.2)), "lekanne_deprez": (0, (6, 1.5, 1, 1.5)),
}  # fmt: skip
LABELLED_TICKS = 20  # at most
BOUNDS = {"ivae": "log-likelihood bound"}  # other models' log-likelihood is exact


@dataclass(frozen=True)
class Series:
    """One metric of one model over data seeds, and the papers' means beside it."""

    model: str
    label: str
    values: pd.Series
    published: Sequence[Found] = ()
    hollow: bool = False


@dataclass(frozen=True)
class View:
    """What Figure 2 draws from: the runs of one depth, their metrics and the published numbers."""

    frame: pd.DataFrame
    found: pd.DataFrame  # as `evaluations` gives it
    published: pd.DataFrame
    dim: int
    layers: int
    baselines: dict[str, float]  # the MCCs that need no training

    @property
    def seeds(self) -> list[int]:
        """The data seeds of all runs, ascending; a seed's place is its index here."""
        return sorted(int(seed) for seed in self.frame["data_seed"].unique())

    def models(self, finished: bool = False) -> list[str]:
        """The models with runs, or with finished ones."""
        frame = self.frame[self.frame["done"]] if finished else self.frame
        return [model for model in MODELS if model in models_in(frame, self.layers)]

    def values(self, model: str, metric: str, final: bool = False) -> pd.Series:
        """A metric of a model by data seed."""
        return at_seed(self.found, model, self.layers, metric, final)

    def theirs(self, model: str, metric: str) -> list[Found]:
        """Each paper's mean of a metric, where it is on the scale of ours."""
        if metric == "energy" and not on_released_scale(self.frame, model):
            return []
        return published_5d(self.published, model, (self.dim, self.layers), metric)


@styled
def figure_2(
    rows: Rows, published: pd.DataFrame, *, layers: int, notes: Sequence[str] = ()
) -> Figure:
    """Draw three panels against the data seed: both MCCs, iFlow's energy, iVAE's energy.

    The MCC is at each model's headline, energies are after the last update. Hollow marks are the
    log-likelihood, fully normalised and without dropout (nats a point).

    Raises: MissingResult where there is no row at this depth.
    Source: [Re] Identifying Through Flows, figure 2; Li et al. 2020, figure 2.
    """
    dim = only_dim(rows, "mcc_sweep")
    maker = f"experiment=mcc_sweep layers=[{layers}]"
    frame = drawable_frame(rows, dim, maker, layers=layers)
    without = baseline_means(rows, dim, layers, set(frame["data_seed"]))
    view = View(frame, evaluations(frame), published, dim, layers, without)
    models = view.models(finished=True)
    figure, axes = panel_page(LAYOUT, 1 + len(models), 1, [*_explanations(view), *notes])
    panels = [ax for line in axes for ax in line]
    _draw_mcc(panels[0], view)
    for ax, model in zip(panels[1:], models, strict=True):
        _draw_energy(ax, view, model)
    title = f"{dim}D identifiability and energy by data set, {layers} mixing layers"
    _finish(figure, panels, view.seeds, title)
    return figure


def energy_notes(frame: pd.DataFrame, dim: int) -> list[str]:
    """Return what the released code calls energy, and what it is not."""
    configs = {model: _config(frame, model) for model in sorted(set(frame["model"]))}
    windows = {str(config["training"]["log_every"]) for config in configs.values()}
    notes = [
        "Energy as the released code has it: minus the mean training loss of the last "
        f"{' or '.join(sorted(windows))} mini-batches, dropout on (nats a point)."
    ]
    if "iflow" in configs and on_released_scale(frame, "iflow"):
        missing = 0.5 * math.log(math.pi) * dim
        notes.append(
            f"iFlow's energy leaves out \N{VULGAR FRACTION ONE HALF} log \N{GREEK SMALL LETTER PI}"
            f" a dimension, {missing:.3f} nats in {dim}D, and overstates the log-likelihood by as "
            "much; iVAE's is a lower bound with every constant. They are not on one scale."
        )
    bound = ""
    if "ivae" in configs:
        draws = configs["ivae"]["evaluation"]["importance_samples"]
        bound = f"; iVAE's is the importance-weighted bound from {draws} draws"
    notes.append(f"Log-likelihood: log p(x given u) with every constant, dropout off{bound}.")
    return notes


def on_released_scale(frame: pd.DataFrame, model: str) -> bool:
    """Whether a model's energy lacks the constant that the released code's energy lacks."""
    return not _config(frame, model)["model"].get("log_pi", False)


def published_5d(
    published: pd.DataFrame, model: str, place: tuple[int, int], metric: str
) -> list[Found]:
    """Return each paper's mean of the sweep's metric at a place (dim, layers)."""
    return find_in_papers(
        published, experiment="mcc_sweep", model=model, dim=place[0], layers=place[1],
        metric=metric,
    )  # fmt: skip


def _config(frame: pd.DataFrame, model: str) -> dict:
    config: dict = frame.loc[frame["model"] == model, "row"].iloc[0]["config"]
    return config


def _explanations(view: View) -> list[str]:
    frame = view.frame
    lost = not frame["done"].all()
    wanted = [(m, "mcc") for m in view.models()] + [(m, "energy") for m in view.models(True)]
    shown = [found for one in wanted for found in view.theirs(*one)]
    return [
        "A mark is a data seed, joined where both models have it; a line is a mean, with the 95 % "
        "interval in brackets (Student-t for n up to 30, BCa bootstrap above).",
        *scored_notes(frame),
        *_change_notes(view),
        *energy_notes(frame, view.dim),
        "Energies and log-likelihoods are after the last update.",
        *diverged_notes(frame, MODEL_LABELS),
        *(["A cross at the foot of the first panel is a diverged run."] if lost else []),
        *model_seed_notes(frame),
        *remarks(shown, sds=False),
    ]


def _change_notes(view: View) -> list[str]:
    """Return what the MCC becomes after the last update where the headline is an earlier one."""
    notes = []
    for model in view.models(finished=True):
        if headline(view.frame, model, view.layers) == END:
            continue
        before, after = (view.values(model, "mcc", final) for final in (False, True))
        change = float((after - before).abs().max())
        notes.append(
            f"{MODEL_LABELS[model]} after the last update: mean MCC {_spelled(after)}; "
            f"the largest change of a data seed since is {change:.4f}."
        )
    return notes


def _draw_mcc(ax: Axes, view: View) -> None:
    series, seeds = [], view.seeds
    for model in view.models():
        label = f"{MODEL_LABELS[model]}, {spell_point(headline(view.frame, model, view.layers))}"
        values = view.values(model, "mcc")
        series.append(Series(model, label, values, view.theirs(model, "mcc")))
    if len(series) == 2:
        both = pd.concat([one.values for one in series], axis=1, join="inner")
        at = [seeds.index(int(seed)) for seed in both.index]
        ax.vlines(at, both.min(axis=1), both.max(axis=1), color=FAINT, linewidth=0.5, zorder=1)
    _draw_series(ax, seeds, series)
    for model in view.models():
        lost = view.frame[(view.frame["model"] == model) & ~view.frame["done"]]
        at = [seeds.index(int(seed)) for seed in lost["data_seed"]]
        ax.scatter(at, [0.03] * len(at), marker="x", s=14, linewidths=0.9, clip_on=False,
                   color=MODEL_COLOURS[model], transform=ax.get_xaxis_transform())  # fmt: skip
    draw_baselines(ax, view.baselines)
    ax.set_ylim(top=1.0)
    ax.set_ylabel("MCC")


def _draw_energy(ax: Axes, view: View, model: str) -> None:
    name = MODEL_LABELS[model]
    energy, exact = (view.values(model, one, True) for one in ("energy", "log_likelihood"))
    bound = BOUNDS.get(model, "log-likelihood")
    _draw_series(ax, view.seeds, [
        Series(model, f"{name}, energy", energy, view.theirs(model, "energy")),
        Series(model, f"{name}, {bound}", exact, hollow=True),
    ])  # fmt: skip
    ax.set_ylabel(f"{name}, nats a point")


def _draw_series(ax: Axes, seeds: Sequence[int], series: Sequence[Series]) -> None:
    own = [
        [_marks(ax, seeds, one, MODEL_COLOURS[one.model]),
         _mean_line(ax, one, MODEL_COLOURS[one.model])]
        for one in series
    ]  # fmt: skip
    theirs = [
        [_published_line(ax, found, MODEL_COLOURS[one.model]) for found in one.published]
        for one in series
        if one.published
    ]
    lines = [[*line, *(_nothing() for _ in range(3 - len(line)))] for line in (*own, *theirs)]
    ax.legend(handles=[line[column] for column in range(3) for line in lines], ncols=3,
              loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2, borderpad=0,
              columnspacing=1.0, handlelength=1.9, labelspacing=0.2, fontsize=6.3)  # fmt: skip


def _marks(ax: Axes, seeds: Sequence[int], one: Series, colour: str) -> Line2D:
    look: dict[str, Any] = {
        "color": colour, "linestyle": "none", "marker": MODEL_MARKERS[one.model],
        "markersize": 3.0, "markeredgewidth": 0.7,
        "markerfacecolor": "white" if one.hollow else colour,
    }  # fmt: skip
    at = [seeds.index(int(seed)) for seed in one.values.index]
    ax.plot(at, one.values, zorder=3, **look)
    return Line2D([], [], label=one.label, **look)


def _mean_line(ax: Axes, one: Series, colour: str) -> Line2D:
    if one.values.empty:
        return _nothing()
    width = 0.7 if one.hollow else 1.1
    ax.axhline(float(one.values.mean()), color=colour, linewidth=width, zorder=2)
    label = f"our mean {_spelled(one.values)}, n = {len(one.values)}"
    return Line2D([], [], color=colour, linewidth=width, label=label)


def _published_line(ax: Axes, found: Found, colour: str) -> Line2D:
    paper, entry = found
    look: dict[str, Any] = {"color": colour, "linewidth": 0.9, "linestyle": DASHES[paper]}
    ax.axhline(entry.value, zorder=2, **look)
    count = f", n = {entry.n}" if entry.n else ""
    return Line2D([], [], label=f"{PAPERS[paper]} {show_number(entry.value, 3)}{count}", **look)


def _nothing() -> Line2D:
    return Line2D([], [], linestyle="none", label=" ")


def _spelled(values: pd.Series) -> str:
    ours = mean_interval(values.to_numpy())
    mean, low, high = (show_number(v, 3) for v in (ours.mean, ours.low, ours.high))
    return f"{mean} [{low}, {high}]" if ours.n > 1 else mean


def _finish(figure: Figure, panels: Sequence[Axes], seeds: Sequence[int], title: str) -> None:
    step = max(1, math.ceil(len(seeds) / LABELLED_TICKS / 5) * 5) if len(seeds) > 20 else 1
    shown = [i for i, seed in enumerate(seeds) if step == 1 or seed % step == 0 or i == 0]
    for ax in panels:
        ax.set_xlim(-0.8, len(seeds) - 0.2)
        ax.set_xticks(shown, [str(seeds[i]) for i in shown])
        ax.set_xticks(np.arange(len(seeds)), minor=True)
        ax.tick_params(axis="x", which="minor", size=1.2, width=0.4)
        ax.tick_params(axis="x", labelbottom=ax is panels[-1])
        ax.grid(axis="y")
    panels[-1].set_xlabel("data seed")
    page_title(figure, title)
