"""The tabular loaders on small files of the published formats, made here."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from repro.data.tabular import bsds300, gas, hepmass, miniboone, power
from repro.data.tabular.splits import set_last_tenth_aside, varied_columns
from repro.errors import DataError


def place(root: Path, name: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_power_follows_the_released_steps(tmp_path: Path) -> None:
    raw = np.random.RandomState(0).rand(200, 8)
    np.save(place(tmp_path, power.FILE), raw)
    splits = power.load_power(tmp_path)
    # The released steps, one by one.
    rng = np.random.RandomState(42)
    data = raw.copy()
    rng.shuffle(data)
    data = np.delete(np.delete(data, 3, axis=1), 1, axis=1)
    voltage, gap, meters = 0.01 * rng.rand(200, 1), 0.001 * rng.rand(200, 1), rng.rand(200, 3)
    data = data + np.hstack((gap, voltage, meters, np.zeros((200, 1))))
    fitted, test = data[:-20], data[-20:]
    train, val = fitted[:-18], fitted[-18:]
    mean, sd = fitted.mean(axis=0), fitted.std(axis=0)
    for found, expected in ((splits.train, train), (splits.val, val), (splits.test, test)):
        np.testing.assert_allclose(found, (expected - mean) / sd, rtol=1e-5, atol=1e-6)
        assert found.dtype == np.float32
    assert splits.dim == 6


def test_the_half_year_leaves_gaps_out_and_tells_the_time(tmp_path: Path) -> None:
    values = np.random.RandomState(0).rand(300, 7)
    values[5, 2] = np.nan
    arrays = {"values": values, "minute_index": np.arange(300, dtype=np.int32)}
    np.savez(place(tmp_path, power.HALF_YEAR_FILE), **arrays, start=np.array("2006-12-16T23:50"))
    splits = power.load_power_half_year(tmp_path)
    assert sum(len(part) for part in (splits.train, splits.val, splits.test)) == 299
    time = np.concatenate((splits.train, splits.val, splits.test))[:, -1]
    steps = np.unique(np.diff(np.sort(time)).round(4))  # 0:00 to 4:49, a gap, 23:50 to 23:59
    assert len(steps) <= 3
    assert steps.max() > 100 * steps[steps > 0].min()


def test_the_published_text_gives_the_same_half_year(tmp_path: Path) -> None:
    values = np.random.RandomState(0).rand(60, 7).round(3)
    values[5] = np.nan
    arrays = {"values": values, "minute_index": np.arange(60, dtype=np.int32)}
    np.savez(place(tmp_path, power.HALF_YEAR_FILE), **arrays, start=np.array("2006-12-16T23:50"))
    prepared = power.load_power_half_year(tmp_path)
    (tmp_path / power.HALF_YEAR_FILE).unlink()
    lines = ["Date;Time;" + ";".join("abcdefg")]
    for minute, row in enumerate(values):
        clock = (23 * 60 + 50 + minute) % (24 * 60)
        shown = ["?" if np.isnan(value) else f"{value:.3f}" for value in row]
        lines.append(";".join(["16/12/2006", f"{clock // 60:02}:{clock % 60:02}:00", *shown]))
    with zipfile.ZipFile(place(tmp_path, power.HOUSEHOLD_FILE), "w") as archive:
        archive.writestr("household_power_consumption.txt", "\n".join(lines))
    np.testing.assert_allclose(
        power.load_power_half_year(tmp_path).train, prepared.train, rtol=1e-5, atol=1e-6
    )


def test_gas_drops_what_repeats_another_sensor(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    sensors = random.rand(100, 3)
    frame = pd.DataFrame(
        {"Time": np.arange(100.0), "Meth": 1.0, "Eth": 2.0, "a": sensors[:, 0],
         "b": 3 * sensors[:, 0] + 1e-4 * sensors[:, 1], "c": sensors[:, 1], "d": sensors[:, 2]}
    )  # fmt: skip
    frame.to_pickle(place(tmp_path, gas.FILE))
    splits = gas.load_gas(tmp_path)
    kept = frame[["b", "c", "d"]].to_numpy()  # the first of two that repeat goes
    expected = (kept - kept.mean(axis=0)) / kept.std(axis=0, ddof=1)  # of all rows
    np.testing.assert_allclose(splits.test, expected[-10:], rtol=1e-4, atol=1e-5)
    assert (len(splits.train), len(splits.val)) == (81, 9)


def test_a_pickle_that_wants_to_run_something_is_refused(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> tuple:
            return (os.system, ("true",))

    place(tmp_path, gas.FILE).write_bytes(pickle.dumps(Bad()))
    with pytest.raises(DataError, match=r"asks for .*system"):
        gas.load_gas(tmp_path)


def test_hepmass_takes_the_signal_and_the_extra_column_off(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    train = np.hstack((random.randint(2, size=(400, 1)), random.rand(400, 3)))
    train[:, 2] = train[:, 2].round()  # its smallest value comes back more than five times
    test = np.hstack((random.randint(2, size=(60, 1)), random.rand(60, 4)))
    heads = "# label,f0,f1,f2"
    for name, rows in ((hepmass.TRAIN, train), (hepmass.TEST, test)):
        np.savetxt(place(tmp_path, name), rows, delimiter=",", header=heads, comments="")
    splits = hepmass.load_hepmass(tmp_path)
    signal = train[train[:, 0] == 1][:, 1:]
    expected = (test[test[:, 0] == 1][:, 1:-1] - signal.mean(axis=0)) / signal.std(axis=0, ddof=1)
    np.testing.assert_allclose(splits.test, expected[:, [0, 2]], rtol=1e-4, atol=1e-5)
    assert len(splits.train) + len(splits.val) == len(signal)
    with pytest.raises(DataError, match="one column more"):
        hepmass.prepare_hepmass(train, test[:, :-1])


def test_repeats_are_counted_as_released_at_the_smallest_value() -> None:
    smallest, largest = np.arange(20.0), np.arange(20.0)
    smallest[:8], largest[-8:] = 0, 19  # only the first is dropped, though both repeat
    assert varied_columns(np.stack((smallest, largest), axis=1)).tolist() == [1]


def test_miniboone_keeps_its_order(tmp_path: Path) -> None:
    raw = np.random.RandomState(0).rand(100, 4)
    np.save(place(tmp_path, miniboone.FILE), raw)
    splits = miniboone.load_miniboone(tmp_path)
    expected = (raw - raw[:90].mean(axis=0)) / raw[:90].std(axis=0)
    found = np.concatenate((splits.train, splits.val, splits.test))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert (len(splits.train), len(splits.val), len(splits.test)) == (81, 9, 10)


def test_held_out_miniboone_is_handed_on_as_it_is(tmp_path: Path) -> None:
    val, test = np.arange(6.0).reshape(3, 2), np.arange(4.0).reshape(2, 2)
    np.savez(place(tmp_path, miniboone.HELD_OUT_FILE), val=val, test=test)
    splits = miniboone.load_miniboone_held_out(tmp_path)
    np.testing.assert_array_equal(splits.train, val)
    np.testing.assert_array_equal(splits.test, test)


def test_bsds300_is_used_as_it_is(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    parts = {name: random.rand(4, 63) for name in ("train", "validation", "test")}
    with h5py.File(place(tmp_path, bsds300.FILE), "w") as file:
        for name, part in parts.items():
            file.create_dataset(name, data=part)
    splits = bsds300.load_bsds300(tmp_path)
    found = (splits.train, splits.val, splits.test)
    for part, expected in zip(found, parts.values(), strict=True):
        np.testing.assert_array_equal(part, expected.astype(np.float32))


def test_patches_come_from_their_own_images(tmp_path: Path) -> None:
    with tarfile.open(place(tmp_path, bsds300.IMAGES_FILES[0]), "w") as tar:
        for part, count in (("train", 22), ("test", 2)):
            for number in range(count):
                grey = np.full((12, 16, 3), 10 * number, np.uint8)
                content = io.BytesIO()
                Image.fromarray(grey).save(content, "JPEG")
                info = tarfile.TarInfo(f"BSDS300/images/{part}/{number}.jpg")
                info.size = len(content.getvalue())
                content.seek(0)
                tar.addfile(info, content)
    splits = bsds300.load_bsds300_patches(tmp_path, (50, 20, 10), seed=1)
    assert [part.shape for part in (splits.train, splits.val, splits.test)] == [
        (50, 63), (20, 63), (10, 63),
    ]  # fmt: skip
    again = bsds300.load_bsds300_patches(tmp_path, (50, 20, 10), seed=1)
    np.testing.assert_array_equal(splits.train, again.train)
    # Flat images: what is left after centring is the dequantisation noise, U(0, 1) / 256.
    assert np.abs(splits.train).max() < 1 / 256
    assert splits.train.std() == pytest.approx(np.sqrt(1 / 12) / 256, rel=0.1)


def test_the_last_training_images_are_for_validation(tmp_path: Path, monkeypatch) -> None:
    stripes = [np.tile(10 * k * np.arange(16) % (20 * k or 1), (12, 1)) for k in range(24)]
    images = [image.astype(np.uint8) for image in stripes]  # columns of 0 and of 10 k in turn
    place(tmp_path, bsds300.IMAGES_FILES[0]).touch()
    monkeypatch.setattr(bsds300, "_grey_images", lambda path: (images[:22], images[22:]))
    splits = bsds300.load_bsds300_patches(tmp_path, (50, 200, 50), seed=1)
    numbers = [
        set(np.rint(np.abs(part[:, 1] - part[:, 0]) * 256 / 10).astype(int))
        for part in (splits.train, splits.val, splits.test)
    ]
    assert numbers == [{0, 1}, set(range(2, 22)), {22, 23}]


def test_patches_are_windows_without_their_mean_and_last_pixel() -> None:
    image = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
    patches = bsds300.draw_patches([image], 30, np.random.RandomState(0))
    across = (patches[:, 1:8] - patches[:, :7]) * 256  # neighbours in a row differ by 1
    assert across.mean() == pytest.approx(1, abs=0.1)
    down = (patches[:, 8:15] - patches[:, :7]) * 256  # and in a column by 16
    assert down.mean() == pytest.approx(16, abs=0.1)
    first = patches[:, 0] * 256  # less the mean of all 64 pixels: 3.5 across and 56 down
    assert first.mean() == pytest.approx(-59.5, abs=0.2)


@pytest.mark.parametrize(
    "load",
    [
        power.load_power,
        power.load_power_half_year,
        gas.load_gas,
        hepmass.load_hepmass,
        miniboone.load_miniboone,
        bsds300.load_bsds300,
        lambda root: bsds300.load_bsds300_patches(root, (1, 1, 1), 1),
    ],
)
def test_a_missing_file_says_what_to_do(tmp_path: Path, load) -> None:
    with pytest.raises(DataError, match="repro data"):
        load(tmp_path)


def test_damage_is_named(tmp_path: Path) -> None:
    place(tmp_path, power.FILE).write_bytes(b"not an array")
    with pytest.raises(DataError, match="is damaged"):
        power.load_power(tmp_path)
    with pytest.raises(DataError, match="ten rows"):
        set_last_tenth_aside(np.zeros((9, 2)))
