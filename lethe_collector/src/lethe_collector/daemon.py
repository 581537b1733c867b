"""The life of a collector's process: lock, state, plugins, signals, exit code."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Final

from loguru import logger

from lethe_collector.collector import Collector, choose_roots
from lethe_collector.progress import show_progress
from lethe_collector.reporting import Reporter
from lethe_collector.state import State
from lethe_collector.statefile import StateDamaged, StateLock
from lethe_collector.status import read_status
from lethe_collector.transport import HttpTransport
from lethe_core.logs import configure_logs
from lethe_core.plugins import load_parsers
from lethe_core.service import ServiceManager

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from lethe_collector.config import CollectorConfig
    from lethe_core.plugins import ParserRegistry

EXIT_DEFECT: Final = 70
EXIT_DAMAGED: Final = 74
#: How often one process opens its state: if it is damaged, it is set aside and begun anew.
_OPENINGS: Final = 3


def run_collector(
    config: CollectorConfig,
    *,
    once: bool,
    tool: str | None = None,
    roots: list[Path] | None = None,
) -> int:
    """Run a collector in this process until it is stopped, or until all is archived.

    Args:
        config: what to do.
        once: archive all that is there and end.
        tool: follow this tool alone.
        roots: of this tool, instead of its usual places.

    Returns:
        The exit code: 0 if stopped; after a single run, that of `status`.

    Raises:
        StateInUse: another collector works with the same state directory.
        ConfigInvalid: the state is of a newer version, or plugins contradict each other.
        UnknownTool: no plugin reads `tool`.
    """
    os.umask(0o077)
    start_logs(config)
    lock = StateLock.acquire(config.state_dir)
    try:
        registry = load_parsers(disabled=config.disabled_plugins, chosen=config.parsers)
        for report in registry.failed:
            logger.bind(plugin=report.name, reason=report.error, hint=report.hint).error(
                "a plugin is not in use"
            )
        places = choose_roots(config, registry)
        if tool is not None:
            registry.get(tool)
            places = {tool: roots or places[tool]}
        for _ in range(_OPENINGS):
            with closing(State(config.state_dir)) as state:
                code = asyncio.run(_run(config, registry, state, places, once=once))
            if code != EXIT_DAMAGED:
                break
    finally:
        lock.release()
    if once and not code:
        return int(read_status(config.state_dir, after_run=True, which="failing")["exit_code"])
    return code


def start_logs(config: CollectorConfig) -> None:
    """Send the logs to standard error as the configuration says."""
    configure_logs(level=config.log_level, form=config.log_format)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # one line for each change


async def _run(
    config: CollectorConfig,
    registry: ParserRegistry,
    state: State,
    roots: dict[str, list[Path] | None],
    *,
    once: bool,
) -> int:
    transport = HttpTransport(config.server_url, config.token_file)
    with show_progress(enabled=once) as progress:
        collector = Collector(
            config, registry, state, transport, once=once, roots=roots, on_change=progress
        )
        gc.freeze()  # what is there now stays, and need not be looked at by each collection
        gc.enable()
        loop = asyncio.get_running_loop()
        # Each thread that compresses batches keeps some of their memory: one is enough, and a
        # second for what must not wait for it.
        loop.set_default_executor(ThreadPoolExecutor(2, "disk"))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, collector, number)
        logger.bind(host=config.host, server=config.server_url, tools=",".join(roots)).info(
            "the collector has started"
        )
        reporter = Reporter(config.state_dir, config.host, transport)
        reporting = None if once else asyncio.create_task(reporter.run())
        try:
            async with ServiceManager({} if once else os.environ).serving():
                await collector.run()
            if once:
                await reporter.report()
        except ExceptionGroup as group:
            if isinstance(_first(group), StateDamaged):
                logger.bind(reason=str(_first(group))).error("the state is opened anew")
                return EXIT_DAMAGED
            logger.opt(exception=_first(group)).critical("the collector has a defect and ends")
            return EXIT_DEFECT
        finally:
            if reporting is not None:
                reporting.cancel()
            await transport.close()
    logger.bind(events=collector.shipper.deliveries.lines).info("the collector has ended")
    return 0


def _stop(collector: Collector, number: int) -> None:
    """Stop at the first signal; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    loop.remove_signal_handler(number)
    collector.stop()


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
