"""The queries of trays."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, text, update

from bot.generations.repository.base import OPEN_REQUEST, Queries, Row
from bot.generations.states import ReferenceState
from bot.storage.personal_tables import tray_images
from bot.storage.request_tables import reference_images, requests

# The conditions of the partial indexes, word for word.
_IN_A_TRAY = text("tray_images.removed_at_ms IS NULL")
_HAS_BYTES = text("tray_images.path IS NOT NULL")


@dataclass(frozen=True, slots=True)
class TrayRow(Row):
    """A row of ``tray_images``."""

    id: int
    user_id: int
    filename: str
    path: str | None
    mime: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    created_at_ms: int
    expires_at_ms: int
    removed_at_ms: int | None


class TrayQueries(Queries):
    """Images that people collect, until they use them or their time is over."""

    async def get(self, image_id: int) -> TrayRow | None:
        """Return an image of a tray, also when it was removed."""
        return await self._one(TrayRow, select(tray_images).where(tray_images.c.id == image_id))

    async def of(self, user_id: int, now_ms: int) -> list[TrayRow]:
        """Return what is in a person's tray, oldest first."""
        return await self._all(
            TrayRow,
            select(tray_images)
            .where(tray_images.c.user_id == user_id, _IN_A_TRAY, tray_images.c.expires_at_ms > now_ms)
            .order_by(tray_images.c.id),
        )

    async def kept_bytes(self) -> int:
        """Return the bytes that all trays have on disk."""
        return await self._count(select(func.sum(tray_images.c.size_bytes)).where(_HAS_BYTES))

    async def add(
        self,
        *,
        user_id: int,
        filename: str,
        path: str,
        mime: str,
        width: int,
        height: int,
        size_bytes: int,
        sha256: str,
        created_at_ms: int,
        expires_at_ms: int,
    ) -> None:
        """Put an image into a person's tray."""
        await self._connection.execute(
            insert(tray_images).values(
                user_id=user_id,
                filename=filename,
                path=path,
                mime=mime,
                width=width,
                height=height,
                size_bytes=size_bytes,
                sha256=sha256,
                created_at_ms=created_at_ms,
                expires_at_ms=expires_at_ms,
            )
        )

    async def remove(self, user_id: int, image_id: int | None, now_ms: int) -> int:
        """Take one image, or with None all, out of a person's tray; returns how many."""
        statement = update(tray_images).where(tray_images.c.user_id == user_id, _IN_A_TRAY)
        if image_id is not None:
            statement = statement.where(tray_images.c.id == image_id)
        return await self._changed(statement.values(removed_at_ms=now_ms))

    async def to_drop(self, now_ms: int) -> list[TrayRow]:
        """Return the images with bytes on disk that are in no tray any more, and that no accepted request waits for."""
        rows = await self._connection.execute(
            select(reference_images.c.source_id)
            .join(requests, requests.c.id == reference_images.c.request_id)
            .where(
                OPEN_REQUEST,
                reference_images.c.source_kind == "tray",
                reference_images.c.state == ReferenceState.WAITING,
            )
        )
        waited_for = {int(source_id) for source_id in rows.scalars() if source_id}
        over = await self._all(
            TrayRow,
            select(tray_images)
            .where(_HAS_BYTES, (tray_images.c.expires_at_ms <= now_ms) | tray_images.c.removed_at_ms.is_not(None))
            .order_by(tray_images.c.expires_at_ms),
        )
        return [row for row in over if row.id not in waited_for]

    async def paths(self) -> set[str]:
        """Return the files that rows speak of."""
        rows = await self._connection.execute(select(tray_images.c.path).where(_HAS_BYTES))
        return {path for path in rows.scalars() if path is not None}

    async def forget(self, image_id: int) -> None:
        """Forget an image; its id is never given again."""
        await self._connection.execute(delete(tray_images).where(tray_images.c.id == image_id))
