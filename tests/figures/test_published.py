"""The published numbers are read whole, and nothing misspelt gets in."""

import dataclasses

import pytest

from repro.errors import ConfigError
from repro.figures.published import Published, find_published, load_published, noted

GOOD = {
    "artefact": "table 9",
    "experiment": "e",
    "model": "m",
    "dim": 2,
    "metric": "mcc",
    "value": 0.5,
    "source": "table 9",
}


def write(folder, *entries, top="paper: A paper"):
    lines = [top, "entries:"] if entries else [top]
    for entry in entries:
        lines.append("  - {" + ", ".join(f"{k}: {v}" for k, v in entry.items()) + "}")
    (folder / "nine.yaml").write_text("\n".join(lines))
    return folder


def test_the_three_papers_are_there(published):
    assert set(published["paper"]) >= {"iflow", "re_iflow", "lekanne_deprez"}
    assert set(published.columns) == {"paper", "title"} | {
        field.name for field in dataclasses.fields(Published)
    }


@pytest.mark.parametrize(
    ("model", "layers", "value", "spread"),
    [
        ("iflow", 3, 0.7727, 0.0770),
        ("iflow", 4, 0.7374, 0.1083),
        ("iflow", 5, 0.7332, 0.1154),
        ("ivae", 3, 0.8176, 0.0561),
        ("ivae", 4, 0.6874, 0.1188),
        ("ivae", 5, 0.6403, 0.1458),
    ],
)
def test_table_2_of_re(published, model, layers, value, spread):
    found = find_published(
        published, paper="re_iflow", artefact="table 2", model=model, layers=layers, metric="mcc"
    )
    assert (found.value, found.spread) == (value, spread)
    assert (found.spread_kind, found.ddof, found.n) == ("sd_seeds", 0, 10)


def test_published_differences_follow_from_their_table(published):
    for layers in (3, 4, 5):
        iflow, ivae = (
            find_published(
                published, paper="re_iflow", artefact="table 2", model=model, layers=layers
            ).value
            for model in ("iflow", "ivae")
        )
        pair = find_published(
            published, paper="re_iflow", dim=2, layers=layers, metric="mcc_difference"
        )
        assert pair.value == pytest.approx(iflow - ivae, abs=2e-4)


def test_published_means_follow_from_their_parts(published):
    for paper, artefact, model, mean in [
        ("iflow", "figure 3", "iflow", 0.9050),
        ("iflow", "figure 3", "ivae", 0.4708),
        ("re_iflow", "table 1", "iflow", 0.7247),
        ("re_iflow", "table 1", "ivae", 0.4762),
        ("re_iflow", "seed 49", "iflow", 0.9039),
        ("re_iflow", "seed 49", "ivae", 0.4297),
    ]:
        parts = published[
            (published["paper"] == paper)
            & (published["artefact"] == artefact)
            & (published["model"] == model)
            & (published["metric"] == "correlation")
        ]
        assert list(parts["component"]) == [1, 2, 3, 4, 5]
        assert parts["value"].mean() == pytest.approx(mean, abs=2e-4)


def test_a_rows_spread_follows_from_the_bars_of_its_table(published):
    for data in ("POWER", "GAS", "HEPMASS", "MINIBOONE", "BSDS300"):
        row_sd, bar = (
            find_published(published, paper="nsf", model="nsf_c", dataset=data, metric=metric)
            for metric in ("row_sd_nats", "log_likelihood_nats")
        )
        assert row_sd.value == pytest.approx(bar.spread * row_sd.n**0.5, rel=0.02)


def test_a_mean_is_not_mistaken_for_a_seed(published):
    found = find_published(
        published, paper="re_iflow", dim=5, layers=3, model="iflow", metric="mcc",
        artefact="stored 5D files",
    )  # fmt: skip
    assert found.data_seed is None
    assert found.value == 0.7247


def test_nothing_found_is_none_and_too_much_is_refused(published):
    assert find_published(published, paper="re_iflow", layers=9) is None
    with pytest.raises(ConfigError, match="tells them apart"):
        find_published(published, paper="re_iflow", artefact="table 2", layers=3)


def test_a_note_is_said_once_with_its_paper(tmp_path):
    entries = (GOOD | {"layers": k, "note": note} for k, note in enumerate(["so", "", "so"], 3))
    assert noted(load_published(write(tmp_path, *entries))) == ["A paper: so."]


def test_missing_keys_take_their_defaults(tmp_path):
    found = load_published(write(tmp_path, GOOD)).to_dict("records")[0]
    assert found["paper"] == "nine"
    assert found["title"] == "A paper"
    assert (found["layers"], found["spread"], found["n"]) == (None, None, None)
    assert (found["spread_kind"], found["origin"]) == ("none", "printed")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vlaue": 1}, "the nearest valid name is value"),
        ({"spread": 0.1, "spread_kind": "sd_seed"}, "the nearest valid name is sd_seeds"),
        ({"origin": "guessed"}, "the valid names are by_eye, digitised"),
        ({"spread": 0.1}, "belong together"),
        ({"spread_kind": "sd_seeds"}, "belong together"),
        ({"value": "high"}, "write a number"),
        ({"value": ".nan"}, "value is nan; write a number"),
        ({"high": ".inf"}, "high is inf; write a number"),
        ({"n": 1.5}, "write a whole number"),
        ({"model": 3}, "write text"),
        ({"value": "null"}, "value missing"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(tmp_path, change, message):
    folder = write(tmp_path, GOOD, GOOD | {"metric": "other"} | change)
    with pytest.raises(ConfigError, match=rf"nine\.yaml, entry 2.*{message}"):
        load_published(folder)


def test_the_same_number_twice_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="entries 1 and 2"):
        load_published(write(tmp_path, GOOD, GOOD | {"value": 0.6}))


def test_files_that_are_no_lists_of_entries_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="conf/published"):
        load_published(tmp_path)
    with pytest.raises(ConfigError, match="no list `entries`"):
        load_published(write(tmp_path))
    with pytest.raises(ConfigError, match=r"'papre' is unknown.*paper"):
        load_published(write(tmp_path, GOOD, top="papre: A paper"))
    (tmp_path / "nine.yaml").write_text("a: [1")
    with pytest.raises(ConfigError, match=r"nine\.yaml cannot be read"):
        load_published(tmp_path)


def test_numbers_are_told_apart_by_data_set_length_and_optimiser(tmp_path):
    entry = {key: value for key, value in GOOD.items() if key != "dim"} | {"dataset": "u1"}
    published = load_published(
        write(tmp_path, entry, *({**entry, "length": k, "value": float(k)} for k in (2, 8)))
    )
    wanted = {"experiment": "e", "model": "m", "metric": "mcc", "dataset": "u1"}
    assert find_published(published, **wanted).value == 0.5
    assert find_published(published, length=8, **wanted).value == 8.0
    assert find_published(published, length=8, optimiser="adam", **wanted) is None
