"""Feed: wakes those who follow when something was stored.

Nothing that changed passes through here: whoever is woken reads it from the log of changes, at
their own pace. So there is no queue that could grow or overflow, and who is slow delays nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from lethe_server.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Streams of one user, and of all together.
MAX_USER_STREAMS: Final = 16
MAX_STREAMS: Final = 96


class Follower:
    """One stream.

    Args:
        user: who follows.
        owner: whose changes; everybody's if `None`.
    """

    def __init__(self, user: str, owner: str | None) -> None:
        self.user = user
        self.owner = owner
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """End the wait that goes on, or the next one."""
        self._woken.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until something was stored.

        Args:
            seconds: at most.

        Returns:
            Whether something was.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True


class Feed:
    """All streams.

    Attributes:
        closed: whether the server stops; streams end then.
    """

    def __init__(self) -> None:
        self._followers: set[Follower] = set()
        self.closed = False

    @contextlib.contextmanager
    def follower(self, user: str, owner: str | None) -> Iterator[Follower]:
        """Add a stream for as long as it lasts.

        Args:
            user: who follows.
            owner: whose changes; everybody's if `None`.

        Raises:
            Overloaded: there are too many, or the server stops.
        """
        own = sum(follower.user == user for follower in self._followers)
        if self.closed or own >= MAX_USER_STREAMS or len(self._followers) >= MAX_STREAMS:
            raise Overloaded("too many streams of events are open")
        follower = Follower(user, owner)
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def notify(self, owner: str) -> None:
        """Wake all who follow an owner.

        Args:
            owner: for whom something was stored.
        """
        for follower in self._followers:
            if follower.owner in (owner, None):
                follower.wake()

    def close(self) -> None:
        """End all streams."""
        self.closed = True
        for follower in self._followers:
            follower.wake()
