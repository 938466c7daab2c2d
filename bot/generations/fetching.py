"""From the result's address to bytes on disk, recorded together with their price."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from pathlib import Path

import structlog

from bot.errors import BotError
from bot.generations.repository import PictureRow, RequestRow
from bot.generations.settling import (
    StoredResult,
    end_with_picture,
)
from bot.generations.stages import Endings, Stage, Tools, backoff
from bot.generations.states import FailureCode, PictureState
from bot.generations.store import RESULT_MIMES
from bot.generations.values import Trouble
from bot.media import DamagedResult, ResultInfo, commit_file, inspect_result
from bot.rivya import (
    ResultGone,
    ResultTooLarge,
    ResultUnusable,
    RivyaError,
)

log = structlog.get_logger(__name__)

MAX_RESULT_BYTES = 200 * 1024 * 1024


class Fetching(Stage):
    """Fetches results; the bytes are safe before the credits are taken."""

    def __init__(self, tools: Tools, endings: Endings) -> None:
        super().__init__(tools)
        self._endings = endings

    async def fetch(self, request: RequestRow, picture: PictureRow) -> None:
        """Bring a finished picture to disk and capture its credits, or lose it when there is no way to it."""
        waits = backoff(self._rng, first_s=1.0, cap_s=60.0)
        begun_ms = self._clock.now_ms()
        url = picture.result_url
        stored = await asyncio.to_thread(self._kept_before, picture)
        while stored is None:
            try:
                url = url or await self._fresh_url(picture)
                stored = await self._download(request, picture, url)
            except (RivyaError, DamagedResult, OSError) as error:
                if await self._hopeless(request, picture, error, begun_ms):
                    return
                if isinstance(error, ResultGone | DamagedResult):
                    url = None  # the status may name a fresh address
                await self._clock.sleep(next(waits))
        await self._capture(request, picture, stored)

    async def _download(self, request: RequestRow, picture: PictureRow, url: str) -> StoredResult:
        incoming = self._store.incoming(f"result-{picture.id}")
        async with self._notes.told_if_slow(request.id, Trouble.RESULT):
            await self._client.download(url, incoming, max_bytes=MAX_RESULT_BYTES)
        return await asyncio.to_thread(self._keep, picture, incoming)

    async def _hopeless(
        self, request: RequestRow, picture: PictureRow, error: RivyaError | DamagedResult | OSError, begun_ms: int
    ) -> bool:
        """Say what is waited for; True when the picture was given up.

        Patience is counted from when we began to ask (``begun_ms``), not from the success: we may have been away since.
        It is bounded all the same, or a bot that is restarted every day would hold the credits for ever.
        """
        on_disk = isinstance(error, OSError)
        if on_disk:  # else the operator, who can end it, would not know
            log.error("disk.refused", picture_id=picture.id, reason=str(error), free_bytes=self._free_bytes())
        code = error.code if isinstance(error, BotError) else errno.errorcode.get(error.errno or 0, "os")
        log.warning("picture.fetch_failed", picture_id=picture.id, code=code)
        if isinstance(error, RivyaError) and error.account_problem:
            self._account.close(error)
        waited_s = (self._clock.now_ms() - begun_ms) / 1000
        dead = isinstance(error, ResultUnusable | DamagedResult)
        patience_s = self._patience.dead_result_s if dead else self._patience.result_s
        if on_disk:
            patience_s = self._patience.forgotten_s
        age_s = (self._clock.now_ms() - (picture.finished_at_ms or begun_ms)) / 1000
        if age_s > self._patience.forgotten_s:
            patience_s = min(patience_s, self._patience.last_try_s)
        if waited_s > patience_s:
            await self._endings.lose(request, picture, {PictureState.FETCHING}, _lost_as(error))
            return True
        if waited_s > 4:
            await self._notes.trouble(request.id, Trouble.DISK if on_disk else Trouble.RESULT)
        return False

    def _free_bytes(self) -> int | None:
        try:
            return self._store.free_bytes()
        except OSError:
            return None

    async def _capture(self, request: RequestRow, picture: PictureRow, stored: StoredResult) -> None:
        now_ms = self._clock.now_ms()
        captured = await self._database.write(lambda tx: end_with_picture(tx, picture.id, stored, now_ms=now_ms))
        await self._notes.trouble(request.id, None)
        if captured is not None:
            log.info(
                "picture.captured",
                picture_id=picture.id,
                charged_credits=captured.charged_credits,
                variance_credits=captured.variance_credits,
                size_bytes=stored.size_bytes,
            )
        self._changed(request.id)

    async def _fresh_url(self, picture: PictureRow) -> str:
        task = await self._client.status(picture.task_id or "")
        if not task.result_urls:
            raise ResultGone("no address in the status")
        return task.result_urls[0]

    def _keep(self, picture: PictureRow, incoming: Path) -> StoredResult:
        info = inspect_result(incoming)
        final = self._store.result(picture.id, info.kind.mime)
        commit_file(incoming, final)
        return self._stored(final, info)

    def _kept_before(self, picture: PictureRow) -> StoredResult | None:
        """Find the bytes that were renamed just before a crash kept them from being recorded."""
        for mime in RESULT_MIMES:
            final = self._store.result(picture.id, mime)
            if final.exists():
                with contextlib.suppress(DamagedResult):
                    return self._stored(final, inspect_result(final))
        return None

    def _stored(self, final: Path, info: ResultInfo) -> StoredResult:
        return StoredResult(
            self._store.relative(final), info.kind.mime, info.width, info.height, info.size_bytes, info.sha256
        )


def _lost_as(error: RivyaError | DamagedResult | OSError) -> FailureCode:
    if isinstance(error, DamagedResult):
        return FailureCode.DAMAGED_RESULT
    return FailureCode.RESULT_TOO_LARGE if isinstance(error, ResultTooLarge) else FailureCode.RESULT_GONE
