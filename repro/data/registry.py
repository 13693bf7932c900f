"""The public data sets: what files they are, whether they are whole, and where to get them."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

from repro.data.atomic import passing, replacing, sweep
from repro.data.checksums import Checksum, FirstSeen, read_checksum
from repro.data.idx import read_idx
from repro.data.mirrors import Progress, download, quiet
from repro.errors import ConfigError, DataError

__all__ = [
    "Archive",
    "DataFile",
    "Dataset",
    "FileState",
    "Progress",
    "batch_paths",
    "check",
    "fetch",
    "load_registry",
    "read_idx",
]

State = Literal["present", "missing", "damaged"]


@dataclass(frozen=True)
class DataFile:
    """One file of a data set: its path below the data root, checksum, and mirrors of its own.

    A file at one of the paths `instead` serves as well; it is taken as it is.
    """

    path: str
    checksum: Checksum | FirstSeen
    urls: tuple[str, ...]
    instead: tuple[str, ...] = ()

    def is_there(self, root: Path) -> bool:
        """Whether the file, or one that serves as well, is below the data root."""
        return self.place(root).is_file()

    def place(self, root: Path) -> Path:
        """Where the file, or else one that serves as well, is; where it belongs if none is."""
        places = [root / path for path in (self.path, *self.instead)]
        return next((place for place in places if place.is_file()), places[0])


@dataclass(frozen=True)
class Archive:
    """A tar file that holds a data set's files under their own paths: mirrors and checksum."""

    urls: tuple[str, ...]
    checksum: Checksum | FirstSeen


@dataclass(frozen=True)
class Dataset:
    """A public data set: description, licence, files, and the archive they come in, if any."""

    name: str
    description: str
    licence: str
    files: tuple[DataFile, ...]
    archive: Archive | None


class FileState(NamedTuple):
    """A file of a data set below a data root: present, missing or damaged."""

    path: Path
    state: State


def load_registry(path: Path) -> dict[str, Dataset]:
    """The data sets by name, as the YAML file at `path` lists them.

    Raises:
        DataError: if the file is missing or an entry is incomplete or points out of the root.
    """
    from repro.reading import read_yaml  # brings OmegaConf, which nothing else here needs

    try:
        listed = read_yaml(path, resolve=True)
    except ConfigError as error:
        raise DataError(f"the data set list {error}") from error
    if not isinstance(listed, dict):
        raise DataError(f"{path} lists no data sets; restore it")
    return {str(name): _read_dataset(str(name), entry) for name, entry in listed.items()}


def batch_paths(batches: Sequence[int]) -> list[str]:
    """The files of CIFAR-10's training batches and of its test batch, below the data root."""
    names = [*(f"data_batch_{batch}" for batch in batches), "test_batch"]
    return [f"cifar-10-batches-py/{name}" for name in names]


def check(dataset: Dataset, root: Path) -> list[FileState]:
    """The state of each file of `dataset` below `root`, in the order of the registry."""
    root = Path(root)
    return [FileState(file.place(root), _state(file, root)) for file in dataset.files]


def fetch(
    dataset: Dataset, root: Path, progress: Progress = quiet, offline: bool = False
) -> list[Path]:
    """Downloads what is missing or damaged below `root`, and returns the paths it wrote.

    Args:
        dataset: which data set.
        root: the data root; made if absent.
        progress: called with a file's name, its bytes so far and its bytes in all (0: unknown).
        offline: refuse to ask any mirror.

    Raises:
        DataError: if no mirror gives a good copy, or none may be asked; it names each mirror and
            where to put the file.
    """
    root = Path(root)
    wanted = [file for file in dataset.files if _state(file, root) != "present"]
    if wanted and offline:
        raise DataError(
            f"{len(wanted)} files of {dataset.name} are not there whole, and paths.offline=true"
            " (or REPRO_OFFLINE) forbids to download them. Write paths.offline=false, or place by"
            f" hand:{_places(wanted, root)}"
        )
    _make_folders(wanted, root)
    if wanted and dataset.archive:
        _fetch_archive(dataset.archive, wanted, root, progress)
    elif wanted:
        for file in wanted:
            download(file.urls, root / file.path, file.checksum, _by_hand([file], root), progress)
    for file in wanted:
        if isinstance(file.checksum, FirstSeen):
            file.checksum.record(root / file.path)
    return [root / file.path for file in wanted]


def _state(file: DataFile, root: Path) -> State:
    path = root / file.path
    if not path.is_file():
        return "present" if file.is_there(root) else "missing"
    return "damaged" if file.checksum.problem(path) else "present"


def _make_folders(files: Sequence[DataFile], root: Path) -> None:
    try:
        for file in files:
            (root / file.path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make {root} ({error.strerror}); set paths.data") from error
    if files and not os.access(root, os.W_OK):
        raise DataError(f"no permission to write in {root}; set paths.data to a folder of yours")
    for folder in {root, *((root / file.path).parent for file in files)}:
        sweep(folder)


def _fetch_archive(
    archive: Archive, wanted: Sequence[DataFile], root: Path, progress: Progress
) -> None:
    with passing(root) as folder:
        packed = folder / PurePosixPath(archive.urls[0]).name
        download(archive.urls, packed, archive.checksum, _by_hand(wanted, root), progress)
        with tarfile.open(packed) as tar:
            for file in wanted:
                _unpack(tar, file, root)


def _unpack(tar: tarfile.TarFile, file: DataFile, root: Path) -> None:
    content = tar.extractfile(file.path) if file.path in tar.getnames() else None
    if content is None:
        raise DataError(f"the archive has no file {file.path}; {_by_hand([file], root)}")
    with content, replacing(root / file.path) as partial:
        partial.write_bytes(content.read())
        problem = file.checksum.held_to(root / file.path).problem(partial)
        if problem:
            raise DataError(
                f"{file.path} of the archive is damaged ({problem}); {_by_hand([file], root)}"
            )


def _by_hand(files: Sequence[DataFile], root: Path) -> str:
    return f"Check the network and try again, or place by hand:{_places(files, root)}"


def _places(files: Sequence[DataFile], root: Path) -> str:
    return "".join(f"\n  {root / file.path} ({file.checksum})" for file in files)


def _read_dataset(name: str, entry: Mapping[str, Any]) -> Dataset:
    try:
        archive = _read_archive(entry["archive"]) if "archive" in entry else None
        return Dataset(
            name=name,
            description=str(entry["description"]),
            licence=str(entry["licence"]),
            files=tuple(_read_file(file, archive is None) for file in entry["files"]),
            archive=archive,
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"the data set {name!r} lacks {error} in its entry; add it") from error


def _read_archive(entry: Mapping[str, Any]) -> Archive:
    return Archive(_read_urls(entry), read_checksum(entry, decompress=False))


def _read_file(entry: Mapping[str, Any], needs_urls: bool) -> DataFile:
    path = PurePosixPath(str(entry["path"]))
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"the data file {path} is not below the data root; use a relative path")
    checksum = read_checksum(entry, decompress=path.suffix == ".gz")
    instead = tuple(str(other) for other in entry.get("instead", ()))
    return DataFile(str(path), checksum, _read_urls(entry) if needs_urls else (), instead)


def _read_urls(entry: Mapping[str, Any]) -> tuple[str, ...]:
    urls = tuple(str(url) for url in entry["urls"])
    if not urls:
        raise DataError(f"the entry {entry} has no mirror; add one under urls")
    return urls
