"""Every claim against stored rows: its estimate, Holm's correction within families, a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from repro.claims.estimate import NAN, Estimate
from repro.claims.registry import STATISTICS
from repro.claims.sample import Lost, Sample, matches, related, select
from repro.claims.schema import Claim, Selection
from repro.claims.verdict import NOT_RUN, UNDECIDED, Decision, decide, rule_p, without
from repro.errors import ConfigError
from repro.report.multiplicity import holm

NOTHING = Estimate(NAN)
OPEN = Decision("", "")  # until the whole family is estimated


@dataclass(frozen=True)
class Asked:
    """A run that an experiment asks for: its arm, frozen config and seeds."""

    id: str
    arm: str
    config: Mapping[str, Any]
    data_seed: int
    model_seed: int


@dataclass(frozen=True)
class Evidence:
    """An experiment at a scale: what it asks for, what is stored of it (rows with their arm)."""

    experiment: str
    scale: str
    rows: tuple[Mapping[str, Any], ...]
    asked: tuple[Asked, ...]
    reductions: tuple[str, ...] = ()


FindEvidence = Callable[[str, str], Evidence]  # experiment and scale


@dataclass(frozen=True)
class Judgement:
    """A claim's verdict and all that it rests on.

    `scale` is that of the rows; `stored` and `asked` count the runs behind it, `lost` those
    without a usable number among them; `p` is after Holm's correction where the claim has a
    family; `command` makes what is missing and is empty where nothing is.
    """

    claim: Claim
    decision: Decision
    estimate: Estimate = NOTHING
    p: float = NAN
    scale: str = ""
    stored: int = 0
    asked: int = 0
    lost: int = 0
    reductions: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    command: str = ""
    absent: tuple[str, ...] = ()  # selections that a partial statistic did without

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`."""
        return self.decision.verdict


def judge(claims: Sequence[Claim], find: FindEvidence) -> list[Judgement]:
    """Judge all claims, those of a family together.

    Raises:
        ConfigError: where a claim names a metric or an argument that cannot be used.
    """
    found = [_estimated(claim, find) for claim in claims]
    adjusted = _adjusted(found)
    return [
        one if one.decision is not OPEN
        else replace(one, p=p, decision=_decided(one, p))
        for one, p in zip(found, adjusted, strict=True)
    ]  # fmt: skip


def _decided(one: Judgement, p: float) -> Decision:
    return without(decide(one.estimate, one.claim.decide, p), one.absent)


def samples_of(claim: Claim, find: FindEvidence) -> tuple[dict[str, Sample], dict[str, Evidence]]:
    """A claim's selections as numbers, and the experiments, each at a scale, that they are of."""
    evidence = {name: _evidence(claim, name, find) for name in claim.experiments}
    return _related(claim, _samples(claim, evidence)), evidence


def _related(claim: Claim, plain: Mapping[str, Sample]) -> dict[str, Sample]:
    """The selections, less or over those that they name."""
    return {
        name: related(sample, claim.rows[name], plain)
        if _complete(claim, name, plain)
        else Sample(name, ())
        for name, sample in plain.items()
    }


def _estimated(claim: Claim, find: FindEvidence) -> Judgement:
    evidence = {name: _evidence(claim, name, find) for name in claim.experiments}
    plain = _samples(claim, evidence)
    samples = _related(claim, plain)
    chosen = [samples[name] for name in claim.test.of]
    found = [sample for sample in chosen if sample.points]
    about = _about(claim, evidence, plain)
    if not _enough(claim, chosen, found):
        return about
    statistic = STATISTICS[claim.test.name].function
    try:
        estimate = statistic(found, claim.decide.bound, **claim.test.arguments)
    except ConfigError as error:
        raise ConfigError(f"claim {claim.id} of conf/claims, {error}") from None
    absent = tuple(sample.name for sample in chosen if not sample.points)
    return replace(about, estimate=estimate, absent=absent, decision=OPEN)


def _enough(claim: Claim, chosen: Sequence[Sample], found: Sequence[Sample]) -> bool:
    """Whether every selection has rows; for a partial statistic the first, and enough others."""
    entry = STATISTICS[claim.test.name]
    if not entry.partial:
        return len(found) == len(chosen)
    return bool(chosen[0].points) and len(found) >= entry.fewest


def _complete(claim: Claim, name: str, samples: Mapping[str, Sample]) -> bool:
    wanted = claim.rows[name]
    return all(samples[other].points for other in (wanted.less, wanted.per) if other)


def _evidence(claim: Claim, experiment: str, find: FindEvidence) -> Evidence:
    """An experiment at the scale that has most of what is taken, then the most runs of it."""
    tried = [find(experiment, scale) for scale in claim.scales]
    return max(tried, key=lambda found: _fullness(claim, experiment, found))


def _fullness(claim: Claim, experiment: str, found: Evidence) -> tuple[int, int]:
    """What there is of the selections, and how many runs of the one that has fewest.

    4: numbers of every cell that the selections ask for, as of each depth; 3: of every one;
    2: of some selection; 1: runs alone whose numbers are lost; 0: nothing.
    """
    samples = _samples(claim, {experiment: found})
    runs = min(len(sample.points) + len(sample.lost) for sample in samples.values())
    if all(sample.points for sample in samples.values()):
        return 4 if _every_cell(claim, found, samples) else 3, runs
    if any(sample.points for sample in samples.values()):
        return 2, runs
    return int(any(sample.lost for sample in samples.values())), runs


def _every_cell(claim: Claim, found: Evidence, samples: Mapping[str, Sample]) -> bool:
    return all(
        {one.id for one in found.asked if _asks(claim.rows[name], one)}
        <= {point.row["id"] for point in sample.points}
        for name, sample in samples.items()
    )


def _samples(claim: Claim, evidence: Mapping[str, Evidence]) -> dict[str, Sample]:
    return {
        name: select(name, wanted, evidence[wanted.experiment].rows)
        for name, wanted in claim.rows.items()
        if wanted.experiment in evidence
    }


def _about(
    claim: Claim, evidence: Mapping[str, Evidence], samples: Mapping[str, Sample]
) -> Judgement:
    asked = {
        (one.id, one.data_seed, one.model_seed)
        for wanted in claim.rows.values()
        for one in evidence[wanted.experiment].asked
        if _asks(wanted, one)
    }
    points = [point for sample in samples.values() for point in sample.points]
    lost = {run for sample in samples.values() for run in sample.lost}
    stored = lost | {Lost(str(p.row["id"]), p.data_seed, p.model_seed) for p in points}
    reductions = dict.fromkeys(text for one in evidence.values() for text in one.reductions)
    vain = _vain(claim, evidence, samples)
    short = len(stored) < len(asked) or len(vain) < len(_lacking(samples))
    return Judgement(
        claim,
        _unestimated(claim, samples, vain),
        scale=", ".join(dict.fromkeys(one.scale for one in evidence.values())),
        stored=len(stored),
        asked=len(asked),
        lost=len(lost),
        reductions=tuple(reductions),
        ids=tuple(sorted({one.id for one in stored})),
        command=_command(claim, evidence, samples) if short else "",
    )


def _lacking(samples: Mapping[str, Sample]) -> list[str]:
    """The selections without rows; rows whose numbers are lost are rows."""
    return [
        name for name, one in samples.items() if not one.points and (one.lacks or not one.lost)
    ]


def _vain(
    claim: Claim, evidence: Mapping[str, Evidence], samples: Mapping[str, Sample]
) -> list[str]:
    """The selections without rows that choose none of the runs that their experiment asks for."""
    found = {name: evidence[claim.rows[name].experiment].asked for name in _lacking(samples)}
    return [
        name
        for name, asked in found.items()
        if asked and not any(_asks(claim.rows[name], one) for one in asked)
    ]


def _unestimated(claim: Claim, samples: Mapping[str, Sample], vain: Sequence[str]) -> Decision:
    """Why nothing can be estimated: rows that are not there yet, or that have no numbers."""
    if vain:
        names = ", ".join(f"`{name}`" for name in vain)
        runs = ", ".join(dict.fromkeys(claim.rows[name].experiment for name in vain))
        return Decision(NOT_RUN, f"none of the runs of {runs} is what {names} selects")
    if lacking := _lacking(samples):
        missing = dict.fromkeys(samples[one].lacks or _named(claim.rows[one]) for one in lacking)
        return Decision(NOT_RUN, f"no rows yet of {', '.join(missing)}")
    lost = [
        f"none of the {len(one.lost)} runs of {_named(claim.rows[name])} has a finite number"
        for name, one in samples.items()
        if not one.points
    ]
    reason = "; ".join(dict.fromkeys(lost)) or "no two of the runs are on the same data set"
    return Decision(UNDECIDED, reason, 0)


def _named(wanted: Selection) -> str:
    return wanted.experiment if wanted.arm is None else f"{wanted.experiment} (arm {wanted.arm})"


def _asks(wanted: Selection, one: Asked) -> bool:
    row = {
        "config": one.config,
        "data_seed": one.data_seed,
        "model_seed": one.model_seed,
        "arm": one.arm,
    }
    return matches(wanted, row)


def _command(claim: Claim, evidence: Mapping[str, Evidence], samples: Mapping[str, Sample]) -> str:
    """What makes the missing rows: of what has none, or else of all that the claim takes."""
    if claim.command:
        return claim.command
    empty = [claim.rows[name] for name in _lacking(samples)]
    chosen = empty or list(claim.rows.values())
    names = list(dict.fromkeys(one.experiment for one in chosen))
    words = [f"experiment={','.join(names)}"]
    arms = list(dict.fromkeys(one.arm for one in chosen if one.arm is not None))
    if len(names) == 1 and all(one.arm is not None for one in chosen):
        words.append(f"arm={','.join(arms)}")
    return f"repro run {' '.join(words)} scale={evidence[names[0]].scale}"


def _adjusted(found: Sequence[Judgement]) -> list[float]:
    """The rules' p values, after Holm's correction within each family of claims that ran."""
    ran = [one.decision is OPEN for one in found]
    p = [rule_p(one.estimate, one.claim.decide) if yes else NAN
         for one, yes in zip(found, ran, strict=True)]  # fmt: skip
    families: dict[str, list[int]] = {}
    for i, one in enumerate(found):
        if one.claim.family is not None:
            families.setdefault(one.claim.family, []).append(i)
    for places in families.values():
        for i, value in zip(places, holm([p[i] for i in places]), strict=True):
            p[i] = value
    return p
