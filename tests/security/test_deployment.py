"""The examples for deployment keep what the server relies on (O11)."""

from __future__ import annotations

import re

import pytest

from lethe_core.settings import Section
from lethe_server.config import ServerSettings

CADDYFILES = ["Caddyfile.example", "Caddyfile.collectors.example"]
UNITS = ["lethe-server.service", "lethe-collector.service"]
DELETED = ["-Remote-*", "-Remote_*", "-Lethe-Proxy-Secret"]


@pytest.fixture
def deploy(repository):
    """The folder of the examples."""
    return repository / "deploy"


def test_every_example_is_known(deploy):
    """Each file of the folder is checked by a test of this module or another one."""
    assert {*CADDYFILES, *UNITS} <= {path.name for path in deploy.iterdir()}


@pytest.mark.promise("O11", "A1")
@pytest.mark.parametrize("name", CADDYFILES)
def test_o11_headers_from_outside_go_first(deploy, name):
    """In a `route`, which keeps the order, headers are deleted before anything sets or sends."""
    lines = [line.strip() for line in (deploy / name).read_text().splitlines()]
    directives = [line for line in lines if line and not line.startswith("#")]
    place = directives.index

    assert "route {" == directives[1]
    first = min(n for n, d in enumerate(directives) if d.startswith(("forward_auth", "reverse_")))
    for deleted in DELETED:
        assert place("route {") < place(f"request_header {deleted}") < first
    secret = place("request_header Lethe-Proxy-Secret {$LETHE_PROXY_SECRET}")
    signed_in = max(n for n, d in enumerate(directives) if d.startswith("forward_auth"))
    assert signed_in < secret
    upstreams = {d.split()[1] for d in directives if d.startswith("reverse_proxy")}
    assert {"127.0.0.1:8080"} == upstreams


@pytest.mark.promise("O11", "A7")
@pytest.mark.parametrize("name", UNITS)
def test_o11_services_are_confined(deploy, name):
    """Files are the user's alone, no program gains rights, the system is read-only."""
    text = (deploy / name).read_text()
    settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))

    assert "0077" == settings["UMask"]
    assert "yes" == settings["NoNewPrivileges"]
    assert "strict" == settings["ProtectSystem"]
    assert "78" in settings["RestartPreventExitStatus"].split()
    assert int(settings["TimeoutStopSec"]) > 15  # P14
    program, verb = settings["ExecStart"].split()[:2]
    assert (program.rpartition("/")[2], verb) in {
        ("lethe-server", "serve"),
        ("lethe-collector", "daemon"),
    }


@pytest.mark.promise("O11")
@pytest.mark.parametrize("name", UNITS)
def test_o11_services_are_installed_as_written(deploy, name):
    """What the steps copy gets a place whose directory they make; the unit itself is among it."""
    text = (deploy / name).read_text()
    steps = [line.split() for line in re.findall(r"^#   (install .*)$", text, re.MULTILINE)]

    assert [] == [step for step in steps if "-D" not in step]
    assert [name] == [
        step[-2]
        for step in steps
        if step[-1].endswith(f"systemd/user/{name}") or step[-1] == f"/etc/systemd/system/{name}"
    ]


@pytest.mark.promise("O11")
def test_o11_the_service_and_commands_have_one_archive(deploy):
    """The file names the directory, not the unit: commands with the same file find it."""
    unit = (deploy / "lethe-server.service").read_text()

    assert "--data-dir" not in unit
    assert "`data_dir: /var/lib/lethe`" in unit
    assert "\nStateDirectory=lethe\n" in unit


def keys_of(schema, path=""):
    """Give the path of each setting."""
    for name, field in schema.fields.items():
        if isinstance(field, Section):
            yield from keys_of(field.schema, f"{path}{name}.")
        else:
            yield f"{path}{name}"


@pytest.mark.promise("O08")
def test_o08_every_setting_is_documented(repository):
    """Each key of the server stands in the table of settings, and each row is a key."""
    page = (repository / "docs" / "configuration-server.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE)

    assert sorted(keys_of(ServerSettings())) == sorted(documented)
