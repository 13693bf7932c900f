"""Making a stored row again, in a store of its own, and comparing the two."""

from __future__ import annotations

import itertools
import math
import random
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from repro.config.compose import Composition, compose_defaults, read_settings
from repro.config.identity import filled, identity
from repro.config.overrides import own_words
from repro.config.schema import SCALES, SCIENCE
from repro.config.seeds import parse_seeds, spell_seeds
from repro.config.tree import Tree
from repro.data.registry import load_registry
from repro.errors import ConfigError, DataError, JobFailed, MissingResult, StoreError
from repro.jobs import Interrupted, Job, SeedPair
from repro.nearest import nearest, suggestion
from repro.runner.durations import duration
from repro.runner.launch import LocalOptions
from repro.runner.local import run_local
from repro.runner.needs import Registered, told
from repro.runner.overview import aligned, tell
from repro.runner.paths import StorePaths
from repro.runner.plan import job_options, open_store
from repro.runner.progress import Reporter, make_reporter
from repro.runner.sharing import local_options
from repro.runner.store import Store
from repro.runner.tolerance import Compared, Rules, Tolerance, compare, load_rules

OWN_WORDS = ("id", "scale", "seeds", "model_seeds", "draw")
CHOOSE = (
    f"choose the row by {', '.join(OWN_WORDS[:-1])}, as in id=ID (repro verify --all-ids lists"
    " them)"
)


@dataclass(frozen=True)
class Candidate:
    """A stored row, at which scale, and how many seconds it is expected to take again."""

    scale: str
    row: Mapping[str, Any]
    seconds: float = math.inf  # not known

    @property
    def name(self) -> str:
        """How messages call the row."""
        seeds = f"data seed {self.row['data_seed']}, model seed {self.row['model_seed']}"
        return f"{self.row['task']} {self.row['id']}, {seeds}, scale {self.scale}"

    @property
    def share(self) -> float | None:
        """What the row's job took a seed; None where it went on from a checkpoint."""
        about = self.row["provenance"]
        if about.get("resumed_at") is not None or not about.get("seconds"):
            return None
        return float(about["seconds"]) / max(1, len(about.get("pack") or [1]))


@dataclass(frozen=True)
class Verification:
    """A stored row, its rerun, and every number of both."""

    candidate: Candidate
    again: Mapping[str, Any]
    compared: tuple[Compared, ...]
    rule: Tolerance

    @property
    def exact(self) -> bool:
        """Whether no number differs at all."""
        return all(one.difference == 0 for one in self.compared)

    @property
    def ok(self) -> bool:
        """Whether the statuses agree and every number is within its tolerance."""
        same = self.candidate.row["status"] == self.again["status"]
        return same and all(one.passes for one in self.compared)


class Verifier:
    """What `repro verify` was asked: which stored rows, and how to run one again.

    Args:
        words: `id=`, `scale=`, `seeds=`, `model_seeds=` choose among the stored rows, `draw=` is
            the seed of the choice among those that are left; the rest are overrides of how and
            where it runs.

    Raises:
        ConfigError: for a word that does not exist, or that a stored row has settled.
    """

    def __init__(self, words: Sequence[str]) -> None:
        _refuse_bare(words)
        self.chosen, rest = own_words(words, OWN_WORDS)
        tree = Tree()
        _refuse_science(tree, rest)
        self.composition: Composition = compose_defaults(tree, rest)
        self.rules: Rules = load_rules(tree.folder / "verify.yaml")
        scale = self.chosen.get("scale")
        if scale is not None and scale not in SCALES:
            raise ConfigError(f"scale={scale} does not exist; {suggestion(scale, SCALES)}")
        if self.composition.launcher["name"] != "local":
            name = self.composition.launcher["name"]
            raise ConfigError(f"verify makes a row on this machine; leave out launcher={name}")
        self.draw = _one_seed(self.chosen.get("draw", "0"), "draw")
        registry = load_registry(tree.folder / "datasets.yaml")
        self.data = Registered(registry, self.composition.data)

    def candidates(self) -> list[Candidate]:
        """The stored rows that the words ask for.

        Raises:
            MissingResult: where nothing is stored.
            ConfigError: where nothing fits.
        """
        stored = list(self._stored())
        if not stored:
            raise MissingResult(self._nothing_stored())
        ids = {one.row["id"] for one in stored}
        wanted = self.chosen.get("id")
        if wanted is not None and wanted not in ids:
            raise ConfigError(f"no row has id={wanted}; {suggestion(wanted, ids)}"
                              " (repro verify --all-ids lists them)")  # fmt: skip
        found = [one for one in stored if self._asks(one)]
        if not found:
            raise ConfigError("no stored row has those seeds; see repro verify --all-ids")
        return found

    def _nothing_stored(self) -> str:
        scale = self.chosen.get("scale")
        at, words = ("", "") if scale is None else (f" at scale={scale}", f" scale={scale}")
        make = self.composition.told(f"repro run experiment=all{words}")
        return f"nothing is stored in {self.composition.results}{at}; make rows with: {make}"

    def choose(self) -> Candidate:
        """One of the rows asked for: a cheap one, drawn with `draw`, or the cheapest there is.

        Rows whose data are not there are not drawn.

        Raises:
            DataError: where none is left for want of data; with the remedy.
        """
        found = sorted(self.candidates(), key=lambda one: (one.seconds, one.name))
        cheap = [one for one in found if one.seconds <= self.rules.cheap_seconds]
        dear = [one for one in found if one.seconds > self.rules.cheap_seconds]
        for one in itertools.chain(_shuffled(cheap, self.draw), dear):
            if not self._lacked(one):
                return one
        raise DataError(told(found[0].name, self._lacked(found[0]), self.composition))

    def _lacked(self, one: Candidate) -> list[str]:
        """The data sets that a row was made of and that are not there whole."""
        sections: dict[str, Any] = {name: {} for name in SCIENCE}
        return self.data.lacked(sections | filled(one.row["config"]))

    def run(self, one: Candidate, reporter: Reporter) -> Verification:
        """Make a row again in a temporary store and compare.

        Raises:
            JobFailed: where the rerun ends without a row.
            Interrupted: where it was asked to stop before.
        """
        with tempfile.TemporaryDirectory(prefix="repro-verify-") as folder:
            store = Store(StorePaths(Path(folder), one.scale))
            summary = run_local([self._job(one)], store, self._launcher(), reporter)
            rows = store.read(one.row["task"])
            failures = store.failures(one.row["id"])
        if not rows and summary.interrupted:
            raise Interrupted
        if not rows:
            said = "\n".join(failure.traceback.rstrip() for failure in failures)
            why = f"; mend what stopped it:\n{said}" if said else "; give the same command again"
            raise JobFailed(f"{one.name} ended without a row{why}")
        compared = compare(one.row, rows[0], self.rules)
        return Verification(one, rows[0], tuple(compared), self.rules.rule_for(one.row))

    def _launcher(self) -> LocalOptions:
        options = local_options(self.composition.launcher, self.composition.run)
        return replace(options, workers=1, threads=options.threads or 1)

    def _job(self, one: Candidate) -> Job:
        row = one.row
        options = job_options(self.composition) | {
            "keep_arrays": False,
            "experiment": "verify",
            "checkpoint_minutes": None,  # it would go with the temporary store
        }
        pair = SeedPair(row["data_seed"], row["model_seed"])
        config = filled(row["config"])
        seconds = one.seconds if math.isfinite(one.seconds) else 0.0
        return Job(row["id"], row["task"], one.scale, config, (pair,), seconds, options)

    def _stored(self) -> Iterator[Candidate]:
        """Every row, with the longest that a seed of its config has taken from start to end."""
        wanted = self.chosen.get("scale")
        for scale in (wanted,) if wanted else reversed(SCALES):
            store = open_store(self.composition.results, scale)
            for task in store.tasks():
                found = [Candidate(scale, row) for row in store.read(task)]
                longest: dict[str, float] = {}
                for one in found:
                    if one.share is not None:
                        id = one.row["id"]
                        longest[id] = max(longest.get(id, 0.0), one.share)
                for one in found:
                    yield replace(one, seconds=longest.get(one.row["id"], math.inf))

    def _asks(self, one: Candidate) -> bool:
        if self.chosen.get("id") not in (None, one.row["id"]):
            return False
        for word, key in (("seeds", "data_seed"), ("model_seeds", "model_seed")):
            if word in self.chosen and one.row[key] not in parse_seeds(self.chosen[word], word):
                return False
        return True


def _refuse_bare(words: Sequence[str]) -> None:
    for word in words:
        if "=" in word:
            continue
        near = nearest(word, SCALES)
        remedy = f"write scale={near}" if near else CHOOSE
        if re.fullmatch(r"[0-9a-f]{12}", word):
            remedy = f"write id={word}"
        raise ConfigError(f"'{word}' is no KEY=VALUE; {remedy}")


def _one_seed(value: str, key: str) -> int:
    seed, *others = parse_seeds(value, key)
    if others:
        raise ConfigError(f"{key}={value} is several seeds; write one, as in {key}={seed}")
    return seed


def _shuffled(found: Sequence[Candidate], draw: int) -> Iterator[Candidate]:
    """The candidates in the order in which a seed draws them."""
    left, dice = list(found), random.Random(draw)
    while left:
        yield left.pop(dice.randrange(len(left)))


def _refuse_science(tree: Tree, words: Sequence[str]) -> None:
    """Refuse words that say what is run: a stored row says that itself."""
    for key in read_settings(tree, words):
        if key in ("experiment", "arm") or tree.vocabulary.is_science(key):
            raise ConfigError(
                f"verify makes a stored row again as it is; leave out {key}, and {CHOOSE}"
            )


def _refuse_edited(one: Candidate) -> None:
    named = identity(one.row["config"])
    if named != one.row["id"]:
        raise StoreError(
            f"the config of {one.name} was changed after it was stored: its id would be {named};"
            " restore the row from version control"
        )


def verify_words(words: Sequence[str], all_ids: bool = False) -> int:
    """List what can be verified, or verify one row and tell what was found.

    Returns the exit code: 1 where a number is too far, 130 where it was interrupted.
    """
    verifier = Verifier(words)
    if all_ids:
        tell(id_table(verifier.candidates()))
        return 0
    chosen = verifier.choose()
    _refuse_edited(chosen)
    tell(f"{chosen.name}: {_takes(chosen.seconds)}")
    try:
        found = verifier.run(chosen, make_reporter())
    except Interrupted:
        tell("interrupted, so nothing is compared; the same command begins the row anew")
        return 130
    tell(report(found))
    return 0 if found.ok else 1


def _takes(seconds: float) -> str:
    return f"about {duration(seconds)}" if math.isfinite(seconds) else "how long is not known"


def id_table(found: Sequence[Candidate]) -> str:
    """A line a config: its id, where it is stored, its seeds, how long a seed takes."""
    groups: dict[tuple[str, str, str], list[Candidate]] = {}
    for one in found:
        key = (one.row["id"], one.scale, one.row["task"])
        groups.setdefault(key, []).append(one)
    rows = []
    for (id, scale, task), same in groups.items():
        seeds = spell_seeds(one.row["data_seed"] for one in same)
        models = spell_seeds(one.row["model_seed"] for one in same)
        takes = duration(same[0].seconds) if math.isfinite(same[0].seconds) else "-"
        made_for = str(same[0].row["provenance"].get("experiment") or "-")
        rows.append([id, scale, task, made_for, seeds, models, takes])
    head = ["id", "scale", "task", "made for", "seeds", "model seeds", "a seed takes"]
    return aligned([head, *rows], left=6)


def report(found: Verification) -> str:
    """What a verification found, in a few lines: the verdict, the widest differences, why."""
    lines = []
    if found.exact:
        lines.append(f"{len(found.compared)} numbers, every one the same to the last bit")
    else:
        differing = [one for one in found.compared if one.difference]
        differing.sort(key=lambda one: (one.passes, -_share(one)))
        head = ["metric", "stored", "again", "difference", "allowed", ""]
        rows = [
            [one.path, f"{one.stored:.6g}", f"{one.found:.6g}", f"{one.difference:+.2g}",
             f"{one.allowed:.2g}", "ok" if one.passes else "TOO FAR"]
            for one in differing[:12]
        ]  # fmt: skip
        lines.append(aligned([head, *rows], left=1))
        same = len(found.compared) - len(differing)
        lines.append(f"{same} of {len(found.compared)} numbers are the same to the last bit")
    if found.candidate.row["status"] != found.again["status"]:
        lines.append(f"stored as {found.candidate.row['status']}, now {found.again['status']}")
    lines += [*_apart(found), found.rule.because.strip()]
    lines.append("verified" if found.ok else "NOT verified: a difference is larger than allowed")
    return "\n".join(lines)


def _share(one: Compared) -> float:
    return abs(one.difference) / one.allowed if one.allowed else float("inf")


def _apart(found: Verification) -> list[str]:
    """What of the two rows' provenance differs, where anything does."""
    before, after = found.candidate.row["provenance"], found.again["provenance"]
    lines = []
    for key in ("revision", "device", "threads"):
        if before.get(key) != after.get(key):
            lines.append(f"{key}: stored {before.get(key)}, now {after.get(key)}")
    old, new = before.get("versions") or {}, after.get("versions") or {}
    differing = [
        name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)
    ]
    return [*lines, *(f"{n}: stored {old.get(n)}, now {new.get(n)}" for n in differing)]
