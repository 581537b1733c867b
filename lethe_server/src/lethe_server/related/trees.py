"""The tree of a session: what it came from, and what came from it.

A session names its parent by the tool's own identity. The parent is the session of that name on the
same host; if there is none, the one on another host, the first by name. A parent that is not
archived (yet) is a node without a session, under which all that name it stand together. Where
parents form a circle, the circle is cut at the session that began first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lethe_server.storage.relatives import Link


@dataclass(slots=True)
class Node:
    """A session in the tree.

    Args:
        name: the tool's own identity.
        session: the number; `None` if it is not archived.
        parent: index of the parent in the list; `None` for the root.
        depth: how many parents there are.
        children: indexes of the children.
    """

    name: str
    session: int | None
    parent: int | None
    depth: int
    children: list[int] = field(default_factory=list)


class Tree(NamedTuple):
    """The tree, in order: each node comes before its children.

    Args:
        nodes: the root first.
        cycle: whether a circle was cut.
    """

    nodes: list[Node]
    cycle: bool


def make_tree(links: Iterable[Link], session: int) -> Tree:
    """Make the tree that a session stands in.

    Args:
        links: of all sessions that may belong to it.
        session: by number; one of them.
    """
    known = {link.id: link for link in links}
    parents = dict(_parents(known.values()))
    root, cycle = _find_root(known, parents, session)
    if cycle:
        del parents[root]
    children: dict[int | str, list[int]] = {}
    for link in sorted(known.values(), key=lambda link: link.age):
        if link.id in parents:
            children.setdefault(parents[link.id], []).append(link.id)
    top = parents.get(root)
    begin: int | str = root if top is None else top
    nodes: list[Node] = []
    waiting: list[tuple[int | str, int | None]] = [(begin, None)]
    while waiting:
        each, parent = waiting.pop()
        index = len(nodes)
        depth = 0
        if parent is not None:
            depth = nodes[parent].depth + 1
            nodes[parent].children.append(index)
        if isinstance(each, str):
            nodes.append(Node(each, None, parent, depth))
        else:
            nodes.append(Node(known[each].session_id, each, parent, depth))
        waiting += ((child, index) for child in reversed(children.get(each, [])))
    return Tree(nodes, cycle)


def _parents(links: Iterable[Link]) -> Iterator[tuple[int, int | str]]:
    """Give the parent of each session that has one: its number, or its name if it is missing."""
    links = list(links)
    named: dict[str, list[Link]] = {}
    for link in sorted(links, key=lambda link: link.host):
        named.setdefault(link.session_id, []).append(link)
    for link in links:
        if link.parent is None or link.parent == link.session_id:
            continue
        candidates = named.get(link.parent)
        if not candidates:
            yield link.id, link.parent
            continue
        here = [other for other in candidates if other.host == link.host]
        yield link.id, (here or candidates)[0].id


def _find_root(
    known: dict[int, Link], parents: dict[int, int | str], session: int
) -> tuple[int, bool]:
    """Go up from a session, and tell whether that leads into a circle."""
    way = [session]
    seen = {session}
    while isinstance(parent := parents.get(way[-1]), int):
        if parent in seen:
            circle = way[way.index(parent) :]
            return min(circle, key=lambda number: known[number].age), True
        way.append(parent)
        seen.add(parent)
    return way[-1], False
