"""Judgements in a reader's words."""

import math
from dataclasses import replace

import pytest

from repro.claims.estimate import Estimate
from repro.claims.judge import Judgement
from repro.claims.schema import Claim, Number, Primary, Rule, Selection
from repro.claims.verdict import HOLDS, NOT_RUN, UNDECIDED, Decision
from repro.figures.tables import DASH, MINUS
from repro.page import words
from repro.page.content import _proof
from repro.page.measures import measure

ROWS = {"a": Selection("e", "mcc"), "b": Selection("e", "mcc")}


def judged(verdict=HOLDS, estimate=None, n=None, **more):
    about = {"paper": "p", "sentence": "s", "source": "t", "rows": ROWS} | more
    claim = Claim("F1", test=Primary("paired_difference", ("a", "b")), decide=Rule("above", 0.0),
                  **about)  # fmt: skip
    found = estimate or Estimate(0.25, 0.1, 0.4, 45, "data seeds", 0.01)
    return Judgement(claim, Decision(verdict, "why", n), found, reductions=("fewer",))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.2477, "0.248"), (-0.1, f"{MINUS}0.100"), (2944980.0, "2,944,980"), (0.0, "0"),
     (1e-7, f"1.0e{MINUS}07"), (85.137, "85.14"), (math.nan, DASH), (12.0, "12"),
     (-1.0908, f"{MINUS}1.091")],
)  # fmt: skip
def test_numbers_have_the_digits_that_a_reader_wants(value, text):
    assert words.number(value) == text


def test_a_line_says_published_ours_interval_n_and_verdict():
    line = words.line(judged(published=Number(0.2477, 0.0895, 57), n=None))
    assert line.published == "0.248 (0.089), n 57"
    assert (line.ours, line.quantity, line.interval) == ("0.250", f"a {MINUS} b", "[0.100, 0.400]")
    assert (line.n, line.verdict, line.why) == ("45", HOLDS, "why")
    assert line.reductions == ("fewer",)


def test_fewer_units_than_declared_are_said():
    one = judged()
    object.__setattr__(one.claim, "n", 60)
    assert words.count(one) == "45 of 60"


def test_an_undecided_claim_says_the_n_that_would_decide():
    assert words.why(judged(UNDECIDED, n=293)) == "why; about 293 data seeds would decide"
    assert words.why(judged(UNDECIDED, n=None)) == "why; no sensible n would decide"
    assert words.why(judged(UNDECIDED, n=239_629)) == "why; no sensible n would decide"
    assert words.why(judged(UNDECIDED, n=0)) == "why"


def test_what_has_not_run_shows_no_number():
    line = words.line(judged(NOT_RUN))
    assert (line.ours, line.interval, line.reductions) == (DASH, DASH, ())


def test_a_claim_whose_rows_all_are_lost_names_the_statistic_that_it_would_take():
    found = replace(judged(UNDECIDED, n=0), estimate=Estimate(math.nan))
    assert _proof(found, words.line(found)).statistic == "paired difference"
    assert (words.line(found).ours, words.line(found).n) == (DASH, "0")


def test_an_exact_count_has_no_decimals_and_no_interval():
    line = words.line(judged(estimate=Estimate(5.0, 5.0, 5.0, 60, exact=True)))
    assert (line.ours, line.interval) == ("5", DASH)


def test_a_trend_names_its_key_in_words():
    test = Primary("trend", ("a",), {"along": "model.flow_length"})
    claim = replace(judged().claim, test=test)
    assert words.quantity(claim) == "slope of a along flow length"


def test_a_trend_says_its_step_and_a_logarithm_is_named():
    test = Primary("trend", ("a",), {"along": "data.distance", "step": "unit of a²"})
    rows = {"a": Selection("e", "slope", log=True)}
    claim = replace(judged().claim, test=test, rows=rows)
    assert words.quantity(claim) == "slope of log a along distance per unit of a²"
    assert measure(claim, {"slope": "slope"}) == "log slope per unit of a²"


@pytest.mark.parametrize(
    ("test", "rows", "word"),
    [(Primary("paired_difference", ("a", "b")), ROWS, "MCC"),
     (Primary("share", ("a",), {"below": 0.1}), ROWS, "share"),
     (Primary("correlation", ("a", "b")), ROWS, "rho"),
     (Primary("mean", ("a",)), {"a": Selection("e", "mcc", over="mcc_x")}, "ratio"),
     (Primary("mean", ("a",)), {"a": Selection("e", "mcc", over="x", log=True)}, "log ratio"),
     (Primary("mean", ("a",)), {"a": Selection("e", "at.end.mcc")}, "MCC"),
     (Primary("difference", ("a", "b")), ROWS | {"b": Selection("e", "nll")}, ""),
     (Primary("mean", ("a",)), {"a": Selection("e", "unknown")}, ""),
     (Primary("trend", ("a",), {"along": "x", "log_x": True}), ROWS, "MCC per e-fold"),
     (Primary("trend", ("a",), {"along": "x"}), ROWS, "")],
)  # fmt: skip
def test_a_number_says_what_it_is_in_where_that_is_known(test, rows, word):
    claim = replace(judged().claim, test=test, rows=rows)
    assert measure(claim, {"mcc": "MCC", "nll": "nats"}) == word


def test_a_claim_on_published_numbers_alone_shows_them_as_published():
    own = Estimate(0.765, 0.75, 0.78, 1, "published number")
    line = words.line(judged(estimate=own, rows={}, n=None))
    assert line.published == line.published_number == "0.765 [0.750, 0.780]"
    assert (line.ours, line.interval, line.n, line.quantity) == (DASH, DASH, DASH, "")
    said = words.line(judged(estimate=own, rows={}, n=None, stated="at seed 49"))
    assert said.published == "0.765 [0.750, 0.780]; at seed 49"


def test_every_statistic_has_words():
    from repro.claims.registry import STATISTICS

    assert STATISTICS.keys() == words.QUANTITIES.keys()
