"""Where a request comes from: who asks, in which place, and what the bot may do there."""

from __future__ import annotations

import discord

from bot.client import Interaction
from bot.command_rights import Person
from bot.credits.quota_rules import Spender
from bot.generations.states import SourceKind
from bot.generations.values import Origin, Place, Standing

TOKEN_LIFE_MS = 15 * 60 * 1000


def origin_of(interaction: Interaction, *, draft_id: str | None = None) -> Origin:
    """Read where a request comes from, and what the bot may do there."""
    created_ms = int(interaction.created_at.timestamp() * 1000)
    place = place_of(interaction)
    missing = missing_in(interaction.app_permissions, interaction.channel) if place is Place.SERVER else ()
    return Origin(
        source_kind=SourceKind.INTERACTION,
        source_id=str(interaction.id),
        user_id=interaction.user.id,
        guild_id=payer_guild_id(interaction),
        channel_id=interaction.channel_id or 0,
        application_id=interaction.application_id,
        interaction_token=interaction.token,
        token_expires_at_ms=created_ms + TOKEN_LIFE_MS,
        upload_limit_bytes=interaction.filesize_limit,
        locale=str(interaction.locale),
        missing_permissions=missing,
        place=place,
        place_guild_id=interaction.guild_id,
        draft_id=draft_id,
        standing=_standing(interaction.user),
        parent_channel_id=parent_of(interaction.channel),
        age_restricted=is_age_restricted(interaction.channel),
    )


def spender_of(person: discord.abc.User, guild_id: int, channel: object) -> Spender:
    """Return a member as the one who spends in a channel of a server; of strangers neither roles nor time are known."""
    standing = _standing(person)
    channel_id = channel.id if isinstance(channel, discord.abc.Snowflake) else None
    return Spender(person.id, guild_id, standing.role_ids, standing.joined_at_ms, parent_of(channel) or channel_id)


def place_of(interaction: Interaction) -> Place:
    """Tell what kind of place an interaction comes from.

    In a server where somebody only brought the app along the bot is no member, whatever its name: there Discord says
    that no server installed it.
    """
    if interaction.guild_id is not None:
        member = interaction.is_guild_integration() or interaction.client.get_guild(interaction.guild_id) is not None
        return Place.SERVER if member else Place.OUTSIDE
    return Place.OUTSIDE if interaction.context.private_channel else Place.DIRECT


def payer_guild_id(interaction: Interaction) -> int | None:
    """Return the server whose allowance pays for what is asked for here; None: the person's own."""
    return interaction.guild_id if place_of(interaction) is Place.SERVER else None


def origin_of_message(message: discord.Message, application_id: int) -> Origin:
    """Read where a message that asks comes from."""
    guild = message.guild
    limit_bytes = guild.filesize_limit if guild is not None else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
    missing: tuple[str, ...] = ()
    if guild is not None and not isinstance(message.channel, discord.PartialMessageable):
        missing = missing_in(message.channel.permissions_for(guild.me), message.channel)
    return Origin(
        source_kind=SourceKind.MESSAGE,
        source_id=str(message.id),
        user_id=message.author.id,
        guild_id=guild.id if guild is not None else None,
        channel_id=message.channel.id,
        application_id=application_id,
        interaction_token=None,
        token_expires_at_ms=int(message.created_at.timestamp() * 1000),
        upload_limit_bytes=limit_bytes,
        missing_permissions=missing,
        place=Place.SERVER if guild is not None else Place.DIRECT,
        place_guild_id=guild.id if guild is not None else None,
        standing=_standing(message.author),
        parent_channel_id=parent_of(message.channel),
        age_restricted=is_age_restricted(message.channel),
    )


def person_of(interaction: Interaction) -> Person | None:
    """Return who asks, where Discord has not checked yet whether they may: a command it has."""
    member = interaction.user
    checked = interaction.type is discord.InteractionType.application_command
    if checked or interaction.guild_id is None or not isinstance(member, discord.Member):
        return None
    return Person(
        user_id=member.id,
        guild_id=interaction.guild_id,
        channel_id=parent_of(interaction.channel) or interaction.channel_id or 0,
        role_ids=frozenset(member._roles),
        permissions=interaction.permissions,
        at_s=interaction.created_at.timestamp(),
    )


def author_of(message: discord.Message) -> Person | None:
    """Return who wrote a message in a server."""
    member, channel = message.author, message.channel
    if message.guild is None or not isinstance(member, discord.Member):
        return None
    # Of a channel that the cache does not have only what is set for the person can be looked at.
    unknown = isinstance(channel, discord.PartialMessageable)
    return Person(
        user_id=member.id,
        guild_id=message.guild.id,
        channel_id=parent_of(channel) or channel.id,
        role_ids=frozenset(member._roles),
        permissions=discord.Permissions(use_application_commands=True) if unknown else channel.permissions_for(member),
        at_s=message.created_at.timestamp(),
    )


def _standing(person: discord.abc.User) -> Standing:
    if not isinstance(person, discord.Member):
        return Standing()
    return Standing(
        # The ids that came with the event: `roles` leaves out those that are not in the cache.
        role_ids=frozenset(person._roles),
        joined_at_ms=int(person.joined_at.timestamp() * 1000) if person.joined_at is not None else None,
        # An interaction brings the permissions that hold in its channel; without it they are worked out from the roles.
        manages=(person.resolved_permissions or person.guild_permissions).manage_guild,
    )


def parent_of(channel: object) -> int | None:
    """Return the channel that a thread belongs to; None for all else."""
    return channel.parent_id if isinstance(channel, discord.Thread) else None


def is_age_restricted(channel: object) -> bool:
    """Tell whether Discord shows a channel to adults only; a thread is as its channel."""
    if isinstance(channel, discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread):
        return channel.is_nsfw()
    return False


def missing_in(have: discord.Permissions, channel: object) -> tuple[str, ...]:
    """Return, in Discord's words, which permissions for posting a result ``have`` lacks."""
    thread = isinstance(channel, discord.Thread)
    needed = {
        "View Channel": have.view_channel,
        "Send Messages in Threads" if thread else "Send Messages": (
            have.send_messages_in_threads if thread else have.send_messages
        ),
        "Attach Files": have.attach_files,
    }
    return tuple(name for name, given in needed.items() if not given)
