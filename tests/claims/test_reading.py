"""Claim files: what is read from them, and what is refused with the nearest valid word."""

import pandas as pd
import pytest

from repro.claims.reading import Known, read_claims
from repro.errors import ConfigError
from repro.figures.published import load_published

GOOD = """
claims:
  - id: F1
    paper: iflow
    sentence: a is better.
    source: table 1
    rows:
      a: {experiment: sweep, metric: mcc, arm: released, where: {model.name: iflow}}
      b: {experiment: sweep, metric: mcc, data_seeds: 1-3, reduce: min}
    test: {name: paired_difference, of: [a, b], test: wilcoxon}
    decide: {above: 0}
    published: {value: 0.5, where: table 1}
"""
KNOWN = Known(
    {"sweep": ["released", "constant"]},
    ["iflow", "re_iflow"],
    pd.DataFrame(),
    {"sweep": ["model.name", "data.layers", "task"]},
)


def read(tmp_path, text, known=KNOWN):
    (tmp_path / "claims.yaml").write_text(text)
    return read_claims(tmp_path, known)


def test_a_claim_is_typed(tmp_path):
    [claim] = read(tmp_path, GOOD)
    assert claim.rows["b"].data_seeds == (1, 2, 3)
    assert claim.test.of == ("a", "b")
    assert claim.test.arguments == {"test": "wilcoxon"}
    assert claim.published.value == 0.5
    assert claim.experiments == ("sweep",)


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("sentence:", "sentense:", "nearest valid name is sentence"),
        ("    source: table 1\n", "", "no `source`"),
        ("paper: iflow", "paper: iflw", "iflow"),
        ("experiment: sweep, metric: mcc, arm", "experiment: sweap, metric: mcc, arm", "sweep"),
        ("arm: released", "arm: relased", "released"),
        ("metric: mcc, arm", "metrics: mcc, arm", "metric"),
        ("reduce: min", "reduce: mn", "min"),
        ("name: paired_difference", "name: paired_diference", "paired_difference"),
        ("of: [a, b]", "of: [a]", "takes 2 selections, and `of` names 1"),
        ("of: [a, b]", "of: [a, c]", "c does not exist"),
        (", test: wilcoxon", ", tests: wilcoxon", "nearest valid name is test"),
        ("above: 0", "abov: 0", "above"),
        ("above: 0", "above: zero", "'zero' is no number"),
        ("{above: 0}", "{within: 0.02}", "needs `of`"),
        ("{above: 0}", "{above: 0, below: 1}", "takes one of"),
        ("{value: 0.5, where: table 1}", "{valu: 0.5}", "valu"),
        ("data_seeds: 1-3", "data_seeds: 3-1", "1-3"),
        ("of: [a, b]", "of: 3", "3 does not exist"),
        ("test: wilcoxon", "unit: seeds", "unit: seeds does not exist"),
        ("where: {model.name: iflow}", "where: [model.name]", "where: ['model.name'] is no set"),
        ("where: {model.name: iflow}", "item: first", "item: 'first' is no whole number"),
        ("where: {model.name: iflow}", "log: 1", "log: 1 is no yes or no"),
        ("id: F1", "id: 7", "id: 7 is no text"),
        ("source: table 1", "source: table 1\n    n: sixty", "n: 'sixty' is no whole number"),
        ("value: 0.5,", "value: half,", "value: 'half' is no number"),
        ("source: table 1", "source: table 1\n    scales: paper", "scales: 'paper' is no list"),
        ("claims:", "claim:", "no list `claims`"),
        ("    id:", "    - id", "cannot be read"),
        ("id: F1", "id: F 1", "the id 'F 1' is part of a link; write letters, digits, - and _"),
        ("id: F1", "id: F1#a", "the id 'F1#a' is part of a link"),
        (
            "{model.name: iflow}",
            "{model.nam: iflow}",
            "model.nam does not exist; the nearest valid name is model.name",
        ),
        ("{model.name: iflow}", "{model.bins: 8}", "rows.a, where: model.bins does not exist"),
        (
            "paired_difference, of: [a, b], test: wilcoxon",
            "trend, of: a, along: data.layer",
            "test.along: data.layer does not exist; the nearest valid name is data.layers",
        ),
        ("above: 0", "above: .nan", "nan is no number"),
        ("value: 0.5,", "value: .inf,", "value: inf is no number"),
        ("name: paired_difference", "name: [mean]", "['mean'] does not exist"),
        ("of: [a, b]", "of: [[a], b]", "['a'] does not exist"),
        ("test: wilcoxon", "unit: [run]", "unit: ['run'] is no text"),
        ("paired_difference, of: [a, b], test: wilcoxon", "share, of: a, below: few", "no number"),
        ("paired_difference, of: [a, b], test: wilcoxon", "trend, of: a, along: [a]", "no text"),
        (
            "paired_difference, of: [a, b], test: wilcoxon",
            "trend, of: a, along: task, levels: 3",
            "levels: 3 is no list",
        ),
        (
            "paired_difference, of: [a, b], test: wilcoxon",
            "rank, of: a, data_seed: first",
            "data_seed: 'first' is no whole number",
        ),
        ("source: table 1", "source: table 1\n    scales: []", "scales is empty; name a scale"),
        ("{above: 0}", "{above: 0, of: 3}", "`of` goes with within; leave it out"),
        ("{above: 0}", "{within: 1, of: 0, negligible: 1}", "`negligible` goes with above, below"),
    ],
)
def test_a_mistake_names_the_claim_and_the_remedy(tmp_path, old, new, hint):
    text = GOOD if old.startswith("    id") else GOOD.replace(old, new)
    text = text.replace("- id: F1", "- id: [F1") if "read" in hint else text
    with pytest.raises(ConfigError, match=r"claims.yaml") as error:
        read(tmp_path, text)
    assert hint in str(error.value)


def test_a_key_without_a_value_is_as_if_left_out(tmp_path):
    text = GOOD.replace("where: {model.name: iflow}", "where: ")
    text = text.replace("source: table 1", "source: table 1\n    scales:\n    note:")
    [claim] = read(tmp_path, text)
    assert (claim.rows["a"].where, claim.scales, claim.note) == ({}, ("paper", "reduced"), "")


def test_the_same_id_twice_is_refused_with_its_files(tmp_path):
    file, other = tmp_path / "claims.yaml", tmp_path / "others.yaml"
    with pytest.raises(ConfigError, match=rf"F1 stands twice, in {file}; rename one"):
        read(tmp_path, GOOD + GOOD.replace("claims:", "").lstrip("\n"))
    other.write_text(GOOD.replace("id: F1", "id: f1"))
    with pytest.raises(ConfigError, match=rf"f1 stands twice, in {file} and in {other}; rename"):
        read(tmp_path, GOOD)


def test_rows_may_be_told_apart_by_their_arm(tmp_path):
    text = GOOD.replace("{model.name: iflow}", "{arm: constant, data.layers: [3, 4]}")
    assert read(tmp_path, text)[0].rows["a"].where == {"arm": "constant", "data.layers": [3, 4]}


def test_published_numbers_are_found_by_their_identity(tmp_path, pytestconfig):
    folder = pytestconfig.rootpath / "conf" / "published"
    known = Known(KNOWN.experiments, KNOWN.papers, load_published(folder))
    where = ("{paper: iflow, artefact: figure 2a, experiment: mcc_sweep, model: iflow, dim: 5,"
             " layers: 3, metric: mcc}")  # fmt: skip
    text = GOOD.replace("{value: 0.5, where: table 1}", where)
    text = text.replace("{above: 0}", "{within: 0.02, of: published}")
    [claim] = read(tmp_path, text, known)
    assert (claim.published.value, claim.published.n) == (0.7241, 100)
    assert (claim.decide.bound, claim.decide.margin) == (0.7241, 0.02)
    with pytest.raises(ConfigError, match="no number of conf/published"):
        read(tmp_path, text.replace("layers: 3", "layers: 9"), known)
