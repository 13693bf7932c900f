"""What a run tells a person: times that follow the measured rates, and lines that are not many."""

import errno
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from repro.jobs import Job, SeedPair
from repro.runner.forecast import Forecast
from repro.runner.progress import LineReporter, LiveReporter, closing, make_reporter
from repro.runner.rows import RowKey
from repro.runner.summary import Summary


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_forecast_follows_the_measured_rate(make_job: Callable[..., Job]) -> None:
    clock = Clock()
    jobs = [make_job(id=f"{n:012d}", seconds=100.0) for n in range(4)]
    forecast = Forecast(jobs, 2, clock)
    assert forecast.seconds_left() == pytest.approx(200.0)
    forecast.start(0, jobs[0])
    forecast.start(1, jobs[1])
    forecast.running[0].note(0, 1000, clock.now)
    clock.now = 20.0
    forecast.running[0].note(100, 1000, clock.now)
    assert forecast.running[0].rate(clock.now) == pytest.approx(5.0)
    assert forecast.running[0].seconds_left(clock.now) == pytest.approx(180.0)
    # 200 s instead of 100 s: the others count double too
    assert forecast.seconds_left() == pytest.approx((180 + 180 + 400) / 2)
    clock.now = 200.0
    assert forecast.end(0, counts=True) == pytest.approx(200.0)
    forecast.end(1, counts=True)
    assert forecast.seconds_left() == pytest.approx(200.0)


def test_each_experiment_has_a_pace_of_its_own(make_job: Callable[..., Job]) -> None:
    clock = Clock()
    slow, right = ({"experiment": name} for name in ("slow", "right"))
    jobs = [make_job(options=options) for options in (slow, slow, right, right)]
    forecast = Forecast([*jobs, make_job(options={"experiment": "new"})], 1, clock)
    for job, seconds in ((jobs[0], 9.0), (jobs[2], 1.0)):
        forecast.start(0, job)
        clock.now += seconds
        forecast.end(0, counts=True)
    assert forecast.seconds_left() == pytest.approx(9.0 + 1.0 + 5.0)


def test_a_resumed_job_is_measured_from_where_it_went_on(make_job: Callable[..., Job]) -> None:
    clock = Clock()
    forecast = Forecast([], 1, clock)
    forecast.start(0, make_job())
    forecast.running[0].note(900, 1000, clock.now)
    clock.now = 10.0
    forecast.running[0].note(950, 1000, clock.now)
    assert forecast.running[0].seconds_left(clock.now) == pytest.approx(10.0)


def test_a_job_that_measures_after_its_last_step_is_not_said_to_be_done(
    make_job: Callable[..., Job],
) -> None:
    stream, clock = io.StringIO(), Clock()
    reporter = LineReporter(stream, every=0.0)
    reporter.run_started([make_job(seconds=100.0)], 1)
    reporter.forecast.clock = clock
    reporter._spoke = 0.0
    reporter.job_started(0, make_job(seconds=100.0))
    reporter.progress(0, 0, 10)
    clock.now = 30.0
    reporter.progress(0, 10, 10)
    assert reporter.forecast.seconds_left() == pytest.approx(70.0)
    assert stream.getvalue().splitlines()[-1].endswith("10/10 measuring")
    clock.now = 120.0
    assert reporter.forecast.seconds_left() == pytest.approx(12.0)  # overdue


def test_lines_tell_starts_and_ends_and_seldom_progress(make_job: Callable[..., Job]) -> None:
    stream, clock = io.StringIO(), Clock()
    reporter = LineReporter(stream)
    job = make_job(options={"experiment": "depth"})
    reporter.run_started([job], 1)
    reporter.forecast.clock = clock
    reporter._spoke = 0.0
    reporter.job_started(0, job)
    reporter.job_running(0, 2, resumed=True)
    for step in range(1, 400):
        clock.now = step / 10
        reporter.progress(0, step, 400)
    reporter.job_ended(0, job, ["done"])
    lines = stream.getvalue().splitlines()
    told = [line for line in lines if "it/s" in line]
    assert len(told) == 2
    assert "150/400" in told[0]
    assert "10.0 it/s" in told[0]
    assert "25 s left" in told[0]
    assert "goes on from a checkpoint" in lines[1]
    assert lines[-1].startswith("depth aaaaaaaaaaaa (2 seeds): done after")


def test_a_terminal_gets_a_live_block(make_job: Callable[..., Job]) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    reporter = LiveReporter(console)
    job = make_job()
    reporter.run_started([job], 1)
    try:
        reporter.job_started(0, job)
        reporter.progress(0, 1, 10)
        reporter.note("a [worker] says this")
    finally:
        reporter.close()
        reporter.run_ended(Summary())
    assert "worker 0" in stream.getvalue()
    assert "1/10" in stream.getvalue()
    assert "a [worker] says this" in stream.getvalue()
    assert isinstance(make_reporter(io.StringIO()), LineReporter)


class Gone(io.StringIO):
    """A terminal that has been closed, or a pipe whose reader has ended."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_a_reader_that_is_gone_ends_no_run(make_job: Callable[..., Job]) -> None:
    live = Console(file=Gone(), force_terminal=True)
    for reporter in (LineReporter(Gone()), LiveReporter(live)):
        reporter.run_started([make_job()], 1)
        reporter.job_started(0, make_job())
        reporter.note("said to nobody")
        reporter.tick()
        reporter.close()
        reporter.run_ended(Summary())
        assert reporter.ended == 0


def test_a_summary_counts_each_seed_once_and_keeps_rows(tmp_path: Path) -> None:
    summary = Summary()
    first, second = RowKey("a", (1, 1)), RowKey("a", (2, 1))
    summary.mark([first, second], "left")
    summary.mark([first], "done")
    summary.mark([first], "had")
    summary.fail([first, second], tmp_path / "a.txt", "ValueError")
    assert (summary.done, summary.count("failed"), summary.ok) == (1, 1, False)
    assert summary.failed == {"a": tmp_path / "a.txt"}
    assert summary.sentence() == "2 seeds: 1 stored, 1 failed"
    summary.mark([second], "diverged")
    assert summary.ok
    assert summary.failed == {}


def test_a_run_that_was_interrupted_promises_no_more_than_it_keeps() -> None:
    summary = Summary({RowKey("a" * 12, SeedPair(1, 1)): "stopped"}, interrupted=True)
    assert closing(summary)[-1] == "The same command again makes what is left."
    summary.interrupted = False
    assert "tries what failed" in closing(summary)[-1]
