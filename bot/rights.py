"""What whoever presses may do where they are, and what the bot lacks in a channel."""

from __future__ import annotations

import discord

from bot.client import CannotDo, Interaction
from bot.generations.access import may_see
from bot.generations.values import RequestView

FOR_OPERATORS = "for_operators"
"""In the extras of a command that is there for operators alone."""
NO_LONGER_KEPT = (
    "I keep nothing of this picture any more: its time was over, or its maker asked me to forget it. "
    "To go on from it, attach it to a new /imagine."
)


def may_moderate(interaction: Interaction, channel_id: int | None) -> bool:
    """Tell whether whoever presses may manage messages in a channel of this server."""
    if interaction.guild_id is None:
        return False
    if channel_id == interaction.channel_id:
        return interaction.permissions.manage_messages
    guild, member = interaction.guild, interaction.user
    channel = guild.get_channel_or_thread(channel_id) if guild is not None and channel_id is not None else None
    if channel is None or not isinstance(member, discord.Member):
        return False
    return channel.permissions_for(member).manage_messages


def seen_here(view: RequestView | None, interaction: Interaction) -> RequestView:
    """Return ``view`` when whoever presses may see it here; else raise CannotDo."""
    allowed = view is not None and may_see(
        view, user_id=interaction.user.id, guild_id=interaction.guild_id, channel_id=interaction.channel_id
    )
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
