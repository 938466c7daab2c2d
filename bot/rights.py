"""What whoever presses may see and do where they are, and what the bot lacks in a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import discord

from bot.client import CannotDo, Interaction
from bot.generations.access import Shown, may_see
from bot.generations.values import RequestView

FOR_OPERATORS = "for_operators"
"""In the extras of a command that is there for operators alone."""
NO_LONGER_KEPT = (
    "I keep nothing of this picture any more: its time was over, or its maker asked me to forget it. "
    "To go on from it, attach it to a new /imagine."
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and where: the one place that knows which pictures somebody may see, by the rows and by Discord.

    ``member`` is None outside of servers. ``message`` is the one on which they press, as Discord gives it.
    """

    user_id: int
    guild_id: int | None
    channel_id: int | None = None
    member: discord.Member | None = None
    message: discord.Message | None = None

    @classmethod
    def of(cls, interaction: Interaction) -> Self:
        """Return who presses."""
        member = interaction.user if isinstance(interaction.user, discord.Member) else None
        return cls(interaction.user.id, interaction.guild_id, interaction.channel_id, member, interaction.message)

    def sees(self, result: Shown) -> bool:
        """Tell whether they may look at a result and make something of it.

        Somebody else's of a server only where they may view a channel in which it stands, or press on a message that
        shows it: its owner may have posted it in another channel since.
        """
        if not may_see(result, user_id=self.user_id, guild_id=self.guild_id, channel_id=self.channel_id):
            return False
        if result.user_id == self.user_id or result.place_guild_id is None:
            return True
        return any(self._views(channel_id) for channel_id in result.stands_in) or self._has_before_them(result)

    def _views(self, channel_id: int) -> bool:
        if channel_id == self.channel_id:
            return True
        if self.member is None:
            return False
        # A channel that the cache does not have may be anybody's: an archived private thread is one.
        channel = self.member.guild.get_channel_or_thread(channel_id)
        if channel is None or (isinstance(channel, discord.Thread) and channel.parent is None):
            return False
        may = channel.permissions_for(self.member)
        if isinstance(channel, discord.Thread) and channel.is_private():
            invited = any(member.id == self.user_id for member in channel.members)
            return may.view_channel and (invited or may.manage_threads)
        return may.view_channel

    def _has_before_them(self, result: Shown) -> bool:
        # Only our own messages have buttons of ours, and their files are named after what they show.
        message = self.message
        if message is None or message.flags.ephemeral:
            return False
        return any(f"nano-banana-{result.id[-6:]}-" in attached.filename for attached in message.attachments)


def may_moderate(interaction: Interaction, channel_id: int | None) -> bool:
    """Tell whether whoever presses may manage messages in a channel of this server, or manages it as a whole."""
    if interaction.guild_id is None:
        return False
    if moderates_server(interaction):
        return True
    if channel_id == interaction.channel_id:
        return interaction.permissions.manage_messages
    guild, member = interaction.guild, interaction.user
    channel = guild.get_channel_or_thread(channel_id) if guild is not None and channel_id is not None else None
    if channel is None or not isinstance(member, discord.Member):
        return False
    if isinstance(channel, discord.Thread) and channel.parent is None:
        return False
    return channel.permissions_for(member).manage_messages


def moderates_server(interaction: Interaction) -> bool:
    """Tell whether whoever presses may manage messages in the whole server, or the server itself."""
    member = interaction.user
    if not isinstance(member, discord.Member):
        return False
    # By the roles: what an interaction brings holds in its channel, whose own settings may give more.
    given = member.guild_permissions
    return given.manage_messages or given.manage_guild


def seen_here(view: RequestView | None, interaction: Interaction) -> RequestView:
    """Return ``view`` when whoever presses may see it here; else raise CannotDo."""
    allowed = view is not None and Viewer.of(interaction).sees(view)
    if view is not None and view.forgotten and (allowed or not view.private):
        raise CannotDo(user_message=NO_LONGER_KEPT)
    if view is None or not allowed:
        raise CannotDo(user_message="This picture is not here for you.")
    return view


def lacking_in(channel: discord.abc.GuildChannel | discord.Thread | None) -> list[str]:
    """Return what the bot lacks to post pictures in a channel, in Discord's words; ["gone"] when it is not there."""
    if channel is None or isinstance(channel, discord.Thread):
        return ["gone"]
    have = channel.permissions_for(channel.guild.me)
    needed = {
        "View Channel": have.view_channel,
        "Send Messages": have.send_messages,
        "Attach Files": have.attach_files,
        "Read Message History": have.read_message_history,
    }
    return [name for name, given in needed.items() if not given]


def managed(interaction: Interaction) -> discord.Guild:
    """Return the server, for those who manage it; an admin may have opened a command to others. Raises CannotDo."""
    if interaction.guild is None or not interaction.permissions.manage_guild:
        raise CannotDo(user_message="Only those who manage this server can do that.")
    return interaction.guild


def may_ban(interaction: Interaction) -> discord.Guild:
    """Return the server, for those who may time its members out or manage it. Raises CannotDo."""
    given = interaction.permissions
    if interaction.guild is None or not (given.moderate_members or given.manage_guild):
        raise CannotDo(user_message="Only those who may time members out, or manage this server, can do that.")
    return interaction.guild


def is_operator(interaction: Interaction) -> bool:
    """Tell whether whoever asks runs the bot, and may see the numbers of its account."""
    return interaction.user.id in interaction.client.services.settings.operator_ids


def check_operator(interaction: Interaction) -> None:
    """Raise CannotDo for whoever does not run the bot, whatever they may do in this server."""
    if not is_operator(interaction):
        raise CannotDo(user_message="Only who runs this bot can do that.")
