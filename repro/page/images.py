"""Pictures for one page: scaled down, few colours, inlined as data."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

COLOURS = 128


@dataclass(frozen=True)
class Picture:
    """An inlined picture: its data URI, its size in pixels, and its file below the results."""

    uri: str
    width: int
    height: int
    file: str
    alt: str


def inline(path: Path, results: Path, width: int, alt: str) -> Picture:
    """Read a PNG and make it as light as a page needs: at most `width` pixels, a small palette."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    few = picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE).convert("RGB")
    few.save(buffer, format="WEBP", lossless=True, quality=100, method=4)  # 100: the most effort
    uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
    file = path.relative_to(results).as_posix()
    return Picture(uri, picture.width, picture.height, file, alt)
