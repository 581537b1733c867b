"""The configuration: strict, complete, and told in one line when it is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lethe_collector.config import CollectorSettings, load_config
from lethe_collector.paths import default_state_dir, find_config, peek_state_dir
from lethe_core.errors import ConfigInvalid
from lethe_core.settings import Section

MINIMAL = "host: laptop\nserver:\n  url: http://127.0.0.1:8080\n  token_file: ~/token\n"


@pytest.fixture
def write(tmp_path):
    """Write a configuration; return its path."""

    def write_text(text):
        path = tmp_path / "collector.yaml"
        path.write_text(text)
        return path

    return write_text


def all_keys(schema, prefix=""):
    """List the keys of a schema, those of its sections with their dots."""
    for name, field in schema.fields.items():
        if isinstance(field, Section):
            yield from all_keys(field.schema, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_minimal_file_has_defaults(write):
    """Three values are enough."""
    config = load_config(write(MINIMAL), {})

    assert (config.host, config.server_url) == ("laptop", "http://127.0.0.1:8080")
    assert config.token_file == Path.home() / "token"
    assert config.state_dir == default_state_dir()
    assert (config.poll_interval, config.outbox_max_bytes) == (30.0, 256 * 2**20)
    assert (config.batch_max_lines, config.batch_max_bytes) == (2000, 8 * 2**20)


def test_example_is_complete_and_holds_the_defaults(repository, write):
    """The example has every key; what it does not set by need is the default."""
    example = repository / "lethe_collector" / "collector.example.yaml"
    text = example.read_text()

    for key in all_keys(CollectorSettings()):
        name = key.rpartition(".")[2]
        assert re.search(rf"^\s*#? ?{name}:", text, re.MULTILINE), key
    loaded = load_config(example, {})
    minimal = load_config(write(MINIMAL), {})
    for name in ("poll_interval", "outbox_max_bytes", "batch_max_lines", "batch_max_bytes"):
        assert getattr(loaded, name) == getattr(minimal, name), name
    for name in ("batch_max_age", "log_level", "log_format", "sources", "disabled_plugins"):
        assert getattr(loaded, name) == getattr(minimal, name), name


def test_commented_keys_of_the_example_are_valid(repository, write):
    """With every comment of a key removed, the example still loads."""
    text = (repository / "lethe_collector" / "collector.example.yaml").read_text()
    full = re.sub(r"^# ?(\s*[\w-]+:|\s+[\w-]+: .*)", r"\1", text, flags=re.MULTILINE)

    config = load_config(write(full), {})

    assert config.sources
    assert config.parsers


def test_every_key_is_documented(repository):
    """The page on the configuration names each key."""
    page = (repository / "docs" / "configuration-collector.md").read_text()

    assert [key for key in all_keys(CollectorSettings()) if f"`{key}`" not in page] == []


@pytest.mark.promise("O08")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MINIMAL.replace("host: laptop\n", ""), "host: is required"),
        (MINIMAL.replace("laptop", "'a b'"), "1: host: is no name for a host"),
        (MINIMAL.replace("laptop", "12"), "1: host: must be text"),
        (MINIMAL + "  urll: x\n", "5: server.urll: unknown key (did you mean url?)"),
        (MINIMAL + "hots: x\n", "5: hots: unknown key (did you mean host?)"),
        (MINIMAL + "host: x\n", "5: host: given twice"),
        (
            MINIMAL.replace("127.0.0.1", "example.org"),
            "3: server.url: would send token and turns unen",
        ),
        (MINIMAL.replace("http:", "ftp:"), "3: server.url: has an unknown scheme"),
        (MINIMAL.replace("127", "me:secret@127"), "3: server.url: must not hold a name or pass"),
        (MINIMAL.replace("http://127.0.0.1:8080", "nonsense"), "3: server.url: is no URL"),
        (MINIMAL.replace(":8080", ":99999"), "3: server.url: is no URL"),
        (MINIMAL.replace("http://127.0.0.1", "https://a b"), "3: server.url: is no URL of"),
        (MINIMAL + "poll_interval: 0\n", "5: poll_interval: is out of range"),
        (MINIMAL + "poll_interval: soon\n", "5: poll_interval: must be a duration"),
        (MINIMAL + "outbox:\n  max_bytes: 1 KiB\n", "6: outbox.max_bytes: is out of range"),
        (MINIMAL + "batch:\n  max_lines: 2001\n", "6: batch.max_lines: is out of range"),
        (MINIMAL + "log:\n  level: loud\n", "6: log.level: is none of the words"),
        (MINIMAL + "sources:\n  toy: here\n", "6: sources.toy: must be a list"),
        ("[]", "1: must be a mapping"),
        ("host: [\n", "is no valid YAML"),
    ],
)
def test_o08_mistakes_are_told_in_one_line(write, text, expected):
    """The line names file, line, key and what is allowed, and never a value."""
    path = write(text)

    with pytest.raises(ConfigInvalid) as caught:
        load_config(path, {})

    message = caught.value.message
    assert message.startswith(f"{path}:")
    assert expected in message
    assert "\n" not in message
    assert "secret" not in message


def test_remote_servers_need_https(write):
    """With TLS the server may be anywhere; a path and a slash at its end are fine."""
    text = MINIMAL.replace("http://127.0.0.1:8080", "https://archive.example/lethe/")

    assert load_config(write(text), {}).server_url == "https://archive.example/lethe"


def test_environment_wins(write):
    """A variable overrides the file, and is named if it is wrong."""
    path = write(MINIMAL)
    url = {"LETHE_COLLECTOR__SERVER__URL": "http://localhost:9"}

    assert load_config(path, url).server_url == "http://localhost:9"
    with pytest.raises(ConfigInvalid, match="environment variable LETHE_COLLECTOR__HOTS: hots"):
        load_config(path, {"LETHE_COLLECTOR__HOTS": "x"})


def test_file_is_found_by_its_variable(write):
    """Without a file on the command line, the environment names it."""
    path = write(MINIMAL)

    assert find_config(None, {"LETHE_COLLECTOR_CONFIG": str(path)}) == path
    assert find_config(Path("other"), {"LETHE_COLLECTOR_CONFIG": str(path)}) == Path("other")


def test_usual_places_of_the_file(tmp_path, monkeypatch):
    """Without any word, the user's file counts, and else the one that `lethe up` has written."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert find_config(None, {}) is None
    for place in ("data", "config"):
        path = tmp_path / place / "lethe" / "collector.yaml"
        path.parent.mkdir(parents=True)
        path.touch()
        assert find_config(None, {}) == path


@pytest.mark.parametrize(
    "addition",
    [
        "",
        "state_dir: ~/elsewhere\n",
        "state_dir: /var/lib/lethe   # why\n",
        "state_dir: /var/lib/no#comment\n",
        "state_dir: /var/lib/two words\n",
        "state_dir: '/with space/x'\n",
        'state_dir: "/a\\u0062c"\n',
        "state_dir: &here /anchor/x\n",
        "state_dir:\n  /next/line\n",
        "log: {level: info}\nstate_dir: /last\n",
        "# state_dir: /commented\n",
        "parsers: {toy: state_dir}\n",
    ],
)
def test_quick_look_agrees_with_the_loader(write, addition):
    """The state directory is either known without YAML and right, or left to the loader."""
    path = write(MINIMAL + addition)

    assert peek_state_dir(path, {}) in {load_config(path, {}).state_dir, None}


def test_quick_look_is_used_for_plain_files(write):
    """The usual forms do not need the loader."""
    assert peek_state_dir(write(MINIMAL), {}) == default_state_dir()
    assert peek_state_dir(write(MINIMAL + "state_dir: /x\n"), {}) == Path("/x")
    override = {"LETHE_COLLECTOR__STATE_DIR": "/y"}
    assert peek_state_dir(write(MINIMAL + "state_dir: /x\n"), override) is None
