"""conf/report.yaml: what is read from it, and what is refused with the nearest valid word."""

import pytest

from repro.errors import ConfigError
from repro.page.settings import read_settings

GOOD = """
title: t
about: a
headline: {F1a: It wins}
papers: [iflow]
figures_per_experiment: 2
image_width: 100
lead:
  title: t
  about: a
  axis: x
  groups:
    - {label: l, steps: {both: {claim: F1a, first: ours, second: theirs}}}
audit:
  title: t
  about: a
  metric: MCC
  groups:
    - {label: l, experiment: audit, baseline: released, metric: mcc, labels: {cosine: cosine rate}}
"""


def read(tmp_path, text):
    file = tmp_path / "report.yaml"
    file.write_text(text)
    return read_settings(
        file, {"F1a": ["ours", "theirs"]}, ["iflow"], {"audit": ["released", "cosine"]}
    )


def test_settings_are_typed(tmp_path):
    found = read(tmp_path, GOOD)
    assert found.headline == {"F1a": "It wins"}
    assert found.lead.groups[0].steps["both"].second == "theirs"
    assert found.audit.groups[0].labels == {"cosine": "cosine rate"}


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("{F1a: It wins}", "{F1b: It wins}", "F1a"),
        ("{F1a: It wins}", "[F1a]", "NAME: VALUE"),
        ("It wins", "It wins " + "very " * 12, "at most 64 characters"),
        ("It wins", "", "at most 64 characters"),
        ("headline:", "headlines:", "headline"),
        ("papers: [iflow]", "papers: [iflw]", "iflow"),
        ("title: t\nabout", "about", "no `title`"),
        ("experiment: audit", "experiment: audits", "audit"),
        ("baseline: released", "baseline: relesed", "released"),
        ("labels: {cosine", "labels: {cosin", "cosine"),
        ("claim: F1a", "claim: F1b", "F1a"),
        ("first: ours", "first: our", "ours"),
        ("second: theirs", "secnd: theirs", "second"),
        ("steps: {both", "stps: {both", "steps"),
        ("title: t", "title: [t", "cannot be read"),
    ],
)
def test_a_mistake_names_the_nearest(tmp_path, old, new, hint):
    with pytest.raises(ConfigError, match=r"report\.yaml") as error:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert hint in str(error.value)
