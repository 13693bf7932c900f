"""NVF's Table 2: tabular likelihoods beside the published rows, and what differences are worth."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repro.data.tabular.features import FEATURES
from repro.figures.error_bars import reach, said_n
from repro.figures.latents import LoadArrays
from repro.figures.material import Material, Product
from repro.figures.nvf_rows import DATA, density_frame, interval, lost_notes, present
from repro.figures.published import find_published
from repro.figures.style import INK, MUTED, Layout, styled, titled_page
from repro.figures.tables import MINUS, PLUS_MINUS, Cell, Column, Table, show_number
from repro.report.statistics import NORMAL_95, mean_interval

ARMS = {
    "affine_c": "affine coupling", "nsf_c": "NSF (C)", "nvf_c": "NVF (C)",
    "mixture_c": "mixture of NSF (C), exact", "nsf_ar": "NSF (AR)", "nvf_ar": "NVF (AR)",
    "nvf_ar_20": "NVF (AR), 20 states", "nvf_ar_1": "NVF (AR), 1 state",
    "mixture_ar": "mixture of NSF (AR), exact",
    "nvf_ar_1_piled": "NVF (AR), 1 state, gradients never zeroed",
    "nvf_ar_piled": "NVF (AR), gradients never zeroed",
    "nvf_ar_released": "NVF (AR), as released",
}  # fmt: skip
PAIRS = (
    ("nvf_c", "nsf_c"), ("mixture_c", "nsf_c"), ("nvf_c", "mixture_c"), ("nvf_ar", "nsf_ar"),
    ("nvf_ar_20", "nsf_ar"), ("mixture_ar", "nsf_ar"), ("nvf_ar", "mixture_ar"),
    ("nvf_ar", "nvf_ar_1"), ("nvf_ar_1", "nsf_ar"), ("nvf_ar_1_piled", "nvf_ar_1"),
    ("nvf_ar_piled", "nvf_ar"), ("nvf_ar_released", "nvf_ar"), ("nsf_c", "affine_c"),
)  # fmt: skip
PUBLISHED = {  # our data set -> the published column beside it
    "power_half_year": "POWER", "bsds300_patches": "BSDS300", "power": "POWER", "gas": "GAS",
    "hepmass": "HEPMASS", "miniboone": "MINIBOONE", "bsds300": "BSDS300",
}  # fmt: skip
BY_STATES = ("nvf_ar_1", "nvf_ar", "nvf_ar_20")  # alike but for their number of states
SAME_DATA = ("power", "gas", "hepmass", "miniboone", "bsds300")
LAYOUT = Layout(panel=(3.4, 2.5), gap=(0.3, 0.0), left=2.55, right=0.15, top=0.35, bottom=0.5)
EXPLANATION = (
    "Black: the mean over training runs and its 95 % interval over them (Student-t; none for one "
    "run). Orange: the runs, each a mean over the test rows. What another draw of test rows would "
    "change stands in the table."
)
TABLE_2 = (
    Column("data", "data", labels=DATA),
    Column("model", "model", labels=ARMS),
    Column("whose", "whose"),
    Column("parameters", "parameters", "count"),
    Column("scored", "of them in the likelihood", "count"),
    Column("validation", "validation NLL, nats", "number", 3),
    Column("nll", "test NLL, nats", "number", 3),
    Column("interval", "its 95 % interval over runs", "interval", 3),
    Column("n", "runs", "count"),
    Column("sampling", f"{PLUS_MINUS} 2 se of the test set", "number", 3),
)
DIFFERENCES = (
    Column("data", "data", labels=DATA),
    Column("first", "model", labels=ARMS),
    Column("second", "minus", labels=ARMS),
    Column("difference", "log-likelihood difference, nats", "number", 4, signed=True),
    Column("rows_interval", "95 % interval over test rows", "interval", 4, signed=True),
    Column("sd_runs", "sd over runs", "number", 4),
    Column("runs_interval", "95 % interval over runs", "interval", 4, signed=True),
    Column("n", "runs", "count"),
)
AUDIT = (
    Column("data", "data", labels=DATA),
    Column("sd", "sd of a row's log-likelihood, nats", "number", 2),
    Column("ten", "se of ten rows", "number", 2),
    Column("ten_published", "the same, from the published bars", "number", 2),
    Column("full", "se of the full test set", "number", 3),
    Column("paired", "paired se of NVF minus NSF, full", "number", 4),
    Column("gain_c", "claimed gain (C)", "number", 2),
    Column("gain_ar", "claimed gain (AR)", "number", 2),
    Column("ten_nll", "as released, ten rows: NLL by run"),
    Column("full_nll", "the same states, full test set: NLL by run"),
)


@dataclass(frozen=True)
class LikelihoodDifference:
    """A difference of two models' log-likelihoods: over test rows, and over runs."""

    mean: float
    se_rows: float
    runs: np.ndarray  # its mean by run


def draw_tabular(given: Material) -> Iterator[Product]:
    """Yield Table 2, the paired differences with their figure, and the audit.

    Raises: MissingResult where there is no row.
    """
    frame = density_frame(given.rows)
    below = [*lost_notes(frame), *given.notes]
    found = paired_differences(frame, given.load_arrays)
    yield "table_2", table_2(frame, given.published, below)
    yield "table_differences", differences_table(found, below)
    yield "table_audit", audit_table(frame, found, given.published, below)
    yield "figure_differences", figure_differences(found, below)


def table_2(frame: pd.DataFrame, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """The published column of each data set, then our models on the full test set.

    Source: Dong et al. 2022 (NVF), table 2.
    """
    lines: list[tuple[Cell, ...]] = []
    for data in present(list(frame["data"]), DATA):
        lines += _published_lines(data, published)
        own = frame[frame["data"] == data]
        for arm in present(list(own["arm"]), ARMS):
            lines.append(_our_line(own, data, arm))
    remarks = (
        "Negative log-likelihood, lower is better; ours at the state that is best on validation, "
        "on all test rows with dropout off. Intervals over runs: Student-t.",
        "The posterior network only trains NVF: it takes no part in the test likelihood, which is "
        "exact over the states.",
        *_first_rows_note(frame),
        *_unspread_notes(frame, published),
        *_published_notes(frame, published),
        *(f"{DATA[d]}: other rows than the published column's; not comparable with it."
          for d in present(list(frame["data"]), DATA) if d in PUBLISHED and d not in SAME_DATA),
        *_chosen_states(frame),
    )  # fmt: skip
    source = "published: Dong et al. 2022, table 2; ours: the stored rows"
    return Table("Tabular likelihoods", TABLE_2, tuple(lines), (*remarks, *notes), source)


def _chosen_states(frame: pd.DataFrame) -> list[str]:
    """A sentence for each data set on the number of states that validation chooses."""
    sentences = []
    for data in present(list(frame["data"]), DATA):
        own = frame[(frame["data"] == data) & frame["arm"].isin(BY_STATES)]
        states = sorted(own["states"].unique())
        found = {k: interval(own, "val_nll_nats", states=k) for k in states}
        means = {k: one.mean for k, one in found.items() if one.n}
        if len(means) > 1:
            listed = ", ".join(f"{k}: {show_number(mean, 3)}" for k, mean in means.items())
            *fewer, most = map(str, means)
            best = min(means, key=lambda k: means[k])
            sentences.append(
                f"{DATA.get(data, data)}: of NVF (AR) with {', '.join(fewer)} and {most} states, "
                f"validation (full set, mean over runs) chooses {best} ({listed})."
            )
    return sentences


def _unspread_notes(frame: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """A sentence where the published columns say neither spreads nor counts."""
    columns = dict.fromkeys(PUBLISHED.get(d) for d in present(list(frame["data"]), DATA))
    shown = [one for column in columns for one in _published_column(published, column)]
    if not shown or any(one["spread"] is not None or one["n"] is not None for one in shown):
        return []
    return ["The published numbers have no error bars, seeds or sample counts."]


def _published_notes(frame: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """A sentence for each column with what is known of its numbers' sources."""
    sentences = []
    for column in dict.fromkeys(PUBLISHED.get(d) for d in present(list(frame["data"]), DATA)):
        shown = _published_column(published, column)
        noted = [f"{one['model']}: {one['note']}" for one in shown if one["note"]]
        sentences += [f"Published, {column}. {'; '.join(noted)}."] if noted else []
    return sentences


def _published_column(published: pd.DataFrame, column: str | None) -> list[dict[Any, Any]]:
    chosen = published[(published["paper"] == "nvf") & (published["artefact"] == "table 2")
                       & (published["dataset"] == column)]  # fmt: skip
    return chosen.to_dict("records")


def _published_lines(data: str, published: pd.DataFrame) -> list[tuple[Cell, ...]]:
    column = PUBLISHED.get(data)
    return [
        (data, str(one["model"]), f"published, {column}", None, None, None, float(one["value"]),
         None, None, None)
        for one in _published_column(published, column)
    ]  # fmt: skip


def _our_line(frame: pd.DataFrame, data: str, arm: str) -> tuple[Cell, ...]:
    own = frame[(frame["arm"] == arm) & frame["done"]]
    nll, val, sd = (
        interval(frame, metric, arm=arm)
        for metric in ("nll_full_nats", "val_nll_nats", "sd_full_nats")
    )
    rows = len(own) and own["row"].iloc[0]["metrics"].get("test_rows_full")
    sampling = 2 * sd.mean / rows**0.5 if rows else None
    parameters = int(own["parameters"].iloc[0]) if len(own) else None
    posterior = posterior_parameters(own["row"].iloc[0]["config"]) if len(own) else None
    return (
        data,
        arm,
        "ours",
        parameters,
        None if posterior is None or parameters is None else parameters - posterior,
        val.mean if len(own) and _whole(own["row"].iloc[0]) else None,
        nll.mean,
        (nll.low, nll.high),
        nll.n,
        sampling,
    )


def _first_rows_note(frame: pd.DataFrame) -> list[str]:
    counts = {row["config"]["evaluation"]["rows"] for row in frame["row"]} - {None}
    return [f"A validation without a number was on {count} rows." for count in sorted(counts)]


def _whole(row: Mapping[str, Any]) -> bool:
    """Whether a run validates on all rows, and not on the first few as the released code does."""
    return row["config"]["evaluation"]["rows"] is None


def posterior_parameters(config: Mapping[str, Any]) -> int | None:
    """Count the weights and biases of a config's posterior network q(h | x).

    0 where none is trained (no discrete latent, or its exact mixture), None for data whose number
    of features is not known here.

    Source: Dong et al. 2022, the posterior's linear layers; built in models/variational_flow.py.
    """
    model, features = config["model"], FEATURES.get(config["data"]["name"])
    if model["latent"] != "discrete" or model["estimator"] == "marginal":
        return 0
    if features is None:
        return None
    hidden = [model["posterior_hidden"]] * model["posterior_layers"]
    sizes = itertools.pairwise((features, *hidden, model["states"]))
    return sum((inputs + 1) * outputs for inputs, outputs in sizes)


def paired_differences(
    frame: pd.DataFrame, load_arrays: LoadArrays
) -> dict[tuple[str, str, str], LikelihoodDifference]:
    """Differences row by row of the models in `PAIRS`, by data set, first and second model.

    Runs are paired by their model seed; each test row's difference is its mean over the runs.
    """
    found = {}
    for data in present(list(frame["data"]), DATA):
        kept = {arm: _log_likelihoods(frame, data, arm, load_arrays) for arm in ARMS}
        for first, second in PAIRS:
            both = sorted(set(kept[first]) & set(kept[second]))
            if both:
                each = np.stack([kept[first][seed] - kept[second][seed] for seed in both])
                by_row = each.mean(axis=0)
                se = float(by_row.std(ddof=1) / len(by_row) ** 0.5)
                found[data, first, second] = LikelihoodDifference(
                    float(by_row.mean()), se, each.mean(axis=1)
                )
    return found


def _log_likelihoods(
    frame: pd.DataFrame, data: str, arm: str, load_arrays: LoadArrays
) -> dict[tuple[int, int], np.ndarray]:
    chosen = frame[(frame["data"] == data) & (frame["arm"] == arm) & frame["done"]]
    return {
        (int(row["data_seed"]), int(row["model_seed"])): np.asarray(
            load_arrays(row)["log_likelihood"], dtype=np.float64
        )
        for row in chosen["row"]
        if row.get("arrays")
    }


def differences_table(
    found: Mapping[tuple[str, str, str], LikelihoodDifference], notes: Sequence[str] = ()
) -> Table:
    """Paired differences of log-likelihoods, over test rows and over training runs."""
    lines = []
    for (data, first, second), one in found.items():
        reach = NORMAL_95 * one.se_rows
        runs = _runs_interval(one.runs)
        lines.append(
            (data, first, second, one.mean, (one.mean - reach, one.mean + reach),
             float(one.runs.std(ddof=1)) if len(one.runs) > 1 else None, runs, len(one.runs))
        )  # fmt: skip
    remarks = (
        "Above 0: the first model is better. Each test row is scored by both models, trained from "
        "the same model seed, which takes the rows' own spread out. The interval over rows says "
        "what another test set would change, the one over runs (Student-t) another training.",
    )
    return Table("Paired differences", DIFFERENCES, tuple(lines), (*remarks, *notes))


def _runs_interval(runs: np.ndarray) -> tuple[float, float] | None:
    one = mean_interval(runs)
    return (one.low, one.high) if one.n > 1 else None


def audit_table(
    frame: pd.DataFrame,
    found: Mapping[tuple[str, str, str], LikelihoodDifference],
    published: pd.DataFrame,
    notes: Sequence[str] = (),
) -> Table:
    """What a test on ten rows can tell, beside the gains that are claimed.

    Source: hendrydong/normalizing-variational-flow nvf.py (`test` stops after ten batches of one).
    """
    lines = []
    for data in present(list(frame["data"]), DATA):
        own = frame[(frame["data"] == data) & frame["done"]]
        sd = float(own["sd_full_nats"].mean())
        rows = own["row"].iloc[0]["metrics"].get("test_rows_full") if len(own) else None
        column = PUBLISHED.get(data, "")
        theirs = find_published(published, paper="nsf", metric="row_sd_nats", dataset=column)
        pair = found.get((data, "nvf_ar", "nsf_ar"))
        released = own[own["arm"] == "nvf_ar_released"]
        lines.append(
            (data, sd, sd / 10**0.5, theirs.value / 10**0.5 if theirs else None,
             sd / rows**0.5 if rows else None, pair.se_rows if pair else None,
             _gain(published, column, "c"), _gain(published, column, "ar"),
             _listed(released, "nll_nats"), _listed(released, "nll_full_nats"))
        )  # fmt: skip
    remarks = (
        "se: standard error. The released test stops after ten batches of one row, for validation "
        "(which chooses the model) and test alike, with dropout on.",
        f"Claimed gain: published NSF {MINUS} published NVF.",
        "From the published bars: NSF's bars are two standard errors over its test set.",
    )
    return Table("What the evaluation can resolve", AUDIT, tuple(lines), (*remarks, *notes))


def _gain(published: pd.DataFrame, column: str, kind: str) -> float | None:
    chosen = published[(published["paper"] == "nvf") & (published["dataset"] == column)]
    values = {str(one["model"]): float(one["value"]) for one in chosen.to_dict("records")}
    pair = (values.get(f"nsf_{kind}"), values.get(f"nvf_{kind}"))
    return None if pair[0] is None or pair[1] is None else pair[0] - pair[1]


def _listed(frame: pd.DataFrame, metric: str) -> str | None:
    values = [f"{value:.2f}".replace("-", MINUS) for value in frame.get(metric, [])]
    return ", ".join(values) or None


@styled
def figure_differences(
    found: Mapping[tuple[str, str, str], LikelihoodDifference], notes: Sequence[str] = ()
) -> Figure:
    """Paired differences with their intervals over training runs, a panel a data set."""
    names = present([key[0] for key in found], DATA) or ["none"]
    pairs = [pair for pair in PAIRS if any(key[1:] == pair for key in found)]
    runs = [len(one.runs) for one in found.values()]
    figure, axes = titled_page(
        LAYOUT, len(names), "Tabular likelihoods, paired",
        [f"{EXPLANATION} Training runs: {said_n(runs)}.", *notes],
    )  # fmt: skip
    for ax, data in zip(axes, names, strict=True):
        for place, pair in enumerate(reversed(pairs)):
            one = found.get((data, *pair))
            if one is None:
                continue
            ax.errorbar([one.mean], [place], xerr=reach([mean_interval(one.runs)]), color=INK,
                        marker="o", markersize=3.5, capsize=2, zorder=3)  # fmt: skip
            ax.scatter(one.runs, [place - 0.28] * len(one.runs), s=8, color="#D55E00", zorder=2,
                       linewidths=0)  # fmt: skip
        ax.axvline(0, color=MUTED, linewidth=0.6)
        ax.set_title(DATA.get(data, data))
        ax.set_xlabel("log-likelihood difference, nats (right: the first is better)")
        ax.set_ylim(-0.7, len(pairs) - 0.3)
        ax.set_yticks(range(len(pairs)), [])
        ax.grid(axis="x")
    labels = [f"{ARMS[a]} {MINUS} {ARMS[b]}" for a, b in reversed(pairs)]
    axes[0].set_yticks(range(len(pairs)), labels, fontsize=5.5)
    return figure
