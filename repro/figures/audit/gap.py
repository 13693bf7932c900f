"""How far each model's likelihood is from the data's own, on points that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from repro.figures.audit.frame import arms_in, audit_frame, by_seed, runs, spell
from repro.figures.baselines import baseline_notes
from repro.figures.error_bars import reach
from repro.figures.material import Material, Product
from repro.figures.rows import Rows
from repro.figures.style import (
    INK,
    MODEL_COLOURS,
    MUTED,
    Layout,
    page_title,
    panel_page,
    styled,
)
from repro.figures.tables import MINUS, Cell, Column, Table, show_number
from repro.report.association import spearman
from repro.report.statistics import mean_interval

LAYOUT = Layout(panel=(2.9, 2.4), gap=(0.62, 0.0), left=0.62, right=0.15, top=0.42, bottom=0.98)
MARKERS = {"ivae": "sD^v<P", "iflow": "oXp*hd"}
COLUMNS = (
    Column("arm", "arm"), Column("n", "data seeds", "count"),
    Column("mcc", "held-out MCC: mean (sd)", "spread"),
    Column("mean_mcc", "of the posterior mean", "number"),
    Column("change", f"held-out {MINUS} training MCC", "number", signed=True),
    Column("likelihood", "log p, nats a point", "number", 3),
    Column("elbo", "ELBO", "number", 3), Column("oracle", "true log p", "number", 3),
    Column("gap", "model \N{MINUS SIGN} true", "number", 3, signed=True),
    Column("interval", "its 95 % interval", "interval", 3, signed=True),
    Column("rank", "Spearman of MCC and gap", "number", 3, signed=True),
    Column("rank_interval", "its 95 % interval", "interval", 3, signed=True),
)  # fmt: skip
EXPLANATION = (
    f"Log-likelihood of held-out points, exact for iFlow and a bound from importance draws for "
    f"iVAE, {MINUS} their exact log-likelihood under the process that made them. A mark is a data "
    "seed, a dash a mean with its 95 % interval (Student-t for n up to 30, BCa bootstrap "
    "above)."
)


def gaps(frame: pd.DataFrame, arm: str) -> pd.Series:
    """Held-out log-likelihood less the true one, nats a point, by data seed."""
    model = runs(frame, arm, "held_out_log_likelihood")
    return by_seed((model - runs(frame, arm, "held_out_oracle_log_likelihood")).dropna())


@styled
def figure_gap(rows: Rows, notes: Sequence[str] = ()) -> Figure:
    """Draw each arm's gap seed by seed, and the held-out MCC against it."""
    frame = audit_frame(rows)
    arms = arms_in(frame)
    figure, [[left, right]] = panel_page(LAYOUT, 1, 2, [EXPLANATION, *notes])
    for place, arm in enumerate(arms):
        _draw_arm(left, frame, arm, place)
        _draw_scatter(right, frame, arm)
    left.axhline(0, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    left.set_xticks(range(len(arms)), [spell(arm) for arm in arms], rotation=30, ha="right")
    left.set_xlim(-0.5, len(arms) - 0.5)
    left.set_ylabel(f"model {MINUS} true log-likelihood (nats)")
    right.set_xlabel(f"model {MINUS} true log-likelihood (nats)")
    right.set_ylabel("held-out MCC")
    right.legend(loc="upper left", bbox_to_anchor=(-0.14, -0.2), fontsize=5.5, ncols=2,
                 columnspacing=1.0, handletextpad=0.3, borderaxespad=0)  # fmt: skip
    for ax in (left, right):
        ax.grid(axis="y")
    page_title(figure, "Held-out likelihood against the true density")
    return figure


def table_gap(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of held-out MCC, likelihood, true likelihood and their association."""
    frame = audit_frame(rows)
    return Table(
        "Held-out points: identifiability, and likelihood less the true one",
        COLUMNS,
        tuple(_line(frame, arm) for arm in arms_in(frame)),
        (
            "n counts data seeds. Likelihoods are in nats a point and fully normalised. 95 % "
            "intervals: Student-t for n up to 30, a seeded BCa bootstrap above.",
            *baseline_notes(rows),
            *notes,
        ),
        "the stored rows",
    )


def draw_gap(given: Material) -> Iterator[Product]:
    """Yield the table and the figure of the gap to the true density."""
    yield "table_gap", table_gap(given.rows, given.notes)
    yield "figure_gap", figure_gap(given.rows, given.notes)


def _line(frame: pd.DataFrame, arm: str) -> tuple[Cell, ...]:
    held, gap = by_seed(runs(frame, arm, "held_out_mcc")), gaps(frame, arm)
    mcc, ours = mean_interval(held.to_numpy()), mean_interval(gap.to_numpy())
    names = ("held_out_mcc_posterior_mean", "mcc", "held_out_log_likelihood", "held_out_elbo",
             "held_out_oracle_log_likelihood")  # fmt: skip
    mean, trained, likelihood, elbo, oracle = (
        float(by_seed(runs(frame, arm, name)).mean()) for name in names
    )
    both = pd.concat([held, gap], axis=1, join="inner").to_numpy()
    varied = len(both) > 3 and bool(np.ptp(both, axis=0).all())
    rank = spearman(both[:, 0], both[:, 1]) if varied else None
    return (
        spell(arm), ours.n, (mcc.mean, mcc.sd), mean, mcc.mean - trained, likelihood, elbo, oracle,
        ours.mean, (ours.low, ours.high), rank.rho if rank else None,
        (rank.low, rank.high) if rank else None,
    )  # fmt: skip


def _draw_arm(ax: Axes, frame: pd.DataFrame, arm: str, place: int) -> None:
    colour, marker = arm_looks(frame)[arm]
    gap = gaps(frame, arm)
    beside = place + np.linspace(-0.22, 0.22, max(len(gap), 1))[: len(gap)]
    ax.scatter(beside, gap, s=7, color=colour, marker=marker, alpha=0.45, linewidths=0, zorder=2)
    ours = mean_interval(gap.to_numpy())
    if ours.n > 1:
        ax.errorbar([place], [ours.mean], reach([ours]), fmt="_", color=INK, markersize=12,
                    capsize=2, elinewidth=1.2, zorder=4)  # fmt: skip
        ax.annotate(show_number(ours.mean, 2, signed=True), (place, float(gap.max())), (0, 3),
                    textcoords="offset points", ha="center", size=5.5, color=INK)  # fmt: skip


def _draw_scatter(ax: Axes, frame: pd.DataFrame, arm: str) -> None:
    colour, marker = arm_looks(frame)[arm]
    held = by_seed(runs(frame, arm, "held_out_mcc"))
    both = pd.concat([gaps(frame, arm), held], axis=1, join="inner").to_numpy()
    if len(both):
        ax.scatter(both[:, 0], both[:, 1], s=8, color=colour, marker=marker,
                   alpha=0.75, linewidths=0, label=f"{spell(arm)}, n = {len(both)}")  # fmt: skip


def arm_looks(frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """The colour and marker of each arm: a model's arms go from its colour to dark ones.

    Arms beyond the sixth of a model begin the markers anew.
    """
    looks: dict[str, tuple[str, str]] = {}
    for model in dict.fromkeys(frame["model"]):
        own = [
            arm
            for arm in arms_in(frame)
            if (frame.loc[frame["arm"] == arm, "model"] == model).all()
        ]
        for place, arm in enumerate(own):
            dark = 1 - 0.6 * place / max(len(own) - 1, 1)
            red, green, blue = (dark * part for part in to_rgb(MODEL_COLOURS[model]))
            looks[arm] = to_hex((red, green, blue)), MARKERS[model][place % 6]
    return looks
