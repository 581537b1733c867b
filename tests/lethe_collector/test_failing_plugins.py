"""Commands and the daemon go on when the code of one plugin fails, and say whose it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fakes.machine import Machine
from fakes.toy import ToyParser

from lethe_collector import doctor, plugin_list
from lethe_collector.verifying import run_verification
from lethe_core.plugins import ParserRegistry, PluginReport


class Exits(ToyParser):
    """Ends the process when it is asked for its places."""

    def default_roots(self):
        """End the process."""
        sys.exit(3)


class Raises(ToyParser):
    """Raises what no command knows."""

    def default_roots(self):
        """Raise."""
        raise ZeroDivisionError


class Relative(ToyParser):
    """Names a place that depends on where the collector was started."""

    def default_roots(self):
        """Name it."""
        return [Path("acme/sessions")]


class Text(ToyParser):
    """Names a place by its text."""

    def default_roots(self):
        """Name it."""
        return ["/var/lib/acme"]


class ExitsLater(ToyParser):
    """Ends the process when it is asked for its sources."""

    def discover(self, root):
        """End the process."""
        sys.exit(3)


class Denied(ToyParser):
    """Cannot list a directory below its place, as it finds at the end."""

    def discover(self, root):
        """Find what can be found, and raise."""
        yield from super().discover(root)
        raise PermissionError(13, "Permission denied", str(root / "below"))


IN_ROOTS = {
    Raises: " failed with ZeroDivisionError",
    Relative: " failed: `default_roots` gave 'acme/sessions', which is no absolute Path",
    Text: " failed: `default_roots` gave '/var/lib/acme', which is no absolute Path",
}


def registry_of(*parsers):
    """The parsers, each of a plugin of its own."""
    registry = ParserRegistry()
    for parser in parsers:
        registry.add(parser)
        registry.reports.append(PluginReport(name=parser.tool, tools=[parser.tool]))
    return registry


@pytest.fixture
def make_registry(tmp_path):
    """Load a parser that fails, of the tool "acme", beside one that does not."""

    def make(failing):
        parser = failing(tmp_path)
        parser.tool, parser.label = "acme", "Acme"
        return registry_of(parser, ToyParser(tmp_path))

    return make


@pytest.mark.promise("C39", "P9")
@pytest.mark.parametrize(
    ("failing", "told"), [*IN_ROOTS.items(), (Exits, " failed with SystemExit")]
)
def test_c39_the_list_of_plugins_tells_who_fails(make_registry, failing, told):
    """A plugin that does not name its places rightly is told; the others are listed with theirs."""
    first, second = (row["parsers"][0] for row in plugin_list.describe(make_registry(failing), {}))

    assert first["error"] == f"default_roots{told}"
    assert (second["error"], len(second["roots"])) == ("", 1)


@pytest.mark.promise("C39", "P9")
@pytest.mark.parametrize(
    ("failing", "told"),
    [
        *IN_ROOTS.items(),
        (Exits, " failed with SystemExit"),
        (ExitsLater, " failed with SystemExit"),
    ],
)
def test_c39_doctor_tells_who_fails(make_registry, machine, failing, told):
    """Each plugin that fails is a finding; what comes after it is examined."""
    found = {
        finding.subject: finding.text
        for finding in doctor.examine(machine.config, make_registry(failing))
    }

    assert found["Acme"].startswith(f"looking for sources{told}")
    assert found["Toy"].startswith("0 sources in ")


@pytest.mark.promise("C39", "P9", "O4")
@pytest.mark.parametrize(
    ("failing", "told"),
    [
        *IN_ROOTS.items(),
        (Exits, " failed with SystemExit"),
        (ExitsLater, " failed with SystemExit"),
        (Denied, " failed with PermissionError"),
    ],
)
def test_c39_verify_tells_who_fails(make_registry, machine, failing, told):
    """A tool whose sources cannot be found is told as unreadable; the others are compared."""
    found, _, _ = run_verification(
        machine.config, make_registry(failing), None, repair=False, mark=True
    )

    [(place, reason)] = found.unreadable.items()
    assert place in {"acme", str(machine.place)}
    assert reason.startswith(f"looking for sources{told}")


@pytest.mark.promise("C39", "P9")
@pytest.mark.parametrize(
    ("failing", "told"), [*IN_ROOTS.items(), (Exits, " failed: it raised SystemExit")]
)
async def test_c39_the_collector_tells_who_fails(tmp_path, server, failing, told):
    """A plugin that does not name its places rightly has none, and `status` says why."""
    machine = Machine(tmp_path, server)
    machine.parser = failing(tmp_path)
    machine.config_file.write_text(
        machine.config_file.read_text().replace("sources: {toy:", "sources: {other:")
    )
    await machine.run_once()

    assert machine.status()["tools"]["toy"]["error"].startswith(f"looking for sources{told}")
    assert not server.requests
