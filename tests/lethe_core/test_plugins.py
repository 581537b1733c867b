"""Loading of plugins: each on its own, and a report for each."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

from lethe_core.errors import ConfigInvalid, UnknownTool
from lethe_core.parser import API_VERSION
from lethe_core.plugins import load_parsers

HEAD = """
from lethe_core import Parser, hookimpl

class Toy(Parser):
    tool, label, version = "toy", "Toy", 1
    def default_roots(self): return []
    def discover(self, root): return []
    def read(self, source, cursor): return iter(())

class Other(Toy):
    tool = "other"
"""

HOOK = "@hookimpl\ndef lethe_parsers():\n"
GOOD = f"{HOOK}    return [Toy()]\n"
SECOND = "@hookimpl\ndef lethe_parsers():\n    return [Other()]\n"

#: Source of a plugin, and what its report says.
BROKEN = {
    "missing import": ("import no_such_module\n", "ModuleNotFoundError: No module named"),
    "syntax error": ("def broken(:\n", "SyntaxError"),
    "exit at import": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "error at import": ("1 / 0\n", "ZeroDivisionError: division by zero"),
    "raising hook": ("@hookimpl\ndef lethe_parsers():\n    raise OSError('no\\nway')\n", "no way"),
    "wrong arguments": ("@hookimpl\ndef lethe_parsers(root):\n    return []\n", "PluginValidation"),
    "unknown hook": (GOOD + "@hookimpl\ndef lethe_parzers():\n    return []\n", "lethe_parzers"),
    "no hook": ("x = 1\n", "it implements no hook `lethe_parsers`"),
    "not a list": ("@hookimpl\ndef lethe_parsers():\n    return Toy()\n", "must return a list"),
    "a number": ("@hookimpl\ndef lethe_parsers():\n    return 7\n", "must return a list"),
    "not a parser": ("@hookimpl\ndef lethe_parsers():\n    return [Toy]\n", "no lethe_core.Parser"),
    "endless": (
        "@hookimpl\ndef lethe_parsers():\n    while True:\n        yield Toy()\n",
        "at most 100 parsers",
    ),
    "coroutine": ("@hookimpl\nasync def lethe_parsers():\n    return []\n", "plain function"),
    "no tool": (
        "class N(Toy):\n    tool = None\n@hookimpl\ndef lethe_parsers():\n    return [N()]\n",
        "N.tool must be a str",
    ),
    "bad tool": (
        "class N(Toy):\n    tool = 'a b'\n@hookimpl\ndef lethe_parsers():\n    return [N()]\n",
        "it must match",
    ),
    "no version": (
        "class N(Toy):\n    version = '1'\n@hookimpl\ndef lethe_parsers():\n    return [N()]\n",
        "N.version must be a int",
    ),
    "no tools": ("@hookimpl\ndef lethe_parsers():\n    return []\n", "it reads no tool"),
    "one tool twice": (
        "@hookimpl\ndef lethe_parsers():\n    return [Other(), Toy(), Toy()]\n",
        "`lethe_parsers` returned 2 parsers for the tool 'toy'",
    ),
    **{
        f"the {attribute} {value}": (
            f"class N(Toy):\n    {attribute} = {value}\n{HOOK}    return [N()]\n",
            f"N.{attribute} {message}",
        )
        for attribute, value, message in (
            ("version", "0", "must be a whole number from 1"),
            ("version", "True", "must be a whole number from 1"),
            ("version", "2**53", "must be a whole number from 1"),
            ("label", "' '", "is ' '; it must be a line of text"),
            ("label", "'a\\x1b[31mb'", "is 'a\\x1b[31mb'; it must be a line of text"),
        )
    },
    "abstract": (
        "class N(Parser):\n    tool = 'n'\n@hookimpl\ndef lethe_parsers():\n    return [N()]\n",
        "TypeError: Can't instantiate abstract class",
    ),
}


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write a plugin's module and name its entry point."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = set(sys.modules)

    def write(name, source=GOOD):
        module = f"lethe_test_{name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(HEAD + source)
        return EntryPoint(name, module, "lethe.parsers")

    yield write
    for name in set(sys.modules) - modules:
        if name.startswith("lethe_test_"):
            del sys.modules[name]


def test_good_plugin_is_loaded(plugin):
    """The parsers of a sound plugin are there by their tools."""
    registry = load_parsers(entry_points=[plugin("good")])
    (report,) = registry.reports

    assert registry.get("toy").label == "Toy"
    assert [parser.tool for parser in registry] == ["toy"]
    assert (len(registry), "toy" in registry, "x" in registry) == (1, True, False)
    assert (report.name, report.status, report.tools, report.error) == ("good", "ok", ["toy"], "")


@pytest.mark.promise("C39", "P9")
@pytest.mark.parametrize("kind", BROKEN)
def test_c39_broken_plugin_is_reported_and_stops_no_other(plugin, kind):
    """A plugin that cannot be used is told in one line; the others are loaded, before and after."""
    source, message = BROKEN[kind]
    registry = load_parsers(
        entry_points=[plugin("a", GOOD), plugin("broken", source), plugin("z", SECOND)]
    )
    (report,) = registry.failed

    assert sorted(parser.tool for parser in registry) == ["other", "toy"]
    assert (report.name, report.status, report.tools) == ("broken", "error", [])
    assert message in report.error
    assert "\n" not in report.error
    assert report.hint


def test_interrupt_is_not_swallowed(plugin):
    """Ctrl-C while plugins load ends the program."""
    with pytest.raises(KeyboardInterrupt):
        load_parsers(entry_points=[plugin("slow", "raise KeyboardInterrupt\n")])


def test_generator_is_a_list(plugin):
    """A hook may yield its parsers."""
    source = "@hookimpl\ndef lethe_parsers():\n    yield Toy()\n    yield Other()\n"
    registry = load_parsers(entry_points=[plugin("good", source)])

    assert registry.reports[0].tools == ["toy", "other"]


def test_disabled_plugin_is_not_imported(plugin):
    """What is disabled by name is reported and never imported."""
    registry = load_parsers(entry_points=[plugin("off", "raise SystemExit\n")], disabled=["off"])

    assert [(r.status, r.error) for r in registry.reports] == [("disabled", "")]


@pytest.mark.promise("C41")
def test_c41_two_plugins_for_one_tool_are_refused(plugin):
    """Which of two mappings is right is not guessed: the error names both."""
    with pytest.raises(ConfigInvalid) as caught:
        load_parsers(entry_points=[plugin("one"), plugin("two")])

    assert "one" in caught.value.message
    assert "two" in caught.value.message
    assert "parsers: {toy: NAME}" in caught.value.hint


@pytest.mark.promise("C41")
def test_c41_choice_settles_it(plugin):
    """The configuration says which plugin reads the tool."""
    registry = load_parsers(entry_points=[plugin("one"), plugin("two")], chosen={"toy": "two"})

    assert type(registry.get("toy")).__module__ == "lethe_test_two"


@pytest.mark.promise("C41")
def test_c41_choice_of_nobody_is_refused(plugin):
    """A choice that names no plugin of that tool is an error, not a fallback."""
    with pytest.raises(ConfigInvalid):
        load_parsers(entry_points=[plugin("one")], chosen={"toy": "three"})


@pytest.mark.promise("C41", "P9")
@pytest.mark.parametrize(
    ("api", "hint"),
    [
        ((API_VERSION[0] + 1, 0), "upgrade lethe-core"),
        ((API_VERSION[0], API_VERSION[1] + 1), "upgrade lethe-core"),
        ((0, 9), "upgrade the plugin"),
    ],
)
def test_c41_other_api_version_is_skipped(plugin, api, hint):
    """A parser that was written for another version is left out, and told what is too old."""
    source = f"class N(Toy):\n    api = {api}\n@hookimpl\ndef lethe_parsers():\n    return [N()]\n"
    registry = load_parsers(entry_points=[plugin("new", source)])

    assert len(registry) == 0
    assert "version" in registry.failed[0].error
    assert registry.failed[0].hint == hint


@pytest.mark.parametrize("api", [(1, 0), (1, 2)])
def test_older_minor_version_is_loaded(plugin, monkeypatch, api):
    """A parser that was written for an earlier minor version keeps working."""
    monkeypatch.setattr("lethe_core.plugins.API_VERSION", (1, 2))
    source = f"class N(Toy):\n    api = {api}\n@hookimpl\ndef lethe_parsers():\n    return [N()]\n"

    assert len(load_parsers(entry_points=[plugin("old", source)])) == 1


@pytest.mark.promise("C41", "P9")
def test_c41_parser_that_names_no_version_is_of_the_first(plugin, monkeypatch):
    """An old plugin does not pass for a new one when the contract moves on beneath it."""
    monkeypatch.setattr("lethe_core.plugins.API_VERSION", (2, 0))
    registry = load_parsers(entry_points=[plugin("old")])

    (report,) = registry.failed
    assert "made for version 1.0 of the parser contract, this is 2.0" in report.error
    assert report.hint == "upgrade the plugin"


@pytest.mark.parametrize("api", ["'1.0'", "1", "(1,)", "None"])
def test_version_that_is_none_is_refused(plugin, api):
    """A version of another form is told, and never compared."""
    source = f"class N(Toy):\n    api = {api}\n@hookimpl\ndef lethe_parsers():\n    return [N()]\n"

    assert "two whole numbers" in load_parsers(entry_points=[plugin("x", source)]).failed[0].error


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("from lethe_core import NoSuchName\n", "another lethe-core"),
        ("import lethe_core.no_such_room\n", "another lethe-core"),
        ("import no_such_module\n", "pip check"),
        (GOOD + "@hookimpl\ndef lethe_later_hook():\n    return []\n", "other hooks"),
    ],
)
def test_what_a_plugin_lacks_is_told(plugin, source, hint):
    """A plugin that needs another version of something says what to upgrade."""
    assert hint in load_parsers(entry_points=[plugin("x", source)]).failed[0].hint


def test_unknown_tool_names_the_known(plugin):
    """Asking for a parser that is not there tells which are."""
    registry = load_parsers(entry_points=[plugin("good")])

    with pytest.raises(UnknownTool, match=r"'nope'.*loaded: toy"):
        registry.get("nope")


def test_installed_plugins_load():
    """The plugins of this environment load, with distribution and version."""
    registry = load_parsers()

    assert registry.failed == []
    assert all(report.distribution and report.version for report in registry.reports)
