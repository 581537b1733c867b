"""Where the parsers of all plugins look, whatever their tools' variables say."""

from __future__ import annotations

import os

import pytest

from lethe_core.plugins import load_parsers


class RelativeEnvironment(dict):
    """Variables of which each that is asked for names a relative place."""

    def get(self, key, default=None):
        """Return a variable, and a relative place for any that is not set."""
        return super().get(key, "elsewhere")


@pytest.mark.promise("C39")
@pytest.mark.parametrize("parser", load_parsers(), ids=lambda parser: parser.tool)
def test_c39_roots_are_absolute_whatever_the_environment_says(parser, monkeypatch, tmp_path):
    """A tool's variable may name a relative place; the collector is given an absolute one."""
    monkeypatch.setattr(os, "environ", RelativeEnvironment(HOME=str(tmp_path)))

    roots = list(parser.default_roots())

    assert roots
    assert all(root.is_absolute() for root in roots)
