"""The commands of the collector; what is heavy is imported by the command that needs it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from lethe_collector import __version__
from lethe_collector.scaffold import KINDS
from lethe_core.cli import ReportingGroup
from lethe_core.terminal import printable

if TYPE_CHECKING:
    from lethe_collector.config import CollectorConfig
    from lethe_core.plugins import ParserRegistry

EXIT_PROBLEM: Final = 1
EXIT_IN_USE: Final = 4

_config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="The configuration file; without it LETHE_COLLECTOR_CONFIG, then ~/.config/lethe,"
    " then that of `lethe up`.",
)


@click.group(
    cls=ReportingGroup, program="lethe-collector", exit_codes={"STATE_IN_USE": EXIT_IN_USE}
)
@click.version_option(__version__, prog_name="lethe-collector")
def main() -> None:
    """Follow the transcripts of coding assistants and ship every turn to a lethe server."""


@main.command()
@_config_option
@click.option("--exit-when-idle", is_flag=True, help="Archive all that is there, then stop.")
def daemon(config_path: Path | None, exit_when_idle: bool) -> None:
    """Follow all transcripts until stopped."""
    sys.exit(_run_collector(config_path, once=exit_when_idle))


@main.command()
@click.argument("tool")
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Where to look, instead of the tool's usual places. May be given several times.",
)
@_config_option
def backfill(tool: str, roots: tuple[Path, ...], config_path: Path | None) -> None:
    """Archive all transcripts of one TOOL once."""
    sys.exit(_run_collector(config_path, once=True, tool=tool, roots=list(roots) or None))


@main.command()
@_config_option
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    help="The state, instead of the configured one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all there is to know as JSON.")
def status(config_path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Tell what is archived, what lags, and what was refused or lost."""
    # `lethe-collector status` is quicker: `__main__` passes by this module.
    from lethe_collector.status_command import Options, show

    sys.exit(show(Options(config_path, state_dir, as_json)))


@main.group(invoke_without_command=True, subcommand_metavar="[COMMAND] [ARGS]...")
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def plugins(context: click.Context, config_path: Path | None, as_json: bool) -> None:
    """List the parser plugins, what they read, and what is wrong with them."""
    if context.invoked_subcommand is not None:
        return
    from lethe_collector.plugin_list import describe, tell

    config = _load_config_if_any(config_path)
    rows = describe(_load_registry(config), config.sources if config else {})
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        for line in tell(rows):
            click.echo(printable(line))
    sys.exit(EXIT_PROBLEM if any(row["status"] == "error" for row in rows) else 0)


@plugins.command()
@click.argument("name")
@click.option(
    "--kind",
    required=True,
    type=click.Choice(KINDS),
    help="What its transcripts are: JSON lines, a database, or JSON that is rewritten whole.",
)
@click.option(
    "--directory",
    default=".",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where `lethe-NAME` is made [default: here].",
)
def new(name: str, kind: str, directory: Path) -> None:
    """Make a package with a parser for the tool NAME that works, to begin with."""
    from lethe_collector.scaffold import write_plugin

    target, *files = write_plugin(name, kind, directory)
    click.echo(f"{target}:")
    for file in files:
        click.echo(f"  {file.relative_to(target)}")
    click.echo("README.md says how to go on.")


@main.command()
@click.argument("tool")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--host", default="localhost", help="The name of this machine in the events.")
@click.option(
    "--explain", is_flag=True, help="Say for each record instead what became of it, and why."
)
@_config_option
def parse(tool: str, path: Path, host: str, explain: bool, config_path: Path | None) -> None:
    """Print what the parser of TOOL makes of PATH, as NDJSON. Nothing is sent."""
    from lethe_collector.explaining import explain_source
    from lethe_collector.parsing import print_source, read_sources

    parser = _load_registry(_load_config_if_any(config_path)).get(tool)
    show = explain_source if explain else print_source
    out, told = sys.stdout.buffer, sys.stderr
    found = read_sources(parser, path.absolute(), show, host=host, out=out, told=told)
    sys.exit(0 if found else EXIT_PROBLEM)


@main.command()
@_config_option
def doctor(config_path: Path | None) -> None:
    """Check what the collector depends on: configuration, places, server, token, system."""
    from lethe_collector.doctor import examine

    config = _load_config(config_path)
    findings = examine(config, _load_registry(config))
    for finding in findings:
        text = printable(f"{finding.subject}: {finding.text}")
        click.echo(f"{'ok ' if finding.is_well else '!! '} {text}")
    sys.exit(0 if all(finding.is_well for finding in findings) else EXIT_PROBLEM)


@main.command()
@click.argument("tool", required=False)
@click.option("--repair", is_flag=True, help="Have sources with missing turns read again.")
@click.option(
    "--mark-deleted", "mark", is_flag=True, help="Mark turns that their sources have no more."
)
@_config_option
def verify(tool: str | None, repair: bool, mark: bool, config_path: Path | None) -> None:
    """Compare the sources of TOOL, or of all tools, with the server's turns."""
    from lethe_collector.verifying import run_verification

    config = _load_config(config_path)
    found, repaired, is_daemon_there = run_verification(
        config, _load_registry(config), tool, repair=repair, mark=mark
    )
    for (_, path), count in found.missing.items():
        click.echo(printable(f"{path}: {count} turns are missing on the server"))
    for path, reason in found.unreadable.items():
        click.echo(printable(f"{path}: cannot be read ({reason})"))
    click.echo(f"{found.turns} turns of {found.sources} sources compared")
    if found.changed:
        click.echo(f"{found.changed} sources have changed since they were read; try again later")
    if mark:
        click.echo(
            f"{found.deleted} turns of {found.thinned} sessions are in no source any more,"
            " and are marked"
        )
    if repaired:
        click.echo(f"{repaired} sources will be read again; {_who_sends(is_daemon_there)}")
    sys.exit(EXIT_PROBLEM if found.missing or found.unreadable else 0)


@main.group("dead-letters")
def dead_letters() -> None:
    """What the server has refused for good."""


@dead_letters.command("list")
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_letters(config_path: Path | None, as_json: bool) -> None:
    """List the events that were refused for good, and why."""
    from lethe_collector.replay import list_dead_letters, tell

    rows = list_dead_letters(_load_config(config_path).state_dir)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for line in tell(rows):
        click.echo(line)


@dead_letters.command("retry")
@click.argument("ids", nargs=-1, type=int)
@click.option("--code", help="Only those that were refused with this code.")
@_config_option
def retry_letters(ids: tuple[int, ...], code: str | None, config_path: Path | None) -> None:
    """Queue refused events again: those with the given IDS, or all."""
    from lethe_collector.guests import as_guest
    from lethe_collector.replay import retry_dead_letters

    with as_guest(_load_config(config_path).state_dir) as guest:
        replay = retry_dead_letters(guest.database, ids=ids, code=code)
    click.echo(
        f"{replay.queued} events are queued, {replay.reread} sources will be read again;"
        f" {_who_sends(guest.collector_runs)}"
    )
    if replay.stuck:
        click.echo(
            f"{replay.stuck} events stay: they were too large to keep, and their sources are gone"
            " or hold something else"
        )


def _run_collector(config_path: Path | None, **options: Any) -> int:
    import gc

    # What is loaded now stays: to look at it again and again is a tenth of the start. Once all is
    # there, `run_collector` lets the collector of garbage begin.
    gc.disable()
    try:
        from lethe_core.late_patterns import import_marshmallow

        import_marshmallow()

        from lethe_collector.daemon import run_collector

        return run_collector(_load_config(config_path), **options)
    finally:
        gc.enable()


def _who_sends(is_daemon_there: bool) -> str:
    if is_daemon_there:
        return "the collector that runs sends them"
    return "the collector sends them when it runs"


def _load_config(path: Path | None) -> CollectorConfig:
    from lethe_collector.config import load_config

    return load_config(path, os.environ)


def _load_config_if_any(path: Path | None) -> CollectorConfig | None:
    from lethe_collector.paths import find_config

    return _load_config(path) if find_config(path, os.environ) else None


def _load_registry(config: CollectorConfig | None) -> ParserRegistry:
    from lethe_core.plugins import load_parsers

    if config is None:
        return load_parsers()
    return load_parsers(disabled=config.disabled_plugins, chosen=config.parsers)
