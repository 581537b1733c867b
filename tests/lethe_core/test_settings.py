"""Settings: strict, told in one line that names place, key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lethe_core import settings
from lethe_core.errors import ConfigInvalid
from lethe_core.settings import load_settings


class ServerSettings(settings.Settings):
    """Where the server is."""

    url = settings.Text(required=True)
    token = settings.Text(load_default=None)


class ExampleSettings(settings.Settings):
    """All kinds of fields."""

    host = settings.Text(required=True)
    server = settings.Section(ServerSettings)
    level = settings.Choice("info", "debug", load_default="info")
    state = settings.FilePath(load_default=None)
    loud = settings.Switch(load_default=False)
    lines = settings.Whole(1, 500, load_default=500)
    interval = settings.Seconds(0.1, 3600, load_default=30.0)
    space = settings.Size(1024, 2**30, load_default=2**20)
    names = settings.Items(settings.Text(), load_default=list)
    sources = settings.Table(
        keys=settings.Text(), values=settings.Items(settings.FilePath()), load_default=dict
    )


GOOD = "host: laptop\nserver:\n  url: http://127.0.0.1:1\n"


@pytest.fixture
def load(tmp_path):
    """Load a text as the file ``example.yaml``."""
    path = tmp_path / "example.yaml"

    def run(text, **environ):
        path.write_text(text, encoding="utf-8")
        return load_settings(ExampleSettings(), path=path, env_prefix="EX__", environ=environ)

    return run


def refusal(load, text, **environ):
    """Load what is refused, and return the message without the directory."""
    with pytest.raises(ConfigInvalid) as caught:
        load(text, **environ)
    message = str(caught.value)
    assert "\n" not in message
    return message.rpartition("/")[2] if "/" in message.partition(":")[0] else message


def test_defaults_fill_what_is_absent(load):
    """Only what is required must stand in the file."""
    loaded = load(GOOD)

    assert loaded["server"] == {"url": "http://127.0.0.1:1", "token": None}
    assert (loaded["level"], loaded["lines"], loaded["interval"]) == ("info", 500, 30.0)


def test_units_are_understood(load):
    """Durations and sizes have units, or are seconds and bytes."""
    loaded = load(GOOD + "interval: 500ms\nspace: 8 MiB\n")
    plain = load(GOOD + "interval: 2\nspace: 4096\n")

    assert (loaded["interval"], loaded["space"]) == (0.5, 8 * 2**20)
    assert (plain["interval"], plain["space"]) == (2.0, 4096)


def test_home_directory_is_expanded(load):
    """`~` is the home directory, in lists and tables as well."""
    loaded = load(GOOD + "state: ~/x\nsources:\n  claude-code: [~/y]\n")

    assert loaded["state"] == Path.home() / "x"
    assert loaded["sources"] == {"claude-code": [Path.home() / "y"]}


def test_environment_overrides_the_file(load):
    """A variable wins over the file, for sections, lists and tables."""
    loaded = load(
        GOOD,
        EX__SERVER__URL="http://127.0.0.1:2",
        EX__LINES="7",
        EX__NAMES="a,b",
        EX__SOURCES="{claude-code: [/srv/x]}",
        EX__LOUD="true",
        OTHER__LINES="9",
    )

    assert loaded["server"]["url"] == "http://127.0.0.1:2"
    assert (loaded["lines"], loaded["names"], loaded["loud"]) == (7, ["a", "b"], True)
    assert loaded["sources"] == {"claude-code": [Path("/srv/x")]}


def test_options_win(load, tmp_path):
    """What the command line says counts; an option that was not given changes nothing."""
    load(GOOD)
    loaded = load_settings(
        ExampleSettings(),
        path=tmp_path / "example.yaml",
        env_prefix="EX__",
        environ={"EX__HOST": "h", "EX__STATE": "/a", "EX__LINES": "7"},
        options={"state": "/b", "lines": "8", "host": None},
    )

    assert (loaded["host"], loaded["state"], loaded["lines"]) == ("h", Path("/b"), 8)


def test_environment_alone_is_enough():
    """Without a file, the environment holds everything."""
    environ = {"EX__HOST": "h", "EX__SERVER__URL": "u"}
    loaded = load_settings(ExampleSettings(), path=None, env_prefix="EX__", environ=environ)

    assert loaded["host"] == "h"


@pytest.mark.promise("O08")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD + "hots: x\n", "example.yaml:4: hots: unknown key (did you mean host?); allowed: "),
        ("host: x\nserver:\n  url: u\n  urll: v\n", "example.yaml:4: server.urll: unknown key"),
        ("server:\n  url: u\n", "example.yaml:1: host: is required"),
        ("host: x\n", "server.url: is required"),
        (GOOD + "lines: 501\n", "example.yaml:4: lines: is out of range; allowed: a whole number"),
        (GOOD + "lines: true\n", "example.yaml:4: lines: must be a whole number"),
        (GOOD + "loud: yes\n", "example.yaml:4: loud: must be true or false; allowed: true, false"),
        (GOOD + "level: loud\n", "example.yaml:4: level: is none of the words"),
        (GOOD + "interval: soon\n", "example.yaml:4: interval: must be a duration"),
        (GOOD + "interval: 0\n", "example.yaml:4: interval: is out of range"),
        (GOOD + "space: 8 MB\n", "example.yaml:4: space: must be a size"),
        (GOOD + "names: a\n", "example.yaml:4: names: must be a list"),
        (GOOD + "names:\n  - a\n  - 5\n", "example.yaml:6: names[1]: must be text"),
        (GOOD + "sources:\n  x:\n    - 1\n", "example.yaml:6: sources.x[0]: must be text"),
        (GOOD + "host: again\n", "example.yaml:4: host: given twice"),
        ("host: 017\nserver:\n  url: u\n", "example.yaml:1: host: must be text"),
        ("host:\nserver:\n  url: u\n", "example.yaml:1: host: must not be empty"),
        ("server: x\nhost: y\n", "example.yaml:1: server: must be a mapping"),
        ("- a\n", "example.yaml:1: must be a mapping"),
        ("text\n", "example.yaml:1: must be a mapping"),
        ("a: [\n", "is no valid YAML"),
        ("a: !!python/object:os.system x\n", "example.yaml:1"),
    ],
)
def test_o08_refusal_names_place_key_and_what_is_allowed(load, text, expected):
    """What is wrong is one line: the file and line, the key, what is allowed."""
    assert expected in refusal(load, text)


@pytest.mark.promise("O08")
@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"EX__LINES": "x"}, "environment variable EX__LINES: lines: must be a whole number"),
        ({"EX__LINSE": "1"}, "environment variable EX__LINSE: linse: unknown key"),
        ({"EX__SERVER__X": "1"}, "environment variable EX__SERVER__X: server.x: unknown key"),
        ({"EX__SOURCES": "{a: ["}, "EX__SOURCES"),
    ],
)
def test_o08_variables_are_named(load, environ, expected):
    """What is wrong in the environment is told by the variable's name."""
    assert expected in refusal(load, GOOD, **environ)


@pytest.mark.promise("A7")
@pytest.mark.parametrize(
    ("text", "environ"),
    [
        (GOOD + "lines: hunter2\n", {}),
        (GOOD + "server:\n  token: [hunter2]\n", {}),
        (GOOD, {"EX__INTERVAL": "hunter2"}),
        (GOOD, {"EX__SOURCES": "[hunter2"}),
        ("host: 'hunter2\n", {}),
    ],
)
def test_refusals_show_no_values(load, text, environ):
    """A value may be a secret: it is never shown."""
    assert "hunter2" not in refusal(load, text, **environ)


@pytest.mark.promise("A5")
def test_documents_are_bounded(load):
    """Neither a huge file nor one that unfolds itself is walked through."""
    assert "larger" in refusal(load, "# " + "x" * 300_000)
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for one, two in zip("abcdefg", "bcdefgh", strict=True):
        bomb += f"{two}: &{two} [{','.join([f'*{one}'] * 9)}]\n"
    assert "too many values" in refusal(load, bomb)
    assert "example.yaml" in refusal(load, "a: " + "[" * 450)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "missing: cannot be read: No such file"),
        ("", "cannot be read: Is a directory"),
        ("binary.yaml", "binary.yaml:2: is no UTF-8"),
    ],
)
def test_unreadable_files_are_told(tmp_path, name, message):
    """A file that is missing, a directory or no text is an error with its path."""
    (tmp_path / "binary.yaml").write_bytes(b"host: x\n\xff\n")

    with pytest.raises(ConfigInvalid, match=message):
        load_settings(ExampleSettings(), path=tmp_path / name, env_prefix="EX__", environ={})
