"""Seed lists: the ways to write them, and the one way to hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from repro.errors import ConfigError

LARGEST = 2**32 - 1  # of numpy's RandomState
MOST = 100_000


def parse_seeds(value: object, key: str = "seeds") -> tuple[int, ...]:
    """Sorted, unique seeds from `1-60`, `[1,2,49]`, `7`, `1-4,7` or a list of these.

    Raises:
        ConfigError: nothing given, a word, a negative number or a range that runs down.
    """
    seeds = sorted(set(_seeds(value, key)))
    if not seeds:
        raise ConfigError(f"{key} is empty; write for example {key}=1-10")
    return tuple(seeds)


def parse_choice(value: object, key: str) -> bool | list[int]:
    """True for all seeds, False for none, or the seeds that `parse_seeds` reads.

    Raises:
        ConfigError: neither true, false nor a list of seeds.
    """
    if isinstance(value, bool):
        return value
    try:
        return list(parse_seeds(value, key))
    except ConfigError as error:
        raise ConfigError(f"{error}; true means every seed and false none") from None


def spell_seeds(seeds: Iterable[int]) -> str:
    """The shortest spelling of a seed list, for example `1-4,7`."""
    runs: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _seeds(value: object, key: str) -> Iterator[int]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _seeds(item, key)
    elif isinstance(value, str) and re.fullmatch(r"\s*\[.*\]\s*", value):
        yield from _seeds(value.strip()[1:-1], key)
    elif isinstance(value, str) and "," in value:
        yield from _seeds(value.split(","), key)
    elif isinstance(value, str):
        yield from _range(value, key)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from _range(str(value), key)
    else:
        raise _refusal(value, key)


def _range(text: str, key: str) -> range:
    match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", text)
    if match is None:
        raise _refusal(text, key)
    first = int(match[1])
    last = int(match[2]) if match[2] else first
    if last < first or last > LARGEST or last - first >= MOST:
        raise _refusal(text, key)
    return range(first, last + 1)


def _refusal(value: object, key: str) -> ConfigError:
    numbers = [min(int(n), LARGEST) for n in re.findall(r"\d+", str(value))][:2]
    example = "1-10"
    if len(numbers) == 2 and max(numbers) - min(numbers) < MOST:
        example = f"{min(numbers)}-{max(numbers)}"
    elif len(numbers) == 1:
        example = str(numbers[0])
    return ConfigError(
        f"{key}={value} is not a list of seeds (whole numbers from 0, ranges that run up, of at"
        f" most {MOST:,} seeds); the nearest valid spelling is {key}={example}"
    )
