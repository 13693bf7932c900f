"""What rounds have shown: one JSON line a round, and the table of faults and outcomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Round:
    """One round: the faults that struck, how the rows came about, and what is wrong with them."""

    seed: int
    number: int
    hits: dict[str, int] = field(default_factory=dict)
    resumed: int = 0  # rows that went on from a checkpoint
    spilled: int = 0  # times that rows were taken in from a spill
    set_aside: int = 0  # checkpoints that were refused
    commands: int = 0  # how often the command was given once the faults were over
    stuck: int = 0  # processes that had to be killed because they did not end
    lost: int = 0
    duplicated: int = 0
    differing: int = 0
    seconds: float = 0.0

    def sentence(self) -> str:
        """One line for a person."""
        struck = ", ".join(f"{name} ({hits})" for name, hits in self.hits.items())
        wrong = f"lost {self.lost} duplicated {self.duplicated} differing {self.differing}"
        return f"round {self.seed}/{self.number}: {struck}: {wrong} ({self.seconds:.1f} s)"


def read(path: Path) -> list[Round]:
    """The rounds that a file holds; a torn last line is left out."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [Round(**json.loads(line)) for line in lines]


def add(path: Path, one: Round) -> None:
    """Appends a round to a file."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(one)) + "\n")


def total(rounds: Sequence[Round]) -> str:
    """The one line that counts."""
    lost, twice, other = (
        sum(getattr(one, name) for one in rounds) for name in ("lost", "duplicated", "differing")
    )
    return f"rounds {len(rounds)} lost {lost} duplicated {twice} differing {other}"


def clean(rounds: Sequence[Round]) -> bool:
    """Whether nothing was lost, duplicated or different, and nothing hung."""
    return not any(one.lost + one.duplicated + one.differing + one.stuck for one in rounds)


def table(rounds: Sequence[Round], faults: Sequence[str]) -> str:
    """Faults and outcomes as Markdown; a round with several faults counts in several lines."""
    head = ["fault", "rounds", "hits", "rows resumed", "checkpoints refused", "spills taken in",
            "commands afterwards (most)", "lost", "duplicated", "differing"]  # fmt: skip
    lines = [head, ["---", *(["--:"] * (len(head) - 1))]]
    for name in faults:
        lines.append(_line(name, [one for one in rounds if name in one.hits], name))
    lines.append(_line("all rounds", rounds, None))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _line(name: str, rounds: Sequence[Round], fault: str | None) -> list[str]:
    hits = sum(sum(one.hits.values()) if fault is None else one.hits[fault] for one in rounds)
    sums = [
        sum(getattr(one, key) for one in rounds) for key in ("resumed", "set_aside", "spilled")
    ]
    most = max((one.commands for one in rounds), default=0)
    wrong = [
        sum(getattr(one, key) for one in rounds) for key in ("lost", "duplicated", "differing")
    ]
    return [name, *(str(value) for value in (len(rounds), hits, *sums, most, *wrong))]
