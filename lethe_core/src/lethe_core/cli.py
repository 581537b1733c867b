"""The command ``lethe``; its subcommands come from the installed distributions.

A distribution adds a command by an entry point in the group ``lethe.commands`` that names a click
command. It is imported when it is run, not before: ``lethe --help`` stays quick, and a command
that cannot be imported fails alone.

Exit codes: 0 it worked; 1 it did not; 2 it was called wrongly; 78 the configuration is wrong;
130 it was interrupted. The programs of other distributions tell errors in the same way, and may
have codes of their own: they use `ReportingGroup`.
"""

from __future__ import annotations

import errno
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from lethe_core.errors import ConfigInvalid, LetheError, PluginError, Unavailable, UsageError
from lethe_core.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.metadata import EntryPoint

GROUP: Final = "lethe.commands"

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_CONFIG: Final = 78
#: As shells tell it: 128 and the number of SIGINT.
EXIT_INTERRUPTED: Final = 130

#: Both are common enough to be typed without thought.
HELP_OPTIONS: Final = {"help_option_names": ["-h", "--help"]}
#: There is no more room for what a command prints, or for a file that it writes.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_HINT: Final = "free some space on the disk that is written to, and try again"

#: What the help says of known commands, so that it need not import them.
_SUMMARIES: Final = {
    "collector": "Follow the transcripts of this machine and deliver them.",
    "schema": "Print the JSON Schema of the wire.",
    "search": "Search all turns.",
    "server": "Store and serve the archive.",
    "sessions": "List sessions, the newest activity first.",
    "show": "Print one session.",
    "stats": "Add up sessions, turns, tokens and cost.",
    "up": "Archive this machine's transcripts: server and collector in one.",
}


def exit_code(error: LetheError) -> int:
    """Return the exit code of a command that ended with an error."""
    match error:
        case ConfigInvalid():
            return EXIT_CONFIG
        case UsageError():
            return EXIT_USAGE
        case _:
            return EXIT_FAILED


def report(error: LetheError, program: str = "lethe") -> None:
    """Write what is wrong, and how to mend it, to the standard error stream.

    Args:
        error: what to tell.
        program: whose error it is.
    """
    message = printable(" ".join(error.message.split()))
    click.echo(f"{program}: {message} ({error.code})", err=True)
    if error.hint:
        click.echo(f"hint: {printable(error.hint)}", err=True)


class InterruptibleGroup(click.Group):
    """A group of commands that Ctrl-C ends without a word; click would say "Aborted!" and 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(EXIT_INTERRUPTED)


class ReportingGroup(InterruptibleGroup):
    """A group of commands in which a `LetheError` ends the process with one line and a hint.

    So does a full disk, whatever was written to it. ``-h`` is help in all commands.

    Args:
        program: begins the line.
        exit_codes: by the code of an error, instead of what `exit_code` returns.
        arguments: of a group.
    """

    def __init__(
        self,
        *,
        program: str = "lethe",
        exit_codes: Mapping[str, int] | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(**({"context_settings": HELP_OPTIONS} | arguments))
        self._program = program
        self._exit_codes = exit_codes or {}

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except LetheError as error:
            self._end(ctx, error)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self._end(ctx, Unavailable(f"cannot write: {error.strerror}", hint=_FULL_HINT))

    def _end(self, ctx: click.Context, error: LetheError) -> NoReturn:
        report(error, self._program)
        ctx.exit(self._exit_codes.get(error.code, exit_code(error)))


class InstalledCommands(ReportingGroup):
    """The commands of all installed distributions, imported one by one when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands without importing them."""
        del ctx
        return sorted({entry_point.name for entry_point in _entry_points()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command.

        Raises:
            PluginError: it cannot be imported, is no command, or is there twice.
        """
        del ctx
        found = [one for one in _entry_points() if one.name == cmd_name]
        return _load(found) if found else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Describe the commands without importing them."""
        origins = {one.name: f"From {_origin(one)}." for one in _entry_points()}
        rows = [(name, _SUMMARIES.get(name, origins[name])) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def _entry_points() -> Iterable[EntryPoint]:
    return metadata.entry_points(group=GROUP)


def _origin(entry_point: EntryPoint) -> str:
    distribution = entry_point.dist
    return f"{distribution.name} {distribution.version}" if distribution else entry_point.value


def _load(found: list[EntryPoint]) -> click.Command:
    first = found[0]
    if len(found) > 1:
        origins = ", ".join(sorted(_origin(one) for one in found))
        raise PluginError(
            f"the command {first.name!r} is provided by several distributions: {origins}",
            hint="uninstall all but one of them",
        )
    try:
        command = first.load()
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(
            f"the command {first.name!r} of {_origin(first)} cannot be imported: {reason}",
            hint="reinstall or upgrade that distribution; the other commands work without it",
        ) from error
    if not isinstance(command, click.Command):
        raise PluginError(
            f"the command {first.name!r} of {_origin(first)} is no click command",
            hint="upgrade that distribution",
        )
    return command


def _show_versions(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    """Print the installed distributions of lethe, plugins of others included."""
    if not wanted or ctx.resilient_parsing:
        return
    found = {}
    for distribution in metadata.distributions():
        groups = {entry_point.group for entry_point in distribution.entry_points}
        if distribution.name.startswith("lethe-") or groups & {GROUP, "lethe.parsers"}:
            found[distribution.name] = distribution.version
    for name, version in sorted(found.items()):
        click.echo(f"{name} {version}")
    ctx.exit()


@click.group(cls=InstalledCommands)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_versions,
    help="List the installed distributions of lethe and leave.",
)
def main() -> None:
    """Archive sessions of AI coding assistants, and search what was archived."""
