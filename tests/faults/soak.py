"""A soak: tools write, everything goes wrong at random, and in the end the oracle is asked.

    hatch run soak --minutes 60 --seed 1

It prints the seed, a line each minute, and the figures of the end as JSON. The exit code is 0 if
nothing is missing, twice, invented or out of order.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from fakes.process import COLLECTOR_POINTS
from faults.world import SERVER_POINTS, World

#: How often each fault is chosen.
FAULTS = {
    "kill collector": 4,
    "kill server": 4,
    "kill both": 2,
    "stop collector": 2,
    "stop server": 2,
    "freeze": 2,
    "cut network": 6,
    "lose archive": 1,
    "trouble": 10,
    "nothing": 4,
}


def befall(world):
    """Do one thing to the world."""
    chance = world.chance
    fault = chance.choices(list(FAULTS), list(FAULTS.values()))[0]
    match fault.split():
        case ["kill", what]:
            world.kill(what)
        case ["cut", "network"]:
            world.cut_network()
        case ["lose", "archive"]:
            world.lose_archive()
        case ["stop", "collector"]:
            world.stop_collector()
        case ["stop", "server"]:
            assert world.server.stop() in {0, None, -9}
            world.done["stop server"] += 1
        case ["freeze"]:
            world.freeze(chance.random() * 3)
        case ["trouble"]:
            world.trouble()


def failing(chance, points, actions):
    """Choose a place and what happens there, or nothing."""
    if chance.random() < 0.5:
        return ""
    return f"{chance.choice(points)}={chance.choice(actions)}@{chance.randrange(1, 40)}"


def soak(place, minutes, seed):
    """Run it; return the figures."""
    began = told = time.monotonic()
    with World(place, seed, troubled=3, pause=0.05) as world:
        while time.monotonic() - began < minutes * 60:
            away = world.chance.random() < 0.1  # now and then there is no server for a while
            if not away:
                world.run_server(failing(world.chance, SERVER_POINTS, ("kill", "error", "full")))
            world.run_collector(failing(world.chance, COLLECTOR_POINTS, ("kill", "error", "full")))
            time.sleep(world.chance.random() * 3)
            world.measure()
            befall(world)
            if time.monotonic() - told > 60:
                told = time.monotonic()
                minute = int(told - began) // 60
                print(f"minute {minute}: {dict(world.done)}", flush=True)  # noqa: T201
        turns = world.settle()
        return {"minutes": minutes, "seed": seed, "turns": turns, **world.done, **world.peaks}


def main():
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lethe-soak-") as place:
        figures = soak(Path(place), options.minutes, options.seed)
    print(json.dumps(figures, indent=1))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
