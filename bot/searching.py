"""Looks in a channel for a message of our own whose answer was lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import discord

UNREACHED = (discord.HTTPException, aiohttp.ClientError, OSError)
"""A call of Discord's that failed, or whose answer was lost."""
SEARCHED_MESSAGES = 100


async def find_own(client: discord.Client, channel: discord.abc.Messageable, needle: str) -> discord.Message | None:
    """Return our newest message in ``channel`` with ``needle`` in a custom id or a file's name; None without access."""
    try:
        async for message in channel.history(limit=SEARCHED_MESSAGES):
            ours = client.user is not None and message.author.id == client.user.id
            if ours and any(needle in text for text in _names(message)):
                return message
    except (discord.Forbidden, discord.NotFound):
        return None
    return None


def _names(message: discord.Message) -> Iterator[str]:
    yield from (attachment.filename for attachment in message.attachments)
    yield from _custom_ids([component.to_dict() for component in message.components])


def _custom_ids(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _custom_ids(one)
    elif isinstance(part, dict):
        if isinstance(part.get("custom_id"), str):
            yield part["custom_id"]
        for value in part.values():
            yield from _custom_ids(value)
