"""A judgement in a reader's words: numbers, intervals, n, the verdict and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from repro.claims.estimate import Estimate
from repro.claims.judge import Judgement
from repro.claims.schema import Claim, Number, Rule
from repro.claims.verdict import FAILS, HOLDS, NOT_RUN, UNDECIDED
from repro.figures.tables import DASH, MINUS
from repro.page.measures import measure, step_of

SENSIBLE = 10_000  # beyond this many units nobody would run it
PLURALS = {
    HOLDS: "hold",
    FAILS: "do not hold",
    UNDECIDED: "are undecided",
    NOT_RUN: "have not run",
}
QUANTITIES = {
    "mean": "mean of {0}",
    "paired_difference": "{0} {minus} {1}",
    "difference": "{0} {minus} {1}",
    "best_of_arms": "{0} {minus} its best rival",
    "ordering": "smallest step of {all}",
    "interaction": "({0} {minus} {1}) {minus} ({2} {minus} {3})",
    "repeated_measures": "highest {minus} lowest mean of {count} arms",
    "spread_difference": "sd of {0} {minus} sd of {1}",
    "share": "share of {0}",
    "share_difference": "share of {0} {minus} share of {1}",
    "largest": "largest {0}",
    "smallest": "smallest {0}",
    "farthest": "{0}, at its farthest",
    "common_value": "{0}",
    "rank": "place of data seed {data_seed}",
    "trend": "slope of {all} along {along}{step}",
    "correlation": "rank correlation of {0} and {1}{given}",
    "published": "published",
}


@dataclass(frozen=True)
class Line:
    """A claim's line of the verdict table, as text."""

    id: str
    sentence: str
    source: str
    published: str
    published_number: str
    ours: str
    measure: str
    quantity: str
    interval: str
    n: str
    verdict: str
    why: str
    scale: str
    reductions: tuple[str, ...]


def line(one: Judgement, measures: Mapping[str, str] = MappingProxyType({})) -> Line:
    """Put a judgement into words; `measures` says what a metric's numbers are in."""
    ran = one.verdict != NOT_RUN and not _theirs(one.claim)
    return Line(
        id=one.claim.id,
        sentence=one.claim.sentence,
        source=one.claim.source,
        published=published(one.claim) if one.claim.rows else _all_of_theirs(one),
        published_number=_published_number(one),
        ours=_value(one) if ran else DASH,
        measure=measure(one.claim, measures) if ran else "",
        quantity=quantity(one.claim) if ran else "",
        interval=interval(one),
        n=count(one),
        verdict=one.verdict,
        why=why(one),
        scale=one.scale,
        reductions=one.reductions if one.verdict != NOT_RUN else (),
    )


def published(claim: Claim) -> str:
    """The paper's number with its spread and n, or its words."""
    if claim.published is None:
        return claim.stated or DASH
    return _published(claim.published) + (f"; {claim.stated}" if claim.stated else "")


def counted(counts: Sequence[tuple[str, int]]) -> str:
    """How many claims have each verdict, as a sentence."""
    total = sum(n for _, n in counts)
    return f"Of {total} claims: {', '.join(f'{n} {PLURALS[one]}' for one, n in counts)}."


def quantity(claim: Claim) -> str:
    """What the statistic is of, with the claim's own names of its selections."""
    names = [f"log {one}" if claim.rows[one].log else one for one in claim.test.of]
    joined = f" {MINUS} ".join(names) if claim.test.name == "trend" else ", ".join(names)
    given = f", given {names[2]}" if len(names) == 3 else ""
    extra = {
        "given": given,
        "minus": MINUS,
        "all": joined,
        "count": len(names),
        **claim.test.arguments,
        "step": f" per {step}" if (step := step_of(claim)) else "",
        "along": _key_in_words(str(claim.test.arguments.get("along", ""))),
    }
    text = QUANTITIES[claim.test.name].format(*names, **extra)
    for word in ("below", "above"):
        if word in claim.test.arguments and claim.test.name.startswith("share"):
            text += f", {word} {claim.test.arguments[word]:g}"
    return text


def _key_in_words(key: str) -> str:
    """A dotted config key without its section, as words."""
    return key.rpartition(".")[2].replace("_", " ")


def interval(one: Judgement) -> str:
    """The bounds, or a dash where nothing is estimated."""
    if one.verdict == NOT_RUN or _theirs(one.claim):
        return DASH
    return _bounds(one.estimate) or DASH


def count(one: Judgement) -> str:
    """How many units, and how many were declared where it is fewer."""
    if _theirs(one.claim):
        return DASH
    if one.verdict == NOT_RUN:
        return DASH if one.claim.n is None else f"0 of {one.claim.n}"
    n, wanted = one.estimate.n, one.claim.n
    return f"{n} of {wanted}" if wanted is not None and n < wanted else f"{n}"


def why(one: Judgement) -> str:
    """The verdict's reason in a clause; for an undecided one the n that would decide."""
    if one.verdict != UNDECIDED:
        return one.decision.reason
    n = one.decision.n
    if n == 0:
        return one.decision.reason
    if n is None or n > SENSIBLE:
        return f"{one.decision.reason}; no sensible n would decide"
    return f"{one.decision.reason}; about {n:,} {one.estimate.unit} would decide"


def rule(decide: Rule) -> str:
    """The decision rule in words."""
    bound = short(decide.bound)
    text = {
        "above": f"above {bound}",
        "below": f"below {bound}",
        "within": f"within ±{short(decide.margin or 0)} of {bound}",
        "equals": f"equal to {bound}",
        "differs_from": f"different from {bound}",
    }[decide.comparison]
    if decide.negligible is not None:
        text += f"; less than {short(decide.negligible)} counts as nothing"
    return text


def number(value: float) -> str:
    """A number to as many digits as a reader wants, with a true minus sign; a dash for nan."""
    if math.isnan(value):
        return DASH
    size = abs(value)
    if value == int(value) and (size >= 10 or value == 0):
        text = f"{value:,.0f}"
    elif size < 0.0005:
        text = f"{value:.1e}"
    else:
        text = f"{value:.3f}" if size < 10 else f"{value:,.2f}"
    return text.replace("-", MINUS)


def short(value: float) -> str:
    """A number that somebody chose, with the digits that it has and no more."""
    return f"{value:,.10g}".replace("-", MINUS)


def p_value(p: float) -> str:
    """A p value to two digits; a dash for nan."""
    return DASH if math.isnan(p) else "< 1e-6" if p < 1e-6 else f"{p:.2g}"


def cell(text: str) -> str:
    """A text as a cell of a Markdown table."""
    return text.replace("|", r"\|").replace("\n", " ")


def _theirs(claim: Claim) -> bool:
    """Whether a claim rests on published numbers alone."""
    return not claim.rows


def _bounds(found: Estimate) -> str:
    known = not found.exact and not math.isnan(found.low)
    return f"[{number(found.low)}, {number(found.high)}]" if known else ""


def _published_number(one: Judgement) -> str:
    """The paper's number; with its reading limits where nothing else decides."""
    if _theirs(one.claim):
        return f"{_value(one)} {_bounds(one.estimate)}".rstrip()
    return _published(one.claim.published) if one.claim.published else DASH


def _all_of_theirs(one: Judgement) -> str:
    return "; ".join(part for part in (_published_number(one), one.claim.stated) if part)


def _value(one: Judgement) -> str:
    value = one.estimate.value
    whole = one.estimate.exact and not math.isnan(value) and value == int(value)
    return short(value) if whole else number(value)


def _published(given: Number) -> str:
    text = number(given.value)
    if given.spread is not None:
        text += f" ({number(given.spread)})"
    return text + (f", n {given.n}" if given.n is not None else "")
