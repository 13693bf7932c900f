"""Reads pickled dictionaries of arrays without running anything that a pickle may ask for."""

from __future__ import annotations

import codecs
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from repro.errors import DataError

_RECONSTRUCT = np.empty(0).__reduce__()[0]  # numpy's own, which has had two addresses
# What a pickle of plain arrays names; Python 3 writes bytes in old protocols by codecs.encode.
_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("_codecs", "encode"): codecs.encode,
}


class _Refusing(pickle.Unpickler):
    """An unpickler that builds numbers, texts, containers and arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - a class or function
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]


def read_pickle(path: Path) -> dict[Any, Any]:
    """The dictionary in a pickle of Python 2 or 3; keys of Python 2's texts are bytes.

    Raises:
        DataError: if the file is missing, damaged, no dictionary, or asks for code.
    """
    path = Path(path)
    try:
        found = _Refusing(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; run 'repro data fetch'") from error
    except Exception as error:  # a damaged pickle can raise anything
        raise _broken(path, f"{error}") from error
    if not isinstance(found, dict):
        raise _broken(path, f"it holds a {type(found).__name__}, not a dictionary")
    return found


def _broken(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} is not a pickle of plain arrays: {why}; delete it and run 'repro data fetch'"
    )
