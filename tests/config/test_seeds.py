"""Seed lists: every spelling gives the same seeds, and nothing else is let in."""

from typing import Any

import pytest

from repro.config.seeds import MOST, parse_choice, parse_seeds, spell_seeds
from repro.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "seeds"),
    [
        ("1-4", (1, 2, 3, 4)),
        (7, (7,)),
        ("7", (7,)),
        ([49, 2, 1, 2], (1, 2, 49)),
        ("1-3,7", (1, 2, 3, 7)),
        (["1-3", 7], (1, 2, 3, 7)),
        (" 2 - 3 ", (2, 3)),
        (0, (0,)),
        ("3-3", (3,)),
        ("[1,2, 49]", (1, 2, 49)),
        (" [1-3] ", (1, 2, 3)),
    ],
)
def test_every_spelling_is_understood(written: Any, seeds: Any) -> None:
    assert parse_seeds(written) == seeds


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("5-1", "seeds=1-5"),
        ("x", "seeds=1-10"),
        ("", "seeds=1-10"),
        ([], "seeds=1-10"),
        (None, "seeds=1-10"),
        (-3, "seeds=3"),
        ("1..60", "seeds=1-60"),
        ("1:60", "seeds=1-60"),
        (1.5, "seeds=1-5"),
        (True, "seeds=1-10"),
        ("1-4,", "seeds=1-10"),
        ("[1", "seeds=1"),
        ("[]", "seeds=1-10"),
        (2**32, f"seeds={2**32 - 1}"),
    ],
)
def test_anything_else_is_refused_with_a_valid_spelling(written: Any, near: str) -> None:
    with pytest.raises(ConfigError, match=near) as refused:
        parse_seeds(written)
    parse_seeds(str(refused.value).rsplit("seeds=", 1)[1])


def test_a_range_too_long_to_mean_is_refused_before_it_is_built() -> None:
    with pytest.raises(ConfigError, match=f"at most {MOST:,} seeds"):
        parse_seeds(f"1-{MOST + 1}")


def test_the_key_is_named() -> None:
    with pytest.raises(ConfigError, match="model_seeds=5-1"):
        parse_seeds("5-1", "model_seeds")


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3), (1, 3, 5), (0, 1, 2, 49, 50, 60)])
def test_spelling_and_parsing_are_inverse(seeds: Any) -> None:
    assert parse_seeds(spell_seeds(seeds)) == seeds


@pytest.mark.parametrize(
    ("written", "meant"),
    [(True, True), (False, False), ([49], [49]), (7, [7]), (["1-2", 9], [1, 2, 9]), ("3", [3])],
)
def test_all_none_or_some_seeds_can_be_chosen(written: Any, meant: Any) -> None:
    assert parse_choice(written, "keep_arrays") == meant


@pytest.mark.parametrize("written", ["maybe", None, [], "5-1", 1.5])
def test_a_choice_of_seeds_that_is_none_is_refused(written: Any) -> None:
    with pytest.raises(ConfigError, match=r"keep_arrays.*true means every seed"):
        parse_choice(written, "keep_arrays")
