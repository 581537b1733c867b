"""How the cost of each route grows with the archive, and what the collector takes for more files.

One thing grows at a time. Archives are filled by the storage of the server; they are read as users
read them, over HTTP, from a server process of its own, with sign-in.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.deployment import Deployment
from benchmarks.growth_archive import Part, fill
from benchmarks.growth_files import measure_files
from benchmarks.growth_routes import Asking, archive_routes, everybody_routes, session_routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.growth_routes import Cost

_FILES: Final = (1_000, 10_000, 100_000)
_LENGTHS: Final = (500, 5_000, 50_000)
#: Of each owner, where owners grow.
_OWN_SESSIONS, _OWN_TURNS = 160, 10
#: The session that gets more turns; another one is read.
_APPENDED: Final = 5
#: Costs that differ less are the same (milliseconds of CPU, and the ratio): what else the machine
#: does makes out as much.
_SAME_MS: Final = 0.5
_SAME_RATIO: Final = 2.0


class Step(NamedTuple):
    """One size of what grows.

    Args:
        label: the size, for people.
        parts: what is added to the archive of the step before.
        is_new: whether the archive begins anew.
        ask: measures the routes.
    """

    label: str
    parts: Sequence[Part]
    ask: Callable[[Asking], dict[str, Cost]]
    is_new: bool = False


class Axis(NamedTuple):
    """What grows.

    Args:
        title: for people.
        steps: for the name of the owner, the sizes.
    """

    title: str
    steps: Callable[[str], Sequence[Step]]


def _ask_archive(asking: Asking, turns: int = 100) -> dict[str, Cost]:
    routes = archive_routes(asking.client, turns)
    return {**asking.costs(routes), "one turn more": asking.append(_APPENDED)}


def _ask_owners(asking: Asking) -> dict[str, Cost]:
    return {**_ask_archive(asking, _OWN_TURNS), **asking.costs(everybody_routes())}


def _turns(owner: str) -> list[Step]:
    return [
        Step("30 k", [Part(owner, range(200), range(150))], _ask_archive),
        Step("300 k", [Part(owner, range(200), range(150, 1500))], _ask_archive),
        Step("3 M", [Part(owner, range(200, 2000), range(1500))], _ask_archive),
    ]


def _sessions(owner: str) -> list[Step]:
    return [
        Step("200", [Part(owner, range(200), range(1500))], _ask_archive),
        Step("2,000", [Part(owner, range(2000), range(150))], _ask_archive, is_new=True),
    ]


def _owners(owner: str) -> list[Step]:
    def others(numbers: range) -> list[Part]:
        sessions, turns = range(_OWN_SESSIONS), range(_OWN_TURNS)
        return [Part(f"other-{number}", sessions, turns, marked=False) for number in numbers]

    own = Part(owner, range(_OWN_SESSIONS), range(_OWN_TURNS))
    return [
        Step("1", [own], _ask_owners),
        Step("20", others(range(1, 20)), _ask_owners),
        Step("200", others(range(20, 200)), _ask_owners),
    ]


def _lengths(owner: str) -> list[Step]:
    def asker(session: int, turns: int) -> Callable[[Asking], dict[str, Cost]]:
        return lambda asking: {
            **asking.costs(session_routes(session, turns)),
            "export, to its first byte": asking.first_byte(session),
            "one turn more": asking.append(session),
        }

    return [
        Step(
            f"{turns:,}",
            [Part(owner, range(number, number + 1), range(turns))],
            asker(number, turns),
        )
        for number, turns in enumerate(_LENGTHS)
    ]


AXES: Final = {
    "turns": Axis("Turns of one owner (in 200, 200 and 2,000 sessions)", _turns),
    "sessions": Axis("Sessions of one owner (of 300 k turns in all)", _sessions),
    "owners": Axis("Owners (of 1,600 turns each)", _owners),
    "session": Axis("Turns of the session that is read", _lengths),
}
#: What grows besides.
FILES: Final = "files"


def measure(names: Sequence[str], steps: int) -> dict[str, Any]:
    """Measure what grows, and print the table of it.

    Args:
        names: of `AXES`, and `FILES`.
        steps: so many of the sizes of each, from the smallest.

    Returns:
        For each, `sizes` and `rows`: by name a list of figures for each size.
    """
    figures: dict[str, Any] = {}
    for name in names:
        with tempfile.TemporaryDirectory(prefix="lethe-growth-") as scratch:
            if name == FILES:
                figures[name] = _measure_files(Path(scratch), steps)
            else:
                figures[name] = _measure_axis(Path(scratch), AXES[name], steps)
        print("\n".join(table_lines({name: figures[name]})), flush=True)
    return figures


def _measure_axis(scratch: Path, axis: Axis, steps: int) -> dict[str, Any]:
    sizes: list[str] = []
    rows: dict[str, list[dict[str, float]]] = {}
    source = scratch / "source"
    (source / "projects").mkdir(parents=True)
    data = scratch / "data"
    owner = Deployment(scratch, source).plan.owner
    for step in axis.steps(owner)[:steps]:
        print(f"{axis.title}: {step.label}", flush=True)
        if step.is_new:
            shutil.rmtree(data)
        spent = fill(data, step.parts)
        deployment = Deployment(scratch, source, admin=True)
        deployment.start()
        try:
            costs = step.ask(Asking(deployment))
        finally:
            deployment.stop()
        sizes.append(step.label)
        for name, cost in costs.items():
            rows.setdefault(name, []).append(cost._asdict())
        turns = sum(part.size for part in step.parts)
        print(f"  {turns / spent:,.0f} turns stored per CPU second", flush=True)
    return {"sizes": sizes, "rows": rows}


def _measure_files(scratch: Path, steps: int) -> dict[str, Any]:
    rows: dict[str, list[float]] = {}
    for count in _FILES[:steps]:
        print(f"{count:,} transcripts", flush=True)
        folder = scratch / str(count)
        folder.mkdir()
        for name, value in measure_files(folder, count).items():
            rows.setdefault(name, []).append(value)
        shutil.rmtree(folder)
    return {"sizes": [f"{count:,}" for count in _FILES[:steps]], "rows": rows}


def table_lines(figures: dict[str, Any]) -> Iterator[str]:
    """Give the lines of the tables.

    Args:
        figures: from `measure`.
    """
    for name, part in figures.items():
        sizes = part["sizes"]
        yield ""
        if name == FILES:
            yield "Transcripts that the collector follows:"
            yield ""
            yield f"| | {' | '.join(sizes)} |"
            yield f"| --- |{' --- |' * len(sizes)}"
            for row, values in part["rows"].items():
                yield f"| {row} | {' | '.join(f'{value:,.3g}' for value in values)} |"
            continue
        yield f"{AXES[name].title}:"
        yield ""
        yield f"| route | answer, KB | {' | '.join(sizes)} | growth |"
        yield f"| --- | --- |{' --- |' * len(sizes)} --- |"
        for route, costs in part["rows"].items():
            cells = [f"{cost['cpu']:.3g} ({cost['wall']:.3g})" for cost in costs]
            yield f"| {route} | {_sizes(costs)} | {' | '.join(cells)} | {_growth(costs)} |"


def _sizes(costs: Sequence[dict[str, float]]) -> str:
    least, most = (pick(cost["size"] for cost in costs) for pick in (min, max))
    return f"{most:.2g}" if most - least < 0.1 * most else f"{least:.2g} to {most:.2g}"


def _growth(costs: Sequence[dict[str, float]]) -> str:
    first, last = costs[0]["cpu"], costs[-1]["cpu"]
    if last - first < _SAME_MS or last / first < _SAME_RATIO:
        return "flat"
    return f"{last / first:.2g}"
