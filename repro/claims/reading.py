"""Reading conf/claims: YAML to typed claims; a wrong word is refused with the nearest."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from repro.claims.registry import STATISTICS, Entry
from repro.claims.sample import UNITS
from repro.claims.schema import COMPARISONS, REDUCTIONS, Claim, Number, Primary, Rule, Selection
from repro.config.schema import SCALES
from repro.config.seeds import parse_seeds
from repro.errors import ConfigError
from repro.figures.published import IDENTITY, REQUIRED, find_published
from repro.nearest import suggestion
from repro.reading import read_yaml

FILE_KEYS = ("shared", "claims")
CLAIM_KEYS = tuple(field.name for field in dataclasses.fields(Claim))
SELECTION_KEYS = tuple(field.name for field in dataclasses.fields(Selection))
WITH_NEGLIGIBLE = ("above", "below", "differs_from")
PLAIN_KEYS = (
    "id", "paper", "sentence", "source", "stated", "family", "n", "note", "command",
)  # fmt: skip
ID = re.compile("[A-Za-z0-9_-]+")
NEEDED = ("id", "paper", "sentence", "source", "test", "decide")
KINDS: dict[str, Any] = {
    "text": str, "whole number": int, "number": int | float, "list": list,
    "set of key: value pairs": Mapping, "yes or no": bool,
}  # fmt: skip
CLAIM_TYPES = {
    **dict.fromkeys(("id", "sentence", "source", "stated", "family", "note", "command"), "text"),
    "n": "whole number",
    "scales": "list",
}
SELECTION_TYPES = {
    **dict.fromkeys(("minus", "over", "less", "per"), "text"),
    "where": "set of key: value pairs",
    "item": "whole number",
    "log": "yes or no",
}
ARGUMENT_TYPES = {
    **dict.fromkeys(("unit", "test", "along", "within", "each", "lost"), "text"),
    **dict.fromkeys(("below", "above"), "number"),
    **dict.fromkeys(("levels", "at"), "list"),
    **dict.fromkeys(("paired", "log_x", "log_y"), "yes or no"),
    "data_seed": "whole number",
}
NUMBER_TYPES = {"value": "number", "spread": "number", "n": "whole number", "where": "text"}


@dataclasses.dataclass(frozen=True)
class Known:
    """What claims may name: experiments with their arms, papers, and the published numbers.

    `keys` are the dotted keys of the experiments' configs, by experiment.
    """

    experiments: Mapping[str, Collection[str]]  # name -> its arms; empty: it has none
    papers: Collection[str]
    published: pd.DataFrame
    keys: Mapping[str, Collection[str]] = dataclasses.field(default_factory=dict)

    def words(self, experiment: str) -> Collection[str] | None:
        """What tells an experiment's rows apart, its config's keys and `arm`; None: not known."""
        keys = self.keys.get(experiment)
        return None if keys is None else {*keys, "arm"}


def read_claims(folder: Path, known: Known) -> list[Claim]:
    """Read every claim file of a folder, in the order of their names and entries.

    Raises:
        ConfigError: for a file, key, name or value that cannot be used, with the nearest one.
    """
    files = sorted(folder.glob("*.yaml"))
    found = [(file, claim) for file in files for claim in _file(file, known)]
    seen: dict[str, Path] = {}
    for file, claim in found:
        anchor = claim.id.lower()
        if anchor in seen:
            both = " and in ".join(map(str, dict.fromkeys((seen[anchor], file))))
            raise ConfigError(f"claim {claim.id} stands twice, in {both}; rename one of them")
        seen[anchor] = file
    return [claim for _, claim in found]


def _file(file: Path, known: Known) -> list[Claim]:
    content = read_yaml(file, resolve=True)
    if not isinstance(content, dict) or not isinstance(content.get("claims"), list):
        raise ConfigError(f"{file} has no list `claims`; see docs/adding-a-claim.md")
    _refuse(content, FILE_KEYS, file.name)
    return [_claim(raw, f"{file.name}, claim {i}", known)
            for i, raw in enumerate(content["claims"], 1)]  # fmt: skip


def _claim(raw: object, where: str, known: Known) -> Claim:
    raw = _mapping(raw, where)
    where = f"{where.partition(',')[0]}, {raw['id']}" if isinstance(raw.get("id"), str) else where
    _refuse(raw, CLAIM_KEYS, where)
    for key in NEEDED:
        if raw.get(key) in (None, ""):
            raise ConfigError(f"{where} has no `{key}`; see docs/adding-a-claim.md")
    _typed(raw, CLAIM_TYPES, where)
    if not ID.fullmatch(raw["id"]):
        raise ConfigError(
            f"{where}: the id {raw['id']!r} is part of a link; write letters, digits, - and _"
        )
    _word(raw["paper"], known.papers, f"{where}, paper")
    if raw.get("scales") == []:
        raise ConfigError(f"{where}, scales is empty; name a scale, or leave it out")
    for scale in raw.get("scales") or ():
        _word(scale, SCALES, f"{where}, scales")
    rows = {
        str(name): _selection(one, f"{where}, rows.{name}", known)
        for name, one in _mapping(raw.get("rows") or {}, f"{where}, rows").items()
    }
    _refuse_relations(rows, where)
    published = raw.get("published")
    number = None if published is None else _number(published, f"{where}, published", known)
    plain: dict[str, Any] = {key: raw[key] for key in PLAIN_KEYS if raw.get(key) is not None}
    if raw.get("scales") is not None:
        plain["scales"] = tuple(raw["scales"])
    return Claim(
        rows=rows,
        test=_test(raw["test"], rows, where, known),
        decide=_rule(raw["decide"], number, where, known),
        published=number,
        **plain,
    )


def _selection(raw: object, where: str, known: Known) -> Selection:
    raw = {key: value for key, value in _mapping(raw, where).items() if value is not None}
    _refuse(raw, SELECTION_KEYS, where)
    for key in ("experiment", "metric"):
        if not isinstance(raw.get(key), str):
            raise ConfigError(f"{where} has no `{key}`; a selection names an experiment's metric")
    _typed(raw, SELECTION_TYPES, where)
    _word(raw["experiment"], known.experiments, f"{where}, experiment")
    if raw.get("arm") is not None:
        _word(raw["arm"], known.experiments[raw["experiment"]], f"{where}, arm")
    for key in raw.get("where") or {}:
        _key(key, raw["experiment"], f"{where}, where", known)
    if raw.get("reduce") is not None:
        _word(raw["reduce"], REDUCTIONS, f"{where}, reduce")
    for key in ("data_seeds", "model_seeds"):
        if raw.get(key) is not None:
            raw[key] = parse_seeds(raw[key], f"{where}, {key}")
    return Selection(**raw)


def _refuse_relations(rows: Mapping[str, Selection], where: str) -> None:
    """Refuse a `less` or `per` that is no selection, or that has one itself."""
    plain = [name for name, one in rows.items() if one.less is None and one.per is None]
    for name, one in rows.items():
        for key, other in (("less", one.less), ("per", one.per)):
            if other is not None:
                _word(other, plain, f"{where}, rows.{name}.{key}")


def _selections(entry: Entry) -> str:
    """How many selections a statistic takes, in words."""
    if entry.fewest == entry.most:
        return "one selection" if entry.most == 1 else f"{entry.most} selections"
    return f"{entry.fewest} {'or more' if entry.most is None else f'to {entry.most}'} selections"


def _test(raw: object, rows: Mapping[str, Selection], where: str, known: Known) -> Primary:
    where = f"{where}, test"
    arguments = dict(_mapping(raw, where))
    name, of = arguments.pop("name", None), arguments.pop("of", list(rows))
    _word(name, STATISTICS, f"{where}.name")
    entry = STATISTICS[str(name)]
    of = of if isinstance(of, list) else [of]
    for one in of:
        _word(one, rows, f"{where}.of")
    if len(of) < entry.fewest or (entry.most is not None and len(of) > entry.most):
        raise ConfigError(
            f"{where}: {name} takes {_selections(entry)}, and `of` names {len(of)} of them"
        )
    if name == "published":
        arguments = _published_arguments(arguments, where, known)
    _refuse(arguments, entry.arguments, where)
    _typed(arguments, ARGUMENT_TYPES, where)
    if arguments.get("unit") is not None:
        _word(arguments["unit"], UNITS, f"{where}.unit")
    if arguments.get("along") is not None:
        for one in of:
            _key(arguments["along"], rows[one].experiment, f"{where}.along", known)
    missing = [key for key, needed in entry.arguments.items() if needed and key not in arguments]
    if missing:
        raise ConfigError(f"{where}: {name} needs {', '.join(missing)}; add it")
    return Primary(str(name), tuple(of), arguments)


def _published_arguments(raw: Mapping[str, Any], where: str, known: Known) -> dict[str, Any]:
    _refuse(raw, ("number",), where)
    entry = _find(_mapping(raw.get("number"), f"{where}.number"), f"{where}.number", known)
    return {"value": entry.value, "low": entry.low, "high": entry.high}


def _rule(raw: object, published: Number | None, where: str, known: Known) -> Rule:
    where = f"{where}, decide"
    given = dict(_mapping(raw, where))
    _refuse(given, (*COMPARISONS, "of", "negligible"), where)
    chosen = [key for key in COMPARISONS if key in given]
    if len(chosen) != 1:
        raise ConfigError(f"{where} takes one of {', '.join(COMPARISONS)}")
    [comparison] = chosen
    for key, rules in (("of", ("within",)), ("negligible", WITH_NEGLIGIBLE)):
        if key in given and comparison not in rules:
            raise ConfigError(f"{where}: `{key}` goes with {', '.join(rules)}; leave it out")
    if comparison != "within":
        bound = _bound(given[comparison], published, f"{where}.{comparison}", known)
        return Rule(comparison, bound, negligible=_real(given.get("negligible"), where))
    if "of" not in given:
        raise ConfigError(f"{where}: within needs `of`, a number or `published`")
    margin = _real(given["within"], f"{where}.within")
    if margin is None or margin <= 0:
        raise ConfigError(f"{where}.within is {given['within']}; write a margin above 0")
    return Rule("within", _bound(given["of"], published, f"{where}.of", known), margin)


def _bound(raw: object, published: Number | None, where: str, known: Known) -> float:
    if raw == "published":
        if published is None:
            raise ConfigError(f"{where} is `published`, and the claim gives no published number")
        return published.value
    if isinstance(raw, Mapping):
        return _find(raw, where, known).value
    found = _real(raw, where)
    if found is None:
        raise ConfigError(f"{where} is empty; write a number")
    return found


def _number(raw: object, where: str, known: Known) -> Number:
    """A published number: a selector of conf/published, or `value` with what else is known."""
    raw = _mapping(raw, where)
    if "value" in raw:
        _refuse(raw, tuple(field.name for field in dataclasses.fields(Number)), where)
        _typed(raw, NUMBER_TYPES, where)
        return Number(**{str(key): value for key, value in raw.items()})
    entry = _find(raw, where, known)
    return Number(entry.value, entry.spread, entry.n, f"{raw.get('paper', '')}, {entry.source}")


def _find(raw: Mapping[Any, Any], where: str, known: Known) -> Any:  # noqa: ANN401 - a Published
    _refuse(raw, ("paper", *IDENTITY), where)
    found = find_published(known.published, **{str(key): value for key, value in raw.items()})
    if found is None:
        keys = ", ".join(("paper", *REQUIRED))
        raise ConfigError(
            f"{where}: no number of conf/published has {dict(raw)}; all of an entry's identity"
            f" (from {keys} and those in its line) has to be named"
        )
    return found


def _mapping(raw: object, where: str) -> Mapping[Any, Any]:
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where} is {raw!r}; write `key: value` pairs there")
    return raw


def _typed(raw: Mapping[Any, Any], types: Mapping[str, str], where: str) -> None:
    """Refuse a value that is not of the kind that its key takes; null is of every kind."""
    for key, kind in types.items():
        value = raw.get(key)
        if value is not None and not _is(value, kind):
            raise ConfigError(f"{where}, {key}: {value!r} is no {kind}; write one")


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "yes or no"
    if kind == "number" and isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, KINDS[kind])


def _refuse(raw: Mapping[Any, Any], valid: Collection[str], where: str) -> None:
    for key in raw:
        _word(key, valid, where)


def _word(word: object, valid: Collection[str], where: str) -> None:
    if word not in tuple(valid):  # a list or mapping in its place has no hash
        raise ConfigError(f"{where}: {word} does not exist; {suggestion(str(word), valid)}")


def _key(key: object, experiment: str, where: str, known: Known) -> None:
    """Refuse a dotted key that no config of an experiment has."""
    valid = known.words(experiment)
    if valid is not None:
        _word(key, valid, where)


def _real(raw: object, where: str) -> float | None:
    if raw is None:
        return None
    if not _is(raw, "number"):
        raise ConfigError(f"{where}: {raw!r} is no number; write one")
    return float(raw)  # type: ignore[arg-type]
