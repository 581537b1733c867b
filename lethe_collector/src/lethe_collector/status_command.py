"""The command `status`: its options, and what it prints.

It works without the other commands, and imports little: a prompt or a monitor may call it often.

Exit codes: 0 all is well; 1 something needs attention; 2 something was refused or lost; 3 lost
because the outbox was full; 78 the configuration is wrong.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_collector import paths
from lethe_collector.showing import shown_size, shown_time
from lethe_collector.status import open_read_only, read_status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXIT_PROBLEM: Final = 1
EXIT_CONFIG: Final = 78  # that of `lethe_core.cli`, which takes too long to import

_PROGRAM: Final = "lethe-collector"
_HELP_WIDTH: Final = 100


class Options(NamedTuple):
    """What the command line asks for; `lethe_collector.cli` has the same options.

    Args:
        config: the configuration file, if one is named.
        state_dir: the state, instead of the configured one.
        json: whether all there is to know is printed as JSON.
    """

    config: Path | None = None
    state_dir: Path | None = None
    json: bool = False


def main(arguments: Sequence[str]) -> int:
    """Print the status.

    Args:
        arguments: of the command line.

    Returns:
        The exit code.
    """
    return show(_understand(arguments) or _parse(arguments))


def show(options: Options) -> int:
    """Print the status.

    Args:
        options: what is asked for.

    Returns:
        The exit code.
    """
    directory = options.state_dir
    if directory is None or options.config is not None:
        configured = _find_state_dir(options.config)
        if configured is None:
            return EXIT_CONFIG
        directory = directory or configured
    status = read_status(directory, which="all" if options.json else "failing")
    try:
        if options.json:
            json.dump(status, sys.stdout, indent=1)
            sys.stdout.write("\n")
        else:
            sys.stdout.writelines(f"{line}\n" for line in _tell(status))
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # that is `status | head`
            sys.stderr.write(f"{_PROGRAM}: cannot write: {error.strerror} (UNAVAILABLE)\n")
            return EXIT_PROBLEM
    return int(status["exit_code"])


def _understand(arguments: Sequence[str]) -> Options | None:
    """Understand the usual command lines; `None` if it takes argparse.

    That costs a fifth of all that `status` does, most of it for help that nobody asked for.
    """
    found: dict[str, Any] = {}
    rest = iter(arguments)
    for argument in rest:
        if argument == "--json":
            found["json"] = True
        elif argument in ("--config", "--state-dir"):
            value = next(rest, "-")
            if value.startswith("-"):
                return None
            found[argument[2:].replace("-", "_")] = Path(value)
        else:
            return None
    return Options(**found)


def _parse(arguments: Sequence[str]) -> Options:
    """Parse any command line; help and mistakes end the program."""
    import argparse  # noqa: PLC0415 - see `_understand`

    parser = argparse.ArgumentParser(
        prog=f"{_PROGRAM} status",
        description="Tell what is archived, what lags, and what was refused or lost.",
        # To learn the width of the terminal it would import a quarter of all modules.
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=_HELP_WIDTH),
    )
    parser.add_argument("--config", type=Path, help="the configuration file")
    parser.add_argument("--state-dir", type=Path, help="the state, instead of the configured one")
    parser.add_argument("--json", action="store_true", help="print all there is to know as JSON")
    return Options(**vars(parser.parse_args(arguments)))


def _find_state_dir(given: Path | None) -> Path | None:
    """Tell where the state is; `None`, once it is told why, if the configuration is wrong."""
    config = paths.find_config(given, os.environ)
    identity = paths.identify(config, os.environ)
    peeked = paths.peek_state_dir(config, os.environ)
    if peeked is not None and (not identity or identity == _read_identity(peeked)):
        return peeked
    # The long way costs several times as much: YAML, and a schema to check it. It is only for
    # what no collector has checked since it was changed.
    from lethe_collector.config import load_config  # noqa: PLC0415
    from lethe_core.cli import report  # noqa: PLC0415
    from lethe_core.errors import ConfigInvalid  # noqa: PLC0415

    try:
        return load_config(given, os.environ).state_dir
    except ConfigInvalid as error:
        report(error, _PROGRAM)
        return None


def _read_identity(directory: Path) -> str | None:
    """Read which configuration the last collector had, if that can be told."""
    try:
        with closing(open_read_only(directory)) as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'config'").fetchone()
    except sqlite3.Error:  # no state yet, or a damaged one, which is told where it is read
        return None
    return json.loads(row[0]) if row else None


def _tell(status: dict[str, Any]) -> Iterator[str]:
    collector = status["collector"] or {}
    daemon = "running" if status["daemon"]["running"] else "not running"
    yield f"daemon   {daemon}, state in {status['state_dir']}"
    server = status["server"]
    last = shown_time(server["last_ack"])
    yield f"server   {collector.get('server_url', '-')}: {server['state']}, last answer {last}"
    if lost := status["archive_lost"]:
        yield (
            f"archive  was lost or set back, noticed {shown_time(lost['at'])};"
            f" {lost['sources']} sources are read again"
        )
    outbox = status["outbox"]
    yield f"outbox   {outbox['batches']} batches, {shown_size(outbox['bytes'])}"
    columns = ("files", "archived", "lagging", "failing", "gone", "turns", "unmapped", "refused")
    width = max((len(name) for name in status["tools"]), default=4)
    yield f"{'tool':<{width}}" + "".join(f"{column:>10}" for column in columns)
    for name, tool in status["tools"].items():
        yield f"{name:<{width}}" + "".join(f"{tool[column]:>10}" for column in columns)
    for source in status["sources"]:
        if source["error"]:
            error = source["error"]
            hint = f" ({error['hint']})" if error["hint"] else ""
            yield _printable(f"! {source['path']}: {error['code']}: {error['text']}{hint}")
    for sentence in status["attention"]:
        yield _printable(f"! {sentence}")


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    from lethe_core.terminal import printable  # noqa: PLC0415 - all of lethe_core comes with it

    return printable(text)
