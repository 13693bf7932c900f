"""Published numbers beside ours: found by paper, subtracted, and remarked on from their files."""

import pytest

from repro.figures.compared import PAPERS, find_in_papers, minus_published, remarks
from repro.figures.published import Published
from repro.report.statistics import difference_from, mean_interval

NUMBER = {"artefact": "a", "experiment": "e", "model": "ivae", "dim": 5, "metric": "m",
          "value": 0.5, "source": "s"}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "values"),
    [("iflow", [0.7247, 0.7241, 0.718]), ("ivae", [0.4762, 0.4964, 0.483])],
)
def test_three_papers_have_a_5d_mcc(published, model, values):
    found = find_in_papers(
        published, experiment="mcc_sweep", model=model, dim=5, layers=3, metric="mcc"
    )
    assert [paper for paper, _ in found] == list(PAPERS)
    assert [entry.value for _, entry in found] == values


def test_only_one_paper_has_an_energy_of_ivae(published):
    wanted = {"experiment": "mcc_sweep", "dim": 5, "layers": 3, "metric": "energy"}
    both = find_in_papers(published, model="iflow", **wanted)
    assert [(paper, entry.value) for paper, entry in both] == [
        ("re_iflow", 6.992), ("iflow", 6.8804),
    ]  # fmt: skip
    [(paper, entry)] = find_in_papers(published, model="ivae", **wanted)
    assert (paper, entry.value) == ("iflow", -2.1624)


def test_no_paper_has_what_does_not_exist(published):
    assert find_in_papers(published, experiment="mcc_sweep", model="iflow", layers=9) == []


def test_the_stated_ddof_counts_and_an_unstated_one_is_1():
    ours = mean_interval([0.4, 0.5, 0.7])
    for ddof, taken in ((0, 0), (1, 1), (None, 1)):
        theirs = Published(**NUMBER, spread=0.1, spread_kind="sd_seeds", n=10, ddof=ddof)
        assert minus_published(ours, theirs) == difference_from(ours, 0.5, 0.1, 10, taken)
    error = Published(**NUMBER, spread=0.1, spread_kind="se_test_points", n=10)
    assert minus_published(ours, error) == ours.shifted(-0.5)


def test_a_remark_stands_once_with_the_models_it_is_about():
    one = Published(**NUMBER, note="57 rows.", ddof=0)
    two = Published(**NUMBER | {"model": "iflow"}, ddof=0)
    assert remarks([("re_iflow", one), ("re_iflow", two), ("re_iflow", one), ("iflow", one)]) == [
        "[Re], iVAE, iFlow: the sd has ddof 0.",
        "Li et al. 2020, iVAE: the sd has ddof 0.",
        "[Re], iVAE: 57 rows.",
        "Li et al. 2020, iVAE: 57 rows.",
    ]
    assert remarks([("re_iflow", Published(**NUMBER))]) == []
    assert remarks([("re_iflow", one), ("re_iflow", two)], sds=False) == ["[Re], iVAE: 57 rows."]
