"""Checkpoints: written whole or not at all, proven whole when read, read without running code."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

from repro.atomic import write_atomic
from repro.errors import StoreError

# A file is this mark, what torch saves and the SHA-256 of that, since torch checks no tensor.
_MARK = b"repro checkpoint 1\n"


class _Sealed(io.RawIOBase):
    """Hands bytes on to a file, between a mark and their digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        file.write(_MARK)

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:  # noqa: ANN401 - anything with a buffer
        self._digest.update(content)
        return self._file.write(content)

    def seal(self) -> None:
        self._file.write(self._digest.digest())


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Save `state` (tensors, numbers, strings, lists, dicts) at `path`, replacing it whole.

    Raises:
        OSError: if it cannot be written; what was at `path` is then as before.
    """

    def write(file: BinaryIO) -> None:
        sealed = _Sealed(file)
        torch.save(dict(state), cast(BinaryIO, sealed))
        sealed.seal()

    write_atomic(path, write)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load what `write_checkpoint` saved, to the CPU, refusing anything but data.

    Checkpoints of older versions have no seal and are read without its proof.

    Raises:
        StoreError: if the file is damaged or not a checkpoint.
    """
    try:
        content = _unsealed(path.read_bytes())
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise StoreError(
            f"the checkpoint {path} cannot be read ({type(error).__name__}: "
            f"{str(error).partition(chr(10))[0]}); delete it and run again: the job then starts "
            "from its beginning"
        ) from error


def _unsealed(content: bytes) -> bytes:
    """What torch saved, without mark and digest.

    Raises:
        ValueError: if the digest is another content's.
    """
    if not content.startswith(_MARK):
        return content
    size = hashlib.sha256().digest_size
    body, digest = content[len(_MARK) : -size], content[-size:]
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("its checksum is wrong")
    return body
