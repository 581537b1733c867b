"""One run of `lethe up`: start both programs, wait for what ends the run, sum up.

The collector is started when the server is ready and stopped before it, so that what it has in hand
is still delivered.
"""

from __future__ import annotations

import asyncio
import json
import signal
from importlib.util import find_spec
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import click

from lethe_core.errors import ConfigInvalid
from lethe_server.up.children import Child, running, wait_for_port
from lethe_server.up.files import data_lock, make_link, prepare_data, write_settings
from lethe_server.up.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_server.up.plan import Plan

#: Exit codes of a collector that did not begin: its state is in use, its configuration wrong.
_START_FAILED: Final = frozenset({4, 78})


async def run(plan: Plan, *, exit_when_idle: bool, as_json: bool) -> int:
    """Run server and collector until they are idle, a signal comes, or one of them ends.

    Args:
        plan: what to run.
        exit_when_idle: stop when all that is there has been archived.
        as_json: print the summary as JSON on stdout.

    Returns:
        The exit code: that of the collector with `exit_when_idle`, else 0.

    Raises:
        Unavailable: one of the programs did not start or ended by itself.
        ConfigInvalid: the data directory cannot be used or is in use, or the collector is not
            installed.
    """
    if find_spec("lethe_collector") is None:
        raise ConfigInvalid("lethe-collector is not installed", hint="pip install lethe-collector")
    report_found(plan)
    with data_lock(plan.data):
        summary, code = await _run_both(plan, exit_when_idle=exit_when_idle)
    report_archived(summary)
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    return code


async def _run_both(plan: Plan, *, exit_when_idle: bool) -> tuple[dict[str, Any], int]:
    """Start both programs, wait for the end of the run, and sum up while the server still runs."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` asks to go on
        loop.add_signal_handler(signal.SIGHUP, stopped.set)  # the terminal was closed
    port_file = prepare_data(plan)
    server_config = write_settings(plan.server_file, plan.server_settings())
    serve = ["serve", "--config", str(server_config), "--port-file", str(port_file)]
    async with running("lethe_server", serve, log=plan.data / "server.log") as server:
        url = await wait_for_port(server, port_file, stopped, _say)
        if url is None:
            return {"tools": {}}, 0
        _say(f"Listening on {url}")
        if not exit_when_idle:
            _say(f"Open this to read, once and within 15 minutes: {url}{make_link(plan)}")
            _say(f"`lethe-server link --config {server_config} --url {url}` makes another link")
        _say(f"The token for scripts is in {plan.token_file}")
        settings = plan.collector_settings(url)
        collector_config = write_settings(plan.data / "collector.yaml", settings)
        follow = ["daemon", "--config", str(collector_config)]
        if exit_when_idle:
            follow.append("--exit-when-idle")
        async with running("lethe_collector", follow) as collector:
            code = await _wait(server, collector, stopped, may_end=exit_when_idle)
        return await summarise(plan, url, collector_config), code


async def _wait(server: Child, collector: Child, stopped: asyncio.Event, *, may_end: bool) -> int:
    """Wait for the first thing that ends the run and return its exit code.

    Raises:
        Unavailable: a program ended that should not have.
    """
    ends = [asyncio.create_task(child.wait()) for child in (server, collector)]
    stop = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait([*ends, stop], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*ends, stop):
            task.cancel()
    for child, end in zip((server, collector), ends, strict=True):
        if not end.done() or end.cancelled():
            continue
        code = end.result()
        if child is collector and may_end and code not in _START_FAILED:
            return code
        raise child.failure(code)
    return 0


def report_found(plan: Plan) -> None:
    """Say which transcripts were found, and where there were none.

    Args:
        plan: what `make_plan` has found out.
    """
    for report in plan.plugins:
        if report.status == "error":
            _say(f"Plugin {report.name} is not in use: {report.error}. {report.hint}")
    for failure in plan.failures:
        _say(failure)
    for root in plan.roots:
        if root.error:
            _say(f"{root.label}: {root.error}")
        if root.files:
            size = root.bytes / 1_000_000
            noun = "transcript" if root.files == 1 else "transcripts"
            _say(f"{root.label}: {root.files} {noun} ({size:.1f} MB) in {root.path}")
    if not plan.files:
        _say("No transcripts were found. Looked at:")
        for line in _places(plan):
            _say(line)
        _say("`lethe-collector plugins` lists all places.")
        if not plan.roots:
            _say("  nothing: no parser plugin is installed; try `pip install lethe-claude-code`")


def _places(plan: Plan) -> Iterator[str]:
    """Name the places of each tool in a line; of many that do not exist, the first alone."""
    for label, roots in groupby(plan.roots, key=lambda root: root.label):
        places = list(roots)
        shown = [root for root in places if root.exists] or places[:1]
        names = ", ".join(str(root.path) for root in shown)
        missing = "" if shown[0].exists else " (does not exist)"
        others = len(places) - len(shown)
        yield f"  {label}: {names}{missing}" + (f", and {others} more" if others else "")


def report_archived(summary: dict[str, Any]) -> None:
    """Say what the archive holds of this machine.

    Args:
        summary: from `summarise`.
    """
    for tool, figures in summary["tools"].items():
        line = f"{tool}: {figures['sessions']} sessions, {figures['turns']} turns archived"
        for name in ("lagging", "refused", "unmapped"):
            if figures[name]:
                line += f", {figures[name]} {name}"
        _say(line)


def _say(line: str) -> None:
    click.echo(line, err=True)
