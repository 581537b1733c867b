"""The conformance suites of all plugins of the repository, with their samples."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from lethe_core.testing import ParserConformance

_PLUGINS = Path(__file__).parent.parent.parent / "plugins"


def find_suites():
    """Give each suite by the names of its plugin and of itself."""
    suites = {}
    for path in sorted(_PLUGINS.glob("*/tests/test_conformance.py")):
        plugin = path.parent.parent.name.removeprefix("lethe-")
        for name, value in vars(_load(path, f"suite_of_{plugin}")).items():
            if (
                name.startswith("Test")
                and isinstance(value, type)
                and issubclass(value, ParserConformance)
                and value.__module__ == f"suite_of_{plugin}"
            ):
                suites[f"{plugin}-{name.removeprefix('Test')}"] = value
    return suites


def _load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
