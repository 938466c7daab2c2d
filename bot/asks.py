"""Who asks for a picture, and how they are answered: by an interaction, or by a message that mentions the bot."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

import aiohttp
import discord
import structlog

from bot.client import Interaction, say, taken_up
from bot.command_rights import Person
from bot.credits.quota_rules import Spender
from bot.generations.values import Origin, Place, RequestView, Standing
from bot.ui import ids
from bot.ui.card import Card
from bot.ui.progress import progress_card

log = structlog.get_logger(__name__)

ACKNOWLEDGE_FIRST_S = 1.5
"""Discord waits 3 s for an acknowledgement. Accepting takes milliseconds; if it does not, acknowledge first."""
TOKEN_LIFE_MS = 15 * 60 * 1000
UNHEARD = (discord.HTTPException, aiohttp.ClientError, OSError)
"""A call of Discord's that failed, or whose answer was lost."""

REPLY_TIMEOUT_S = 60.0
"""For a reply to a mention. What is said after an answer that never came has to be while Discord knows its nonce."""
_ALREADY_ACKNOWLEDGED = 40060
_NOBODY = discord.AllowedMentions.none()


class Ask(Protocol):
    """An event that asks for a picture. Only ``acknowledge`` and ``show`` raise, and only what is in ``UNHEARD``."""

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        ...

    @property
    def patience_s(self) -> float | None:
        """How long accepting may take before the acknowledgement goes first; None: as long as it takes."""
        ...

    @property
    def acknowledged(self) -> bool:
        """Tell whether something was answered."""
        ...

    @property
    def in_public(self) -> bool:
        """Tell whether others read what is answered, too."""
        ...

    @property
    def person(self) -> Person | None:
        """Who asks, where Discord has not checked yet whether they may: a command it has."""
        ...

    def take_up(self) -> None:
        """Note that it is being taken: from here on something may be charged for it."""
        ...

    async def acknowledge(self, view: RequestView | None, *, private: bool) -> int | None:
        """Show that it was taken; returns the id of the message in which its result will stand.

        ``view`` is the request, where ``patience_s`` is None.
        """
        ...

    async def show(self, card: Card) -> None:
        """Put a card where the acknowledgement stands."""
        ...

    async def answer(self, card: Card) -> None:
        """Say why it was not taken, or what has to be agreed to first: in the acknowledgement's place, or privately."""
        ...

    async def notice(self, card: Card) -> bool:
        """Say one more thing beside the acknowledgement; tells whether it was said."""
        ...

    async def void(self, card: Card) -> None:
        """Say that nothing came of it, wherever the acknowledgement may stand; it is unknown whether it does."""
        ...

    async def pressed_again(self) -> None:
        """Be quiet about a press that changes nothing, but let Discord know that it was heard."""
        ...


class InteractionAsk:
    """A command, button, select, menu or modal. With ``draft_id`` it takes that draft."""

    def __init__(self, interaction: Interaction, *, draft_id: str | None = None) -> None:
        self._interaction = interaction
        self.origin = origin_of(interaction, draft_id=draft_id)
        self.patience_s: float | None = ACKNOWLEDGE_FIRST_S
        self.person = _person_of(interaction) if self.origin.place is Place.SERVER else None
        self.in_public = False

    @property
    def acknowledged(self) -> bool:
        """Tell whether something was answered."""
        return self._interaction.response.is_done()

    def take_up(self) -> None:
        """Note that it is being taken."""
        taken_up(self._interaction)

    async def acknowledge(self, view: RequestView | None, *, private: bool) -> int | None:
        """Let Discord show "thinking", if it does not yet; returns that message's id."""
        self.in_public = not private
        if self.acknowledged:
            return (await self._interaction.original_response()).id
        try:
            response = await self._interaction.response.defer(ephemeral=private, thinking=True)
        except discord.HTTPException as error:
            if error.code != _ALREADY_ACKNOWLEDGED:
                raise
            # discord.py repeats a call whose answer was an error; the first one had arrived.
            return (await self._interaction.original_response()).id
        return response.message_id if response is not None else None

    async def show(self, card: Card) -> None:
        """Put a card where "thinking" stands.

        Discord takes the first message after a deferral for the deferred one itself: a private notice would be public.
        """
        await self._interaction.edit_original_response(view=card, allowed_mentions=_NOBODY)

    async def answer(self, card: Card) -> None:
        """Say it in the place of "thinking", or else privately."""
        if not self.acknowledged:
            await say(self._interaction, view=card)
            return
        try:
            await self.show(card)
        except UNHEARD as error:
            log.warning("answer.not_shown", error=str(error)[:200])

    async def notice(self, card: Card) -> bool:
        """Say it privately."""
        return await say(self._interaction, view=card)

    async def void(self, card: Card) -> None:
        """Put it where "thinking" stands, if it does."""
        with contextlib.suppress(*UNHEARD):
            await self.show(card)

    async def pressed_again(self) -> None:
        """Acknowledge without a message of its own."""
        with contextlib.suppress(*UNHEARD):
            if self.acknowledged:
                await self._interaction.delete_original_response()
            else:
                await self._interaction.response.defer()


class MessageAsk:
    """A message that mentions the bot; it is acknowledged by a reply with the progress card."""

    def __init__(self, message: discord.Message, *, application_id: int) -> None:
        self._message = message
        self._sent: discord.Message | None = None
        self._nonce: str | None = None
        self.origin = _origin_of_message(message, application_id)
        self.patience_s: float | None = None
        self.person = _author_of(message)
        self.in_public = True
        self.taken_up = False

    @property
    def acknowledged(self) -> bool:
        """Tell whether a reply stands."""
        return self._sent is not None

    def take_up(self) -> None:
        """Note that it is being taken."""
        self.taken_up = True

    async def acknowledge(self, view: RequestView | None, *, private: bool) -> int | None:
        """Reply with the progress card, once, however often the call is repeated; returns the reply's id."""
        if view is None:
            raise ValueError("a message is acknowledged by the request's own card")
        self._nonce = ids.acknowledgement_nonce(view.id)
        self._sent = await self._reply(progress_card(view), self._nonce)
        return self._sent.id

    async def show(self, card: Card) -> None:
        """Put a card into the reply."""
        if self._sent is not None:
            await self._sent.edit(view=card, allowed_mentions=_NOBODY)

    async def answer(self, card: Card) -> None:
        """Reply with it, once, however often the event comes."""
        await self._say(card, f"{self._message.id}-no")

    async def notice(self, card: Card) -> bool:
        """Reply with it."""
        return await self._say(card, f"{self._message.id}-by")

    async def void(self, card: Card) -> None:
        """Put it into the reply; where none is known, a second call under its nonce finds the one that there may be."""
        try:
            if self._sent is None and self._nonce is not None:
                self._sent = await self._reply(card, self._nonce)
            await self.show(card)
        except UNHEARD as error:
            log.warning("reply.not_voided", error=str(error)[:200])

    async def pressed_again(self) -> None:
        """Nothing: no one waits for an answer."""

    async def _say(self, card: Card, nonce: str) -> bool:
        try:
            await self._reply(card, nonce)
        except UNHEARD as error:
            log.warning("reply.not_sent", error=type(error).__name__, code=getattr(error, "code", None))
            return False
        return True

    async def _reply(self, card: Card, nonce: str) -> discord.Message:
        """Reply; with a nonce, Discord makes one message of calls that are repeated, for some minutes."""
        channel = self._message.channel
        async with asyncio.timeout(REPLY_TIMEOUT_S):
            try:
                return await channel.send(
                    view=card,
                    reference=self._message.to_reference(fail_if_not_exists=False),
                    allowed_mentions=_NOBODY,
                    nonce=nonce,
                )
            except discord.HTTPException as error:
                if error.status >= 500 or error.status in {401, 429}:
                    raise
                # A reply needs Read Message History; a message by itself does not.
                return await channel.send(view=card, allowed_mentions=_NOBODY, nonce=nonce)


def origin_of(interaction: Interaction, *, draft_id: str | None = None) -> Origin:
    """Read where a request comes from, and what the bot may do there."""
    created_ms = int(interaction.created_at.timestamp() * 1000)
    place = place_of(interaction)
    missing = _missing(interaction.app_permissions, interaction.channel) if place is Place.SERVER else ()
    return Origin(
        source_kind="interaction",
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
        parent_channel_id=_parent_of(interaction.channel),
        age_restricted=_is_age_restricted(interaction.channel),
    )


def spender_of(person: discord.abc.User, guild_id: int, channel: object) -> Spender:
    """Return a member as the one who spends in a channel of a server; of strangers neither roles nor time are known."""
    standing = _standing(person)
    channel_id = channel.id if isinstance(channel, discord.abc.Snowflake) else None
    return Spender(person.id, guild_id, standing.role_ids, standing.joined_at_ms, _parent_of(channel) or channel_id)


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


def _origin_of_message(message: discord.Message, application_id: int) -> Origin:
    guild = message.guild
    limit_bytes = guild.filesize_limit if guild is not None else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
    missing: tuple[str, ...] = ()
    if guild is not None and not isinstance(message.channel, discord.PartialMessageable):
        missing = _missing(message.channel.permissions_for(guild.me), message.channel)
    return Origin(
        source_kind="message",
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
        parent_channel_id=_parent_of(message.channel),
        age_restricted=_is_age_restricted(message.channel),
    )


def _person_of(interaction: Interaction) -> Person | None:
    member = interaction.user
    checked = interaction.type is discord.InteractionType.application_command
    if checked or interaction.guild_id is None or not isinstance(member, discord.Member):
        return None
    return Person(
        user_id=member.id,
        guild_id=interaction.guild_id,
        channel_id=_parent_of(interaction.channel) or interaction.channel_id or 0,
        role_ids=frozenset(member._roles),
        permissions=interaction.permissions,
        at_s=interaction.created_at.timestamp(),
    )


def _author_of(message: discord.Message) -> Person | None:
    member, channel = message.author, message.channel
    if message.guild is None or not isinstance(member, discord.Member):
        return None
    # Of a channel that the cache does not have only what is set for the person can be looked at.
    unknown = isinstance(channel, discord.PartialMessageable)
    return Person(
        user_id=member.id,
        guild_id=message.guild.id,
        channel_id=_parent_of(channel) or channel.id,
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


def _parent_of(channel: object) -> int | None:
    return channel.parent_id if isinstance(channel, discord.Thread) else None


def _is_age_restricted(channel: object) -> bool:
    """Tell whether Discord shows a channel to adults only; a thread is as its channel."""
    if isinstance(channel, discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread):
        return channel.is_nsfw()
    return False


def _missing(have: discord.Permissions, channel: object) -> tuple[str, ...]:
    thread = isinstance(channel, discord.Thread)
    needed = {
        "View Channel": have.view_channel,
        "Send Messages in Threads" if thread else "Send Messages": (
            have.send_messages_in_threads if thread else have.send_messages
        ),
        "Attach Files": have.attach_files,
    }
    return tuple(name for name, given in needed.items() if not given)
