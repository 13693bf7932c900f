"""The numbers of docs/audit.md that stand in no table, recomputed from the stored rows."""

import functools

import numpy as np
import pytest

from repro.claims.judge import samples_of
from repro.claims.sample import Sample, paired_units
from repro.config.tree import Tree, project_root
from repro.page.evidence import Shelf
from repro.report.statistics import mean_interval
from repro.report.variance import crossed_components

LOST = 0.05  # a matched correlation below it is a lost source


@pytest.fixture(scope="module")
def text() -> str:
    return " ".join((project_root() / "docs" / "audit.md").read_text("utf-8").split())


@functools.cache
def samples(claim: str) -> dict[str, Sample]:
    shelf = Shelf(Tree(), [f"paths.results={project_root() / 'results'}"])
    [found] = [one for one in shelf.claims() if one.id == claim]
    return samples_of(found, shelf.find)[0]


def spelt(values: np.ndarray) -> str:
    found = mean_interval(values)
    numbers = [f"{one:.3f}".replace("0.", ".").replace("-", "\u2212")
               for one in (found.mean, found.low, found.high)]  # fmt: skip
    return "{} [{}, {}]".format(*numbers)


@pytest.mark.parametrize(
    ("claim", "second"), [("F1j", "all repairs"), ("F1k", "as released")], ids=["F1j", "F1k"]
)
def test_what_the_data_sets_alone_give_that_had_not_been_seen(text, claim, second):
    found = samples(claim)
    first = next(name for name in found if "cosine" in name and name != "mean and cosine")
    pairs, _ = paired_units([found[first], found[second]])
    fresh = pairs[pairs.index > 10]
    assert len(fresh) == 10
    assert f"the other ten alone give {spelt((fresh[0] - fresh[1]).to_numpy())}" in text


def test_a_small_iflow_against_the_full_one_in_two_dimensions(text):
    pairs, _ = paired_units([samples("F2b")["iFlow, width 32"], samples("F2a")["iFlow"]])
    assert len(pairs) == 50
    assert f"and a small iFlow {spelt((pairs[0] - pairs[1]).to_numpy())}" in text


def means_by_depth(claim: str) -> list[str]:
    found = list(samples(claim).values())
    values = [
        {
            (point.row["config"]["data"]["layers"], point.row["data_seed"]): np.mean(point.values)
            for point in one.points
        }
        for one in found[:2]
    ]
    leads = [
        np.mean([one - values[1][key] for key, one in values[0].items() if key[0] == layers])
        for layers in (3, 4, 5)
    ]
    return [f"{one:.3f}".replace("0.", ".").replace("-", "\u2212") for one in leads]


def test_the_leads_at_each_depth(text):
    assert "{}, {} and {} at 3, 4 and 5 layers".format(*means_by_depth("F10a")) in text
    assert "but is {}, {} and {},".format(*means_by_depth("F10h")) in text
    assert means_by_depth("F10d")[::2] == [".230", ".282"]
    assert "lead is .23 at 3 layers and .28 at 5" in text
    assert means_by_depth("F10g")[::2] == [".185", ".204"]
    assert "over the posterior's mean .19 and .20, and" in text


def test_on_how_many_data_sets_a_source_is_lost(text):
    lost = {
        (claim, name): sum(np.min(point.values) < LOST for point in one.points)
        for claim in ("F5b", "F5d", "F5j", "F5l")
        for name, one in samples(claim).items()
    }
    assert lost["F5b", "iFlow"] == lost["F5j", "iFlow"] == 0
    assert "iFlow on none" in text
    assert f"On {lost['F5b', 'iVAE']} of 60 data sets the sample" in text
    assert f"The posterior's mean loses one on {lost['F5j', 'iVAE']} (" in text
    assert (lost["F5d", "trainable mean"], lost["F5l", "trainable mean"]) == (10, 1)
    assert "with a trainable one it is 10 data sets by the sample and one by the mean" in text


def test_how_much_the_likelihood_overfits(text):
    rows = [point.row["metrics"] for point in samples("F6a")["iFlow"].points]
    gaps = [
        (m["log_likelihood"] - m["oracle_log_likelihood"])
        - (m["held_out_log_likelihood"] - m["held_out_oracle_log_likelihood"])
        for m in rows
    ]
    shown = f"{np.mean(gaps):.2f}".removeprefix("0")
    assert f"the likelihood a little ({shown} nats, full iFlow)" in text


def test_what_the_sources_average_that_ivae_keeps(text):
    points = samples("F1a")["iVAE"].points
    every = np.array([point.row["metrics"]["correlations"] for point in points])
    assert every.shape == (60, 5)
    shown = f"{every[every >= LOST].mean():.2f}".removeprefix("0")
    assert f"those that it keeps average {shown}" in text


def crossed(experiment: str, count: int) -> np.ndarray:
    """The MCC of an experiment's arm as released, data seeds 1 to `count` x model seeds 1 to 3."""
    shelf = Shelf(Tree(), [f"paths.results={project_root() / 'results'}"])
    found = {
        (row["data_seed"], row["model_seed"]): row["metrics"]["mcc"]
        for row in shelf.find(experiment, "paper").rows
        if row["arm"] == "as_released"
    }
    return np.array([[found[d, m] for m in (1, 2, 3)] for d in range(1, count + 1)])


def test_what_other_model_seeds_give_iflow(text):
    first, second, third = crossed("audit_iflow", 20).T
    means = [f"{one.mean():.3f}".lstrip("0") for one in (second, third, first)]
    more = [spelt(one - first) for one in (second, third)]
    assert "(MCC {} and {} in place of {}; {} and {} more)".format(*means, *more) in text


def test_how_much_of_an_mcc_is_the_data_set_s(text):
    iflow = crossed_components(crossed("audit_iflow", 20))
    ivae = crossed_components(crossed("audit_ivae", 60))
    together, alone, theirs = (
        f"{np.sqrt(one):.3f}".lstrip("0") for one in (iflow.rest, iflow.rows, ivae.rows)
    )
    assert f"(sd {together} together, {alone} by the data set, estimated)" in text
    assert f"and {theirs} over all 60" in text
