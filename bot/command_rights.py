"""Who may paint where, as a server's admins have set it: for mentions and buttons, which Discord lets everyone use.

Discord checks commands by itself. What it goes by is in Server Settings, Integrations, and can be read by the bot's own
token; so a mention, a button or a form does nothing that /imagine would refuse there.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import discord
import structlog

from bot.generations.refusals import MayNotPaintHere, RightsUnknown

log = structlog.get_logger(__name__)

COMMAND: Final = "imagine"
FRESH_S: Final = 3600.0
"""The gateway tells of every change; this is for the ones that were missed."""
RETRY_S: Final = 60.0
PATIENCE_S: Final = 10.0
KEPT_SERVERS: Final = 1000
_ROLE, _PERSON, _CHANNEL = 1, 2, 3
_UNHEARD: Final = (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who wants to paint in a channel of a server, and what is known of them there.

    ``channel_id`` of a thread is its channel's. ``at_s`` is when they want to.
    """

    user_id: int
    guild_id: int
    channel_id: int
    role_ids: Collection[int]
    permissions: discord.Permissions
    at_s: float


@dataclass(frozen=True, slots=True)
class Overwrite:
    """One line of what the admins have set: for a role, a person or a channel."""

    id: int
    kind: int
    allowed: bool


@dataclass(frozen=True, slots=True)
class Overwrites:
    """What a server has set for the one command, and for all commands of the app."""

    command: tuple[Overwrite, ...] = ()
    app: tuple[Overwrite, ...] = ()

    def allow(self, person: Person) -> bool:
        """Tell whether somebody may use the command there, by Discord's own rules.

        The channel is looked at first, then the person, their roles (one that allows is enough), and everyone. What is
        set for the command goes before what is set for the app.
        """
        channel = _first(
            _said(lines, _CHANNEL, {place_id})
            for place_id, lines in (
                (person.channel_id, self.command),
                (person.guild_id - 1, self.command),  # Discord's name for all channels
                (person.channel_id, self.app),
                (person.guild_id - 1, self.app),
            )
        )
        if channel is False:
            return False
        theirs = _first(_of_person(lines, person) for lines in (self.command, self.app))
        return theirs is not False


class CommandRights:
    """Reads what servers have set, seldom, and remembers it for some of them."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._command_id: int | None = None
        self._known: OrderedDict[int, tuple[float, Overwrites]] = OrderedDict()
        self._failed: OrderedDict[int, float] = OrderedDict()
        self._asking: dict[int, asyncio.Task[Overwrites]] = {}
        self._all: tuple[MutableMapping[int, Any], ...] = (self._known, self._failed, self._asking)

    def forget(self, guild_id: int) -> None:
        """Read a server's settings anew next time: they were changed."""
        for kept in self._all:
            kept.pop(guild_id, None)

    def forget_all(self) -> None:
        """Read all anew: changes may have been missed."""
        for kept in self._all:
            kept.clear()

    async def check(self, person: Person) -> None:
        """Raise MayNotPaintHere where Discord would refuse /imagine, RightsUnknown where that can't be told."""
        if person.permissions.administrator:
            return
        if not person.permissions.use_application_commands:
            raise MayNotPaintHere
        overwrites = await self._of(person.guild_id, person.at_s)
        if not overwrites.allow(person):
            raise MayNotPaintHere

    async def _of(self, guild_id: int, now_s: float) -> Overwrites:
        read_at_s, known = self._known.get(guild_id, (None, None))
        if known is not None and read_at_s is not None and now_s - read_at_s < FRESH_S:
            return known
        if now_s - self._failed.get(guild_id, -RETRY_S) >= RETRY_S:
            try:
                return await self._read(guild_id, now_s)
            except _UNHEARD as error:
                log.warning("command_rights.not_read", guild_id=guild_id, error=str(error)[:200])
                _keep(self._failed, guild_id, now_s)
        if known is None:
            raise RightsUnknown
        return known  # what held an hour ago most likely still does, or the gateway would have said so

    async def _read(self, guild_id: int, now_s: float) -> Overwrites:
        """Read a server's settings; whoever wants them meanwhile waits for the same answer."""
        asking = self._asking.get(guild_id)
        if asking is None:
            asking = self._asking[guild_id] = asyncio.ensure_future(self._ask(guild_id))
            asking.add_done_callback(lambda done: self._answered(guild_id, now_s, done))
        return await asyncio.shield(asking)

    def _answered(self, guild_id: int, now_s: float, done: asyncio.Task[Overwrites]) -> None:
        if self._asking.get(guild_id) is not done:
            return  # they were changed while this answer was on its way
        del self._asking[guild_id]
        if not done.cancelled() and done.exception() is None:
            _keep(self._known, guild_id, (now_s, done.result()))

    async def _ask(self, guild_id: int) -> Overwrites:
        async with asyncio.timeout(PATIENCE_S):
            application_id = self._client.application_id or 0
            if self._command_id is None:
                registered = await self._client.http.get_global_commands(application_id)
                chat_input = discord.AppCommandType.chat_input.value
                ours = (
                    found for found in registered if found["name"] == COMMAND and found.get("type", 1) == chat_input
                )
                self._command_id = next((int(found["id"]) for found in ours), None)
                if self._command_id is None:
                    return Overwrites()  # not registered yet: there is nothing to set
            try:
                found = await self._client.http.get_guild_application_command_permissions(application_id, guild_id)
            except (discord.Forbidden, discord.NotFound):
                return Overwrites()  # without commands in that server there is nothing to set
        by_id = {int(item["id"]): _lines(item["permissions"]) for item in found}
        return Overwrites(by_id.get(self._command_id, ()), by_id.get(application_id, ()))


def _lines(given: Sequence[Any]) -> tuple[Overwrite, ...]:
    return tuple(Overwrite(int(line["id"]), int(line["type"]), bool(line["permission"])) for line in given)


def _of_person(lines: Sequence[Overwrite], person: Person) -> bool | None:
    own = {role_id for role_id in person.role_ids if role_id != person.guild_id}
    roles = [line.allowed for line in lines if line.kind == _ROLE and line.id in own]
    return _first(
        (
            _said(lines, _PERSON, {person.user_id}),
            any(roles) if roles else None,
            _said(lines, _ROLE, {person.guild_id}),  # everyone
        )
    )


def _said(lines: Sequence[Overwrite], kind: int, ids: Collection[int]) -> bool | None:
    found = [line.allowed for line in lines if line.kind == kind and line.id in ids]
    return all(found) if found else None


def _first(said: Iterable[bool | None]) -> bool | None:
    return next((one for one in said if one is not None), None)


def _keep(kept: OrderedDict[int, Any], guild_id: int, value: Any) -> None:
    kept[guild_id] = value
    kept.move_to_end(guild_id)
    while len(kept) > KEPT_SERVERS:
        kept.popitem(last=False)
