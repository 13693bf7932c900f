"""The audit: what each arm changes against its baseline, paired over the same data sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from repro.claims.estimate import Estimate
from repro.claims.judge import Evidence, FindEvidence
from repro.claims.means import paired_difference
from repro.claims.sample import select
from repro.claims.schema import Selection
from repro.page.settings import Audit, Group


@dataclass(frozen=True)
class Effect:
    """An arm's effect: its group and label, the paired difference, at which scale."""

    group: str
    label: str
    arm: str
    experiment: str
    estimate: Estimate
    scale: str
    reductions: tuple[str, ...]


def effects(audit: Audit, find: FindEvidence, scales: tuple[str, ...]) -> list[Effect]:
    """Every arm that has runs in common with its baseline, group by group in the arms' order."""
    return [effect for group in audit.groups for effect in _group(group, find, scales)]


def _group(group: Group, find: FindEvidence, scales: tuple[str, ...]) -> Iterator[Effect]:
    for arm, evidence in _arms(group, find, scales):
        samples = [
            select(name, _selection(group, name), evidence.rows) for name in (arm, group.baseline)
        ]
        found = paired_difference(samples, 0.0)
        if found.n > 1:
            label = group.labels.get(arm, arm.replace("_", " "))
            yield Effect(group.label, label, arm, group.experiment, found,
                         evidence.scale, evidence.reductions)  # fmt: skip


def _arms(
    group: Group, find: FindEvidence, scales: tuple[str, ...]
) -> Iterator[tuple[str, Evidence]]:
    """Each arm but the baseline, at the first scale that has rows of the experiment."""
    for scale in scales:
        evidence = find(group.experiment, scale)
        if not evidence.rows:
            continue
        for arm in dict.fromkeys(one.arm for one in evidence.asked):
            if arm not in (group.baseline, *group.leave_out):
                yield arm, evidence
        return


def _selection(group: Group, arm: str) -> Selection:
    return Selection(group.experiment, group.metric, arm=arm, where=group.where)
