"""Progress of a single run: a bar on a terminal, now and then a line in the log otherwise."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from loguru import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lethe_collector.collector import Collector

_BAR_SECONDS: Final = 0.2
_LINE_SECONDS: Final = 5.0


@contextmanager
def show_progress(*, enabled: bool) -> Iterator[Callable[[Collector], None] | None]:
    """Give a function that shows how far a collector has come.

    Args:
        enabled: whether to show anything.
    """
    if not enabled:
        yield None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield _seldom(show, _BAR_SECONDS)
    else:
        yield _seldom(_log, _LINE_SECONDS)


@contextmanager
def _bar() -> Iterator[Callable[[Collector], None]]:
    # Late, because only a terminal needs it.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("archiving"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TextColumn("{task.fields[turns]} turns, {task.fields[waiting]} batches waiting"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
        task = progress.add_task("", total=None, turns=0, waiting=0)

        def show(collector: Collector) -> None:
            readings, deliveries = collector.reader.readings, collector.shipper.deliveries
            progress.update(
                task,
                total=max(readings.bytes_found, readings.bytes_read) or None,
                completed=readings.bytes_read,
                turns=deliveries.lines,
                waiting=deliveries.waiting,
            )

        yield show


def _log(collector: Collector) -> None:
    readings, deliveries = collector.reader.readings, collector.shipper.deliveries
    logger.bind(
        sources=f"{readings.finished}/{readings.sources}",
        bytes=f"{readings.bytes_read}/{readings.bytes_found}",
        events=deliveries.lines,
        waiting=deliveries.waiting or None,
    ).info("archiving")


def _seldom(show: Callable[[Collector], None], seconds: float) -> Callable[[Collector], None]:
    due = time.monotonic() + seconds

    def show_if_due(collector: Collector) -> None:
        nonlocal due
        if time.monotonic() >= due:
            show(collector)
            due = time.monotonic() + seconds

    return show_if_due
