"""The configuration: strict, with one line for what is wrong (O02, O08)."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from lethe_core.errors import ConfigInvalid
from lethe_server import config as config_module
from lethe_server.config import ServerSettings, load_config, server_file

MINIMAL = "auth: {allowed_users: [alice]}\n"


def keys_of(schema, prefix=""):
    """The dotted keys of a schema of settings, sections opened."""
    for name, field in schema.fields.items():
        if hasattr(field, "schema"):
            yield from keys_of(field.schema, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.fixture
def example(repository):
    """The example that is shipped."""
    return repository / "lethe_server" / "config.example.yaml"


@pytest.fixture
def written(tmp_path):
    """Write a configuration file."""

    def write(text):
        path = tmp_path / "server.yaml"
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def test_the_example_is_the_default(example, written):
    """What the example says is what counts without it, but for who may sign in."""
    assert load_config(written(MINIMAL), environ={}) == load_config(example, environ={})


def test_the_example_names_every_key(example):
    """Each setting stands in the example, perhaps commented out, with a comment above it."""
    text = example.read_text()
    for key in keys_of(ServerSettings()):
        name = key.rsplit(".", 1)[-1]
        assert re.search(rf"^ *#? ?{name}:", text, re.MULTILINE), key


def test_the_example_parses_with_every_comment_opened(example, written):
    """Lines that are commented out are settings that would be understood."""
    opened = re.sub(r"^( *)# (\w+: \S.*)$", r"\1\2", example.read_text(), flags=re.MULTILINE)
    opened = opened.replace('proxy_secret: ""', "proxy_secret: sixteen-characters")

    load_config(written(opened), environ={})


@pytest.mark.promise("O08", "A2")
@pytest.mark.parametrize(
    ("text", "line", "key", "allowed"),
    [
        (MINIMAL + "listne: x\n", 2, "listne", "listen"),
        (MINIMAL + 'listen: "0.0.0.0:8080"\n', 2, "listen", "loopback"),
        (MINIMAL + 'listen: "example.org:8080"\n', 2, "listen", "127.0.0.1:PORT"),
        (MINIMAL + 'listen: "127.0.0.1:99999"\n', 2, "listen", "127.0.0.1:PORT"),
        (MINIMAL + "listen: 8080\n", 2, "listen", "127.0.0.1:PORT"),
        (MINIMAL + "data_dir: 7\n", 2, "data_dir", "a path"),
        (MINIMAL + "allowed_hosts: [https://x]\n", 2, "allowed_hosts", "host"),
        (MINIMAL + "log:\n  level: loud\n", 3, "log.level", "debug, info"),
        ("log: {}\n", 1, "auth.allowed_users", "user"),
        ("auth:\n  allowed_users: []\n", 2, "auth.allowed_users", "user"),
        ("auth:\n  allowed_users: [a b]\n", 2, "auth.allowed_users", "user"),
        ("auth:\n  allowed_users: [a]\n  admins: [b]\n", 3, "auth.admins", ""),
        (MINIMAL + "auth: {}\n", 2, "auth", "given twice"),
        ("auth:\n  allowed_users: [a]\n  forward_auth:\n    enabled: 1\n", 4, "enabled", "true"),
        (
            "auth:\n  allowed_users: [a]\n  forward_auth:\n    trusted_proxies: [x]\n",
            4,
            "trusted_proxies",
            "network",
        ),
        (
            "auth:\n  allowed_users: [a]\n  forward_auth:\n    proxy_secret: short\n",
            4,
            "proxy_secret",
            "16 or more",
        ),
    ],
)
def test_o08_what_is_wrong_is_told_in_one_line(written, text, line, key, allowed):
    """The line names the file, its line, the key and what is allowed."""
    path = written(text)

    with pytest.raises(ConfigInvalid) as raised:
        load_config(path, environ={})

    message = raised.value.message
    assert message.startswith(f"{path}:{line}: ")
    assert "\n" not in message
    assert key in message
    assert allowed in message


@pytest.mark.promise("O02", "A7")
def test_o02_a_secret_that_others_can_read_is_refused(written):
    """With a secret in it the file must be the user's alone; the secret is not told."""
    path = written(
        "auth:\n  allowed_users: [a]\n  forward_auth: {proxy_secret: sixteen-characters}\n"
    )
    load_config(path, environ={})
    path.chmod(0o640)

    with pytest.raises(ConfigInvalid, match="other users can read") as raised:
        load_config(path, environ={})

    assert "chmod 600" in raised.value.hint
    assert "sixteen" not in str(raised.value)


def test_the_environment_overrides_the_file(written, tmp_path):
    """Variables beat the file, options beat both."""
    path = written(MINIMAL + 'listen: "127.0.0.1:1"\n')
    environ = {
        "LETHE_SERVER__LISTEN": "[::1]:2",
        "LETHE_SERVER__AUTH__ALLOWED_USERS": "x, y",
        "LETHE_SERVER__AUTH__FORWARD_AUTH__ENABLED": "false",
        "LETHE_SERVER_CONFIG": str(path),
    }

    config = load_config(None, environ=environ)
    option = load_config(path, environ=environ, listen="127.0.0.1:3", data_dir=tmp_path)

    assert ("::1", 2) == (config.listen.host, config.listen.port)
    assert {"x", "y"} == config.auth.allowed_users
    assert not config.auth.forward_auth.enabled
    assert (3, tmp_path) == (option.listen.port, option.data_dir)


def test_the_last_file_is_that_of_lethe_up(tmp_path, monkeypatch):
    """Who has not said elsewhere who may sign in means the archive of `lethe up`."""
    usual, data, other = tmp_path / "usual.yaml", tmp_path / "data", tmp_path / "other"
    monkeypatch.setattr(config_module, "default_config_path", lambda: usual)
    monkeypatch.setattr(config_module, "default_data_dir", lambda: data)
    for directory, user in ((data, "ada"), (other, "grace")):
        directory.mkdir()
        server_file(directory).write_text(
            f"auth: {{allowed_users: [{user}], forward_auth: {{enabled: false}}}}\n"
        )
    named = {"LETHE_SERVER__AUTH__ALLOWED_USERS": "kim", "LETHE_SERVER__LISTEN": "127.0.0.1:5"}

    assert load_config(environ={}).auth.allowed_users == {"ada"}
    assert load_config(environ={}, data_dir=other).auth.allowed_users == {"grace"}
    assert load_config(environ=named).auth.forward_auth.enabled
    usual.write_text("auth: {allowed_users: [bob]}\n")
    assert load_config(environ={}).auth.allowed_users == {"bob"}


@pytest.mark.promise("O08")
def test_o08_a_wrong_option_is_named(written):
    """What the command line says is told as its option, whatever the environment says."""
    with pytest.raises(ConfigInvalid, match=r"^option --listen: listen: is no loopback address"):
        load_config(written(MINIMAL), environ={"LETHE_SERVER__LISTEN": "x"}, listen="0.0.0.0:0")


@pytest.mark.promise("O08")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["serve"], "listen: x\n"),
        (["check-config"], "colour: red\n"),
        (["token", "list"], ""),
    ],
)
def test_o08_the_process_ends_with_78(written, arguments, text):
    """Every command tells a wrong configuration in one line on stderr and by exit code 78."""
    command = [sys.executable, "-m", "lethe_server", *arguments, "--config", str(written(text))]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert (78, "") == (done.returncode, done.stdout)
    assert 1 == done.stderr.count("\n")
    assert done.stderr.startswith("lethe-server: ")
