"""The array format of MNIST and its relatives."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repro.errors import DataError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> NDArray[Any]:
    """The array of an IDX file, gzipped or plain, in the machine's byte order.

    Raises:
        DataError: if the file is missing, damaged, or not in the format.
    """
    content = _read(Path(path))
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise _broken(path, "it has no IDX header")
    stored, rank = np.dtype(_TYPES[content[2]]), content[3]
    start = 4 + 4 * rank
    if len(content) < start:
        raise _broken(path, "its header is cut short")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], ">u4"))
    if len(content) - start != int(np.prod(shape, dtype=np.int64)) * stored.itemsize:
        raise _broken(path, f"it does not hold the {shape} values that its header announces")
    values = np.frombuffer(content, stored, offset=start).reshape(shape)
    return values.astype(stored.newbyteorder("="))


def _read(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; run 'repro data fetch'") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _broken(path, str(error)) from error


def _broken(path: Path, why: str) -> DataError:
    return DataError(f"{path} is damaged: {why}; delete it and run 'repro data fetch'")
