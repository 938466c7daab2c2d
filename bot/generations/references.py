"""Reference images: spooled from Discord to disk, checked and cleaned, uploaded once for all pictures of a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from bot.clock import Clock
from bot.errors import ReferenceRefused
from bot.generations.lane import Lane
from bot.generations.notes import Notes
from bot.generations.protocols import Fetcher, FetchError
from bot.generations.repository import GenerationsRepository, ReferenceRow, RequestRow
from bot.generations.settling import end_without_picture
from bot.generations.sources import NO_LONGER_KEPT, find_source
from bot.generations.states import UNSENT_STATES, FailureCode, PictureState, ReferenceState
from bot.generations.store import FileStore
from bot.generations.values import Trouble
from bot.media import fit, prepare_reference, remove_quietly, sync_folder
from bot.rivya import Catalogue, ReferenceUrl, RivyaClient, RivyaError
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

SPOOLS_AT_ONCE = 8
FETCHED_AT_ONCE_BYTES = 64_000_000
PREPARED_AT_ONCE = 1
"""Each is read whole to be checked, then decoded: in memory one file is to be, not eight of ten requests. Waiting here
costs nobody a thread."""
UPLOAD_FRESH_S = 120.0
"""A create call that is turned down over addresses younger than this is not turned down because of their age."""
FETCH_WAITS_S = (1.0, 3.0, 8.0, 20.0, 40.0)
"""Waits between tries to fetch an attachment: somewhat over a minute in all."""


class ReferenceStage:
    """Brings a request's references to disk and to the provider; each step is in the rows before the next begins.

    ``has_place`` tells whether a request that is ready would be worked on at once: then each reference goes up as soon
    as it is checked, while the next one is.
    """

    def __init__(
        self,
        *,
        database: Database,
        client: RivyaClient,
        catalogue: Catalogue,
        fetcher: Fetcher,
        store: FileStore,
        notes: Notes,
        clock: Clock,
        has_place: Callable[[], bool],
    ) -> None:
        self._has_place = has_place
        self._database = database
        self._client = client
        self._catalogue = catalogue
        self._fetcher = fetcher
        self._store = store
        self._notes = notes
        self._clock = clock
        self._spools = asyncio.Semaphore(SPOOLS_AT_ONCE)
        self._fetches = Lane(FETCHED_AT_ONCE_BYTES)
        self._prepares = asyncio.Semaphore(PREPARED_AT_ONCE)
        self._uploads: dict[str, asyncio.Lock] = {}

    async def spool(self, request: RequestRow) -> bool:
        """Bring all references to disk, several at once; returns False when one was refused.

        Then the request's unsent pictures have failed, their credits are back, and the card names the file.
        """
        async with self._database.read() as tx:
            waiting = [
                image
                for image in await GenerationsRepository(tx).references.of(request.id)
                if image.state is ReferenceState.WAITING
            ]
        if not waiting:
            return True
        async with self._notes.told_if_slow(request.id, Trouble.REFERENCES):
            results = await asyncio.gather(
                *(self._spool_one(request, image) for image in waiting), return_exceptions=True
            )
        await self._notes.trouble(request.id, None)
        refusals: list[tuple[ReferenceRow, ReferenceRefused]] = []
        for image, result in zip(waiting, results, strict=True):
            if isinstance(result, ReferenceRefused):
                refusals.append((image, result))
            elif isinstance(result, BaseException):
                raise result
        if refusals:
            await self._refuse(request, refusals)
            return False
        return True

    async def _spool_one(self, request: RequestRow, image: ReferenceRow) -> None:
        spec = self._catalogue.get(request.model)
        final = self._store.reference(request.id, image.position)
        async with self._spools, self._bytes_of(request, image, spec.reference_max_bytes) as raw:
            async with self._prepares:
                prepared = await asyncio.to_thread(
                    prepare_reference,
                    raw,
                    final,
                    filename=image.filename,
                    max_bytes=spec.reference_max_bytes,
                    allowed=frozenset(spec.reference_mimes),
                )
            await asyncio.to_thread(sync_folder, final.parent)
        values: dict[str, Any] = {
            "state": ReferenceState.READY,
            "path": self._store.relative(final),
            "mime": prepared.mime,
            "width": prepared.width,
            "height": prepared.height,
            "size_bytes": prepared.size_bytes,
            "sha256": prepared.sha256,
        }
        await self._database.write(lambda tx: GenerationsRepository(tx).references.change(image.id, **values))
        log.info("reference.spooled", position=image.position, size_bytes=prepared.size_bytes)
        if self._has_place():
            await self._upload_early(request, replace(image, path=self._store.relative(final), mime=prepared.mime))

    async def _upload_early(self, request: RequestRow, image: ReferenceRow) -> None:
        """Upload what is ready while others are not; what does not work now is tried with patience at submission."""
        try:
            async with self._notes.told_if_slow(request.id, Trouble.UNREACHABLE):
                await self._upload_one(request, image)
        except (RivyaError, OSError) as error:
            log.info("reference.not_uploaded_early", position=image.position, error=type(error).__name__)

    @asynccontextmanager
    async def _bytes_of(self, request: RequestRow, image: ReferenceRow, max_bytes: int) -> AsyncIterator[Path]:
        """Give the file with a reference's bytes: fetched from Discord, or our own, which stay where they are."""
        if image.source_kind == "discord":
            raw = self._store.incoming(f"reference-{image.id}")
            try:
                async with self._fetches.hold(image.declared_bytes):
                    await self._fetch(request, image, raw, max_bytes)
                yield raw
            finally:
                await asyncio.to_thread(remove_quietly, raw)
            return
        source = await self._database.look(lambda tx: find_source(tx, image.source_kind, image.source_id or ""))
        path = self._store.absolute(source.path) if source is not None and source.path is not None else None
        if path is None or not await asyncio.to_thread(path.exists):
            raise ReferenceRefused(image.filename, NO_LONGER_KEPT)
        if image.source_kind == "picture":  # what the model made may be larger than what it takes
            path = await asyncio.to_thread(self._fitted, path, max_bytes)
        yield path

    def _fitted(self, path: Path, max_bytes: int) -> Path:
        if path.stat().st_size <= max_bytes:
            return path
        return fit(path, limit_bytes=max_bytes, destination_stem=self._store.fitted_folder / path.stem).path

    async def _fetch(self, request: RequestRow, image: ReferenceRow, raw: Path, max_bytes: int) -> None:
        for wait_s in (*FETCH_WAITS_S, None):
            try:
                await self._fetcher.fetch(image.source_url, raw, max_bytes=max_bytes)
            except FetchError as error:
                log.warning("reference.fetch_failed", position=image.position, error=str(error))
                if not error.retryable_now or wait_s is None:
                    raise ReferenceRefused(
                        image.filename, "can't be fetched from Discord any more. Attach it again, please."
                    ) from error
                await self._notes.trouble(request.id, Trouble.REFERENCES)
                await self._clock.sleep(wait_s)
            else:
                return

    async def _refuse(self, request: RequestRow, refusals: list[tuple[ReferenceRow, ReferenceRefused]]) -> None:
        sentence = " ".join(f"{error.filename} {error.reason}" for _, error in refusals)
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> None:
            rows = GenerationsRepository(tx)
            for image, error in refusals:
                await rows.references.change(image.id, state=ReferenceState.REFUSED, refusal=error.user_message)
            for picture in await rows.pictures.of(request.id):
                await end_without_picture(
                    tx,
                    picture.id,
                    UNSENT_STATES,
                    PictureState.FAILED,
                    now_ms=now_ms,
                    failure_code=FailureCode.REFERENCE_REFUSED,
                    failure_detail=sentence,
                )

        await self._database.write(work)
        log.info("reference.refused", request_id=request.id, count=len(refusals))

    async def uploaded(self, request: RequestRow) -> list[ReferenceUrl]:
        """Return the references' addresses at the provider, uploading what is not there yet, several at once.

        Raises RivyaError when an upload fails for good, OSError when a spooled file can't be read.
        """
        lock = self._uploads.setdefault(request.id, asyncio.Lock())
        async with lock:
            images = await self._references(request.id)
            missing = [image for image in images if image.upload_url is None]
            if missing:
                async with self._notes.told_if_slow(request.id, Trouble.UNREACHABLE):
                    results = await asyncio.gather(
                        *(self._upload_one(request, image) for image in missing), return_exceptions=True
                    )
                for result in results:
                    if isinstance(result, BaseException):
                        raise result
                images = await self._references(request.id)
        return [ReferenceUrl(image.upload_url or "", image.filename, image.mime or "") for image in images]

    async def renew(self, request: RequestRow, sent_ms: int) -> bool:
        """Have old uploads made again after a create call of ``sent_ms`` was turned down; False when all were fresh.

        How long an upload lives at the provider is not stated, nor how it says that one is gone.
        """
        async with self._uploads.setdefault(request.id, asyncio.Lock()):
            images = await self._references(request.id)
            if any((image.uploaded_at_ms or 0) > sent_ms for image in images):
                return True  # for another picture of the request, meanwhile
            old = [image.id for image in images if sent_ms - (image.uploaded_at_ms or sent_ms) > UPLOAD_FRESH_S * 1000]

            async def work(tx: Connection) -> None:
                for reference_id in old:
                    await GenerationsRepository(tx).references.change(
                        reference_id, state=ReferenceState.READY, upload_url=None
                    )

            await self._database.write(work)
        return bool(old)

    async def _references(self, request_id: str) -> list[ReferenceRow]:
        return await self._database.look(lambda tx: GenerationsRepository(tx).references.of(request_id))

    async def _upload_one(self, request: RequestRow, image: ReferenceRow) -> None:
        uploaded = await self._client.upload(
            self._store.absolute(image.path or ""),
            filename=image.filename,
            mime=image.mime or "",
            model=request.model,
            client_request_id=f"{request.id}-r{image.position}",
        )
        now_ms = self._clock.now_ms()
        await self._database.write(
            lambda tx: GenerationsRepository(tx).references.change(
                image.id, state=ReferenceState.UPLOADED, upload_url=uploaded.url, uploaded_at_ms=now_ms
            )
        )
        log.info("reference.uploaded", position=image.position)

    def forget(self, request_id: str) -> None:
        """Let go of a request that has ended."""
        self._uploads.pop(request_id, None)
