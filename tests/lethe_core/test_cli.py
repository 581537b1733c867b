"""The command ``lethe``: its parts come from elsewhere, and fail alone."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, version

import click
import pytest
from click.testing import CliRunner

from lethe_core import cli, errors
from lethe_core.errors import ConfigInvalid, SourceUnreadable, UnknownTool

COMMANDS = {
    "lethe_test_good": "import click\n@click.command()\ndef run():\n    click.echo('did it')\n",
    "lethe_test_broken": "import no_such_module\n",
    "lethe_test_exits": "raise SystemExit(0)\n",
    "lethe_test_interrupted": (
        "import click\n@click.command()\ndef run():\n    raise KeyboardInterrupt\n"
    ),
    "lethe_test_full": (
        "import click\n@click.command()\ndef run():\n"
        "    raise OSError(28, 'No space left on device')\n"
    ),
    "lethe_test_odd": "run = 7\n",
    "lethe_test_failing": (
        "import click\nfrom lethe_core import errors\n"
        "@click.command()\n@click.argument('name')\ndef run(name):\n"
        "    raise getattr(errors, name)('it is\\nso')\n"
    ),
}


@pytest.fixture
def lethe(tmp_path, monkeypatch):
    """Run the command with commands of our own instead of the installed ones."""
    for name, source in COMMANDS.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    points = [
        EntryPoint(name.removeprefix("lethe_test_"), f"{name}:run", cli.GROUP) for name in COMMANDS
    ]
    points += [EntryPoint("twice", "lethe_test_good:run", cli.GROUP)] * 2
    monkeypatch.setattr(cli, "_entry_points", lambda: points)

    yield lambda *args: CliRunner().invoke(cli.main, args)
    for name in COMMANDS:
        sys.modules.pop(name, None)


def test_help_imports_nothing(lethe):
    """The help lists all commands, also those that cannot be imported."""
    done = lethe("--help")

    assert done.exit_code == 0
    for name in COMMANDS:
        assert name.removeprefix("lethe_test_") in done.stdout
    assert not set(COMMANDS) & set(sys.modules)


def test_interrupt_ends_without_a_word(lethe):
    """Ctrl-C before a command handles it says nothing and ends with 130."""
    done = lethe("interrupted")

    assert (done.exit_code, done.output) == (130, "")


def test_a_full_disk_is_told_in_one_line(lethe):
    """What a command cannot print because there is no room ends with words, not with a trace."""
    done = lethe("full")

    assert (done.exit_code, done.stdout) == (1, "")
    told = "lethe: cannot write: No space left on device (UNAVAILABLE)"
    assert told == done.stderr.splitlines()[0]


def test_command_runs_beside_broken_ones(lethe):
    """A command works whatever the others do."""
    done = lethe("good")

    assert (done.exit_code, done.stdout) == (0, "did it\n")


@pytest.mark.promise("P9")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "cannot be imported: ModuleNotFoundError"),
        ("exits", "cannot be imported: SystemExit"),
        ("odd", "is no click command"),
        ("twice", "provided by several distributions"),
    ],
)
def test_broken_command_says_whose_it_is(lethe, name, message):
    """A command that cannot be used fails with one line and a hint."""
    done = lethe(name)

    assert done.exit_code == 1
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith(f"lethe: the command '{name}'")
    assert message in first
    assert first.endswith("(PLUGIN_ERROR)")
    assert second.startswith("hint: ")


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("ConfigInvalid", "CONFIG_INVALID", 78),
        ("UnknownTool", "UNKNOWN_TOOL", 2),
        ("SourceUnreadable", "SOURCE_UNREADABLE", 1),
        ("Unavailable", "UNAVAILABLE", 1),
    ],
)
def test_errors_end_in_one_line(lethe, name, code, status):
    """An error of lethe is one line on standard error; the exit code tells its branch."""
    done = lethe("failing", name)

    assert (done.exit_code, done.stdout) == (status, "")
    assert done.stderr.splitlines()[0] == f"lethe: it is so ({code})"


def test_exit_codes():
    """Wrong configuration is 78, a wrong call 2, all else 1."""
    raised = [ConfigInvalid("x"), UnknownTool("x"), SourceUnreadable("x")]

    assert [cli.exit_code(error) for error in raised] == [78, 2, 1]


def test_unknown_command_is_a_wrong_call(lethe):
    """A misspelt command is told as such."""
    done = lethe("nope")

    assert done.exit_code == 2
    assert "No such command 'nope'" in done.stderr


def test_version_lists_the_distributions():
    """`lethe --version` names each installed distribution of lethe."""
    done = CliRunner().invoke(cli.main, ["--version"])

    assert done.exit_code == 0
    assert f"lethe-core {version('lethe-core')}" in done.stdout.splitlines()


def test_help_is_quick_to_load():
    """The help of the installed command loads no web framework and no database."""
    program = (
        "import sys; from lethe_core.cli import main; main(['--help'], standalone_mode=False);"
        "sys.exit(bool({'aiohttp', 'peewee', 'marshmallow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


def test_programs_have_names_and_codes_of_their_own():
    """A program's own exit codes win; all others are those of `lethe`."""

    @click.group(cls=cli.ReportingGroup, program="toy", exit_codes={"UNAVAILABLE": 75})
    def toy():
        """Do."""

    @toy.command()
    @click.argument("name")
    def fail(name):
        """Fail."""
        raise getattr(errors, name)("bad")

    ended = [CliRunner().invoke(toy, ["fail", name]) for name in ("Unavailable", "UnknownTool")]

    assert [one.exit_code for one in ended] == [75, 2]
    assert ended[0].stderr == "toy: bad (UNAVAILABLE)\n"


def test_nested_groups_report_once():
    """A group inside the command reports an error itself, and its exit code stays."""

    @click.group(cls=cli.ReportingGroup)
    def outer():
        """Do."""

    @outer.group(cls=cli.ReportingGroup)
    def inner():
        """Do."""

    @inner.command()
    def fail():
        """Fail."""
        raise ConfigInvalid("bad", hint="mend it")

    done = CliRunner().invoke(outer, ["inner", "fail"])

    assert done.exit_code == 78
    assert done.stderr == "lethe: bad (CONFIG_INVALID)\nhint: mend it\n"
