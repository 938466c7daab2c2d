"""Who may see, use and remove a result: the one rule for every command, button, menu, modal and option."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Result(Protocol):
    """What the rule asks of a request: a RequestView, a RequestRow or a RelativeView."""

    @property
    def user_id(self) -> int:
        """Whose it is."""
        ...

    @property
    def private(self) -> bool | int:
        """Whether it was for them alone."""
        ...

    @property
    def place_guild_id(self) -> int | None:
        """The server it stands in."""
        ...

    @property
    def channel_id(self) -> int | None:
        """The channel it was asked for in."""
        ...

    @property
    def removed_by(self) -> int | None:
        """Who had its message deleted."""
        ...


class Shown(Result, Protocol):
    """A result that is known well enough to say where it stands: a RequestView or a RelativeView."""

    @property
    def id(self) -> str:
        """The request's."""
        ...

    @property
    def stands_in(self) -> Collection[int]:
        """The channels in which a message shows it."""
        ...


def may_see(result: Result, *, user_id: int, guild_id: int | None, channel_id: int | None = None) -> bool:
    """Tell whether a person may look at a result and make something of it, where they are now.

    Their own they may, wherever they are. Somebody else's only while it stands for all to see in the same server
    (``guild_id``), or, outside of servers, in the same channel. Which channels of a server they may view only Discord
    knows: of whatever is shown to a person ``bot.rights.Viewer`` asks that as well.
    """
    if result.user_id == user_id:
        return True
    if result.user_id < 0:  # somebody who asked to be forgotten
        return False
    if result.private or result.removed_by is not None:
        return False
    if result.place_guild_id is not None:
        return result.place_guild_id == guild_id
    return guild_id is None and channel_id is not None and result.channel_id == channel_id


def may_remove(result: Result, *, user_id: int, guild_id: int | None, moderator: bool) -> bool:
    """Tell whether a person may have a result's message deleted: their own, or as a moderator of its server."""
    if result.user_id == user_id:
        return True
    return moderator and not result.private and result.place_guild_id is not None and result.place_guild_id == guild_id
