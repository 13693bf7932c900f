"""The audit: what each arm changes against its baseline, paired over the same data sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from repro.claims.estimate import Estimate
from repro.claims.judge import FindEvidence
from repro.claims.means import paired_difference
from repro.claims.sample import select
from repro.claims.schema import Selection
from repro.page.evidence import fullest
from repro.page.settings import Audit, Group


@dataclass(frozen=True)
class Effect:
    """An arm's effect: its group and label, the paired difference, at which scale."""

    group: str
    label: str
    experiment: str
    estimate: Estimate
    scale: str
    reductions: tuple[str, ...]


def effects(audit: Audit, find: FindEvidence, scales: tuple[str, ...]) -> list[Effect]:
    """Every arm that has runs in common with its baseline, group by group in the arms' order."""
    return [effect for group in audit.groups for effect in _group(group, find, scales)]


def _group(group: Group, find: FindEvidence, scales: tuple[str, ...]) -> Iterator[Effect]:
    evidence = fullest(find, group.experiment, scales)
    baseline = _selection(group, group.baseline)
    arms = dict.fromkeys(one.arm for one in evidence.asked)
    chosen = [arm for arm in arms if arm not in (group.baseline, *group.leave_out)]
    lines = [(group.labels.get(arm, arm.replace("_", " ")), _selection(group, arm))
             for arm in chosen]  # fmt: skip
    lines += [(label, replace(baseline, metric=path)) for label, path in group.metrics.items()]
    for label, selection in lines:
        pair = [select(label, one, evidence.rows) for one in (selection, baseline)]
        found = paired_difference(pair, 0.0)
        if found.n > 1:
            yield Effect(group.label, label, group.experiment, found, evidence.scale,
                         evidence.reductions)  # fmt: skip


def _selection(group: Group, arm: str) -> Selection:
    return Selection(group.experiment, group.metric, arm=arm, where=group.where)
