"""Collapsed sources, counted by hand."""

import csv
import io

import pytest

from repro.figures.collapse import table_collapsed
from repro.report.statistics import share_difference, share_interval

IVAE = [[0.5, 0.01, 0.6, 0.04, 0.5], [0.05, 0.6, 0.15, 0.5, 0.6], [0.5, 0.5, 0.4, 0.6, 0.6]]


@pytest.fixture
def table(synthetic, published):
    rows = [synthetic.make_row_5d("ivae", s, correlations=v) for s, v in enumerate(IVAE, 1)]
    rows += [synthetic.make_row_5d("iflow", s, correlations=[0.045] * 5) for s in (1, 2)]
    rows.append(synthetic.diverged(synthetic.make_row_5d("iflow", 3)))
    return table_collapsed(rows, published, ["Reduction: few"])


@pytest.fixture
def lines(table):
    found = csv.DictReader(io.StringIO(table.to_csv()))
    return {(line["model"], line["below"], line["counted"]): line for line in found}


@pytest.mark.parametrize(
    ("below", "counted", "count", "n", "their_count", "their_n"),
    [
        ("0.05", "all sources", 2, 15, 48, 285),  # .05 itself is not below
        ("0.05", "runs with one or more", 1, 3, 43, 57),
        ("0.05", "source 2", 1, 3, 8, 57),
        ("0.05", "source 3", 0, 3, 13, 57),
        ("0.2", "all sources", 4, 15, 60, 285),
    ],
)
def test_counts_and_intervals(lines, below, counted, count, n, their_count, their_n):
    line = lines["ivae", below, counted]
    assert (line["count"], line["count_n"]) == (str(count), str(n))
    assert (line["published_count"], line["published_count_n"]) == (
        str(their_count), str(their_n),
    )  # fmt: skip
    ours, theirs = share_interval(count, n), share_interval(their_count, their_n)
    assert float(line["share"]) == pytest.approx(count / n)
    assert float(line["interval_low"]) == pytest.approx(ours.low)
    assert float(line["interval_high"]) == pytest.approx(ours.high)
    gap = share_difference(ours, theirs)
    assert float(line["difference"]) == pytest.approx(gap.mean)
    assert float(line["difference_interval_low"]) == pytest.approx(gap.low)


def test_what_nobody_published_has_no_difference(lines):
    line = lines["ivae", "0.2", "runs with one or more"]
    assert (line["count"], line["published_count"], line["difference"]) == ("2", "", "")


def test_the_end_stands_beside_the_headline(lines):
    line = lines["iflow", "0.05", "runs with one or more"]  # .045 before, .047 at the end
    assert (line["count"], line["final"], line["published_count"]) == ("2", "2", "0")
    assert lines["iflow", "0.2", "all sources"]["count_n"] == "10"


def test_sources_are_told_apart_at_the_first_threshold_alone(lines):
    assert ("ivae", "0.05", "source 5") in lines
    assert ("ivae", "0.2", "source 5") not in lines


def test_notes_say_what_is_counted_and_lost(table):
    notes = " ".join(table.notes)
    for words in ("below the threshold", "Wilson", "Newcombe", "57 seeds x 5 sources",
                  "1 of 3 runs diverged", "Reduction: few"):  # fmt: skip
        assert words in notes
    assert "45 of" not in table.to_markdown()
    assert "| 48 of 285 |" in table.to_markdown()
