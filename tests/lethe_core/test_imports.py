"""Importing lethe_core: quick, quiet, and without side effects."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import lethe_core

MODULES = sorted(
    ["lethe_core"]
    + [name for _, name, _ in pkgutil.walk_packages(lethe_core.__path__, "lethe_core.")]
)

#: Runs in a new interpreter: what does an import do besides reading Python's own files?
PROBE = """
import json, os, sys
seen = {"files": [], "env": [], "other": []}

def audit(event, args):
    if event == "open" and isinstance(args[0], str):
        if not args[0].endswith((".py", ".pyc", ".so", ".txt", ".pth", "entry_points.txt")):
            seen["files"].append(args[0])
    elif event.startswith(("socket.", "subprocess.", "sqlite3.", "os.mkdir", "os.remove")):
        seen["other"].append(event)

class Environ(dict):
    def __getitem__(self, name):
        if name.startswith(("LETHE", "XDG")):
            seen["env"].append(name)
        return super().__getitem__(name)
    def get(self, name, default=None):
        if name.startswith(("LETHE", "XDG")):
            seen["env"].append(name)
        return super().get(name, default)

import importlib
os.environ = Environ(os.environ)
sys.addaudithook(audit)
importlib.import_module(sys.argv[1])
print(json.dumps({**seen, "modules": sorted(sys.modules)}))
"""


def probe(module):
    """Import a module in a new interpreter and report what that did."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, module], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", MODULES)
def test_import_has_no_side_effects(module):
    """No module reads settings, opens a file or touches the network when it is imported."""
    seen = probe(module)

    assert (seen["files"], seen["env"], seen["other"]) == ([], [], [])


def test_contract_costs_little():
    """What a parser needs loads neither marshmallow nor YAML, nor anything of the network."""
    loaded = set(probe("lethe_core")["modules"])

    assert loaded & {"marshmallow", "ruamel.yaml", "aiohttp", "ssl", "click", "pytest"} == set()


def test_wire_loads_the_schemas_late():
    """The hot path does without marshmallow."""
    assert "marshmallow" not in probe("lethe_core.wire")["modules"]


def test_kit_does_not_need_pytest():
    """The kit's classes are plain: pytest collects them and need not be there."""
    assert "pytest" not in probe("lethe_core.testing")["modules"]


@pytest.mark.parametrize("module", ["lethe_core", "lethe_core.testing"])
def test_public_names_are_sorted_and_there(module):
    """`__all__` is sorted, complete and true."""
    found = sys.modules[module] if module in sys.modules else __import__(module, fromlist=["_"])
    public = {
        name
        for name, value in vars(found).items()
        if not name.startswith("_") and name != "annotations" and not isinstance(value, type(sys))
    }

    assert list(found.__all__) == sorted(found.__all__)
    assert set(found.__all__) == public
