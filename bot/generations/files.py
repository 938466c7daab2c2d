"""Pictures out of the store, as files for a message of a given size limit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from bot.generations.protocols import PostFile
from bot.generations.states import PictureState
from bot.generations.store import FileStore
from bot.generations.values import PictureView, RequestView
from bot.media import fit_message

log = structlog.get_logger(__name__)


def kept(store: FileStore, view: RequestView) -> list[PictureView]:
    """Return the pictures of a request whose bytes are here."""
    promised = [picture for picture in view.pictures if picture.state is PictureState.FETCHED and picture.path]
    found = [picture for picture in promised if store.absolute(picture.path or "").exists()]
    if len(found) < len(promised):
        # A file that somebody removed must not keep the others, and the words, from their owner.
        log.error("result.missing", request_id=view.id, missing=len(promised) - len(found))
    return found


async def files_of(
    store: FileStore,
    view: RequestView,
    pictures: Sequence[PictureView],
    *,
    limit_bytes: int,
    total_bytes: int | None = None,
) -> list[PostFile]:
    """Return files of at most ``limit_bytes`` each (``total_bytes`` in all) of pictures that are ``kept``.

    Where they fit they are the originals.
    """
    if not pictures:
        return []
    sources = [store.absolute(picture.path or "") for picture in pictures]
    fitted = await asyncio.to_thread(
        fit_message,
        sources,
        limit_each_bytes=limit_bytes,
        limit_total_bytes=total_bytes,
        folder=store.fitted_folder,
    )
    return [
        PostFile(
            picture.position,
            found.path,
            f"nano-banana-{view.reference}-{picture.position}{found.path.suffix}",
            fitted=found.path != source,
        )
        for picture, found, source in zip(pictures, fitted, sources, strict=True)
    ]
