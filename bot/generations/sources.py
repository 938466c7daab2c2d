"""Where the bytes of a reference come from when they are ours already, and who may use them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import ReferenceRefused
from bot.generations.access import may_see
from bot.generations.refusals import NotForYou
from bot.generations.repository import GenerationsRepository, RequestRow
from bot.generations.values import GenerationRequest, Origin, StoredImage
from bot.storage import Connection

NO_LONGER_KEPT = "is no longer kept. Attach it again, please."


@dataclass(frozen=True, slots=True)
class Source:
    """A stored image: ``path`` is relative to the data folder, None when its bytes are gone."""

    path: str | None
    size_bytes: int
    request: RequestRow | None = None
    """The request that it belongs to; an image of a tray belongs to none."""
    owner_id: int | None = None
    expires_at_ms: int | None = None


async def find_source(tx: Connection, kind: str, source_id: str) -> Source | None:
    """Return the stored image of a ``kind`` ("picture", "reference", "tray"), or None when there is none."""
    rows = GenerationsRepository(tx)
    if kind == "picture":
        picture = await rows.pictures.get(source_id)
        if picture is None:
            return None
        return Source(picture.path, picture.size_bytes or 0, await rows.requests.get(picture.request_id))
    if not (source_id.isascii() and source_id.isdecimal()) or len(source_id) > 18:
        return None
    if kind == "reference":
        reference = await rows.references.get(int(source_id))
        if reference is None:
            return None
        return Source(reference.path, reference.size_bytes or 0, await rows.requests.get(reference.request_id))
    image = await rows.tray.get(int(source_id))
    if image is None:
        return None
    # What was taken out of the tray is over since then; a request that was accepted before still gets its bytes.
    expires_at_ms = image.expires_at_ms if image.removed_at_ms is None else image.removed_at_ms
    return Source(image.path, image.size_bytes, None, image.user_id, expires_at_ms)


async def check_sources(tx: Connection, request: GenerationRequest, origin: Origin, now_ms: int) -> int:
    """Check that the stored images, and the parent, of a request are there and may be used; returns their bytes.

    Raises ReferenceRefused, naming the image, or NotForYou.
    """
    total = 0
    for image in request.references:
        if not isinstance(image, StoredImage):
            continue
        source = await find_source(tx, image.kind, image.id)
        if source is None:
            raise ReferenceRefused(image.filename, NO_LONGER_KEPT)
        if source.request is not None:
            if not _may_use(source.request, origin):
                raise NotForYou
        elif source.owner_id != origin.user_id:
            raise NotForYou
        expired = source.expires_at_ms is not None and source.expires_at_ms <= now_ms
        if source.path is None or expired:
            raise ReferenceRefused(image.filename, NO_LONGER_KEPT)
        total += source.size_bytes
    if request.parent is not None:
        parent = await GenerationsRepository(tx).requests.get(request.parent.request_id)
        if parent is None or not _may_use(parent, origin):
            raise NotForYou
    return total


def _may_use(request: RequestRow, origin: Origin) -> bool:
    return may_see(
        request,
        user_id=origin.user_id,
        guild_id=origin.place_guild_id if origin.place_guild_id is not None else origin.guild_id,
        channel_id=origin.channel_id,
    )
