"""Which directories are one project."""

from __future__ import annotations

import pytest

from lethe_server.projects.joining import Workplace, join_workplaces, name_repository
from lethe_server.storage import Figures


@pytest.mark.parametrize(
    "remote",
    [
        "https://git.example/team/garden",
        "https://git.example/team/garden.git",
        "https://user:secret@GIT.example:443/team/garden.git/",
        "ssh://git@git.example:22/team/garden.git",
        "git@git.example:team/garden.git",
        "git.example:team/garden",
        " git://git.example/team/garden.git ",
    ],
)
def test_forms_of_an_address_name_one_repository(remote):
    """However a remote is written, its name is the same, and no credential is in it."""
    assert name_repository(remote) == "git.example/team/garden"


@pytest.mark.parametrize("remote", ["team/garden", "/srv/git/garden", "C:\\git\\garden"])
def test_what_is_no_address_is_the_name(remote):
    """A short name or a path stands for itself."""
    assert name_repository(remote) == remote


def test_an_address_of_the_same_machine_is_a_path():
    """Whether with a protocol or without, a path names one repository."""
    assert name_repository("file:///srv/git/x.git") == name_repository("/srv/git/x") == "/srv/git/x"


def test_a_project_is_named_by_a_directory_that_is_known():
    """A session without a directory does not take the name from those that have one."""
    places = [
        (Workplace("xx/a/r", directory, "alice", "desk", "codex"), Figures(sessions=1), last)
        for directory, last in (("/src/old", 1.0), ("/src/r", 2.0), (None, 3.0))
    ]

    (project,) = join_workplaces(places, "repository")
    (unknown,) = join_workplaces(places[2:], "repository")

    assert project.directory == "/src/r"
    assert unknown.directory is None


def projects(places, join):
    """The directories of each project, and its sessions."""
    found_at = [Workplace(*place[:2], "alice", *place[2:]) for place in places]
    joined = join_workplaces([(place, Figures(sessions=1), 1.0) for place in found_at], join)
    found = [
        ([(where.host, where.path) for where in each.directories], each.figures.sessions)
        for each in joined
    ]
    return sorted(((sorted(where, key=str), count) for where, count in found), key=str)


PLACES = [
    ("git@xx:a/r.git", "/src/r", "desk", "codex"),
    (None, "/src/r", "desk", "claude-code"),
    ("https://xx/a/r", "/home/r", "laptop", "codex"),
    (None, "/src/r", "laptop", "codex"),
    (None, None, "desk", "codex"),
]


def test_directories_of_hosts_are_told_apart():
    """Without joining, each directory of each host is a project."""
    assert projects(PLACES, "none") == [
        ([("desk", "/src/r")], 2),
        ([("desk", None)], 1),
        ([("laptop", "/home/r")], 1),
        ([("laptop", "/src/r")], 1),
    ]


def test_equal_directories_of_hosts_are_joined():
    """By directory, hosts make no difference."""
    assert projects(PLACES, "directory") == [
        ([("desk", "/src/r"), ("laptop", "/src/r")], 3),
        ([("desk", None)], 1),
        ([("laptop", "/home/r")], 1),
    ]


def test_directories_of_a_repository_are_joined():
    """Sessions that tell no remote go with their directory; if none does, it stands alone."""
    assert projects(PLACES, "repository") == [
        ([("desk", "/src/r"), ("laptop", "/home/r")], 3),
        ([("desk", None)], 1),
        ([("laptop", "/src/r")], 1),
    ]
