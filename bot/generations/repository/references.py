"""The queries of reference images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from bot.generations.repository.base import Queries, Row
from bot.generations.states import ReferenceState, RequestState
from bot.generations.values import Attachment, ReferenceImage, StoredImage
from bot.storage.request_tables import reference_images, requests


@dataclass(frozen=True, slots=True)
class ReferenceRow(Row):
    """A row of ``reference_images``."""

    STATES = ReferenceState

    id: int
    request_id: str
    position: int
    source_url: str
    filename: str
    declared_bytes: int
    state: ReferenceState
    path: str | None
    mime: str | None
    width: int | None
    height: int | None
    size_bytes: int | None
    sha256: str | None
    upload_url: str | None
    uploaded_at_ms: int | None
    refusal: str | None
    source_kind: str
    source_id: str | None


class ReferenceQueries(Queries):
    """Reference images: attached or taken from our own, spooled, uploaded, kept for a while, dropped."""

    async def add(self, request_id: str, images: Sequence[ReferenceImage]) -> None:
        """Add the reference images, in their order."""
        if images:
            await self._connection.execute(
                insert(reference_images),
                [
                    {
                        "request_id": request_id,
                        "position": position,
                        "source_kind": image.kind,
                        "source_url": image.url if isinstance(image, Attachment) else "",
                        "source_id": image.id if isinstance(image, StoredImage) else None,
                        "filename": image.filename,
                        "declared_bytes": image.size_bytes,
                        "state": ReferenceState.WAITING,
                    }
                    for position, image in enumerate(images, start=1)
                ],
            )

    async def get(self, reference_id: int) -> ReferenceRow | None:
        """Return a reference."""
        return await self._one(ReferenceRow, select(reference_images).where(reference_images.c.id == reference_id))

    async def of(self, *request_ids: str) -> list[ReferenceRow]:
        """Return the references of requests, in order."""
        return await self._all(
            ReferenceRow,
            select(reference_images)
            .where(reference_images.c.request_id.in_(request_ids))
            .order_by(reference_images.c.request_id, reference_images.c.position),
        )

    async def of_voids(self) -> list[ReferenceRow]:
        """Return the references with bytes on disk whose request nothing will come of."""
        return await self._all(
            ReferenceRow,
            select(reference_images)
            .join(requests, requests.c.id == reference_images.c.request_id)
            .where(reference_images.c.path.is_not(None), requests.c.state == RequestState.VOID),
        )

    async def of_ended(self) -> list[tuple[ReferenceRow, int]]:
        """Return the references with bytes on disk whose request has ended, and when it did, oldest first."""
        rows = await self._connection.execute(
            select(reference_images, requests.c.settled_at_ms)
            .join(requests, requests.c.id == reference_images.c.request_id)
            .where(reference_images.c.path.is_not(None), requests.c.state == RequestState.SETTLED)
            .order_by(requests.c.settled_at_ms)
        )
        return [(ReferenceRow.of(row), row["settled_at_ms"] or 0) for row in rows.mappings()]

    async def change(self, reference_id: int, **values: Any) -> None:
        """Change a reference."""
        await self._connection.execute(
            update(reference_images).where(reference_images.c.id == reference_id).values(**values)
        )
