"""The queries of the galleries: which picture stands in one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert, select, update

from bot.generations.repository.base import Queries, Row
from bot.storage.request_tables import pictures
from bot.storage.server_tables import gallery_posts


@dataclass(frozen=True, slots=True)
class GalleryRow(Row):
    """A row of ``gallery_posts``."""

    picture_id: str
    guild_id: int
    channel_id: int
    message_id: int | None
    posted_by: int
    created_at_ms: int


class GalleryQueries(Queries):
    """Gallery posts: each picture at most once."""

    async def get(self, picture_id: str) -> GalleryRow | None:
        """Return a picture's place in its server's gallery."""
        return await self._one(GalleryRow, select(gallery_posts).where(gallery_posts.c.picture_id == picture_id))

    async def of(self, request_id: str) -> list[GalleryRow]:
        """Return the gallery posts of a request's pictures."""
        return await self._all(
            GalleryRow,
            select(gallery_posts)
            .join(pictures, pictures.c.id == gallery_posts.c.picture_id)
            .where(pictures.c.request_id == request_id)
            .order_by(pictures.c.position),
        )

    async def channels(self, *request_ids: str) -> dict[str, tuple[int, ...]]:
        """Return the channels in which pictures of requests stand in a gallery, by the requests' ids."""
        found = await self._connection.execute(
            select(pictures.c.request_id, gallery_posts.c.channel_id)
            .join(pictures, pictures.c.id == gallery_posts.c.picture_id)
            .where(pictures.c.request_id.in_(request_ids), gallery_posts.c.message_id.is_not(None))
            .distinct()
        )
        channels: dict[str, tuple[int, ...]] = {}
        for request_id, channel_id in found:
            channels[request_id] = (*channels.get(request_id, ()), channel_id)
        return channels

    async def add(self, row: GalleryRow) -> None:
        """Add a post that is about to be sent."""
        await self._connection.execute(
            insert(gallery_posts).values(
                picture_id=row.picture_id,
                guild_id=row.guild_id,
                channel_id=row.channel_id,
                posted_by=row.posted_by,
                created_at_ms=row.created_at_ms,
            )
        )

    async def change(self, picture_id: str, *, channel_id: int, message_id: int | None) -> None:
        """Store where a post stands, or is to."""
        await self._connection.execute(
            update(gallery_posts)
            .where(gallery_posts.c.picture_id == picture_id)
            .values(channel_id=channel_id, message_id=message_id)
        )
