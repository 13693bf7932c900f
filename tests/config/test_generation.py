"""The words of `repro data generate`."""

from pathlib import Path

import pytest

from repro.config.generation import read_request
from repro.errors import ConfigError


def test_a_request_is_typed_and_relative_to_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["sources", "data_seed=49", "data.dim=5", "segments=40", "layers=3", "out=a.npz"]
    request = read_request(words)
    assert request.data_seed == 49
    assert request.out == tmp_path / "a.npz"
    assert (request.data["dim"], request.data["segments"], request.data["layers"]) == (5, 40, 3)
    assert request.data["spread"] == "standard_deviation"


def test_fidelity_reaches_the_data() -> None:
    words = ["sources", "data_seed=1", "out=a.npz", "fidelity=as_published"]
    assert read_request(words).data["spread"] == "variance"


def test_a_data_set_may_be_smaller_than_a_batch(tmp_path: Path) -> None:
    words = ["sources", "data_seed=1", f"out={tmp_path}/a.npz", "segments=2"]
    assert read_request([*words, "data.points_per_segment=5"]).data["points_per_segment"] == 5


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "name one data set"),
        (["sources", "sources"], "name one data set"),
        (["source", "data_seed=1", "out=a.npz"], "nearest valid name is sources"),
        (["moons", "data_seed=1", "out=a.npz"], "moons cannot be generated; .* are sources"),
        (["sources", "out=a.npz"], "data_seed is missing"),
        (["sources", "data_sed=1", "out=a.npz"], "nearest valid name is data_seed"),
        (["sources", "data_seed=x", "out=a.npz"], "data_seed=x is not"),
        (["sources", "data_seed=1-2", "out=a.npz"], "write data_seed=1"),
        (["sources", "data_seed=1"], "out must be a file"),
        (["sources", "data_seed=1", "out=a.txt"], "ends in .npz"),
        (["sources", "data_seed=1", "out=nowhere/a.npz"], "does not exist"),
        (["sources", "data_seed=1", "out=a.npz", "data.layer=3"], "data.layers"),
        (["sources", "data_seed=1", "out=a.npz", "data.layers=0"], "at least 2, got 0"),
        (["sources", "data_seed=1", "out=a.npz", "layers=3,4"], "one data set"),
        (["sources", "data_seed=1", "out=a.npz", "model=ivae"], "not a key of `data generate`"),
        (["sources", "data_seed=1", "out=a.npz", "experiment=all"], "not a key"),
        (["sources", "data_seed=1", "data_seed=2", "out=a.npz"], "twice, as 1 and as 2"),
        (["sources", "data_seed=1", "out=a.npz", "data.held_out=0.5"], "holds every point"),
    ],
)
def test_what_cannot_be_generated_is_refused(words: list[str], hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        read_request(words)
