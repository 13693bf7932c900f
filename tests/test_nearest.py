"""The nearest name: typing errors find the word that was meant, nonsense finds none."""

import pytest

from repro.nearest import nearest, suggestion

KEYS = ["training.batch_size", "training.epochs", "data.dim", "model.hidden", "layers", "seeds"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("training.batchsize", "training.batch_size"),
        ("batch_size", "training.batch_size"),
        ("data.dims", "data.dim"),
        ("layer", "layers"),
        ("seed", "seeds"),
        ("model.hiden", "model.hidden"),
        ("Layers", "layers"),
    ],
)
def test_typing_errors_find_what_was_meant(typed: str, meant: str) -> None:
    assert nearest(typed, KEYS) == meant


def test_nonsense_finds_nothing_and_lists_everything() -> None:
    assert nearest("qqqq", KEYS) is None
    assert all(key in suggestion("qqqq", KEYS) for key in KEYS)


def test_no_choices_is_no_error() -> None:
    assert nearest("x", []) is None
    assert "no valid names" in suggestion("x", [])
