"""Figures come out the same to the byte, whoever draws them."""

import os

import matplotlib
import numpy as np
import pytest

from repro.figures.style import (
    Layout,
    panel_page,
    publication_style,
    save_figure,
    segment_colours,
    styled,
)

LAYOUT = Layout((1.0, 1.0), (0.1, 0.1), 0.5, 0.1, 0.4, 0.3)


@styled
def drawing(points=50):
    figure, axes = panel_page(LAYOUT, 2, 3, ["a note with $5 and a lot of words " * 8, "another"])
    draw = np.random.RandomState(0)
    for line in axes:
        for ax in line:
            ax.scatter(*draw.randn(2, points), s=1, rasterized=True)
            ax.set_title("title")
    return figure


def test_bytes_depend_on_the_drawing_alone(tmp_path, monkeypatch):
    first = save_figure(drawing(), tmp_path / "a", "f")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20)
    monkeypatch.setitem(matplotlib.rcParams, "svg.hashsalt", None)
    second = save_figure(drawing(), tmp_path / "b", "f")
    assert [path.name for path in first] == ["f.pdf", "f.png", "f.svg"]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.suffix
    other = save_figure(drawing(51), tmp_path / "c", "f")
    assert all(a.read_bytes() != b.read_bytes() for a, b in zip(first, other, strict=True))


def test_files_name_no_time_and_no_maker(tmp_path):
    pdf, png, svg = (path.read_bytes() for path in save_figure(drawing(), tmp_path, "f"))
    for word in (b"CreationDate", b"ModDate", b"/Creator", b"/Producer"):
        assert word not in pdf
    assert b"FontFile2" in pdf  # embedded TrueType
    assert b"Software" not in png
    assert b"dc:date" not in svg
    assert b"dc:creator" not in svg
    assert b"<image" in svg  # the scatter is a raster
    assert b"<text" not in svg  # words are outlines, so that no font is needed


def test_an_unchanged_figure_is_left_alone(tmp_path):
    paths = save_figure(drawing(), tmp_path, "f")
    for path in paths:
        os.utime(path, ns=(1, 1))
    save_figure(drawing(), tmp_path, "f")
    assert [path.stat().st_mtime_ns for path in paths] == [1, 1, 1]
    save_figure(drawing(9), tmp_path, "f")
    assert all(path.stat().st_mtime_ns > 1 for path in paths)
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_the_users_settings_come_back():
    matplotlib.rcParams["font.size"] = 11.5
    try:
        with publication_style():
            assert matplotlib.rcParams["font.size"] == 7.5
        assert matplotlib.rcParams["font.size"] == 11.5
    finally:
        matplotlib.rcParams["font.size"] = 10.0


def test_no_text_lies_outside_the_page():
    figure = drawing()
    figure.draw_without_rendering()
    page = figure.bbox
    assert len(figure.texts) >= 3  # a long note is wrapped
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= page.x0
        assert box.x1 <= page.x1
        assert box.y0 >= page.y0


@pytest.mark.parametrize("count", [1, 5, 6, 40])
def test_every_segment_has_its_own_colour(count):
    colours = segment_colours(count)
    assert colours.shape == (count, 4)
    assert len({tuple(colour) for colour in colours}) == count
