"""Which server is asked, and with which token."""

from __future__ import annotations

import json

import pytest

from lethe_client import config
from lethe_client.config import DEFAULT_URL, load_connection, zone_name
from lethe_core.errors import ConfigInvalid


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory with the data directory of `lethe up`."""
    monkeypatch.setattr(config.platformdirs, "user_data_path", lambda *_, **__: tmp_path / "data")
    monkeypatch.setattr(config.platformdirs, "user_config_path", lambda *_, **__: tmp_path)
    (tmp_path / "data").mkdir()
    write_token(tmp_path / "data" / "token", "of-lethe-up")
    return tmp_path


def write_token(path, token, mode=0o600):
    """Write a file with a token."""
    path.write_text(token + "\n")
    path.chmod(mode)


def test_nothing_to_set_up_beside_lethe_up(home):
    """The token and the port that `lethe up` wrote are found; else its usual port."""
    assert load_connection({}).url == DEFAULT_URL
    port = {"host": "127.0.0.1", "port": 4711, "pid": 1}
    (home / "data" / "server.port").write_text(json.dumps(port))

    found = load_connection({})
    assert (found.url, found.token) == ("http://127.0.0.1:4711", "of-lethe-up")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"host": "x", "port": "y"}', "\x00"])
def test_damaged_port_file_is_no_obstacle(home, text):
    """What is no port is as if it was not there."""
    (home / "data" / "server.port").write_text(text)

    assert load_connection({}).url == DEFAULT_URL


def test_file_and_environment(home):
    """The file overrides what is found, a variable overrides the file."""
    write_token(home / "t", "of-file")
    (home / "client.yaml").write_text(
        f"url: https://lethe.example.org/base/\ntoken_file: {home / 't'}\n"
    )
    from_file = load_connection({})
    given = load_connection({"LETHE_CLIENT__TOKEN": "of-variable"})

    assert (from_file.url, from_file.token) == ("https://lethe.example.org/base", "of-file")
    assert (given.url, given.token) == (from_file.url, "of-variable")
    assert "of-variable" not in repr(given)


@pytest.mark.parametrize(
    "url", ["https://lethe.example.org", "http://127.0.0.1:9", "http://127.0.0.1:8377/base"]
)
def test_a_token_goes_only_where_it_belongs(home, url):
    """The token of `lethe up` is not sent to another server, wherever its URL comes from."""
    (home / "client.yaml").write_text(f"url: {url}\n")
    for environ in ({}, {"LETHE_CLIENT__URL": url}):
        with pytest.raises(ConfigInvalid, match=f"there is no token for {url}"):
            load_connection(environ)

    (home / "client.yaml").write_text(f"url: {DEFAULT_URL}/\n")
    assert load_connection({}).token == "of-lethe-up"


def test_named_file_and_directory(home, tmp_path):
    """A variable names another file; the file may name another data directory."""
    (tmp_path / "other").mkdir()
    write_token(tmp_path / "other" / "token", "of-other")
    (tmp_path / "mine.yaml").write_text(f"data_dir: {tmp_path / 'other'}\n")

    found = load_connection({"LETHE_CLIENT_CONFIG": str(tmp_path / "mine.yaml")})
    assert found.token == "of-other"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("urll: x", "unknown key"),
        ("url: http://lethe.example.org", "unencrypted"),
        ("url: ftp://127.0.0.1", "scheme"),
        ("url: https://me:secret@lethe.example.org", "must not hold a name or password"),
        ("url: nonsense", "no URL"),
        ("url: http://127.0.0.1:99999", "no URL"),
        ("url: [", "no valid YAML"),
        ("token_file: absent", "cannot be read"),
    ],
)
def test_what_is_wrong_is_told(home, line, said):
    """A wrong setting is named in a line, and never shown."""
    (home / "client.yaml").write_text(line + "\n")
    with pytest.raises(ConfigInvalid) as caught:
        load_connection({})

    assert said in caught.value.message
    assert "secret" not in caught.value.message


def test_no_token(home):
    """Where a token comes from is said; a text that cannot be one is not sent."""
    (home / "data" / "token").unlink()
    with pytest.raises(ConfigInvalid, match="there is no token") as caught:
        load_connection({})
    with pytest.raises(ConfigInvalid, match="LETHE_CLIENT__TOKEN: holds no token"):
        load_connection({"LETHE_CLIENT__TOKEN": "two words"})

    assert "start `lethe up`" in caught.value.hint


@pytest.mark.parametrize(
    ("variable", "link", "expected"),
    [
        ("Europe/Berlin", "", "Europe/Berlin"),
        (":Asia/Tokyo", "", "Asia/Tokyo"),
        ("", "zoneinfo/America/Argentina/Salta", "America/Argentina/Salta"),
        ("", "zoneinfo/Etc/GMT-5", "Etc/GMT-5"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "", "Asia/Tokyo"),
        ("", "elsewhere/file", None),
        ("CET-1CEST", "", None),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "", None),
        ("Nowhere/At_All", "", None),
        ("Europe", "", None),
        ("../../etc/passwd", "", None),
    ],
)
def test_zone_of_the_machine(tmp_path, variable, link, expected):
    """The zone's name comes from TZ or the machine's clock; a rule has none."""
    target = tmp_path / link
    target.parent.mkdir(parents=True, exist_ok=True)
    clock = tmp_path / "localtime"
    clock.symlink_to(target)

    assert zone_name({"TZ": variable}, clock) == expected
