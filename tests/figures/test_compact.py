"""Pictures in fewer bytes: never another pixel, whatever their colours."""

import io

import numpy as np
import pytest
from PIL import Image

from repro.figures.compact import compact

SIDE = 96
PICTURES = [(1, "P"), (2, "P"), (16, "P"), (17, "P"), (256, "P"), (257, "RGB"), (5000, "RGB")]


def png(pixels, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", **options)
    return buffer.getvalue()


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def picture(colours, alpha=255):
    """SIDE x SIDE pixels that use every one of so many colours."""
    random = np.random.default_rng(colours)
    table = random.choice(1 << 24, size=colours, replace=False)
    places = random.permutation(np.arange(SIDE * SIDE) % colours).reshape(SIDE, SIDE)
    codes = table[places]
    channels = [codes >> 16, (codes >> 8) & 255, codes & 255, np.full_like(codes, alpha)]
    return np.stack(channels, axis=-1).astype(np.uint8)


@pytest.mark.parametrize(("colours", "mode"), PICTURES)
def test_the_pixels_are_the_same_and_the_file_is_smaller(colours, mode):
    before = png(picture(colours))
    after = compact(before)
    assert opened(after).mode == mode
    np.testing.assert_array_equal(opened(after).convert("RGBA"), opened(before))
    assert len(after) < len(before)


def test_a_picture_that_is_transparent_somewhere_is_left_alone():
    pixels = picture(4)
    pixels[0, 0, 3] = 254
    assert compact(png(pixels)) == png(pixels)


def test_the_resolution_stays():
    before = png(picture(4), dpi=(200, 200))
    assert opened(compact(before)).info["dpi"] == opened(before).info["dpi"]
    assert "dpi" not in opened(compact(png(picture(4)))).info


def test_it_is_the_same_bytes_each_time_and_once_is_enough():
    once = compact(png(picture(300)))
    assert once == compact(png(picture(300))) == compact(once)
