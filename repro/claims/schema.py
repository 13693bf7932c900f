"""What a claim file says, typed: the claim, the rows it rests on, its statistic and its rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Whose rows decide where a claim does not say: those of the first scale that has any.
DECIDING = ("paper", "reduced")
REDUCTIONS = ("mean", "sd", "min", "max", "median", "sum")
COMPARISONS = ("above", "below", "within", "equals", "differs_from")


@dataclass(frozen=True)
class Selection:
    """Which number of which stored rows.

    The rows are those of an experiment, of one of its arms, whose config has the values of
    `where` (dotted keys; a list allows any of its values), of some seeds. The number is the
    metric at a dotted path such as `at.end.mcc`, less the metric `minus`, over the metric `over`,
    its logarithm with `log`. A metric that is a list becomes one number by `reduce` (`item` is a
    place in it, counted from 0), or stays several values of one run. `less` and `per` name
    another selection of the claim: its value on the same data set is subtracted, or divides.
    """

    experiment: str
    metric: str
    arm: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    data_seeds: tuple[int, ...] | None = None
    model_seeds: tuple[int, ...] | None = None
    minus: str | None = None
    over: str | None = None
    reduce: str | None = None
    item: int | None = None
    log: bool = False
    less: str | None = None
    per: str | None = None


@dataclass(frozen=True)
class Primary:
    """The primary statistic: its name in the registry, the selections it takes, its arguments."""

    name: str
    of: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Number:
    """A number that a rule compares with: given itself, or found among the published ones."""

    value: float
    spread: float | None = None
    n: int | None = None
    where: str = ""  # paper and place; empty: stated in the claim


@dataclass(frozen=True)
class Rule:
    """When a claim holds: the statistic is above, below, within a margin of, equal to or unlike.

    `negligible`: an effect whose whole interval is this near to the bound counts as none.
    """

    comparison: str
    bound: float
    margin: float | None = None
    negligible: float | None = None


@dataclass(frozen=True)
class Claim:
    """One claim of a paper and how it is decided.

    `scales` are the scales whose rows may decide, the first with rows does; `n` how many units
    (data seeds, say) the test was declared for; `published` the paper's number, `stated` its
    words where it has none; `command` makes the rows where the experiments' own do not.
    """

    id: str
    paper: str
    sentence: str
    source: str
    rows: Mapping[str, Selection]
    test: Primary
    decide: Rule
    published: Number | None = None
    stated: str = ""
    family: str | None = None
    scales: tuple[str, ...] = DECIDING
    n: int | None = None
    note: str = ""
    command: str = ""

    @property
    def experiments(self) -> tuple[str, ...]:
        """The experiments whose rows it rests on, each once."""
        return tuple(dict.fromkeys(one.experiment for one in self.rows.values()))
