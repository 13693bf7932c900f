"""The task `baselines`: a row a data set, of the data and nothing else."""

import pytest

from repro.config.compose import compose_tree
from repro.data.sources import generate, oracle_log_likelihood
from repro.experiments.baselines import run
from repro.jobs import Context, Interrupted, SeedPair
from repro.metrics.baselines import baseline_scores

SEEDS = (SeedPair(3, 1), SeedPair(5, 2))


@pytest.fixture
def config(tree):
    words = ["experiment=baselines", "arm=2d_layers_4", "scale=smoke"]
    [composition] = compose_tree(tree, words)
    return composition.cells[0].config


def test_a_row_holds_the_scores_and_the_density_of_its_data_set(config):
    seen = []
    context = Context(progress=lambda step, steps: seen.append((step, steps)))
    outcomes = run(config, SEEDS, context)
    assert [outcome.seeds for outcome in outcomes] == list(SEEDS)
    assert seen == [(1, 2), (2, 2)]
    data = generate(config["data"], 5)
    scores = baseline_scores(data.s, data.x, data.segment)
    oracle = oracle_log_likelihood(data, config["data"]).mean()
    assert outcomes[1].metrics == {**scores, "oracle_log_likelihood": pytest.approx(oracle)}


def test_without_a_closed_form_there_is_no_oracle(config):
    noisy = {**config, "data": {**config["data"], "noise": 0.1}}
    assert "oracle_log_likelihood" not in run(noisy, SEEDS[:1], Context())[0].metrics


def test_it_stops_when_asked(config):
    with pytest.raises(Interrupted):
        run(config, SEEDS, Context(stop_requested=lambda: True))
