"""What the folders of the distributions have in common."""

from __future__ import annotations

import ast
import re
from importlib import metadata

from packaging.utils import canonicalize_name


def version_of(member):
    """Read the version where hatchling reads it."""
    text = (member.folder / member.settings["tool"]["hatch"]["version"]["path"]).read_text("utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)[1]


def test_every_folder_has_what_a_distribution_needs(member):
    """README, licence, types marker and source stand where they belong."""
    missing = [
        name
        for name in ("README.md", "LICENSE", "pyproject.toml")
        if not (member.folder / name).is_file()
    ]

    assert missing == []
    assert (member.package / "py.typed").is_file()


def test_licences_are_the_same(member, repository):
    """All distributions have the licence of the repository."""
    expected = (repository / "LICENSE").read_text("utf-8")

    assert (member.folder / "LICENSE").read_text("utf-8") == expected
    assert (member.project["license"], member.project["license-files"]) == ("MIT", ["LICENSE"])


def test_versions_agree(members):
    """All distributions have one version, and depend on the core of that version."""
    versions = {name: version_of(member) for name, member in members.items()}
    assert len(set(versions.values())) == 1, versions
    major, minor = versions["lethe-core"].split(".")[:2]
    bound = f"lethe-core>={major}.{minor},<{major}.{int(minor) + 1}"
    wrong = [
        name
        for name, member in members.items()
        if name != "lethe-core" and bound not in member.project["dependencies"]
    ]

    assert wrong == []


def test_python_is_that_of_the_readme(member):
    """Python 3.11 is the oldest that is supported."""
    assert member.project["requires-python"] == ">=3.11"


def test_plugins_have_one_parser_entry_point(member):
    """A plugin's entry point names its own package."""
    points = member.project.get("entry-points", {})
    if member.folder.parent.name != "plugins":
        assert "lethe.parsers" not in points
        return

    modules = {value.partition(":")[0] for value in points["lethe.parsers"].values()}
    assert set(points) == {"lethe.parsers"}
    assert {module.partition(".")[0] for module in modules} == {member.package.name}


def test_dependencies_are_declared(member):
    """What a package imports, its distribution depends on."""
    provided = metadata.packages_distributions()
    declared = {
        re.split(r"[<>=!~\[; ]", requirement)[0].lower().replace("_", "-")
        for requirement in member.project["dependencies"]
    }
    missing = set()
    for path in member.package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                top = name.partition(".")[0]
                found = provided.get(top, [])
                owners = {one.lower().replace("_", "-") for one in found}
                if owners and not owners & declared and top != member.package.name:
                    missing.add(f"{path.relative_to(member.folder)}: {name}")

    assert missing == set()


def test_constraints_name_what_is_needed(repository, members):
    """The versions that the checks ran with are written down."""
    lines = (repository / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}
    needed = {
        canonicalize_name(re.split(r"[<>=!~\[; ]", requirement)[0])
        for member in members.values()
        for requirement in member.project["dependencies"]
    } - set(members)

    assert needed - pinned == set()
