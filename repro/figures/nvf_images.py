"""NVF's table of bits per dimension: published beside ours, and what each correction is worth."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.image_rows import (
    DATASETS,
    chosen,
    dataset_label,
    image_frame,
    mean,
    mean_sd,
    run_notes,
    values,
)
from repro.figures.image_sheets import kept, sheet_page
from repro.figures.latents import LoadArrays
from repro.figures.material import Material, Product
from repro.figures.published import Published, find_published
from repro.figures.rows import Rows
from repro.figures.style import FAINT, INK, MUTED, Layout, page_title, panel_page, styled
from repro.figures.tables import Cell, Column, Table

TASK, EXPERIMENT, PAPER = "nvf_image", "nvf_images", "nvf_images"
LABELS = {
    "realnvp": "RealNVP", "glow": "Glow", "nsf": "NSF", "mar_prior": "MAR prior",
    "residual_flow": "ResidualFlow", "flow_pp": "Flow++", "survae": "SurVAE", "nvf": "NVF",
    "affine": "affine (NSF)",
    "flow_ours": "the same flow without a latent", "released_ours": "NVF as released",
}  # fmt: skip
OTHERS = (
    "realnvp", "glow", "nsf", "affine", "mar_prior", "residual_flow", "flow_pp", "survae",
)  # fmt: skip
SETS = (
    ("mnist", 8), ("fashion-mnist", 8), ("cifar-10", 5), ("cifar-10", 8), ("imagenet64", 8),
)  # fmt: skip
OURS = {
    "flow_ours": {"latent": "none", "noise": "uniform", "pictures": "plain"},
    "nvf": {"latent": "sequential", "noise": "uniform", "pictures": "plain"},
}
NAMES_WIDTH = 24  # letters beside a published mark, which its panel has room for
COLOURS = {"flow_ours": "#0072B2", "nvf": "#D55E00"}  # NF's and NVF's in every picture
COLUMNS = (
    Column("dataset", "data set"),
    Column("model", "model", labels=LABELS),
    Column("published", "published", "number", decimals=2),
    Column("ours", "ours: whole bound", "spread", decimals=3),
    Column("se", "se over images", "number", decimals=3),
    Column("without_latent", "without the codes' cost", "number", decimals=3),
    Column("latent", "codes' cost", "number", decimals=3),
    Column("n", "seeds", "count"),
)
CORRECTIONS = (
    ("as released", {"noise": "none", "pictures": "released", "bits": 5}),
    ("+ dequantisation noise, logit", {"noise": "uniform", "pictures": "released", "bits": 5}),
    ("+ one channel, own size", {"noise": "uniform", "pictures": "plain", "bits": 5}),
    ("+ all 8 bits", {"noise": "uniform", "pictures": "plain", "bits": 8}),
)
COLOUR_CORRECTIONS = (
    ("as released (5-bit)", {"noise": "none", "pictures": "plain", "bits": 5}),
    ("+ dequantisation noise", {"noise": "uniform", "pictures": "plain", "bits": 5}),
)
CORRECTION_COLUMNS = (
    Column("dataset", "data set"),
    Column("step", "setting"),
    Column("without", "bits/dim without the codes' cost", "number", decimals=3),
    Column("change", "change", "number", decimals=3, signed=True),
    Column("latent", "codes' cost, GPT-2", "number", decimals=3),
    Column("uniform", "uniform prior", "number", decimals=3),
    Column("whole", "with the codes' cost", "number", decimals=3),
    Column("values", "values an image", "count"),
    Column("image", "bits an image", "number", decimals=0),
    Column("n", "seeds", "count"),
)


def table_3(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build Table 3: bits per dimension, published beside ours, the codes' cost counted.

    Source: Dong et al. 2022, table 3.
    """
    frame = _frame(rows)
    body: list[tuple[Cell, ...]] = []
    for dataset, bits in _sets(frame):
        for model in (*OTHERS, *OURS):
            theirs = _published(published, model, dataset, bits)
            lines = _ours(frame, model, dataset, bits)
            if theirs is None and lines.empty:
                continue
            body.append((
                dataset_label(dataset, bits), model, theirs.value if theirs else None,
                mean_sd(lines, "bits_per_dim"), mean(lines, "bits_per_dim_se"),
                mean(lines, "without_latent"), mean(lines, "latent_bits_per_dim"), len(lines),
            ))  # fmt: skip
    return Table(
        title="Bits per dimension of test images",
        columns=COLUMNS,
        rows=tuple(body),
        notes=(
            "Ours: uniform dequantisation, images in their own size and channels, code book "
            "frozen, the codes' cost under the trained GPT-2 included in the whole bound; the "
            "published numbers of NVF are on other terms (see the corrections).",
            "ImageNet64 and other rows without our number: data not available here.",
            *run_notes(frame), *notes,
        ),
        source="published: Dong et al. 2022, table 3; affine: Durkan et al. 2019; "
        "ours: the stored rows",
    )  # fmt: skip


def table_corrections(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build the table of what each correction of the released pipeline is worth."""
    frame = _frame(rows)
    body: list[tuple[Cell, ...]] = []
    for dataset in dict.fromkeys(frame["dataset"]):
        steps = COLOUR_CORRECTIONS if dataset == "cifar-10" else CORRECTIONS
        before: float | None = None
        first = len(body)
        for step, settings in steps:
            lines = chosen(
                frame, dataset=dataset, latent="sequential", likelihood="flow", **settings
            )
            without = mean(lines, "without_latent")
            if without is None:
                before = None
                continue
            size = mean(lines, "values") or 0.0
            whole = mean(lines, "bits_per_dim")
            body.append((
                DATASETS[dataset], step, without, None if before is None else without - before,
                mean(lines, "latent_bits_per_dim"), mean(lines, "uniform_prior_bits_per_dim"),
                whole, int(size), None if whole is None else whole * size, len(lines),
            ))  # fmt: skip
            before = without
        if len(body) == first + 1:  # one setting alone corrects nothing
            body.pop()
    return Table(
        title="What each correction of the released pipeline is worth, in bits per dimension",
        columns=CORRECTION_COLUMNS,
        rows=tuple(body),
        notes=(
            "The released code reports the column without the codes' cost. Without dequantisation "
            "noise a density on a lattice has no finite bound: that number falls as long as "
            "training goes on and is no likelihood.",
            "Three identical channels divide one image's bits by 3 x 32 x 32 = 3,072 values in "
            "place of 784; bits an image tell them apart, and with noise of their own the copies "
            "must be paid for.",
            *_codes_note(published), *run_notes(frame), *notes,
        ),
        source="the stored rows",
    )  # fmt: skip


@styled
def figure_3(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Figure:
    """Draw Table 3: a panel a data set, published values in grey, ours open without the codes."""
    frame = _frame(rows)
    sets = [one for one in _sets(frame) if one[0] != "imagenet64"]
    layout = Layout(panel=(1.25, 1.9), gap=(0.42, 0.3), left=0.5, right=0.15, top=0.75, bottom=0.5)
    said = [
        "Grey: published. Blue: our flow without a latent. Orange: our NVF; filled with "
        "the codes' cost, open without. Ours are of small flows, trained little: compare ours "
        "with ours."
    ]
    figure, axes = panel_page(layout, 1, len(sets), [*said, *notes])
    page_title(figure, "Bits per dimension of test images", down=0.12)
    for ax, (dataset, bits) in zip(axes[0], sets, strict=True):
        _draw_set(ax, frame, published, dataset, bits)
    axes[0][0].set_ylabel("bits per dimension (lower is better)")
    return figure


@styled
def figure_samples(
    rows: Rows, load_arrays: LoadArrays, notes: Sequence[str] = ()
) -> Figure | None:
    """Draw samples of the flow and of NVF, a data set a row; None where no row kept any."""
    frame = _frame(rows)
    sets = [(d, b) for d, b in _sets(frame) if not chosen(frame, dataset=d, bits=b).empty]
    panels = []
    for dataset, bits in sets:
        line = []
        for model in OURS:
            lines = _ours(frame, model, dataset, bits)
            images = kept(lines.iloc[0]["row"], load_arrays, "samples") if len(lines) else None
            heading = f"{dataset_label(dataset, bits)}: {'NVF' if model == 'nvf' else 'flow'}"
            line.append((heading, None if images is None else images[:40]))
        panels.append(line)
    if not sets:
        return None
    return sheet_page(panels, "Samples without and with a latent", 10, notes, size=(3.1, 1.25))


def draw_nvf_images(given: Material) -> Iterator[Product]:
    """Yield every figure and table of NVF's likelihoods of images.

    Raises: MissingResult where there is no such row.
    """
    yield "table_3", table_3(given.rows, given.published, given.notes)
    corrections = table_corrections(given.rows, given.published, given.notes)
    if corrections.rows:
        yield "table_3_corrections", corrections
    yield "figure_table_3", figure_3(given.rows, given.published, given.notes)
    if samples := figure_samples(given.rows, given.load_arrays, given.notes):
        yield "figure_samples", samples


def _frame(rows: Rows) -> pd.DataFrame:
    return image_frame(rows, TASK, EXPERIMENT)


def _sets(frame: pd.DataFrame) -> list[tuple[str, int]]:
    """The data sets and bits of the table, and any other that has rows as they should be."""
    plain = frame[(frame["pictures"] == "plain") & (frame["noise"] == "uniform")]
    others = [
        (str(d), int(b)) for d, b in zip(plain["dataset"], plain["bits"], strict=True)
        if d not in DATASETS or (d == "digits" and b == 8)
    ]  # fmt: skip
    return [*dict.fromkeys(others), *SETS]


def _ours(frame: pd.DataFrame, model: str, dataset: str, bits: int) -> pd.DataFrame:
    """The finished runs of one of `OURS` on a data set, none for another model."""
    settings = OURS.get(model, {"latent": "nothing"})
    return chosen(frame, dataset=dataset, bits=bits, likelihood="flow", **settings)


def _published(published: pd.DataFrame, model: str, dataset: str, bits: int) -> Published | None:
    wanted: dict[str, str | int] = {"dataset": dataset}
    if dataset in ("cifar-10", "imagenet64"):
        wanted["variant"] = f"{bits}-bit"
    wanted |= {"experiment": EXPERIMENT, "model": model, "metric": "bits_per_dim"}
    found = (find_published(published, paper=paper, **wanted) for paper in (PAPER, "nsf"))
    return next((one for one in found if one), None)


def _codes_note(published: pd.DataFrame) -> list[str]:
    """What NVF's published numbers would be with the most that the released codes can cost."""
    released = published[
        (published["paper"] == PAPER) & (published["artefact"] == "released code")
    ].set_index("metric")["value"]
    if released.empty:
        return []
    codes, bits_a_code, size = released[["codes_an_image", "bits_a_code", "values_an_image"]]
    most = codes * bits_a_code / size
    said = []
    for bits, rival in ((5, "nsf"), (8, "flow_pp")):
        nvf, other = (_published(published, m, "cifar-10", bits) for m in ("nvf", rival))
        if nvf and other:
            said.append(
                f"{nvf.value:.2f} on CIFAR-10 of {bits} bits would be {nvf.value + most:.2f} "
                f"({LABELS[rival]}: {other.value:.2f})"
            )
    if not said:
        return []
    return [
        f"The released {codes:.0f} codes of {bits_a_code:.0f} bits cost at most "
        f"{most:.3f} bits per dimension of {size:,.0f} values, which the released test "
        "leaves out. Whether the published numbers have that cost is not stated; if they do not, "
        f"then with all of it {' and '.join(said)}."
    ]


def _draw_set(
    ax: Axes, frame: pd.DataFrame, published: pd.DataFrame, dataset: str, bits: int
) -> None:
    ax.set_title(dataset_label(dataset, bits))
    found = {model: _published(published, model, dataset, bits) for model in (*OTHERS, "nvf")}
    theirs = {LABELS[model]: one.value for model, one in found.items() if one is not None}
    lines = [_ours(frame, model, dataset, bits) for model in OURS]
    ours = [value for line in lines for value in values(line, "bits_per_dim")]
    ax.plot([0] * len(theirs), list(theirs.values()), "o", color=FAINT, markersize=3)
    for value, names in _labels(theirs, [*theirs.values(), *ours]):
        ax.annotate(textwrap.fill(names, NAMES_WIDTH), (0, value), (4, 0),
                    textcoords="offset points", size=5, va="center", color=MUTED)  # fmt: skip
    for place, (model, line) in enumerate(zip(OURS, lines, strict=True), 2):
        for value in values(line, "bits_per_dim"):
            ax.plot(place, value, "s", color=COLOURS[model])
        for value in values(line, "without_latent") if model == "nvf" else []:
            ax.plot(place, value, "s", markerfacecolor="none", color=COLOURS[model])
    ax.set_xlim(-0.5, 3.6)
    ax.set_xticks([0, 2, 3], ["published", "flow", "NVF"], rotation=30, color=INK)


def _labels(named: Mapping[str, float], shown: Sequence[float]) -> list[tuple[float, str]]:
    """A height and the names that stand there, those that would overlap on one line, top first."""
    room = 0.04 * (max(shown) - min(shown)) if shown else 0.0
    groups: list[tuple[list[float], list[str]]] = []
    for name, value in sorted(named.items(), key=lambda pair: pair[1]):
        if groups and value - groups[-1][0][-1] <= room:
            groups[-1][0].append(value)
            groups[-1][1].append(name)
        else:
            groups.append(([value], [name]))
    return [(sum(heights) / len(heights), ", ".join(reversed(names))) for heights, names in groups]
