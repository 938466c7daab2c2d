"""What is done in the background, seldom: late pictures, old tokens, room on the disk, the account's credits."""

from __future__ import annotations

import asyncio
import contextlib
import stat

import structlog

from bot.clock import Clock
from bot.generations.repository import DeliveryRow, GenerationsRepository, PictureRow
from bot.generations.states import DeliveryState, ReferenceState
from bot.generations.store import FileStore
from bot.media import remove_quietly
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

KEPT_AFTER_NOTICE_S = 30 * 24 * 3600
"""An undelivered picture is kept this long after its owner was told that it waits."""
FITTED_S = 24 * 3600
FITTED_SHARE = 0.05
"""Of the room for results, that their smaller copies may take as well; they are made again when they are needed."""
FITTED_IN_USE_S = 600
"""A copy younger than this may be on its way to Discord."""
REFERENCES_S = 30 * 24 * 3600
"""For this long after a request has ended its references may be used again (Again, Remix)."""
REFERENCES_SHARE = 0.25
"""Of the room for results, that references may take as well."""
DRAFTS_S = 24 * 3600


class Upkeep:
    """Each method does one round of one duty and may be repeated or interrupted at any point."""

    def __init__(self, *, database: Database, store: FileStore, clock: Clock, results_max_bytes: int) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._results_max_bytes = results_max_bytes
        self._references_max_bytes = int(results_max_bytes * REFERENCES_SHARE)
        self._fitted_max_bytes = int(results_max_bytes * FITTED_SHARE)

    async def clear_incoming(self) -> None:
        """Remove half-finished downloads of an earlier run; call it before anything new is fetched."""
        for path in await asyncio.to_thread(lambda: list(self._store.stray_files())):
            await asyncio.to_thread(remove_quietly, path)

    async def purge_tokens(self) -> None:
        """Forget interaction tokens that no longer work."""
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: GenerationsRepository(tx).requests.purge_tokens(now_ms))

    async def drop_references(self) -> None:
        """Remove the references that no new request will use: of voids, and those past their time or the ceiling."""
        now_ms = self._clock.now_ms()
        async with self._database.read() as tx:
            rows = GenerationsRepository(tx).references
            images, ended = await rows.of_voids(), await rows.of_ended()
        over_bytes = sum(image.size_bytes or 0 for image, _ in ended) - self._references_max_bytes
        for image, ended_ms in ended:
            if over_bytes > 0 or now_ms - ended_ms > REFERENCES_S * 1000:
                images.append(image)
                over_bytes -= image.size_bytes or 0
        for image in images:
            # The row first: a row that promises bytes which are gone would be worse than a stray file.
            async def work(tx: Connection, reference_id: int = image.id) -> None:
                await GenerationsRepository(tx).references.change(reference_id, state=ReferenceState.DROPPED, path=None)

            await self._database.write(work)
            await asyncio.to_thread(remove_quietly, self._store.absolute(image.path or ""))

    async def forget_drafts(self) -> None:
        """Forget what was offered and not taken; a little later than it expired, so that a late press hears why."""
        before_ms = self._clock.now_ms() - DRAFTS_S * 1000
        await self._database.write(lambda tx: GenerationsRepository(tx).drafts.forget_expired(before_ms))

    async def make_room(self) -> None:
        """Remove results past the ceiling (the oldest delivered first) and undelivered ones whose time is over."""
        kept = await self._database.look(lambda tx: GenerationsRepository(tx).pictures.kept_bytes())
        now_ms = self._clock.now_ms()
        for picture, _ in _to_drop(kept, self._results_max_bytes, now_ms):
            # The row first: a row that promises bytes which are gone would be worse than a stray file.
            async def work(tx: Connection, picture_id: str = picture.id) -> None:
                await GenerationsRepository(tx).pictures.change(picture_id, path=None, bytes_dropped_at_ms=now_ms)

            await self._database.write(work)
            await asyncio.to_thread(remove_quietly, self._store.absolute(picture.path or ""))
            log.info("result.dropped", picture_id=picture.id, size_bytes=picture.size_bytes)
        await asyncio.to_thread(self._clear_fitted, now_ms)

    def _clear_fitted(self, now_ms: int) -> None:
        found = []
        self._store.fitted_folder.mkdir(exist_ok=True)  # whoever may empty it may have removed it
        for path in self._store.fitted_folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if stat.S_ISREG(status.st_mode):
                    found.append((now_ms / 1000 - status.st_mtime, status.st_size, path))
        over_bytes = sum(size_bytes for _, size_bytes, _ in found) - self._fitted_max_bytes
        for age_s, size_bytes, path in sorted(found, reverse=True):
            if age_s > FITTED_S or (over_bytes > 0 and age_s > FITTED_IN_USE_S):
                remove_quietly(path)
                over_bytes -= size_bytes


def _to_drop(
    kept: list[tuple[PictureRow, DeliveryRow]], ceiling_bytes: int, now_ms: int
) -> list[tuple[PictureRow, DeliveryRow]]:
    over_bytes = sum(picture.size_bytes or 0 for picture, _ in kept) - ceiling_bytes
    dropped = []
    for picture, delivery in kept:
        if delivery.state is DeliveryState.KEPT:
            told_ms = delivery.noticed_at_ms
            if told_ms is not None and now_ms - told_ms > KEPT_AFTER_NOTICE_S * 1000:
                dropped.append((picture, delivery))
                over_bytes -= picture.size_bytes or 0
        elif delivery.state in {DeliveryState.SHOWN, DeliveryState.WITHDRAWN} and over_bytes > 0:
            dropped.append((picture, delivery))
            over_bytes -= picture.size_bytes or 0
    return dropped
