"""From an estimate and a declared rule to a verdict, and the n that would decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from repro.claims.estimate import NAN, Estimate
from repro.claims.schema import Rule
from repro.report.equivalence import tost
from repro.report.power import equivalence_n, pairs_for_power, share_n

ALPHA = 0.05
HOLDS, FAILS, UNDECIDED, NOT_RUN = "holds", "does not hold", "undecided", "not run"
VERDICTS = (HOLDS, FAILS, UNDECIDED, NOT_RUN)


@dataclass(frozen=True)
class Decision:
    """A verdict and why; `n` decides an undecided one (None: no n would; 0: it needs no n)."""

    verdict: str
    reason: str
    n: int | None = None


def without(decision: Decision, absent: Sequence[str]) -> Decision:
    """A verdict on the best of several arms, some of which have not run: it cannot hold yet."""
    if not absent or decision.verdict != HOLDS:
        return decision
    return Decision(UNDECIDED, f"ahead of the arms that have run; {len(absent)} have not yet", 0)


def rule_p(found: Estimate, rule: Rule) -> float:
    """The p by which Holm's correction ranks a claim: that of the rule's own test; nan: none.

    For `within` it is the two one-sided tests', for the others the statistic's own.
    """
    if found.exact or rule.comparison == "equals":
        return NAN
    if rule.comparison == "within":
        return _tost_p(found, rule)
    return found.p


def decide(found: Estimate, rule: Rule, p: float) -> Decision:
    """Apply a rule to an estimate; `p` is the rule's, after Holm's correction within a family.

    A claim holds where the whole interval satisfies the rule and p is below .05, does not hold
    where the whole interval contradicts it, and is undecided otherwise.
    """
    if math.isnan(found.value):
        return Decision(UNDECIDED, found.method or "the statistic does not exist")
    if found.exact or rule.comparison == "equals":
        return _exact(found, rule)
    if math.isnan(found.low) or math.isnan(found.high):
        return Decision(UNDECIDED, "one unit has no interval", 2)
    return {
        "above": _above, "below": _below, "within": _within, "differs_from": _differs,
    }[rule.comparison](found, rule, p)  # fmt: skip


def _exact(found: Estimate, rule: Rule) -> Decision:
    true = {
        "above": found.value > rule.bound,
        "below": found.value < rule.bound,
        "equals": found.value == rule.bound,
        "differs_from": found.value != rule.bound,
        "within": abs(found.value - rule.bound) <= (rule.margin or 0.0),
    }[rule.comparison]
    return Decision(HOLDS if true else FAILS, "checked in every row, nothing is estimated")


def _above(found: Estimate, rule: Rule, p: float) -> Decision:
    inside, outside = found.low > rule.bound, found.high < rule.bound
    return _one_sided(found, rule, p, inside, outside, found.high - rule.bound)


def _below(found: Estimate, rule: Rule, p: float) -> Decision:
    inside, outside = found.high < rule.bound, found.low > rule.bound
    return _one_sided(found, rule, p, inside, outside, rule.bound - found.low)


def _one_sided(
    found: Estimate, rule: Rule, p: float, inside: bool, outside: bool, reach: float
) -> Decision:
    """`reach`: the largest effect in the claimed direction that the interval allows."""
    if (inside or outside) and p >= ALPHA:
        return Decision(UNDECIDED, f"the interval decides, p {p:.2g} does not", _n(found, rule))
    if inside:
        return Decision(HOLDS, "the whole interval is on the claimed side")
    if outside:
        return Decision(FAILS, "the whole interval is on the other side")
    if rule.negligible is not None and reach < rule.negligible:
        return Decision(FAILS, f"no effect of {rule.negligible:g} is left in the interval")
    return Decision(UNDECIDED, f"the interval holds {rule.bound:g}", _n(found, rule))


def _differs(found: Estimate, rule: Rule, p: float) -> Decision:
    apart = found.low > rule.bound or found.high < rule.bound
    if apart and p < ALPHA:
        return Decision(HOLDS, f"the interval leaves {rule.bound:g} out")
    small = rule.negligible
    if small is not None and max(found.high - rule.bound, rule.bound - found.low) < small:
        return Decision(FAILS, f"no difference of {small:g} is left in the interval")
    reason = "the interval decides, p does not" if apart else f"the interval holds {rule.bound:g}"
    return Decision(UNDECIDED, reason, _n(found, rule))


def _within(found: Estimate, rule: Rule, p: float) -> Decision:
    margin = rule.margin or 0.0
    inside = rule.bound - margin < found.low and found.high < rule.bound + margin
    if math.isnan(p) and inside:
        return Decision(HOLDS, f"the whole interval is within {margin:g}")
    if p < ALPHA:
        return Decision(HOLDS, f"two one-sided tests within ±{margin:g}, p {p:.2g}")
    if found.low > rule.bound + margin or found.high < rule.bound - margin:
        return Decision(FAILS, f"the whole interval is further than {margin:g} away")
    gap = abs(found.value - rule.bound)
    sd = _sd(found)
    if gap < margin:
        n = equivalence_n(gap, sd, margin)
    else:
        n = pairs_for_power((gap - margin) / sd) if sd > 0 else None
    return Decision(UNDECIDED, f"the interval reaches over the margin of {margin:g}", n)


def _tost_p(found: Estimate, rule: Rule) -> float:
    """The two one-sided tests' p; nan without values a unit, where the interval alone decides."""
    return tost(found.values, rule.bound, rule.margin or 0.0).p if len(found.values) > 1 else NAN


def _n(found: Estimate, rule: Rule) -> int | None:
    """The n with which the observed effect would be told from the bound with 80 % power."""
    gap = found.value - rule.bound
    if found.share:
        return share_n(found.value, rule.bound)
    if found.values:
        sd = _sd(found)
        return pairs_for_power(gap / sd) if sd > 0 else None
    half = (found.high - found.low) / 2
    if gap == 0 or half == 0:
        return None
    return max(found.n + 1, math.ceil(found.n * (half / 1.96 * 2.8 / gap) ** 2))


def _sd(found: Estimate) -> float:
    return float(np.std(found.values, ddof=1)) if len(found.values) > 1 else NAN
