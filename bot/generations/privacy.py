"""What a person may ask about what is held on them: how much it is, all of it as files, and that it goes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from bot.clock import Clock
from bot.credits.owners import Owners
from bot.credits.repository import CreditsRepository
from bot.generations.erasing import Eraser
from bot.generations.exporting import Export, Exporter
from bot.generations.refusals import Refused
from bot.generations.repository import GenerationsRepository
from bot.generations.repository.personal import Held
from bot.generations.store import FileStore
from bot.generations.tray import Tray
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)


class StillInWork(Refused):
    """A person can't be forgotten while pictures of theirs are in work, or on their way to them."""

    code = "still_in_work"

    def __init__(self, requests: int) -> None:
        super().__init__(f"{requests} requests in work")
        self.requests = requests


class ExportUnderWay(Refused):
    """A person's files are being put together already."""

    code = "export_under_way"

    @property
    def user_message(self) -> str:
        """The sentence shown to a person."""
        return "I am putting your files together already. They come here in a moment."


@dataclass(frozen=True, slots=True)
class Standing:
    """What is held on a person, and what their forgetting would meet."""

    held: Held
    in_work: int
    granted_credits: int
    """Extra credits that are left, over all servers."""


class Privacy:
    """Counts, exports, forgets. Everywhere a person is: what is held does not depend on the server they ask in."""

    def __init__(self, *, database: Database, store: FileStore, eraser: Eraser, tray: Tray, clock: Clock) -> None:
        self._database = database
        self._eraser = eraser
        self._tray = tray
        self._clock = clock
        self._exporter = Exporter(database, store)
        self._exporting: set[int] = set()
        self._forgetting: set[asyncio.Task[None]] = set()

    async def standing(self, user_id: int) -> Standing:
        """Return what is held on a person."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Standing:
            rows, ledger = GenerationsRepository(tx), CreditsRepository(tx)
            granted = 0
            for account_id, _ in await Owners(tx).accounts_of(user_id):
                granted += sum(grant.left_credits for grant in await ledger.grants_left(account_id, now_ms))
            return Standing(await rows.personal.held(user_id), len(await rows.erasing.in_work(user_id)), granted)

        return await self._database.look(work)

    async def export(self, user_id: int, *, limit_bytes: int) -> Export:
        """Put all that is held on a person into files of at most ``limit_bytes``; see ``Exporter``.

        Raises ExportUnderWay. Whoever calls removes the files (``Export.remove``).
        """
        if user_id in self._exporting:
            raise ExportUnderWay
        self._exporting.add(user_id)
        try:
            export = await self._exporter.write(user_id, limit_bytes=limit_bytes, now_ms=self._clock.now_ms())
        finally:
            self._exporting.discard(user_id)
        log.info("privacy.exported", user_id=user_id, parts=len(export.parts), left_out=len(export.left_out))
        return export

    async def forget(self, user_id: int, *, with_messages: bool) -> None:
        """Forget a person: they are nobody from one moment to the next, and what was theirs is removed then.

        Their entries stay, tied to nobody. Raises StillInWork: what is paid for comes first, and no hold may dangle.
        Once this has begun it is carried to its end, also after a crash.
        """
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> int:
            rows = GenerationsRepository(tx)
            in_work = await rows.erasing.in_work(user_id)
            if in_work:
                raise StillInWork(len(in_work))
            forgetting = await rows.erasing.begin(user_id, with_messages=with_messages, now_ms=now_ms)
            await rows.tray.remove(user_id, None, now_ms)
            await Owners(tx).release(user_id, now_ms)
            return forgetting.id

        forgetting_id = await self._database.write(work)
        log.info("forgetting.begun", forgetting_id=forgetting_id)  # not who it was
        task = asyncio.get_running_loop().create_task(self._finish())
        self._forgetting.add(task)
        task.add_done_callback(self._forgetting.discard)
        await asyncio.shield(task)

    async def _finish(self) -> None:
        try:
            await self._tray.sweep()
            await self._eraser.finish_forgetting()
        except Exception:
            log.exception("forgetting.interrupted")  # the next round of the upkeep goes on
