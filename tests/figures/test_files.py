"""A figure's file is whole, written only where it differs, and its failure says what to do."""

import pytest

from repro.errors import StoreError
from repro.figures.files import write_if_changed


def test_only_a_difference_is_written(tmp_path):
    path = tmp_path / "new" / "file"
    assert write_if_changed(path, b"one")
    before = path.stat()
    assert not write_if_changed(path, b"one")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert write_if_changed(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_where_the_folder_should_be_is_named(tmp_path):
    (tmp_path / "new").write_text("in the way")
    with pytest.raises(StoreError, match="draw again"):
        write_if_changed(tmp_path / "new" / "file", b"one")
