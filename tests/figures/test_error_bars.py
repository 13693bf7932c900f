"""Error bars reach from the mean to each bound, which need not be as far away."""

import math

from repro.figures.error_bars import reach, said_n
from repro.report.statistics import Interval


def test_an_uneven_interval_reaches_further_on_its_long_side():
    uneven = Interval(1.0, 0.5, 0.75, 3.0, 40, "bca-bootstrap")
    alone = Interval(1.0, math.nan, math.nan, math.nan, 1, "none")
    assert reach([uneven, alone]).tolist() == [[0.25, 0.0], [2.0, 0.0]]


def test_n_is_one_number_or_its_range():
    assert said_n([5, 5, 0]) == "n = 5"
    assert said_n([20, 10, 20]) == "n = 10 to 20"
    assert said_n([]) == "n = 0"
