"""What is in the wheels, and that each works without its neighbours."""

from __future__ import annotations

import configparser
import email
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow

#: Imports every module of a package, with nothing on the path but the folder that is given.
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
package = importlib.import_module(sys.argv[2])
for _, name, _ in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not name.endswith(".__main__"):
        importlib.import_module(name)
print(package.__file__)
"""


def names_in(wheel):
    """List the files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def info_of(wheel, name):
    """Read a file of a wheel's metadata; empty if it is not there."""
    with zipfile.ZipFile(wheel) as archive:
        paths = [path for path in archive.namelist() if path.endswith(f".dist-info/{name}")]
        return archive.read(paths[0]).decode() if paths else ""


def test_wheel_holds_the_package_and_nothing_else(member, build):
    """Each file of the package is in the wheel, the marker for types included, and no test."""
    names = names_in(build(member))
    packaged = {name for name in names if ".dist-info/" not in name}
    expected = {
        f"{member.package.name}/{path.relative_to(member.package).as_posix()}"
        for path in member.package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    assert packaged == expected
    assert f"{member.package.name}/py.typed" in packaged


def test_metadata_is_that_of_the_project(member, build):
    """Name, version, licence and description of the wheel are right."""
    wheel = build(member)
    found = email.message_from_string(info_of(wheel, "METADATA"))

    assert found["Name"] == member.project["name"]
    assert found["License-Expression"] == "MIT"
    assert found["Requires-Python"] == ">=3.11"
    assert found["Summary"]
    assert found.get_payload().strip()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names_in(wheel))


def test_entry_points_lead_into_the_wheel(member, build):
    """Each command, program and parser that the wheel offers is in it."""
    wheel = build(member)
    points = configparser.ConfigParser(delimiters="=")
    points.read_string(info_of(wheel, "entry_points.txt"))
    modules = set(names_in(wheel))
    for group in points.sections():
        for name, value in points[group].items():
            path = value.partition(":")[0].replace(".", "/")
            assert {f"{path}.py", f"{path}/__init__.py"} & modules, f"{group}: {name} = {value}"


def test_source_distribution_is_complete(member, build):
    """A wheel can be built from the source distribution: source, README and licence are in it."""
    with tarfile.open(build(member, "sdist")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"README.md", "LICENSE", "pyproject.toml", "PKG-INFO"} <= names
    assert any(name.startswith(f"src/{member.package.name}/") for name in names)
    assert not [name for name in names if name.startswith("tests")]


def needed_by(member, members):
    """Name the distributions that a member needs, those that they need included."""
    waiting, needed = list(member.project["dependencies"]), set()
    while waiting:
        requirement = Requirement(waiting.pop())
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in needed or (
            requirement.marker and not requirement.marker.evaluate({"extra": ""})
        ):
            continue
        needed.add(name)
        if name in members:
            waiting += members[name].project["dependencies"]
        else:
            waiting += metadata.requires(name) or []
    return needed


def provide(name, place):
    """Link the files of an installed distribution into a folder."""
    distribution = metadata.distribution(name)
    for file in distribution.files or ():
        top = Path(str(file)).parts[0]
        source = Path(str(distribution.locate_file(top)))
        if top != ".." and source.exists() and not (place / top).exists():
            (place / top).symlink_to(source)


def test_wheel_works_with_its_own_dependencies(member, members, build, tmp_path):
    """Every module can be imported where only what the wheel declares is installed."""
    needed = needed_by(member, members)
    for name in needed - set(members):
        provide(name, tmp_path)
    for name in {str(member), *(needed & set(members))}:
        with zipfile.ZipFile(build(members[name])) as archive:
            archive.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT_ALL, str(tmp_path), member.package.name],
        env={"HOME": os.environ.get("HOME", "")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)
