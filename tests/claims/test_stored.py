"""The project's own claims on the project's own rows: readable, judged, and moved by the rows."""

import copy
import math
from dataclasses import replace

import pytest

from repro.claims.judge import judge
from repro.claims.verdict import HOLDS, NOT_RUN, VERDICTS
from repro.config.tree import Tree
from repro.page.evidence import Shelf


@pytest.fixture(scope="module")
def shelf():
    return Shelf(Tree())


@pytest.fixture(scope="module")
def claims(shelf):
    return shelf.claims()


def test_every_claim_is_read_and_judged(shelf, claims):
    for one in judge(claims, shelf.find):
        assert one.verdict in VERDICTS
        assert one.verdict == NOT_RUN or one.decision.reason
        assert (one.verdict == NOT_RUN) <= bool(one.command)


def test_a_metric_changed_by_hand_changes_a_stored_verdict(shelf, claims):
    """iFlow's lead over iVAE goes where the rows go."""
    [claim] = [one for one in claims if one.id == "F1a"]
    assert judge([claim], shelf.find)[0].verdict == HOLDS

    def changed(experiment, scale):
        evidence = shelf.find(experiment, scale)
        rows = copy.deepcopy(evidence.rows)
        for row in rows:
            if row["config"]["model"]["name"] == "iflow":
                row["metrics"]["mcc"] -= 0.4
        return replace(evidence, rows=rows)

    after = judge([claim], changed)[0]
    assert after.verdict == "does not hold"
    assert not math.isnan(after.p)
