"""Pictures as the answer to a press or a choice, made smaller until Discord takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import discord
import structlog

from bot.client import CannotDo, Interaction
from bot.generations.files import files_of
from bot.generations.protocols import PostFile
from bot.generations.store import FileStore
from bot.generations.values import PictureView, RequestView
from bot.media import MIN_LIMIT_BYTES
from bot.posting import attach
from bot.ui.card import Card

log = structlog.get_logger(__name__)

MAX_SHRINKS = 3
_TOO_LARGE = 40005
_NOBODY = discord.AllowedMentions.none()

Draw = Callable[[RequestView, Sequence[PostFile]], Card]


async def in_place(interaction: Interaction) -> None:
    """Take note of a press; what is shown then takes the message's place where only one person sees it.

    On a message for all to see, it becomes an answer to whoever pressed, for them alone.
    """
    if interaction.message is not None and interaction.message.flags.ephemeral:
        await interaction.response.defer()
    else:
        await interaction.response.defer(ephemeral=True, thinking=True)


async def show_pictures(
    interaction: Interaction, store: FileStore, view: RequestView, pictures: Sequence[PictureView], draw: Draw
) -> None:
    """Put a card with ``pictures`` where "thinking" stands, smaller each time that Discord finds them too large.

    Raises CannotDo when they are too large however small, and what discord.py raises.
    """

    async def send(card: Card, files: list[discord.File]) -> discord.Message:
        return await interaction.edit_original_response(view=card, attachments=files, allowed_mentions=_NOBODY)

    await shrinking(send, store, view, pictures, draw, limit_bytes=interaction.filesize_limit)


async def post_pictures(
    interaction: Interaction, store: FileStore, view: RequestView, pictures: Sequence[PictureView], draw: Draw
) -> discord.Message:
    """Post a card with ``pictures`` for all to see, after an acknowledgement that nobody sees.

    Raises as `show_pictures` does; nothing is in the channel then, and what is said of it can be private.
    """

    async def send(card: Card, files: list[discord.File]) -> discord.Message:
        return await interaction.followup.send(view=card, files=files, allowed_mentions=_NOBODY, wait=True)

    return await shrinking(send, store, view, pictures, draw, limit_bytes=interaction.filesize_limit)


async def shrinking(
    send: Callable[[Card, list[discord.File]], Awaitable[discord.Message]],
    store: FileStore,
    view: RequestView,
    pictures: Sequence[PictureView],
    draw: Draw,
    *,
    limit_bytes: int,
    prefix: str = "",
) -> discord.Message:
    """Send a card with ``pictures`` (their file names begin with ``prefix``), smaller until Discord takes them.

    Raises as `show_pictures` does.
    """
    files = _named(await files_of(store, view, pictures, limit_bytes=limit_bytes), prefix)
    for shrinks_left in reversed(range(MAX_SHRINKS + 1)):
        try:
            return await send(draw(view, files), attach(view, files))
        except discord.HTTPException as error:
            if not files or (error.code != _TOO_LARGE and error.status != 413):
                raise
            sent_bytes = await asyncio.to_thread(_total_bytes, files)
            log.warning("reply.too_large", request_id=view.id, limit_bytes=limit_bytes, sent_bytes=sent_bytes)
            # First all of them together under the limit of one, then half of what was sent, and again.
            total_bytes = limit_bytes if sent_bytes > limit_bytes else sent_bytes // 2
            if not shrinks_left or total_bytes < len(files) * MIN_LIMIT_BYTES:
                break
        limit_bytes = min(limit_bytes, total_bytes)
        files = _named(await files_of(store, view, pictures, limit_bytes=limit_bytes, total_bytes=total_bytes), prefix)
    it = "This picture is" if len(files) == 1 else "These pictures are"
    raise CannotDo(user_message=f"{it} too large for Discord here, even made smaller.")


def _named(files: Sequence[PostFile], prefix: str) -> list[PostFile]:
    return [replace(file, filename=prefix + file.filename) for file in files]


def _total_bytes(files: Sequence[PostFile]) -> int:
    return sum(file.path.stat().st_size for file in files)
