"""Writing a figure's or table's file: whole or not at all, and only where it differs."""

from __future__ import annotations

from pathlib import Path

from repro.atomic import write_atomic
from repro.errors import StoreError


def write_if_changed(path: Path, content: bytes) -> bool:
    """Put `content` at `path` by an atomic replace; return False where it already stands there.

    Raises: StoreError where the folder or file cannot be written.
    """
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        write_atomic(path, lambda file: file.write(content))
    except OSError as error:
        raise StoreError(
            f"cannot write {path} ({error}); make room or mend the permissions, and draw again"
        ) from error
    return True
