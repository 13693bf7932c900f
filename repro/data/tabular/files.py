"""Readers of the tabular data sets' files that say what to do when one is missing or damaged."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from repro.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

# What a pickled table needs; everything else that a pickle could ask for is refused.
SAFE_ROOMS = ("builtins", "__builtin__", "copyreg", "copy_reg", "_codecs", "numpy", "pandas")
SAFE_NAMES = {
    "slice", "object", "_reconstructor", "encode",
    "_reconstruct", "_frombuffer", "ndarray", "dtype", "scalar",
    "DataFrame", "BlockManager", "Index", "RangeIndex", "StringDtype", "StringArray",
    "ArrowStringArray", "_new_Index", "_unpickle_block", "new_block",
    "__pyx_unpickle_NDArrayBacked",
}  # fmt: skip
MOVED = {"pandas.core.index", "pandas.indexes.base", "pandas.core.indexes.base"}


def first_there(root: Path, names: Sequence[str], dataset: str) -> Path:
    """The first of these files below the data root that is there.

    Raises:
        DataError: if none is.
    """
    for name in names:
        if (root / name).is_file():
            return root / name
    raise DataError(f"{root / names[0]} is missing; run 'repro data fetch {dataset}'")


def read_npy(path: Path) -> NDArray[Any]:
    """The array of a .npy file.

    Raises:
        DataError: if it is missing or damaged.
    """
    return _read(path, lambda: np.load(path, allow_pickle=False))


def read_npz(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The named arrays of a .npz file.

    Raises:
        DataError: if it is missing or damaged, or lacks one of them.
    """

    def load() -> dict[str, NDArray[Any]]:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}

    return _read(path, load)


def read_csv(path: Path) -> NDArray[np.float64]:
    """The numbers (N, D) of a .csv file below its line of headings.

    Raises:
        DataError: if it is missing or damaged.
    """
    # Lines of HEPMASS's test file have a field more than its headings: those are not read.
    return read_csv_frame(path, header=None, skiprows=1, dtype="float64").to_numpy()


def read_csv_frame(path: Path, **options: Any) -> pd.DataFrame:  # noqa: ANN401 - pandas' own
    """The table of a .csv file, zipped or plain.

    Raises:
        DataError: if it is missing or damaged.
    """
    import pandas as pd

    return _read(path, lambda: pd.read_csv(path, **options))


def read_frame(path: Path) -> pd.DataFrame:
    """The frame of a pickle, read without letting it run anything but what makes a frame.

    Raises:
        DataError: if it is missing, damaged or asks for anything else.
    """
    import pandas as pd

    def load() -> pd.DataFrame:
        with path.open("rb") as file:
            found = _unpickler()(file, encoding="latin1").load()
        if not isinstance(found, pd.DataFrame):
            raise pickle.UnpicklingError(f"it holds a {type(found).__name__}, not a table")
        return found

    return _read(path, load)


def _unpickler() -> type:
    from pandas.compat.pickle_compat import Unpickler  # type: ignore[import-not-found]

    class Careful(Unpickler):
        """Pandas' reader of its older pickles, limited to what makes a table of numbers."""

        def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
            if module.partition(".")[0] not in SAFE_ROOMS or name not in SAFE_NAMES:
                raise pickle.UnpicklingError(f"it asks for {module}.{name}")
            return super().find_class(
                "pandas.core.indexes.base" if module in MOVED else module, name
            )

    return Careful


def _read(path: Path, load: Callable[[], T]) -> T:
    try:
        return load()
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is missing; 'repro data list' says where it comes from"
        ) from error
    except (
        OSError, ValueError, KeyError, EOFError, AttributeError, pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise DataError(f"{path} is damaged ({error}); delete it and fetch it again") from error
