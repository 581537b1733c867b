"""What lies on the disk belongs to its user, and a configuration that leaks or errs is refused."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML
from security.served import USERS, Served, turn

from lethe_server.cli import main

SECRET = "0123456789abcdef-canary"


def modes_below(directory):
    """The modes of a directory and of all that lies in it, by name."""
    return {
        str(path.relative_to(directory)): stat.S_IMODE(path.lstat().st_mode)
        for path in [directory, *directory.rglob("*")]
    }


def wrong_modes(directory):
    """What is open to others: directories but 0700, files but 0600."""
    return {
        name: oct(mode)
        for name, mode in modes_below(directory).items()
        if mode != (0o700 if (directory / name).is_dir() else 0o600)
    }


@pytest.mark.promise("O01", "A7")
@pytest.mark.parametrize("umask", [0o000, 0o077, 0o027])
async def test_o01_files_are_the_users_alone(tmp_path, umask):
    """Whatever the umask: 0700 and 0600, at the first start, after a stop, and when made again."""
    server = Served(tmp_path, umask=umask)
    for _ in range(2):
        with server:
            await server.send(turn())
            server.token()
            names = set(modes_below(server.data))
            assert {"lethe.db", "lethe.db-wal", "lethe.db-shm"} <= names
            assert {} == wrong_modes(server.data)
            assert 0o600 == stat.S_IMODE((tmp_path / "server.port").stat().st_mode)
        assert {} == wrong_modes(server.data)
        for path in server.data.iterdir():
            path.unlink()


@pytest.mark.promise("O01", "A7")
async def test_o01_open_files_are_closed(tmp_path):
    """A directory and a database that others could read are not any more after a start."""
    server = Served(tmp_path)
    with server:
        await server.send(turn())
    server.data.chmod(0o755)
    for path in server.data.iterdir():
        path.chmod(0o644)

    with server:
        await server.send(turn(2))
        assert {} == wrong_modes(server.data)


@pytest.mark.promise("O01", "A7")
def test_o01_all_that_lethe_up_makes(tmp_path):
    """Database, state, logs, configurations and the token of `lethe up` as well."""
    (tmp_path / "transcripts").mkdir()
    data = tmp_path / "data"
    source = ("--source", f"claude-code={tmp_path / 'transcripts'}", "--exit-when-idle")
    place = ("--data", str(data), "--listen", "127.0.0.1:0", "--host", "here")
    done = subprocess.run(
        [Path(sys.executable).with_name("lethe"), "up", *place, *source],
        capture_output=True,
        text=True,
        umask=0,
        check=False,
    )

    assert {"token", "lethe.db", "server.yaml", "collector.yaml"} <= set(modes_below(data)), done
    assert {} == wrong_modes(data)


def config_of(directory, *, mode=0o600, **settings):
    """Write a configuration."""
    path = directory / "server.yaml"
    base = {"auth": USERS, "listen": "127.0.0.1:0", "data_dir": str(directory / "data")}
    with path.open("w") as file:
        YAML(typ="safe").dump(
            {name: value for name, value in (base | settings).items() if value is not ...}, file
        )
    path.chmod(mode)
    return path


def start(path, **environ):
    """Start a server that is not going to start; give its end."""
    kept = {name: value for name, value in os.environ.items() if "LETHE" not in name}
    return subprocess.run(
        [sys.executable, "-m", "lethe_server", "serve", "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=kept | environ,
    )


@pytest.mark.promise("O02", "A7")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_o02_a_secret_that_others_can_read_is_refused(tmp_path, mode):
    """The start ends with 78 and says how to mend it, without the secret."""
    auth = USERS | {"forward_auth": {"proxy_secret": SECRET}}
    ended = start(config_of(tmp_path, mode=mode, auth=auth))

    assert 78 == ended.returncode
    assert f"chmod 600 {tmp_path / 'server.yaml'}" in ended.stderr
    assert "canary" not in ended.stderr + ended.stdout
    assert not (tmp_path / "data").exists()


WRONG = {
    "unknown key": ({"lisen": "127.0.0.1:1"}, "lisen"),
    "unknown key below": ({"auth": USERS | {"admin": ["root"]}}, "auth.admin"),
    "wrong type": ({"auth": USERS | {"allowed_users": "alice"}}, "auth.allowed_users"),
    "wrong type of a switch": (
        {"auth": USERS | {"forward_auth": {"enabled": "maybe"}}},
        "auth.forward_auth.enabled",
    ),
    "all interfaces": ({"listen": "0.0.0.0:8080"}, "listen"),
    "all interfaces, v6": ({"listen": "[::]:8080"}, "listen"),
    "another machine": ({"listen": "192.0.2.1:8080"}, "listen"),
    "a name": ({"listen": "localhost:8080"}, "listen"),
    "no port": ({"listen": "127.0.0.1"}, "listen"),
    "a relative socket": ({"listen": "unix:here"}, "listen"),
    "no allow-list": ({"auth": ...}, "auth.allowed_users"),
    "an empty allow-list": ({"auth": {"allowed_users": []}}, "auth.allowed_users"),
    "a strange admin": ({"auth": {"allowed_users": ["a"], "admins": ["b"]}}, "auth.admins"),
    "a bad user": ({"auth": {"allowed_users": ["a,b"]}}, "auth.allowed_users[0]"),
    "a bad order": ({"auth": USERS | {"on_bearer_failure": "x"}}, "auth.on_bearer_failure"),
    "a short secret": (
        {"auth": USERS | {"forward_auth": {"proxy_secret": "canary"}}},
        "auth.forward_auth.proxy_secret",
    ),
    "a bad network": (
        {"auth": USERS | {"forward_auth": {"trusted_proxies": ["10.0.0.0/33"]}}},
        "auth.forward_auth.trusted_proxies[0]",
    ),
    "an unknown peer": (
        {"auth": USERS | {"forward_auth": {"trusted_peers": ["no-such-user-here"]}}},
        "auth.forward_auth.trusted_peers[0]",
    ),
    "an issuer without TLS": (
        {"auth": USERS | {"oidc": {"issuer": "http://auth.example", "audience": "x"}}},
        "auth.oidc.issuer",
    ),
    "an issuer with a password": (
        {"auth": USERS | {"oidc": {"issuer": "https://a:canary@auth.example", "audience": "x"}}},
        "auth.oidc.issuer",
    ),
    "no audience": (
        {"auth": USERS | {"oidc": {"issuer": "https://auth.example"}}},
        "auth.oidc.audience",
    ),
    "HMAC": (
        {"auth": USERS | {"oidc": {"algorithms": ["HS256"]}}},
        "auth.oidc.algorithms[0]",
    ),
    "no algorithm": ({"auth": USERS | {"oidc": {"algorithms": []}}}, "auth.oidc.algorithms"),
    "a bad host": ({"allowed_hosts": ["*"]}, "allowed_hosts[0]"),
}


@pytest.mark.promise("O08", "A2")
@pytest.mark.parametrize("way", WRONG)
def test_o08_a_wrong_configuration_is_told_in_one_line(tmp_path, way):
    """Exit code 78 and one line with file and key, and without the value."""
    settings, key = WRONG[way]
    path = config_of(tmp_path, **settings)
    ended = CliRunner().invoke(main, ["check-config", "--config", str(path)])

    assert 78 == ended.exit_code, ended.output
    lines = ended.output.strip().splitlines()
    assert 1 == len(lines), ended.output
    assert str(path) in lines[0]
    assert f" {key}: " in lines[0]
    assert "canary" not in lines[0]


@pytest.mark.promise("O08", "A2")
@pytest.mark.parametrize("way", ["unknown key", "all interfaces", "no allow-list"])
def test_o08_a_wrong_configuration_ends_the_start(tmp_path, way):
    """The server does not start, and makes no directory."""
    settings, key = WRONG[way]
    ended = start(config_of(tmp_path, **settings))

    assert 78 == ended.returncode
    assert f" {key}: " in ended.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.promise("O08", "A2")
def test_o08_a_variable_is_named(tmp_path):
    """What is wrong in the environment is told by the variable's name."""
    ended = start(config_of(tmp_path), LETHE_SERVER__LISTEN="0.0.0.0:1")

    assert 78 == ended.returncode
    assert "LETHE_SERVER__LISTEN" in ended.stderr


@pytest.mark.promise("O08")
def test_o08_a_port_that_is_taken(tmp_path):
    """A port in use is a wrong configuration: starting again does not help."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = start(config_of(tmp_path, listen=listen))

    assert 78 == ended.returncode
    assert listen in ended.stderr.strip().splitlines()[-2]
