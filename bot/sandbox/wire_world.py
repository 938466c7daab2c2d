"""The world that people live in: servers, channels, members, and what is taken away from the bot."""

from __future__ import annotations

from typing import Any, Final

import discord
from simcord.backend.models import Overwrite
from simcord.enums import ChannelType, OverwriteType

from bot.clock import Clock
from bot.sandbox.discord_commands import set_command_permissions
from bot.sandbox.wire_backend import WireBackend
from bot.sandbox.wire_books import WireBooks
from bot.sandbox.wire_rules import WireRules

CHANNEL_KINDS: Final = {"text": ChannelType.TEXT, "news": ChannelType.NEWS, "forum": ChannelType.FORUM}

_LONG_AGO = "2020-01-01T00:00:00+00:00"
"""When the bot joined the servers that it is in from the beginning."""


class World:
    """Builds and breaks; ids are Discord's."""

    def __init__(self, *, backend: WireBackend, books: WireBooks, clock: Clock, rules: WireRules) -> None:
        self._backend = backend
        self._books = books
        self._clock = clock
        self._rules = rules

    # ------------------------------------------------------------------ building

    def add_guild(self, name: str = "Studio", *, premium_tier: int = 0, bot: bool = True) -> int:
        """Make a server and return its id; ``premium_tier`` 0 to 3 sets what a file may weigh.

        Without ``bot`` it has no bot in it: only people who installed the app for themselves can use it there.
        """
        if bot:
            guild_id = self._backend.create_guild(name).id
            self._backend.get_member(guild_id, self._backend.bot_user.id).joined_at = _LONG_AGO
        else:
            with self._backend.silence():
                guild_id = self._backend.create_guild(name).id
            self._backend.get_guild(guild_id).members.pop(self._backend.bot_user.id)
        self._backend.get_guild(guild_id).everyone_role.permissions |= discord.Permissions.use_external_apps.flag
        if premium_tier:
            self.set_premium_tier(guild_id, premium_tier)
        return guild_id

    def set_premium_tier(self, guild_id: int, premium_tier: int) -> None:
        """Boost a server, or let its boosts end."""
        self._backend.tiers[guild_id] = premium_tier
        self._backend.edit_guild(guild_id, {})

    def add_channel(self, guild_id: int, name: str = "pictures", *, kind: str = "text") -> int:
        """Make a channel and return its id; ``kind`` is text, news or forum."""
        if kind not in CHANNEL_KINDS:
            raise ValueError(f"kind is one of {', '.join(CHANNEL_KINDS)}")
        return self._backend.create_channel(guild_id, name, type=CHANNEL_KINDS[kind]).id

    def add_thread(self, user_id: int, channel_id: int, name: str = "more") -> int:
        """Let somebody open a public thread in a channel, and return its id."""
        return self._backend.create_thread(channel_id, name, user_id).id

    def add_person(self, name: str, *, bot: bool = False) -> int:
        """Make a person who is in no server yet, or another bot, and return the id."""
        return self._backend.make_user(name, bot=bot).id

    def add_member(
        self, guild_id: int, name: str, *, administrator: bool = False, bot: bool = False, user_id: int | None = None
    ) -> int:
        """Let a new person (or another bot, or ``user_id``) join and return the id."""
        user_id = self.add_person(name, bot=bot) if user_id is None else user_id
        roles = []
        if administrator:
            everything = discord.Permissions(administrator=True).value
            roles = [self._backend.create_role(guild_id, f"{name}'s", permissions=everything).id]
        self._backend.add_member(guild_id, user_id, roles=roles, announce=True)
        return user_id

    def direct_channel(self, user_id: int) -> int:
        """Return the channel of a person's direct messages with the bot."""
        return self._backend.get_dm_channel(user_id).id

    def private_channel(self, user_ids: list[int]) -> int:
        """Make a channel between two people (or a group of more), where the bot is not, and return its id."""
        if len(user_ids) < 2:
            raise ValueError("a private channel is of two people at least")
        return self._backend.add_private_channel(user_ids).id

    def install_for(self, user_id: int, *, installed: bool = True) -> None:
        """Let a person install the app for their own account, or remove it again."""
        (self._backend.installed.add if installed else self._backend.installed.discard)(user_id)

    # ------------------------------------------------------------------ trouble

    def expire_token(self, interaction_id: int) -> None:
        """Let an interaction's token be dead from now on, as is seen at times."""
        self._books.interactions[interaction_id].token_expires_ms = 0

    def delete_message(self, message_id: int) -> None:
        """Delete a message, as a moderator does."""
        self._backend.delete_message(self._books.messages[message_id].channel_id, message_id)

    def delete_channel(self, channel_id: int) -> None:
        """Delete a channel with everything in it."""
        self._backend.delete_channel(channel_id)

    def remove_bot(self, guild_id: int) -> None:
        """Throw the bot out of a server."""
        guild = self._backend.get_guild(guild_id)
        guild.members.pop(self._backend.bot_user.id)
        self._backend.emit("GUILD_DELETE", {"id": str(guild_id)})

    def add_bot(self, guild_id: int) -> None:
        """Let the bot into a server, now."""
        roles = [role.id for role in self._backend.get_guild(guild_id).roles.values() if role.managed]
        self._backend.add_member(guild_id, self._backend.bot_user.id, roles=roles)
        # Of a server that it has just joined Discord does not say whether it is available; by that clients know it.
        joined = {name: value for name, value in self._backend.guild_payload(guild_id).items() if name != "unavailable"}
        self._backend.emit("GUILD_CREATE", joined)

    def set_permissions(
        self,
        channel_id: int,
        *,
        allow: list[str] | None = None,
        deny: list[str] | None = None,
        user_id: int | None = None,
    ) -> None:
        """Set what the bot, or ``user_id``, is allowed and denied in a channel, by discord.py's names."""
        allowed = discord.Permissions(**dict.fromkeys(allow or [], True)).value
        denied = discord.Permissions(**dict.fromkeys(deny or [], True)).value
        target = self._backend.bot_user.id if user_id is None else user_id
        self._backend.set_overwrite(channel_id, Overwrite(target, OverwriteType.MEMBER, allowed, denied))

    def set_command_permissions(
        self,
        guild_id: int,
        command: str | None = None,
        *,
        roles: dict[int, bool] | None = None,
        people: dict[int, bool] | None = None,
        channels: dict[int, bool] | None = None,
    ) -> None:
        """Set who may use a command, or without one the whole app, as admins do under Integrations.

        A server's own id as a role is everyone; its id less one as a channel is all channels.
        """
        given = {"role": roles, "person": people, "channel": channels}
        lines = {(kind, one): allowed for kind, found in given.items() for one, allowed in (found or {}).items()}
        set_command_permissions(self._backend, guild_id, command, lines)

    def close_direct_messages(self, user_id: int, *, closed: bool = True) -> None:
        """Let a person take no direct messages from the bot."""
        (self._backend.closed_to_bot.add if closed else self._backend.closed_to_bot.discard)(user_id)

    # ------------------------------------------------------------------ below

    def _visible(self, user_id: int, message_id: int) -> Any:
        message = self._backend.get_message(self._books.messages[message_id].channel_id, message_id)
        if not message.visible_to(user_id) or not self._backend.sees(user_id, message.channel_id):
            raise ValueError("this person does not see that message")
        return message
