"""Pictures out of the store, made into files for a reply of a given size limit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import discord

from bot.generations.protocols import PostFile
from bot.generations.states import PictureState
from bot.generations.store import FileStore
from bot.generations.values import PictureView, RequestView
from bot.media import fit_message
from bot.ui.result import description


def kept(store: FileStore, view: RequestView) -> list[PictureView]:
    """Return the pictures of a request whose bytes are here."""
    return [
        picture
        for picture in view.pictures
        if picture.state is PictureState.FETCHED and picture.path and store.absolute(picture.path).exists()
    ]


async def files_of(
    store: FileStore, view: RequestView, pictures: Sequence[PictureView], *, limit_bytes: int
) -> list[PostFile]:
    """Return files of at most ``limit_bytes`` each of pictures that are ``kept``; the originals where they fit."""
    if not pictures:
        return []
    present = [(picture, store.absolute(picture.path or "")) for picture in pictures]
    fitted = await asyncio.to_thread(
        fit_message,
        [path for _, path in present],
        limit_each_bytes=limit_bytes,
        limit_total_bytes=None,
        folder=store.fitted_folder,
    )
    return [
        PostFile(picture.position, found.path, filename_of(view, picture, found.path.suffix), found.path != path)
        for (picture, path), found in zip(present, fitted, strict=True)
    ]


def filename_of(view: RequestView, picture: PictureView, suffix: str) -> str:
    """Return the name under which a picture is attached."""
    return f"nano-banana-{view.reference}-{picture.position}{suffix}"


def attach(view: RequestView, files: Sequence[PostFile]) -> list[discord.File]:
    """Return attachments with their alt text."""
    return [
        discord.File(file.path, filename=file.filename, description=description(view, file.position)) for file in files
    ]
