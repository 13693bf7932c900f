"""Time spans in words."""

import pytest

from repro.runner.durations import duration, remaining


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (11100, "3 h 05 min"),
        (90000, "1 d 01 h"),
    ],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "none"), (0.2, "under 1 s"), (200, "3 min 20 s")]
)
def test_what_remains_may_be_nothing(seconds: float, text: str) -> None:
    assert remaining(seconds) == text
