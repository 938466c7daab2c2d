"""Who asks for a picture, and how they are answered: by an interaction, or by a message that mentions the bot."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import Protocol

import aiohttp
import discord
import structlog

from bot.client import Interaction, say, taken_up
from bot.command_rights import Person
from bot.generations.values import Origin, Place, RequestView
from bot.origins import author_of, origin_of, origin_of_message, person_of
from bot.ui import ids
from bot.ui.card import Card
from bot.ui.progress import progress_card

log = structlog.get_logger(__name__)

ACKNOWLEDGE_FIRST_S = 1.5
"""Discord waits 3 s for an acknowledgement. Accepting takes milliseconds; if it does not, acknowledge first."""
UNHEARD = (discord.HTTPException, aiohttp.ClientError, OSError)
"""A call of Discord's that failed, or whose answer was lost."""

REPLY_TIMEOUT_S = 60.0
"""For a reply to a mention. What is said after an answer that never came has to be while Discord knows its nonce."""
_ALREADY_ACKNOWLEDGED = 40060
NOBODY = discord.AllowedMentions.none()


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

    @property
    def member(self) -> discord.Member | None:
        """Who asks, as a member of the server that it is asked for in."""
        ...

    def take_up(self) -> None:
        """Note that it is being taken: from here on something may be charged for it."""
        ...

    def offer_id(self, draft_id: str, cost_credits: int) -> str:
        """Return the custom id of a button that takes a draft of the same kind, in the same place, at this price."""
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
        self.person = person_of(interaction) if self.origin.place is Place.SERVER else None
        self.member = interaction.user if isinstance(interaction.user, discord.Member) else None
        self.in_public = False

    @property
    def acknowledged(self) -> bool:
        """Tell whether something was answered."""
        return self._interaction.response.is_done()

    def take_up(self) -> None:
        """Note that it is being taken."""
        taken_up(self._interaction)

    def offer_id(self, draft_id: str, cost_credits: int) -> str:
        """Return the custom id of an offer's button."""
        return ids.paint(draft_id, cost_credits)

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
        await self._interaction.edit_original_response(view=card, allowed_mentions=NOBODY)

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


class PostedAsk(ABC):
    """What is acknowledged by a message of our own with the progress card, which its result will replace."""

    def __init__(self) -> None:
        self._sent: discord.Message | None = None
        self._nonce: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Tell whether our message stands."""
        return self._sent is not None

    async def acknowledge(self, view: RequestView | None, *, private: bool) -> int | None:
        """Post the progress card, once, however often the call is repeated; returns the message's id."""
        if view is None:
            raise ValueError("a message is acknowledged by the request's own card")
        self._nonce = ids.acknowledgement_nonce(view.id)
        self._sent = await self._post(progress_card(view), self._nonce)
        return self._sent.id

    async def show(self, card: Card) -> None:
        """Put a card into our message."""
        if self._sent is not None:
            await self._sent.edit(view=card, allowed_mentions=NOBODY)

    async def void(self, card: Card) -> None:
        """Put it into our message; where none is known, a second call under its nonce finds the one there may be."""
        try:
            if self._sent is None and self._nonce is not None:
                self._sent = await self._post(card, self._nonce)
            await self.show(card)
        except UNHEARD as error:
            log.warning("reply.not_voided", error=str(error)[:200])

    @abstractmethod
    async def _post(self, card: Card, nonce: str) -> discord.Message:
        """Post a card; Discord makes one message of calls with the same nonce, for some minutes."""


class MessageAsk(PostedAsk):
    """A message that mentions the bot; it is acknowledged by a reply."""

    def __init__(self, message: discord.Message, *, application_id: int) -> None:
        super().__init__()
        self._message = message
        self.origin = origin_of_message(message, application_id)
        self.patience_s: float | None = None
        self.person = author_of(message)
        self.member = message.author if isinstance(message.author, discord.Member) else None
        self.in_public = True
        self.taken_up = False

    def take_up(self) -> None:
        """Note that it is being taken."""
        self.taken_up = True

    def offer_id(self, draft_id: str, cost_credits: int) -> str:
        """Return the custom id of an offer's button."""
        return ids.paint(draft_id, cost_credits)

    async def answer(self, card: Card) -> None:
        """Reply with it, once, however often the event comes."""
        await self._say(card, f"{self._message.id}-no")

    async def notice(self, card: Card) -> bool:
        """Reply with it."""
        return await self._say(card, f"{self._message.id}-by")

    async def pressed_again(self) -> None:
        """Nothing: no one waits for an answer."""

    async def _say(self, card: Card, nonce: str) -> bool:
        try:
            await self._post(card, nonce)
        except UNHEARD as error:
            log.warning("reply.not_sent", error=type(error).__name__, code=getattr(error, "code", None))
            return False
        return True

    async def _post(self, card: Card, nonce: str) -> discord.Message:
        """Reply with a card."""
        channel = self._message.channel
        async with asyncio.timeout(REPLY_TIMEOUT_S):
            try:
                return await channel.send(
                    view=card,
                    reference=self._message.to_reference(fail_if_not_exists=False),
                    allowed_mentions=NOBODY,
                    nonce=nonce,
                )
            except discord.HTTPException as error:
                if error.status >= 500 or error.status in {401, 429}:
                    raise
                # A reply needs Read Message History; a message by itself does not.
                return await channel.send(view=card, allowed_mentions=NOBODY, nonce=nonce)
