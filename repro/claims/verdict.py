"""From an estimate and a declared rule to a verdict, and the n that would decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from repro.claims.estimate import NAN, Estimate
from repro.claims.schema import Rule
from repro.report.equivalence import beyond_p, tost
from repro.report.power import POWER, equivalence_n, pairs_for_power, share_n

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

    For `within` it is the two one-sided tests', or the t test's against the nearer margin where
    the whole interval is beyond it; for the others the statistic's own, or that of the opposite
    claim where the whole interval contradicts this one.
    """
    if found.exact or rule.comparison == "equals":
        return NAN
    if rule.comparison == "within":
        return _beyond_p(found, rule) if _contradicts(found, rule) else _tost_p(found, rule)
    if not math.isnan(found.p_against) and _contradicts(found, rule):
        return found.p_against
    return found.p


def decide(found: Estimate, rule: Rule, p: float) -> Decision:
    """Apply a rule to an estimate; `p` is the rule's, after Holm's correction within a family.

    A claim holds where the whole interval satisfies the rule and p is below .05, does not hold
    where the whole interval contradicts it and p is, and is undecided otherwise. Where a rule
    names what is negligible, an interval that leaves no more than that contradicts it by itself.
    """
    if math.isnan(found.value):
        verdict = FAILS if found.exact else UNDECIDED  # an exact check that a row fails, fails
        return Decision(verdict, found.method or "the statistic does not exist")
    if found.exact or rule.comparison == "equals":
        return _exact(found, rule)
    if math.isnan(found.low) or math.isnan(found.high):
        return Decision(UNDECIDED, "one unit has no interval", 2)
    return {
        "above": _above, "below": _below, "within": _within, "differs_from": _differs,
    }[rule.comparison](found, rule, p)  # fmt: skip


def _contradicts(found: Estimate, rule: Rule) -> bool:
    """Whether the whole interval is on the other side of the bound, or beyond the margin."""
    margin = rule.margin or 0.0
    return {
        "above": found.high < rule.bound,
        "below": found.low > rule.bound,
        "within": found.low > rule.bound + margin or found.high < rule.bound - margin,
    }.get(rule.comparison, False)


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
    negligible = rule.negligible is not None and reach < rule.negligible
    if (inside or (outside and not negligible)) and not p < ALPHA:  # nor where p is nan
        return Decision(UNDECIDED, f"the interval decides, p {p:.2g} does not", _n(found, rule, p))
    if inside:
        return Decision(HOLDS, "the whole interval is on the claimed side")
    if outside and p < ALPHA:
        return Decision(FAILS, "the whole interval is on the other side")
    if negligible:
        return Decision(FAILS, f"no effect of {rule.negligible:g} is left in the interval")
    return Decision(UNDECIDED, f"the interval holds {rule.bound:g}", _n(found, rule, p))


def _differs(found: Estimate, rule: Rule, p: float) -> Decision:
    apart = found.low > rule.bound or found.high < rule.bound
    if apart and p < ALPHA:
        return Decision(HOLDS, f"the interval leaves {rule.bound:g} out")
    small = rule.negligible
    if small is not None and max(found.high - rule.bound, rule.bound - found.low) < small:
        return Decision(FAILS, f"no difference of {small:g} is left in the interval")
    reason = "the interval decides, p does not" if apart else f"the interval holds {rule.bound:g}"
    return Decision(UNDECIDED, reason, _n(found, rule, p))


def _within(found: Estimate, rule: Rule, p: float) -> Decision:
    margin = rule.margin or 0.0
    inside = rule.bound - margin < found.low and found.high < rule.bound + margin
    outside = _contradicts(found, rule)
    if outside and not p >= ALPHA:  # nan: values a unit are not there, the interval decides
        return Decision(FAILS, f"the whole interval is further than {margin:g} away")
    if math.isnan(p) and inside:
        return Decision(HOLDS, f"the whole interval is within {margin:g}")
    if p < ALPHA:
        return Decision(HOLDS, f"two one-sided tests within ±{margin:g}, p {p:.2g}")
    gap = abs(found.value - rule.bound)
    sd, alpha = _sd(found), _alpha(found, rule, p)
    if gap < margin:
        n = equivalence_n(gap, sd, margin, alpha=alpha)
    else:
        n = pairs_for_power((gap - margin) / sd, alpha=alpha) if sd > 0 else None
    reason = (
        f"the interval decides, p {p:.2g} does not"
        if outside
        else f"the interval reaches over the margin of {margin:g}"
    )
    return Decision(UNDECIDED, reason, n)


def _beyond_p(found: Estimate, rule: Rule) -> float:
    """The two-sided t test's against the nearer margin; nan without values a unit."""
    values, margin = found.values, rule.margin or 0.0
    return beyond_p(values, rule.bound, margin) if len(values) > 1 else NAN


def _tost_p(found: Estimate, rule: Rule) -> float:
    """The two one-sided tests' p; nan without values a unit, where the interval alone decides."""
    return tost(found.values, rule.bound, rule.margin or 0.0).p if len(found.values) > 1 else NAN


def _n(found: Estimate, rule: Rule, p: float) -> int | None:
    """The n with which the observed effect would be told from the bound with 80 % power."""
    gap, alpha = found.value - rule.bound, _alpha(found, rule, p)
    if found.share:
        return share_n(found.value, rule.bound, alpha=alpha)
    if found.values:
        sd = _sd(found)
        return pairs_for_power(gap / sd, alpha=alpha) if sd > 0 else None
    half = (found.high - found.low) / 2
    if gap == 0 or half == 0:
        return None
    z, wanted = (float(norm.ppf(q)) for q in ((1 + found.level) / 2, 1 - alpha / 2))
    wider = half / z * (wanted + float(norm.ppf(POWER))) / gap
    return max(found.n + 1, math.ceil(found.n * wider**2))


def _alpha(found: Estimate, rule: Rule, p: float) -> float:
    """The level that a decision takes: the interval's, or 5 % after Holm's correction.

    Holm multiplied the p of the rule's own test; the level is divided by as much.
    """
    own = rule_p(found, rule)
    corrected = ALPHA * own / p if 0 < own < p else ALPHA
    return min(1 - found.level, corrected)


def _sd(found: Estimate) -> float:
    return float(np.std(found.values, ddof=1)) if len(found.values) > 1 else NAN
