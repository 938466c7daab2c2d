"""The Discord side of delivery: posts cards by the rungs of the ladder, and says why one did not work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord

from bot.generations.protocols import DeliveryError, DeliveryFault, LogLine, Notice, Posted, PostFile, Target, Voided
from bot.generations.states import PictureState, Rung
from bot.generations.values import RequestView
from bot.ui.card import Card, signed
from bot.ui.failure import failure_card, failure_mark, void_card
from bot.ui.house_log import log_card, log_off_words
from bot.ui.ids import acknowledgement_nonce, cancel, more
from bot.ui.notices import operator_notice_card
from bot.ui.offers import ready_words
from bot.ui.progress import progress_card
from bot.ui.result import description, result_card

CALL_TIMEOUT_S = 300.0
"""For one call with its files: 40 MB over a slow line."""
PROGRESS_TIMEOUT_S = 60.0
"""For a card on the way: the result of its request waits behind it."""
SEARCHED_MESSAGES = 100

_NOBODY = discord.AllowedMentions.none()
_GONE = {10008}
_NO_ACCESS = {10003, 10004, 10013, 50001, 50007, 50013, 50278, 160005}
_TOKEN_DEAD = {10015, 10062, 50027}
_TOO_LARGE = {40005}
_EDGE_BLOCK = {40333}
"""Discord's edge turned a call down (with 403) before Discord saw it; it passes by itself."""


class DiscordDelivery:
    """Implements ``bot.generations.protocols.Delivery``; ``client`` is set when there is one."""

    def __init__(self) -> None:
        self.client: discord.Client | None = None

    def upload_limit_bytes(self, rung: Rung, view: RequestView, stored_limit_bytes: int) -> int:
        """Return the file size limit of the place that the rung posts to."""
        if rung is Rung.EDIT_ORIGINAL:
            return stored_limit_bytes
        guild = self.client.get_guild(view.guild_id) if self.client and view.guild_id else None
        in_guild = rung is not Rung.DIRECT and view.delivered_channel_id in {None, view.channel_id}
        return guild.filesize_limit if guild and in_guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES

    async def show_progress(self, rung: Rung, view: RequestView, target: Target) -> None:
        """Edit the progress card."""
        await self._edit(rung, view, target, progress_card(view), [], timeout_s=PROGRESS_TIMEOUT_S)

    async def post(self, rung: Rung, view: RequestView, target: Target, files: Sequence[PostFile]) -> Posted:
        """Show the result or the failure."""
        card = result_card(view, files) if _has_come(view) else failure_card(view)
        if rung in {Rung.EDIT_MESSAGE, Rung.EDIT_ORIGINAL}:
            return await self._edit(rung, view, target, card, files)
        return await self._send(rung, view, target, card, files)

    async def say_void(self, voided: Voided) -> None:
        """Edit the answer of a request that was not taken; where none is known, find it or give one."""
        if voided.interaction_token is None:
            await self._say_void_by_message(voided)
            return
        async with self._faults(by_token=True, timeout_s=PROGRESS_TIMEOUT_S) as client:
            await self._webhook(client, voided.application_id, voided.interaction_token).edit_message(
                _ORIGINAL, view=void_card(), allowed_mentions=_NOBODY
            )

    async def _say_void_by_message(self, voided: Voided) -> None:
        # Whether the history has to be searched was decided a moment ago, and must not be out of date at the end.
        async with self._faults(timeout_s=PROGRESS_TIMEOUT_S) as client:
            place = client.get_partial_messageable(voided.channel_id, guild_id=voided.guild_id)
            found = await self._find_reply(client, place, voided) if voided.search_history else None
            if found is None:
                # While Discord remembers the nonce, this gives the reply that went out, if one did.
                found = await self._reply_void(place, voided)
            await found.edit(view=void_card(), allowed_mentions=_NOBODY)

    async def _reply_void(self, place: discord.PartialMessageable, voided: Voided) -> discord.Message:
        nonce = acknowledgement_nonce(voided.request_id)
        if voided.source_message_id is None:
            return await place.send(view=void_card(), allowed_mentions=_NOBODY, nonce=nonce)
        reference = place.get_partial_message(voided.source_message_id).to_reference(fail_if_not_exists=False)
        try:
            return await place.send(view=void_card(), reference=reference, allowed_mentions=_NOBODY, nonce=nonce)
        except discord.HTTPException as error:
            if error.status >= 500 or error.status in {401, 429}:
                raise
            # A reply needs Read Message History; a message by itself does not.
            return await place.send(view=void_card(), allowed_mentions=_NOBODY, nonce=nonce)

    async def _find_reply(
        self, client: discord.Client, place: discord.PartialMessageable, voided: Voided
    ) -> discord.Message | None:
        with contextlib.suppress(discord.Forbidden):
            async for message in place.history(limit=SEARCHED_MESSAGES):
                ours = client.user is not None and message.author.id == client.user.id
                if ours and _answers(message, voided):
                    return message
        return None

    async def ping(self, view: RequestView) -> None:
        """Mention the person: edits don't notify anyone. A private picture is announced by direct message."""
        async with self._faults() as client:
            if view.private:
                channel: discord.abc.Messageable = await client.create_dm(discord.Object(view.user_id))
                await channel.send(ready_words(view))
                return
            place = client.get_partial_messageable(view.delivered_channel_id or view.channel_id, guild_id=view.guild_id)
            reference = None
            if view.delivered_message_id is not None:
                reference = place.get_partial_message(view.delivered_message_id).to_reference(fail_if_not_exists=False)
            try:
                await self._mention(place, view, reference)
            except discord.HTTPException as error:
                if reference is None or error.status >= 500 or error.status in {401, 429}:
                    raise
                # A reply needs Read Message History; a mention by itself does not.
                await self._mention(place, view, None)

    async def post_lines(self, guild_id: int, channel_id: int, lines: Sequence[LogLine], *, nonce: str) -> None:
        """Post lines to a server's log channel."""
        async with self._faults(timeout_s=PROGRESS_TIMEOUT_S) as client:
            place = client.get_partial_messageable(channel_id, guild_id=guild_id)
            await place.send(view=log_card(lines), allowed_mentions=_NOBODY, nonce=nonce)

    async def tell_log_off(self, user_id: int, guild_id: int, dropped: int) -> None:
        """Tell an admin that their server's log is switched off."""
        async with self._faults(timeout_s=PROGRESS_TIMEOUT_S) as client:
            guild = client.get_guild(guild_id)
            channel = await client.create_dm(discord.Object(user_id))
            name = guild.name if guild is not None else "your server"
            await channel.send(log_off_words(name, dropped), allowed_mentions=_NOBODY)

    async def tell_operator(self, user_id: int, notice: Notice, *, nonce: str) -> None:
        """Tell an operator something by direct message."""
        async with self._faults(timeout_s=PROGRESS_TIMEOUT_S) as client:
            channel = await client.create_dm(discord.Object(user_id))
            await channel.send(view=operator_notice_card(notice), allowed_mentions=_NOBODY, nonce=nonce)

    async def remove(self, *, guild_id: int | None, channel_id: int, message_id: int) -> None:
        """Delete a message of ours."""
        async with self._faults() as client:
            place = client.get_partial_messageable(channel_id, guild_id=guild_id)
            await place.get_partial_message(message_id).delete()

    async def _mention(
        self, place: discord.abc.Messageable, view: RequestView, reference: discord.MessageReference | None
    ) -> None:
        await place.send(
            ready_words(view, mention=True),
            reference=reference,  # type: ignore[arg-type]  # None is taken, the stub's overloads forget it
            allowed_mentions=_only(view.user_id),
            nonce=f"{view.id}-ping",
        )

    async def _edit(
        self,
        rung: Rung,
        view: RequestView,
        target: Target,
        card: Card,
        files: Sequence[PostFile],
        *,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Posted:
        if view.from_elsewhere and rung is Rung.EDIT_MESSAGE:
            signed(card, view.user_id)
        async with self._faults(by_token=rung is Rung.EDIT_ORIGINAL, timeout_s=timeout_s) as client:
            attachments = attach(view, files)
            channel_id = view.delivered_channel_id or view.channel_id
            if rung is Rung.EDIT_ORIGINAL:
                hook = self._webhook(client, target.application_id, target.interaction_token or "")
                message = await hook.edit_message(
                    _ORIGINAL, view=card, attachments=attachments, allowed_mentions=discord.AllowedMentions.none()
                )
                return Posted(view.channel_id, message.id)
            place = client.get_partial_messageable(channel_id, guild_id=view.guild_id)
            await place.get_partial_message(target.message_id or 0).edit(
                view=card, attachments=attachments, allowed_mentions=discord.AllowedMentions.none()
            )
            return Posted(channel_id, target.message_id or 0)

    async def _send(
        self, rung: Rung, view: RequestView, target: Target, card: Card, files: Sequence[PostFile]
    ) -> Posted:
        # What arrives when its nonce is forgotten would stand there twice, if an earlier try arrived unseen.
        async with self._faults(timeout_s=target.nonce_left_s or CALL_TIMEOUT_S) as client:
            channel: discord.abc.Messageable
            if rung is Rung.DIRECT:
                channel = await client.create_dm(discord.Object(view.user_id))
            else:
                channel = client.get_partial_messageable(view.channel_id, guild_id=view.guild_id)
                signed(card, view.user_id)
            if target.nonce_left_s is None and (found := await self._find(client, channel, view, target)):
                return found
            message = await channel.send(
                view=card,
                files=attach(view, files),
                nonce=target.nonce,
                allowed_mentions=_only(view.user_id),
            )
            return Posted(message.channel.id, message.id)

    async def _find(
        self, client: discord.Client, channel: discord.abc.Messageable, view: RequestView, target: Target
    ) -> Posted | None:
        """Look for our own message of an earlier try whose answer was lost."""
        # The cards that could not be edited also speak of the request, but don't show the result.
        stale = {view.message_id, view.delivered_message_id, target.message_id}
        async for message in channel.history(limit=SEARCHED_MESSAGES):
            ours = client.user is not None and message.author.id == client.user.id
            if ours and message.id not in stale and _shows_the_end_of(message, view, came=_has_come(view)):
                return Posted(message.channel.id, message.id)
        return None

    def _webhook(self, client: discord.Client, application_id: int, token: str) -> discord.Webhook:
        return discord.Webhook.partial(application_id, token, client=client)

    @asynccontextmanager
    async def _faults(
        self, *, by_token: bool = False, timeout_s: float = CALL_TIMEOUT_S
    ) -> AsyncIterator[discord.Client]:
        """Turn everything that a call may raise into a DeliveryError; ``by_token``: by an interaction's token."""
        if self.client is None or self.client.user is None or self.client.is_closed():
            raise DeliveryError(DeliveryFault.TRANSIENT, "not connected")
        try:
            async with asyncio.timeout(timeout_s):
                yield self.client
        except discord.HTTPException as error:
            raise DeliveryError(_fault_of(error, by_token=by_token), f"{error.status}/{error.code}") from error
        except (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError) as error:
            # A RuntimeError is aiohttp's word for a session that was closed meanwhile.
            raise DeliveryError(DeliveryFault.TRANSIENT, type(error).__name__) from error


class _Original(int):
    """Names an interaction's original response where a message's id is asked for."""

    def __str__(self) -> str:
        return "@original"


_ORIGINAL = _Original()


def _has_come(view: RequestView) -> bool:
    """Tell whether it has a result: also when the bytes are gone, for they were paid for, and the card says so."""
    return any(picture.state is PictureState.FETCHED for picture in view.pictures)


def _only(user_id: int) -> discord.AllowedMentions:
    return discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=[discord.Object(user_id)])


def _fault_of(error: discord.HTTPException, *, by_token: bool) -> DeliveryFault:
    if error.code in _GONE:
        return DeliveryFault.GONE
    if error.code in _TOKEN_DEAD:
        return DeliveryFault.TOKEN_DEAD
    if error.code in _NO_ACCESS:
        return DeliveryFault.NO_ACCESS
    if error.code in _TOO_LARGE or error.status == 413:
        return DeliveryFault.TOO_LARGE
    if error.status >= 500 or error.status in {408, 429} or error.code in _EDGE_BLOCK:
        return DeliveryFault.TRANSIENT
    if error.status == 401:
        # The bot's own token is the operator's to mend: the results wait for it.
        return DeliveryFault.TOKEN_DEAD if by_token else DeliveryFault.TRANSIENT
    if error.status in {403, 404}:
        return DeliveryFault.NO_ACCESS
    return DeliveryFault.REJECTED


def attach(view: RequestView, files: Sequence[PostFile]) -> list[discord.File]:
    """Return attachments with their alt text."""
    return [
        discord.File(file.path, filename=file.filename, description=description(view, file.position)) for file in files
    ]


def _shows_the_end_of(message: discord.Message, view: RequestView, *, came: bool) -> bool:
    """Tell whether a message is a request's result, or, where nothing ``came``, the card that says so.

    Gallery posts and reports speak of the request too and may stand in the same channel, so neither a file's name nor
    the short reference is enough.
    """
    parts = list(_parts([component.to_dict() for component in message.components]))
    if came:
        return any(part.get("custom_id") == more(view.id) for part in parts)
    return any(failure_mark(view) in str(part.get("content", "")).split("\n") for part in parts)


def _answers(message: discord.Message, voided: Voided) -> bool:
    """Tell whether a message of ours is the acknowledgement of a request that came by a message, or from elsewhere."""
    if voided.source_message_id is not None:
        return message.reference is not None and message.reference.message_id == voided.source_message_id
    parts = _parts([component.to_dict() for component in message.components])
    return any(part.get("custom_id") == cancel(voided.request_id) for part in parts)


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(item)
