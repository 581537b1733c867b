"""Collector and server are killed at random while tools write."""

from __future__ import annotations

import os
import random
import time

import pytest
from fakes.process import COLLECTOR_POINTS
from faults.soak import soak
from faults.world import SERVER_POINTS, World

ROUNDS = 200


def seed():
    """The seed of a run; the environment may repeat one."""
    return int(os.environ.get("LETHE_SEED", random.randrange(2**32)))


def kill_rounds(world, rounds):
    """Kill one or the other, at a named place or at any time."""
    chance = world.chance
    for _ in range(rounds):
        victim = chance.choice(("collector", "server", "both"))
        at_a_place = chance.random() < 0.5
        points = SERVER_POINTS if victim == "server" else COLLECTOR_POINTS
        fail = f"{chance.choice(points)}=kill@{chance.randrange(1, 8)}" if at_a_place else ""
        world.run_server(fail if victim == "server" else "")
        world.run_collector(fail if victim != "server" else "")
        time.sleep(chance.random())  # chance decides when: this is no wait for anything
        world.kill(victim)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.promise("C01", "I01", "P1", "P2", "P3", "P4", "P6", "P11")
def test_c01_i01_two_hundred_kills(tmp_path):
    """After 200 kills of both, at random moments: 0 turns missing, 0 twice, all in order."""
    with World(tmp_path, seed()) as world:
        kill_rounds(world, ROUNDS)

        assert world.settle() > ROUNDS


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("O09", "P1", "P2", "P3", "P4", "P5", "P6", "P10")
def test_o09_a_short_soak(tmp_path):
    """Two minutes of faults of all kinds: the oracle is content, and everything stays small."""
    figures = soak(tmp_path, 2, seed())

    assert figures["turns"] > 500
    assert figures["collector KiB"] < 128 * 1024
    assert figures["server KiB"] < 256 * 1024
    assert figures["server log bytes"] < 64 * 2**20
    assert figures["collector log bytes"] < 16 * 2**20
    assert figures["collector descriptors"] < 64
    assert figures["server descriptors"] < 64
    assert figures["server threads"] < 32
