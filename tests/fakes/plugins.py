"""Plugins that a test writes, installed in a folder that a process has on its path of imports."""

from __future__ import annotations

from textwrap import dedent


class PluginSite:
    """A folder with distributions of plugins.

    Args:
        path: of the folder; it is made.
    """

    def __init__(self, path):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def install(self, name, source, version="1.0"):
        """Write a distribution ``lethe-NAME`` with an entry point, in place of an older one.

        Args:
            name: of the tool.
            source: of its module.
            version: of the distribution.
        """
        for old in self.path.glob(f"lethe_{name}-*.dist-info"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        info = self.path / f"lethe_{name}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: lethe-{name}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(f"[lethe.parsers]\n{name} = lethe_{name}\n")
        (self.path / f"lethe_{name}.py").write_text(dedent(source))


def parser_source(tool, root, *, version=1, body="", mapping="", api="(1, 0)"):
    """Write the module of a parser of JSON lines.

    Args:
        tool: its name.
        root: where its transcripts lie.
        version: of its mapping.
        body: further lines of the class.
        mapping: the first lines of `map_record`.
        api: the version of the contract that it was written for.
    """
    head = f"""\
    from pathlib import Path
    from lethe_core import JsonlParser, hookimpl

    class ToolParser(JsonlParser):
        tool, label, version, api = {tool!r}, {tool.capitalize()!r}, {version}, {api}

        def default_roots(self):
            return [Path({str(root)!r})]

        def map_record(self, record, line):
            {mapping or "pass"}
            return [line.turn(role="user", turn_id=record["id"], content=record["text"],
                              metadata={{"kind": "prompt"}})]
    """
    tail = """
    @hookimpl
    def lethe_parsers():
        return [ToolParser()]
    """
    return dedent(head) + body + dedent(tail)
