"""Small pictures of results for lists, made from the bytes that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.generations.files import kept
from bot.generations.store import FileStore
from bot.generations.values import RequestView
from bot.media import DamagedResult, thumbnail

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Preview:
    """What shows a request in a list: its first picture that is kept, small; ``path`` None where that can't be made."""

    position: int
    path: Path | None
    filename: str


async def previews_of(store: FileStore, views: Iterable[RequestView]) -> dict[str, Preview]:
    """Return previews by request id; a request without kept bytes has none. Made in a thread, kept for a day."""
    return await asyncio.to_thread(_previews, store, list(views))


def _previews(store: FileStore, views: list[RequestView]) -> dict[str, Preview]:
    found: dict[str, Preview] = {}
    for view in views:
        pictures = kept(store, view)
        if not pictures:
            continue
        path: Path | None = None
        for picture in pictures:
            try:
                path = thumbnail(store.absolute(picture.path or ""), folder=store.fitted_folder)
            except (DamagedResult, OSError) as error:
                log.error("preview.not_made", picture_id=picture.id, error=type(error).__name__)  # noqa: TRY400 - known
            else:
                break
        found[view.id] = Preview(picture.position, path, f"{view.id}-{picture.position}.webp")
    return found
