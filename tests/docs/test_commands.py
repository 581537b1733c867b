"""docs/commands.md lists every command with its options.

It is made from the commands: run once with ``LETHE_GOLDEN=refresh`` after a change.
"""

from __future__ import annotations

import os
import re

import click
import pytest

from lethe_core.cli import main

BLOCK = re.compile(r"(?<=<!-- commands -->\n).*?(?=<!-- end -->)", re.DOTALL)


def commands_of(name, command):
    """List the commands below one, with what one types; a group that does something is one."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield name, command
    if not isinstance(command, click.Group):
        return
    context = click.Context(command)
    for child in command.list_commands(context):
        whole = f"lethe-{child}" if name == "lethe" and child in {"server", "collector"} else ""
        yield from commands_of(whole or f"{name} {child}", command.get_command(context, child))


def described(name, command):
    """Write one command: how to call it, what it does, its options."""
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    lines = [f"## `{usage}`", "", " ".join((command.help or "").split("\f")[0].split()), ""]
    rows = [
        parameter.get_help_record(context)
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option) and "--help" not in parameter.opts
    ]
    if rows:
        lines += ["| option | meaning |", "| --- | --- |"]
        lines += [f"| `{cell(row[0])}` | {cell(row[1])} |" for row in rows if row]
        lines.append("")
    return lines


def cell(text):
    """Write a text so that it fits into a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def listed():
    """Write all commands."""
    lines = [
        line for name, command in commands_of("lethe", main) for line in described(name, command)
    ]
    return "\n" + "\n".join(lines) + "\n"


def test_commands_are_listed(repository):
    """Each command stands in the document with each of its options, as its help says."""
    path = repository / "docs" / "commands.md"
    text = path.read_text(encoding="utf-8")
    if os.environ.get("LETHE_GOLDEN") == "refresh":
        text = BLOCK.sub(lambda _: listed(), text)
        path.write_text(text, encoding="utf-8")

    assert text == BLOCK.sub(lambda _: listed(), text)


@pytest.mark.parametrize(("name", "command"), list(commands_of("lethe", main)), ids=str)
def test_commands_say_what_they_do(name, command):
    """Each command and each option has a help text."""
    silent = [
        parameter.name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help and not parameter.hidden
    ]

    assert command.help, name
    assert silent == []
