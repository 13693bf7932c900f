"""What iVAE's latents tell, and how well the sources they are matched with are recovered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.audit.frame import COLLAPSED, arms_in, audit_frame, spell
from repro.figures.material import Material, Product
from repro.figures.style import MUTED, Layout, page_title, panel_page, styled
from repro.figures.tables import Column, Table
from repro.report.statistics import share_interval

INACTIVE = 0.01  # nats a point; a latent that tells less of the data is inactive
LEAST = 1e-6  # nats; what is less is drawn here
PANELS = 3  # a row
LAYOUT = Layout(panel=(1.95, 1.7), gap=(0.4, 0.85), left=0.62, right=0.12, top=0.7, bottom=0.5)
MEASURED = (
    "The divergence is that of the posterior of a latent from its prior given the segment, a mean "
    "over the data in nats a point, of the latent that a source is matched with (by posterior "
    f"means, whose correlation |r| is). Below {INACTIVE:g} nats the latent is inactive; where |r| "
    f"is below {COLLAPSED:g} the source is lost. Runs made before divergences were measured have "
    "none."
)
COLUMNS = (
    Column("arm", "arm"), Column("runs", "runs", "count"),
    Column("with_inactive", "runs with an inactive latent", "ratio"),
    Column("share", "their share", "number", decimals=3),
    Column("interval", "95 % interval", "interval", decimals=3),
    Column("inactive", "inactive latents", "ratio"), Column("lost", "lost sources", "ratio"),
    Column("both", "lost and inactive", "count"),
    Column("least", "smallest divergence (median, nats)"),
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """The divergences in nats and the |r|, both (runs, D), of an arm's runs that have them."""

    arm: str
    divergence: np.ndarray
    correlation: np.ndarray

    @property
    def inactive(self) -> np.ndarray:
        """Whether each source's latent is inactive."""
        return self.divergence < INACTIVE

    @property
    def lost(self) -> np.ndarray:
        """Whether each source is lost."""
        return self.correlation < COLLAPSED


def told(frame: pd.DataFrame) -> list[Told]:
    """What the latents of each arm tell; arms without a run that has it are left out."""
    found: list[Told] = []
    for arm in arms_in(frame):
        done = frame[(frame["arm"] == arm) & frame["done"]]
        metrics = [row["metrics"] for row in done["row"] if "kl_by_source" in row["metrics"]]
        if metrics:
            divergence = np.asarray([m["kl_by_source"] for m in metrics])
            correlation = np.asarray([m["correlations_posterior_mean"] for m in metrics])
            found.append(Told(arm, divergence, correlation))
    return found


def draw_active_units(given: Material) -> Iterator[Product]:
    """Yield the table and the figure of what latents tell, where any run has it."""
    found = told(audit_frame(given.rows))
    if found:
        yield "table_active_units", table_active_units(found, given.notes)
        yield "figure_active_units", figure_active_units(found, given.notes)


def table_active_units(found: Sequence[Told], notes: Sequence[str] = ()) -> Table:
    """Build the table of inactive latents and lost sources, a line an arm."""
    notes = (MEASURED, "Shares of runs: Wilson's interval.", *notes)
    lines = tuple(_line(one) for one in found)
    return Table("Which latents tell anything", COLUMNS, lines, notes, "the stored rows")


@styled
def figure_active_units(found: Sequence[Told], notes: Sequence[str] = ()) -> Figure:
    """Draw each source's correlation against its latent's divergence, a panel an arm."""
    columns = min(len(found), PANELS)
    least = min(float(one.divergence.min()) for one in found)
    lower = [f"Divergences under {LEAST:g} are drawn there."] if least < LEAST else []
    below = [MEASURED, "Dashed: both thresholds.", *lower, *notes]
    figure, axes = panel_page(LAYOUT, -(-len(found) // PANELS), columns, below)
    panels = [ax for row in axes for ax in row]
    limits = _limits(found)
    for ax, one in zip(panels, found, strict=False):
        _panel(ax, one, limits)
    for ax in panels[len(found) :]:
        ax.set_axis_off()
    for row in axes:
        row[0].set_ylabel("|r| with the source")
    page_title(figure, "Which latents tell anything")
    return figure


def _line(one: Told) -> tuple:
    runs = len(one.divergence)
    quiet = share_interval(int(one.inactive.any(axis=1).sum()), runs)
    return (
        spell(one.arm), runs, (quiet.count, runs), quiet.share, (quiet.low, quiet.high),
        (int(one.inactive.sum()), one.inactive.size), (int(one.lost.sum()), one.lost.size),
        int((one.inactive & one.lost).sum()), f"{np.median(one.divergence.min(axis=1)):.2g}",
    )  # fmt: skip


def _limits(found: Sequence[Told]) -> tuple[float, float]:
    """The ends of the axis of divergences, alike for all arms, with the threshold inside."""
    drawn = np.concatenate([np.maximum(one.divergence, LEAST).ravel() for one in found])
    return min(float(drawn.min()), INACTIVE / 2) / 2, 2 * max(float(drawn.max()), 1.0)


def _panel(ax: Axes, one: Told, limits: tuple[float, float]) -> None:
    ax.scatter(np.maximum(one.divergence, LEAST), one.correlation, s=5, alpha=0.35, linewidths=0)
    ax.axvline(INACTIVE, color=MUTED, linewidth=0.7, linestyle="--")
    ax.axhline(COLLAPSED, color=MUTED, linewidth=0.7, linestyle="--")
    ax.set_xscale("log")
    ax.set_xlim(*limits)
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel("divergence (nats)")
    ax.set_title(
        f"{spell(one.arm)}, n = {len(one.divergence)}\nof {one.lost.size} sources: lost "
        f"{one.lost.sum()}, inactive {one.inactive.sum()}, both {(one.lost & one.inactive).sum()}",
        size=6.5, loc="left",
    )  # fmt: skip
