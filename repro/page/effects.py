"""What each arm changes against its baseline, and what is left of a lead: paired effects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from repro.claims.estimate import Estimate
from repro.claims.judge import FindEvidence, samples_of
from repro.claims.means import paired_difference
from repro.claims.sample import select
from repro.claims.schema import Claim, Selection
from repro.figures.audit.frame import spell
from repro.page.evidence import fullest
from repro.page.settings import Audit, Group, Lead, Step


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


def lead(about: Lead, claims: Iterable[Claim], find: FindEvidence) -> list[Effect]:
    """Each step of a lead whose two selections have runs in common, at the claim's own scales."""
    by_id = {one.id: one for one in claims}
    return [
        effect
        for ladder in about.groups
        for label, step in ladder.steps.items()
        for effect in _step(ladder.label, label, step, by_id[step.claim], find)
    ]


def _step(
    group: str, label: str, step: Step, claim: Claim, find: FindEvidence
) -> Iterator[Effect]:
    samples, evidence = samples_of(claim, find)
    found = paired_difference([samples[step.first], samples[step.second]], 0.0)
    if found.n > 1:
        wanted = [claim.rows[name].experiment for name in (step.first, step.second)]
        chosen = [evidence[name] for name in dict.fromkeys(wanted)]
        reductions = tuple(text for one in chosen for text in one.reductions)
        scale = ", ".join(dict.fromkeys(one.scale for one in chosen))
        yield Effect(group, label, ", ".join(dict.fromkeys(wanted)), found, scale, reductions)


def _group(group: Group, find: FindEvidence, scales: tuple[str, ...]) -> Iterator[Effect]:
    evidence = fullest(find, group.experiment, scales)
    baseline = _selection(group, group.baseline)
    arms = dict.fromkeys(one.arm for one in evidence.asked)
    chosen = [arm for arm in arms if arm not in (group.baseline, *group.leave_out)]
    lines = [(group.labels.get(arm, spell(arm)), _selection(group, arm))
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
