"""Loading of parser plugins, each on its own.

A plugin that cannot be imported, breaks the hook's form or was made for another version of the
contract is reported and left out; it never stops the others. If two plugins provide a parser for
the same tool, nothing starts until the configuration names one: to guess would mix two mappings in
one archive, and to leave the tool out would go unnoticed.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from dataclasses import dataclass, field
from importlib import metadata
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

import pluggy

from lethe_core import hookspecs
from lethe_core.errors import ConfigInvalid, PluginError, UnknownTool
from lethe_core.limits import MAX_SEQ, NAME_PATTERN
from lethe_core.parser import API_VERSION, Parser

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from importlib.metadata import EntryPoint

GROUP: Final = "lethe.parsers"
#: Most parsers of one plugin.
MAX_PARSERS: Final = 100

Status = Literal["ok", "disabled", "error"]


@dataclass(slots=True, kw_only=True)
class PluginReport:
    """What became of one plugin.

    Args:
        name: of the entry point.
        distribution: that provides it; empty if it was registered by hand.
        version: of the distribution.
        status: ``ok``, ``disabled`` or ``error``.
        tools: the tools whose transcripts it reads.
        error: what went wrong, in one line.
        hint: how to mend it.
    """

    name: str
    distribution: str = ""
    version: str = ""
    status: Status = "ok"
    tools: list[str] = field(default_factory=list)
    error: str = ""
    hint: str = ""


class ParserRegistry:
    """The parsers that are loaded, by tool, and a report for each plugin.

    Attributes:
        reports: one for each plugin, in the order of loading.
    """

    def __init__(self) -> None:
        self.reports: list[PluginReport] = []
        self._parsers: dict[str, Parser] = {}

    def __iter__(self) -> Iterator[Parser]:
        return iter(self._parsers.values())

    def __len__(self) -> int:
        return len(self._parsers)

    def __contains__(self, tool: object) -> bool:
        return tool in self._parsers

    def get(self, tool: str) -> Parser:
        """Return the parser of a tool.

        Raises:
            UnknownTool: no loaded parser reads it.
        """
        if tool not in self._parsers:
            known = ", ".join(sorted(self._parsers)) or "none"
            raise UnknownTool(f"no parser for the tool {tool!r} is loaded (loaded: {known})")
        return self._parsers[tool]

    def add(self, parser: Parser) -> None:
        """Add a parser.

        Raises:
            ConfigInvalid: there is one for the same tool.
        """
        if parser.tool in self._parsers:
            raise ConfigInvalid(f"two parsers for the tool {parser.tool!r}")
        self._parsers[parser.tool] = parser

    @property
    def failed(self) -> list[PluginReport]:
        """The reports of the plugins that are not in use because of an error."""
        return [report for report in self.reports if report.status == "error"]


def load_parsers(
    *,
    disabled: Collection[str] = (),
    chosen: Mapping[str, str] | None = None,
    entry_points: Iterable[EntryPoint] | None = None,
) -> ParserRegistry:
    """Load the parsers of all installed plugins.

    Args:
        disabled: names of entry points that are not even imported.
        chosen: for a tool that several plugins read, the name of the entry point to use.
        entry_points: instead of those of the group ``lethe.parsers``; for tests.

    Raises:
        ConfigInvalid: two plugins provide a parser for one tool and `chosen` names neither.
    """
    registry = ParserRegistry()
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    found = metadata.entry_points(group=GROUP) if entry_points is None else entry_points
    owners: dict[str, list[tuple[PluginReport, Parser]]] = {}
    for entry_point in sorted(found, key=lambda entry: (entry.name, entry.value)):
        report = PluginReport(name=entry_point.name)
        if entry_point.dist is not None:
            about = entry_point.dist.metadata  # read and parsed anew by each look at it
            report.distribution, report.version = about["Name"], about["Version"]
        registry.reports.append(report)
        if entry_point.name in disabled:
            report.status = "disabled"
            continue
        try:
            parsers = _load_one(manager, entry_point)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - P9: SystemExit at import is real
            report.status = "error"
            report.error = _one_line(error)
            report.hint = _hint(error)
            continue
        report.tools = [parser.tool for parser in parsers]
        for parser in parsers:
            owners.setdefault(parser.tool, []).append((report, parser))
    for tool, candidates in owners.items():
        registry.add(_choose(tool, candidates, (chosen or {}).get(tool)))
    return registry


def _choose(tool: str, candidates: list[tuple[PluginReport, Parser]], choice: str | None) -> Parser:
    named = [parser for report, parser in candidates if choice in (None, report.name)]
    if len(named) == 1:
        return named[0]
    plugins = ", ".join(
        f"{report.name} ({report.distribution} {report.version})" for report, _ in candidates
    )
    raise ConfigInvalid(
        f"several plugins read the tool {tool!r}: {plugins}",
        hint=f"uninstall all but one, or choose one: `parsers: {{{tool}: NAME}}`",
    )


def _load_one(manager: pluggy.PluginManager, entry_point: EntryPoint) -> list[Parser]:
    plugin = entry_point.load()
    manager.register(plugin, name=entry_point.name)
    try:
        manager.check_pending()
        others = [other for other in manager.get_plugins() if other is not plugin]
        caller = manager.subset_hook_caller("lethe_parsers", others)
        results = caller()
        if not results:
            raise PluginError("it implements no hook `lethe_parsers`")
        return _of_one_tool_each(
            [_checked(parser) for result in results for parser in _listed(result)]
        )
    except BaseException:
        manager.unregister(plugin)
        raise


def _listed(result: object) -> list[object]:
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise PluginError("`lethe_parsers` must be a plain function, not `async`")
    if isinstance(result, Parser) or not hasattr(result, "__iter__"):
        raise PluginError("`lethe_parsers` must return a list of parsers")
    parsers = list(islice(result, MAX_PARSERS + 1))  # P9: a generator may never end
    if len(parsers) > MAX_PARSERS:
        raise PluginError(f"`lethe_parsers` must return at most {MAX_PARSERS} parsers")
    return parsers


def _of_one_tool_each(parsers: list[Parser]) -> list[Parser]:
    """Check that a plugin reads some tool, and none of them twice.

    Raises:
        PluginError: it does not; no choice between plugins can mend that.
    """
    if not parsers:
        raise PluginError("it reads no tool: `lethe_parsers` returned no parser")
    tools = Counter(parser.tool for parser in parsers)
    tool, count = tools.most_common(1)[0]
    if count > 1:
        raise PluginError(f"`lethe_parsers` returned {count} parsers for the tool {tool!r}")
    return parsers


def _checked(parser: object) -> Parser:
    if not isinstance(parser, Parser):
        raise PluginError(f"{type(parser).__name__} is no lethe_core.Parser")
    name = type(parser).__name__
    _check_api(name, parser.api)
    for attribute, kind in (("tool", str), ("label", str), ("version", int)):
        if not isinstance(getattr(parser, attribute, None), kind):
            raise PluginError(f"{name}.{attribute} must be a {kind.__name__}")
    if not re.match(NAME_PATTERN, parser.tool):
        raise PluginError(f"{name}.tool is {parser.tool!r}; it must match {NAME_PATTERN}")
    if not parser.label.strip() or not parser.label.isprintable():
        raise PluginError(f"{name}.label is {parser.label!r}; it must be a line of text")
    if isinstance(parser.version, bool) or not 1 <= parser.version <= MAX_SEQ:
        raise PluginError(f"{name}.version must be a whole number from 1 to {MAX_SEQ}")
    return parser


def _check_api(name: str, api: object) -> None:
    """Check that a parser was written for this version of the contract.

    Raises:
        PluginError: it was not; the hint says what is too old.
    """
    match api:
        case (int() as major, int() as minor):
            theirs = (major, minor)
        case _:
            raise PluginError(f"{name}.api must be two whole numbers, such as {API_VERSION}")
    if theirs[0] == API_VERSION[0] and theirs <= API_VERSION:
        return
    is_newer = theirs > API_VERSION
    made, is_now = (".".join(map(str, version)) for version in (theirs, API_VERSION))
    raise PluginError(
        f"{name} was made for version {made} of the parser contract, this is {is_now}",
        hint="upgrade lethe-core" if is_newer else "upgrade the plugin",
    )


def _hint(error: BaseException) -> str:
    """Say how to mend what a plugin failed with."""
    match error:
        case PluginError():
            return error.hint
        case pluggy.PluginValidationError():
            return "it was made for other hooks: upgrade the plugin, or else lethe-core"
        case ImportError(name=str(module)) if module.partition(".")[0] == "lethe_core":
            return "it was made for another lethe-core: upgrade lethe-core, or else the plugin"
        case ModuleNotFoundError():
            return "install what it needs: reinstall the plugin; `pip check` names what is missing"
    return PluginError.hint


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    name = type(error).__name__
    return text if isinstance(error, PluginError) else f"{name}: {text}" if text else name
