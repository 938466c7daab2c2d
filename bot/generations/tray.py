"""A person's tray: images collected from several messages, kept as bytes for a day, to be references together."""

from __future__ import annotations

import asyncio
import errno
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from bot.clock import Clock
from bot.errors import ReferenceRefused
from bot.generations.access import may_see
from bot.generations.protocols import Fetcher, FetchError
from bot.generations.repository import GenerationsRepository, TrayRow
from bot.generations.sources import NO_LONGER_KEPT, Source, find_source
from bot.generations.store import FileStore
from bot.generations.values import Attachment, ReferenceImage, StoredImage
from bot.media import DamagedResult, PreparedReference, fit, prepare_reference, remove_quietly
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

TRAY_HOURS = 24
MAX_IMAGES = 8
"""As many as a picture takes as references."""
IMAGE_MAX_BYTES = 30_000_000
"""What the default model takes of one image."""
PERSON_MAX_BYTES = 100_000_000
TRIED_AT_ONCE = 2 * MAX_IMAGES
"""Of a message that shows more: some may be in the tray already, or be no image after all."""
ADDS_AT_ONCE = 3
"""Of one person: more messages than that in the same seconds are told to wait."""
PREVIEW_BYTES = 256 * 1024
FETCHES_AT_ONCE = 4
FETCH_WAITS_S = (1.0, 3.0)
"""Waits between tries; the person is waiting, and can ask again."""


@dataclass(frozen=True, slots=True)
class TrayLimits:
    """How much room trays may take: one person's, all together, and what stays free on the disk."""

    disk_reserve_bytes: int
    person_bytes: int = PERSON_MAX_BYTES
    all_bytes: int = 4 * 1024 * 1024 * 1024


class NotAdded(StrEnum):
    """Why an image did not come into the tray."""

    REFUSED = "refused"
    """It can't be a reference; ``detail`` completes the sentence "<filename> …"."""
    THERE = "there"
    """It is in there already."""
    FULL = "full"
    """There is no place for another image."""
    HEAVY = "heavy"
    """The person's images would take more room than one person may have."""
    BUSY = "busy"
    """The person is adding other images right now."""
    NO_ROOM = "no_room"
    """There is no room on the disk, or all trays together have what they may have."""


@dataclass(frozen=True, slots=True)
class Left:
    """An image that was not added, and why."""

    filename: str
    why: NotAdded
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TrayImage:
    """An image in a tray; extent in pixels, ``path`` is its file."""

    id: int
    filename: str
    path: Path
    width: int
    height: int
    size_bytes: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A small file that shows an image, and the name under which it is attached."""

    path: Path
    filename: str


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding: the names that came in, what did not, and how many images are in the tray now."""

    added: tuple[str, ...]
    left: tuple[Left, ...]
    count: int


class Tray:
    """Adds, shows, removes. What is taken out, or over, keeps its bytes until nothing waits for them (see `sweep`)."""

    def __init__(
        self, *, database: Database, store: FileStore, fetcher: Fetcher, clock: Clock, limits: TrayLimits
    ) -> None:
        self._database = database
        self._store = store
        self._fetcher = fetcher
        self._clock = clock
        self.limits = limits
        self._fetches = asyncio.Semaphore(FETCHES_AT_ONCE)
        self._in_work: set[str] = set()
        self._adding: Counter[int] = Counter()

    async def images(self, user_id: int) -> list[StoredImage]:
        """Return what is in a person's tray as references, oldest first."""
        return [
            StoredImage(kind="tray", id=str(image.id), filename=image.filename, size_bytes=image.size_bytes)
            for image in await self.contents(user_id)
        ]

    async def contents(self, user_id: int) -> list[TrayImage]:
        """Return what is in a person's tray, oldest first."""
        rows = await self._database.look(lambda tx: GenerationsRepository(tx).tray.of(user_id, self._clock.now_ms()))
        return [_image(row, self._store) for row in rows if row.path is not None]

    async def add(
        self,
        images: Sequence[ReferenceImage],
        *,
        user_id: int,
        guild_id: int | None,
        channel_id: int | None = None,
    ) -> Added:
        """Fetch, check and clean images, and put them into a person's tray, in their order.

        ``guild_id`` and ``channel_id`` are where the person is: a stored image must be theirs to see there. Never
        raises for an image: what can't be added is named in the answer.
        """
        viewer = _Viewer(user_id, guild_id, channel_id)
        full = len(await self.contents(user_id)) >= MAX_IMAGES
        busy = self._adding[user_id] >= ADDS_AT_ONCE
        # Nobody fetches what there is certainly no place for.
        tried = [] if full or busy else images[:TRIED_AT_ONCE]
        left = [Left(image.filename, NotAdded.BUSY if busy else NotAdded.FULL) for image in images[len(tried) :]]
        added: list[str] = []
        places = [self._store.tray_image(secrets.token_hex(12)) for _ in tried]
        self._in_work.update(place.name for place in places)
        self._adding[user_id] += 1
        try:
            found = await asyncio.gather(*(self._prepare(*each, viewer) for each in zip(tried, places, strict=True)))
            for image, prepared in zip(tried, found, strict=True):
                why = prepared if isinstance(prepared, Left) else await self._put(user_id, image.filename, prepared)
                if why is None:
                    added.append(image.filename)
                else:
                    left.append(why)
        finally:
            self._adding -= Counter({user_id: 1})
            self._in_work.difference_update(place.name for place in places)
        count = len(await self.contents(user_id))
        log.info("tray.added", user_id=user_id, added=len(added), left=[item.why.value for item in left], count=count)
        return Added(tuple(added), tuple(left), count)

    async def previews(self, images: Sequence[TrayImage]) -> dict[int, Preview]:
        """Return small files that show ``images``, by their ids; without those whose file is gone."""
        return await asyncio.to_thread(self._previews, images)

    def _drop_previews(self, rows: Sequence[TrayRow]) -> None:
        for row in rows:
            for path in self._store.fitted_folder.glob(f"tray-{row.id}.*"):
                remove_quietly(path)

    def _previews(self, images: Sequence[TrayImage]) -> dict[int, Preview]:
        shown: dict[int, Preview] = {}
        for image in images:
            stem = self._store.fitted_folder / f"tray-{image.id}"
            try:
                small = fit(image.path, limit_bytes=PREVIEW_BYTES, destination_stem=stem)
            except (DamagedResult, OSError) as error:
                log.error("tray.no_preview", image_id=image.id, error=type(error).__name__)  # noqa: TRY400 - known kinds
            else:
                shown[image.id] = Preview(small.path, f"tray-{image.id}{small.kind.extension}")
        return shown

    async def remove(self, user_id: int, image_id: int) -> bool:
        """Take one image out of a person's own tray; False when it is not in it."""
        now_ms = self._clock.now_ms()
        return (
            await self._database.write(lambda tx: GenerationsRepository(tx).tray.remove(user_id, image_id, now_ms)) > 0
        )

    async def empty(self, user_id: int) -> int:
        """Take everything out of a person's tray; returns how many images."""
        now_ms = self._clock.now_ms()
        return await self._database.write(lambda tx: GenerationsRepository(tx).tray.remove(user_id, None, now_ms))

    # --- adding ---

    async def _prepare(self, image: ReferenceImage, place: Path, viewer: _Viewer) -> PreparedReference | Left:
        try:
            async with self._fetches, self._bytes_of(image, viewer) as raw:
                return await asyncio.to_thread(
                    prepare_reference, raw, place, filename=image.filename, max_bytes=IMAGE_MAX_BYTES
                )
        except ReferenceRefused as error:
            return Left(image.filename, NotAdded.REFUSED, error.reason)
        except DamagedResult:
            return Left(image.filename, NotAdded.REFUSED, "is damaged and can't be read.")
        except OSError as error:
            log.error("tray.not_written", error=error.strerror)  # noqa: TRY400 - the disk's word says it all
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                return Left(image.filename, NotAdded.NO_ROOM)
            return Left(image.filename, NotAdded.REFUSED, "could not be kept. Please try again later.")

    @asynccontextmanager
    async def _bytes_of(self, image: ReferenceImage, viewer: _Viewer) -> AsyncIterator[Path]:
        """Give the file with an image's bytes: fetched from Discord, or our own, which stay where they are."""
        if isinstance(image, Attachment):
            if image.size_bytes > IMAGE_MAX_BYTES:
                size, most = image.size_bytes / 1_000_000, IMAGE_MAX_BYTES // 1_000_000
                raise ReferenceRefused(image.filename, f"is {size:,.1f} MB; at most {most} MB work.")
            self._check_disk(image.size_bytes)
            raw = self._store.incoming(f"tray-{secrets.token_hex(8)}")
            try:
                await self._fetch(image, raw)
                yield raw
            finally:
                await asyncio.to_thread(remove_quietly, raw)
            return
        source = await self._database.look(lambda tx: find_source(tx, image.kind, image.id))
        if source is None or source.path is None:
            raise ReferenceRefused(image.filename, NO_LONGER_KEPT)
        if not viewer.may_use(source):
            raise ReferenceRefused(image.filename, "is not here for you.")
        self._check_disk(source.size_bytes)
        path = self._store.absolute(source.path)
        if not await asyncio.to_thread(path.exists):
            raise ReferenceRefused(image.filename, NO_LONGER_KEPT)
        yield await asyncio.to_thread(self._fitted, path)

    def _fitted(self, path: Path) -> Path:
        """Return a finished picture small enough: what a model makes may be larger than what one takes."""
        if path.stat().st_size <= IMAGE_MAX_BYTES:
            return path
        return fit(path, limit_bytes=IMAGE_MAX_BYTES, destination_stem=self._store.fitted_folder / path.stem).path

    async def _fetch(self, image: Attachment, raw: Path) -> None:
        for wait_s in (*FETCH_WAITS_S, None):
            try:
                await self._fetcher.fetch(image.url, raw, max_bytes=IMAGE_MAX_BYTES)
            except FetchError as error:
                log.warning("tray.fetch_failed", error=str(error))
                if not error.retryable_now or wait_s is None:
                    raise ReferenceRefused(
                        image.filename, "can't be fetched from Discord any more. Post it again, please."
                    ) from error
                await self._clock.sleep(wait_s)
            else:
                return

    def _check_disk(self, size_bytes: int) -> None:
        # Twice: as it came, and as it is kept.
        if self._store.free_bytes() < self.limits.disk_reserve_bytes + 2 * size_bytes:
            raise OSError(errno.ENOSPC, "below the reserve")

    async def _put(self, user_id: int, filename: str, image: PreparedReference) -> Left | None:
        """Put a file that is on disk into the tray, or remove it; returns why not."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> NotAdded | None:
            rows = GenerationsRepository(tx).tray
            there = await rows.of(user_id, now_ms)
            if any(row.sha256 == image.sha256 for row in there):
                return NotAdded.THERE
            if len(there) >= MAX_IMAGES:
                return NotAdded.FULL
            if sum(row.size_bytes for row in there) + image.size_bytes > self.limits.person_bytes:
                return NotAdded.HEAVY
            if await rows.kept_bytes() + image.size_bytes > self.limits.all_bytes:
                return NotAdded.NO_ROOM
            await rows.add(
                user_id=user_id,
                filename=filename,
                path=self._store.relative(image.path),
                mime=image.mime,
                width=image.width,
                height=image.height,
                size_bytes=image.size_bytes,
                sha256=image.sha256,
                created_at_ms=now_ms,
                expires_at_ms=now_ms + TRAY_HOURS * 3_600_000,
            )
            return None

        why = await self._database.write(work)
        if why is None:
            return None
        await asyncio.to_thread(remove_quietly, image.path)
        return Left(filename, why)

    # --- upkeep ---

    async def sweep(self) -> None:
        """Remove the bytes of images that are in no tray any more, and files that no row speaks of."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> list[TrayRow]:
            rows = GenerationsRepository(tx).tray
            over = await rows.to_drop(now_ms)
            for row in over:  # the row first: one that promises bytes which are gone is worse than a stray file
                await rows.forget(row.id)
            return over

        async with self._database.read() as tx:
            found = bool(await GenerationsRepository(tx).tray.to_drop(now_ms))
        if found:
            over = await self._database.write(work)
            await asyncio.to_thread(self._drop_previews, over)
            log.info("tray.dropped", count=len(over), size_bytes=sum(row.size_bytes for row in over))
        # Files, then what is being added, then rows: a file that is not among these two by then is nobody's.
        working = set(self._in_work)
        files = await asyncio.to_thread(lambda: list(self._store.tray_folder.iterdir()))
        working |= self._in_work
        async with self._database.read() as tx:
            working |= {self._store.absolute(path).name for path in await GenerationsRepository(tx).tray.paths()}
        for path in files:
            if path.name.removesuffix(".part") not in working:
                await asyncio.to_thread(remove_quietly, path)


@dataclass(frozen=True, slots=True)
class _Viewer:
    """Who adds, and where."""

    user_id: int
    guild_id: int | None
    channel_id: int | None

    def may_use(self, source: Source) -> bool:
        if source.request is None:
            return source.owner_id == self.user_id
        return may_see(source.request, user_id=self.user_id, guild_id=self.guild_id, channel_id=self.channel_id)


def _image(row: TrayRow, store: FileStore) -> TrayImage:
    return TrayImage(
        id=row.id,
        filename=row.filename,
        path=store.absolute(row.path or ""),
        width=row.width,
        height=row.height,
        size_bytes=row.size_bytes,
        expires_at_ms=row.expires_at_ms,
    )
