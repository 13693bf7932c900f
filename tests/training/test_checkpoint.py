"""Checkpoints are whole or absent, hold nothing but data, and say what to do when damaged."""

import pytest
import torch

from repro.errors import StoreError
from repro.training.checkpoint import read_checkpoint, write_checkpoint

STATE = {"tensor": torch.arange(5.0), "number": 3, "list": [1, "two"], "nested": {"none": None}}


def test_what_is_written_is_read(tmp_path):
    write_checkpoint(tmp_path / "new" / "c.pt", STATE)
    found = read_checkpoint(tmp_path / "new" / "c.pt")
    assert torch.equal(found.pop("tensor"), STATE["tensor"])
    assert found == {key: value for key, value in STATE.items() if key != "tensor"}


def truncated(content):
    return content[: len(content) // 2]


def flipped(content):
    """One bit of one number is another; torch alone would not see it."""
    at = content.index(STATE["tensor"].numpy().tobytes()) + 4
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        lambda content: b"",
        lambda content: b"not a checkpoint",
        lambda content: content[:-9],
        flipped,
    ],
)
def test_a_damaged_checkpoint_is_an_error_that_names_the_remedy(tmp_path, damage):
    path = tmp_path / "c.pt"
    write_checkpoint(path, STATE)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreError, match=rf"(?s){path}.*delete it and run again"):
        read_checkpoint(path)


def test_a_checkpoint_of_an_older_version_is_read_without_proof(tmp_path):
    torch.save(STATE, tmp_path / "c.pt")
    assert read_checkpoint(tmp_path / "c.pt")["number"] == 3


class Evil:
    def __reduce__(self):
        return print, ("run by a checkpoint",)


def test_code_in_a_checkpoint_is_refused(tmp_path, capsys):
    torch.save({"evil": Evil()}, tmp_path / "c.pt")
    with pytest.raises(StoreError, match="delete it"):
        read_checkpoint(tmp_path / "c.pt")
    assert capsys.readouterr().out == ""


def test_a_failure_while_writing_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "c.pt"
    write_checkpoint(path, STATE)

    def fail(state, file):
        file.write(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(path, {"number": 4})
    monkeypatch.undo()
    assert read_checkpoint(path)["number"] == 3
    assert list(tmp_path.iterdir()) == [path]


def test_writing_replaces_the_file_instead_of_writing_into_it(tmp_path):
    path = tmp_path / "c.pt"
    write_checkpoint(path, STATE)
    before = path.read_bytes()
    with path.open("rb") as old:
        write_checkpoint(path, {"number": 4})
        assert old.read() == before
    assert read_checkpoint(path) == {"number": 4}
