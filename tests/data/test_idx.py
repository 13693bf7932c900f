"""The IDX reader on files made here."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from repro.data.idx import read_idx
from repro.errors import DataError


def _idx(values: np.ndarray, code: int) -> bytes:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize(
    ("kind", "code"),
    [("u1", 0x08), ("i1", 0x09), ("i2", 0x0B), ("i4", 0x0C), ("f4", 0x0D), ("f8", 0x0E)],
)
@pytest.mark.parametrize("packed", [True, False])
def test_every_type_comes_back_in_native_order(
    tmp_path: Path, kind: str, code: int, packed: bool
) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(kind)
    content = _idx(values, code)
    path = tmp_path / "values"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_idx(path)
    assert found.dtype == np.dtype(kind)
    assert found.dtype.isnative
    assert found.flags.writeable
    np.testing.assert_array_equal(found, values)


def test_damage_is_named_and_mended(tmp_path: Path) -> None:
    whole = _idx(np.arange(6, dtype="u1"), 8)
    path = tmp_path / "values.gz"
    packed = gzip.compress(whole)
    for content in (b"", b"PK\3\4", whole[:6], whole[:-1], whole + b"x", packed[:-9], packed[:15]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"damaged.*repro data fetch"):
            read_idx(path)
    with pytest.raises(DataError, match=r"missing.*repro data fetch"):
        read_idx(tmp_path / "nothing")
