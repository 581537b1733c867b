"""Trees of sessions, whatever they say of their parents."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lethe_server.related.trees import make_tree
from lethe_server.storage.relatives import Link

names = st.sampled_from("abcdef")
linked = st.lists(
    st.tuples(st.sampled_from(["h", "i"]), names, st.one_of(st.none(), names), st.integers(0, 3)),
    min_size=1,
    max_size=12,
    unique_by=lambda each: each[:2],
)


def links_of(drawn):
    """Sessions with numbers."""
    return [Link(number, *each) for number, each in enumerate(drawn, 1)]


@given(linked, st.data())
def test_each_session_stands_once_behind_its_parent(drawn, data):
    """Whatever the parents, the tree is one, and it is the same for each session in it."""
    links = links_of(drawn)
    asked = data.draw(st.sampled_from(links)).id

    tree = make_tree(links, asked)

    sessions = [node.session for node in tree.nodes if node.session]
    assert asked in sessions
    assert len(sessions) == len(set(sessions))
    assert tree.nodes[0].parent is None
    for index, node in enumerate(tree.nodes[1:], 1):
        parent = tree.nodes[node.parent]
        assert node.parent < index
        assert index in parent.children
        assert node.depth == parent.depth + 1
        assert links[node.session - 1].parent == parent.name
    for other in sessions:
        assert make_tree(links, other) == tree


@given(linked, st.randoms())
def test_order_of_the_links_changes_nothing(drawn, chance):
    """The tree does not depend on the order in which sessions arrived."""
    shuffled = list(links_of(drawn))
    chance.shuffle(shuffled)
    renumbered = [link._replace(id=number) for number, link in enumerate(shuffled, 1)]
    place = {(link.host, link.session_id): link.id for link in renumbered}

    for link in links_of(drawn):
        tree = make_tree(links_of(drawn), link.id)
        same = make_tree(renumbered, place[link.host, link.session_id])
        assert [node.name for node in tree.nodes] == [node.name for node in same.nodes]
        assert [node.depth for node in tree.nodes] == [node.depth for node in same.nodes]


def test_parent_is_sought_on_the_same_host_first():
    """A session of the parent's name on another host is the parent only where there is no other."""
    links = [
        Link(1, "desk", "p", None, 0.0),
        Link(2, "laptop", "p", None, 0.0),
        Link(3, "laptop", "a", "p", 1.0),
        Link(4, "phone", "b", "p", 1.0),
    ]

    assert [node.session for node in make_tree(links, 3).nodes] == [2, 3]
    assert [node.session for node in make_tree(links, 4).nodes] == [1, 4]


def test_circle_is_cut_at_the_session_that_began_first():
    """Parents that form a circle are told, and every session stands in the tree."""
    links = [
        Link(1, "h", "a", "c", 3.0),
        Link(2, "h", "b", "a", 1.0),
        Link(3, "h", "c", "b", 2.0),
        Link(4, "h", "d", "c", 4.0),
        Link(5, "h", "e", "e", 5.0),
    ]

    assert make_tree(links, 4).cycle
    assert [node.session for node in make_tree(links, 4).nodes] == [2, 3, 1, 4]
    assert not make_tree(links, 5).cycle


def test_missing_parent_gathers_those_that_name_it():
    """What is not archived yet is a node without a session."""
    links = [Link(1, "h", "a", "gone", 1.0), Link(2, "i", "b", "gone", 0.0)]

    nodes = make_tree(links, 1).nodes

    assert [(node.name, node.session, node.depth) for node in nodes] == [
        ("gone", None, 0),
        ("b", 2, 1),
        ("a", 1, 1),
    ]


def test_long_chain_is_no_trouble():
    """A session that was continued thousands of times has its tree."""
    count = 5000
    links = [Link(n, "h", f"s{n}", f"s{n - 1}" if n > 1 else None, n) for n in range(1, count + 1)]

    nodes = make_tree(links, count).nodes

    assert [node.depth for node in nodes] == list(range(count))
