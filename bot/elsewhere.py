"""The same request in another channel: where a server's rules send whoever asked in the wrong one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

import discord

from bot.asks import NOBODY, REPLY_TIMEOUT_S, PostedAsk
from bot.client import CannotDo, Interaction, say, taken_up
from bot.command_rights import Person
from bot.generations.house_rules import HouseRules
from bot.generations.states import SourceKind
from bot.generations.values import Origin
from bot.origins import is_age_restricted, missing_in, origin_of, parent_of
from bot.ui import ids
from bot.ui.card import Card, signed

MOST_OFFERED: Final = 2


def channels_for(
    member: discord.Member, origin: Origin, rules: HouseRules, *, in_public: bool
) -> list[discord.TextChannel]:
    """Return the first channels in which a server's rules, its permissions and ours let ``member`` ask instead.

    ``in_public``: others read their names, too, so that only channels which everyone may view are named.
    """
    guild = member.guild
    if rules.channels:
        named = [guild.get_channel(channel_id) for channel_id in rules.channels]
    else:
        named = list(guild.text_channels) if rules.age_restricted_only else []
    found = [
        channel
        for channel in named
        if isinstance(channel, discord.TextChannel)
        and channel.id != origin.channel_id
        and (is_age_restricted(channel) or not rules.age_restricted_only)
        and _may_write(member, channel)
        and (not in_public or channel.permissions_for(guild.default_role).view_channel)
        and not missing_in(channel.permissions_for(guild.me), channel)
    ]
    return found[:MOST_OFFERED]


def channel_of(interaction: Interaction, channel_id: int) -> discord.TextChannel:
    """Return the channel that an offer names; raises CannotDo when it is gone, or not this person's to write in."""
    member, guild = interaction.user, interaction.guild
    channel = guild.get_channel(channel_id) if guild is not None else None
    if not isinstance(channel, discord.TextChannel) or not isinstance(member, discord.Member):
        raise CannotDo(user_message="That channel is gone; nothing was charged. Please ask again.")
    if not _may_write(member, channel):
        raise CannotDo(user_message="You can't write in that channel any more; nothing was charged.")
    return channel


class ElsewhereAsk(PostedAsk):
    """A press that takes a draft into another channel: the picture comes there, what is said comes here, privately."""

    def __init__(self, interaction: Interaction, channel: discord.TextChannel, *, draft_id: str) -> None:
        super().__init__()
        self._interaction = interaction
        self._channel = channel
        member = interaction.user
        if not isinstance(member, discord.Member):
            raise TypeError("only members have other channels")
        self.member: discord.Member | None = member
        self.origin = replace(
            origin_of(interaction, draft_id=draft_id),
            source_kind=SourceKind.ELSEWHERE,
            channel_id=channel.id,
            interaction_token=None,
            upload_limit_bytes=channel.guild.filesize_limit,
            missing_permissions=missing_in(channel.permissions_for(channel.guild.me), channel),
            parent_channel_id=parent_of(channel),
            age_restricted=is_age_restricted(channel),
        )
        self.person: Person | None = Person(
            user_id=member.id,
            guild_id=channel.guild.id,
            channel_id=channel.id,
            role_ids=frozenset(member._roles),
            permissions=channel.permissions_for(member),
            at_s=interaction.created_at.timestamp(),
        )
        self.patience_s: float | None = None
        self.in_public = False

    @property
    def message(self) -> discord.Message | None:
        """Our message in the other channel, once it stands."""
        return self._sent

    def take_up(self) -> None:
        """Note that it is being taken."""
        taken_up(self._interaction)

    def offer_id(self, draft_id: str, cost_credits: int) -> str:
        """Return the custom id of an offer's button: for the same channel."""
        return ids.paint_there(draft_id, self._channel.id, cost_credits)

    async def show(self, card: Card) -> None:
        """Put a card into our message."""
        await super().show(signed(card, self.origin.user_id))

    async def answer(self, card: Card) -> None:
        """Say it privately, where the button was pressed."""
        await say(self._interaction, view=card)

    async def notice(self, card: Card) -> bool:
        """Say it privately, where the button was pressed."""
        return await say(self._interaction, view=card)

    async def void(self, card: Card) -> None:
        """Say it privately, too: whether our message stands, or can stand there, is unknown."""
        await super().void(card)
        if self._sent is None:
            await say(self._interaction, view=card)

    async def pressed_again(self) -> None:
        """Nothing: the press was acknowledged before."""

    async def _post(self, card: Card, nonce: str) -> discord.Message:
        """Post a card in the other channel."""
        card = signed(card, self.origin.user_id)
        async with asyncio.timeout(REPLY_TIMEOUT_S):
            return await self._channel.send(view=card, allowed_mentions=NOBODY, nonce=nonce)


def _may_write(member: discord.Member, channel: discord.TextChannel) -> bool:
    may = channel.permissions_for(member)
    return may.view_channel and may.send_messages
