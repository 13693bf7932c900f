"""What a claim's number is measured in, by its metric and its statistic."""

from __future__ import annotations

from collections.abc import Mapping

from repro.claims.schema import Claim, Selection

PLAIN = ("mean", "paired_difference", "difference", "best_of_arms", "ordering", "interaction",
         "repeated_measures", "spread_difference", "largest", "smallest", "farthest",
         "common_value")  # fmt: skip
OWN = {"share": "share", "share_difference": "share", "correlation": "rho"}  # whatever of
RATIO = "ratio"


def measure(claim: Claim, names: Mapping[str, str]) -> str:
    """What a claim's number is in: `names` has a word for the last part of a metric's path.

    Empty where its selections differ, or where a metric has no word.
    """
    test = claim.test
    if test.name in OWN:
        return OWN[test.name]
    found = {_of(claim.rows[one], names) for one in test.of}
    if len(found) != 1:
        return ""
    [word] = found
    if test.name == "trend":
        step = step_of(claim)
        return f"{word} per {step}" if word and step else ""
    return word if test.name in PLAIN else ""


def step_of(claim: Claim) -> str:
    """What one step of a trend's axis is: the claim's own word, or an e-fold of a logarithm."""
    given = claim.test.arguments
    return str(given.get("step") or ("e-fold" if given.get("log_x") else ""))


def _of(one: Selection, names: Mapping[str, str]) -> str:
    word = RATIO if one.over or one.per else names.get(one.metric.rpartition(".")[2], "")
    return f"log {word}" if one.log and word else word
