"""Removes what is to be forgotten: piece by piece, from the rows first, then from the disk and from Discord.

Where it stands is in the rows. Killed anywhere, it goes on with the next round: what the database no longer speaks of
is written down as a removal in the same transaction.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import structlog

from bot.clock import Clock
from bot.credits.owners import Owners
from bot.generations.protocols import Delivery, DeliveryError, DeliveryFault
from bot.generations.repository import ForgettingRow, GenerationsRepository, RemovalRow
from bot.generations.store import FileStore
from bot.media import remove_quietly
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

RETENTION_FACT = "retention.last"
UNDELIVERED_S = 365 * 24 * 3600
"""A picture that was paid for and could not be shown waits for its owner beyond the retention; at most so long."""
AT_ONCE = 50
"""Requests in one transaction: others want to write, too."""
FILES_AT_ONCE = 200
MESSAGES_A_ROUND = 100
TRIES = 12
"""Of a message whose deletion fails for reasons that may pass; some hours, with the waits between."""
AGAIN_S = 300.0
FILE_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Erased:
    """How much went in one round."""

    requests: int = 0
    files: int = 0


class Eraser:
    """Each method is one round of one duty and may be repeated or interrupted at any point."""

    def __init__(
        self, *, database: Database, store: FileStore, delivery: Delivery, clock: Clock, retention_days: int | None
    ) -> None:
        self._database = database
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._retention_days = retention_days
        self._deleting = asyncio.Lock()

    async def keep_up(self) -> None:
        """Do a round of everything."""
        await self.finish_forgetting()
        await self.retain()
        await self.remove_files()
        await self.forget_hashes()
        await self.forget_reasons()
        await self.forget_bans()
        await self.remove_messages()

    async def finish_forgetting(self) -> int:
        """Remove what is left of people who asked to be forgotten; returns how many requests."""
        forgettings = await self._database.look(lambda tx: GenerationsRepository(tx).erasing.unfinished())
        erased = 0
        for forgetting in forgettings:
            while count := await self._erase_some(forgetting):
                erased += count
            log.info("forgetting.done", forgetting_id=forgetting.id)
        if forgettings:
            await self.remove_files()
        return erased

    async def _erase_some(self, forgetting: ForgettingRow) -> int:
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> int:
            rows = GenerationsRepository(tx).erasing
            left = await rows.left_of(forgetting, limit=AT_ONCE)
            if left:
                await rows.erase(left, now_ms=now_ms, with_messages=bool(forgetting.with_messages))
            else:
                await rows.done(forgetting.id, now_ms)
            return len(left)

        return await self._database.write(work)

    async def forget_hashes(self) -> None:
        """Forget whose the accounts of forgotten people were, when what they used does not count any more."""
        now_ms = self._clock.now_ms()
        gone = await self._database.write(lambda tx: Owners(tx).forget_hashes(now_ms))
        if gone:
            log.info("owners.forgotten", count=gone)

    async def forget_reasons(self) -> None:
        """Remove what was said of forgotten requests in reports, when these have been handled."""
        if await self._database.look(lambda tx: GenerationsRepository(tx).erasing.has_reasons()):
            await self._database.write(lambda tx: GenerationsRepository(tx).erasing.forget_reasons())

    async def forget_bans(self) -> None:
        """Remove the bans of forgotten people that are over: they stayed only so that they could not be got rid of."""
        now_ms = self._clock.now_ms()
        if await self._database.look(lambda tx: GenerationsRepository(tx).bans.has_ended(now_ms)):
            await self._database.write(lambda tx: GenerationsRepository(tx).bans.remove_ended(now_ms))

    async def retain(self) -> Erased:
        """Remove words, references and pictures of requests that are older than the retention; says what it did."""
        if self._retention_days is None:
            return Erased()
        now_ms = self._clock.now_ms()
        kept_ms = self._retention_days * 24 * 3600 * 1000
        before_ms = now_ms - kept_ms
        undelivered_before_ms = now_ms - max(kept_ms, UNDELIVERED_S * 1000)

        async def work(tx: Connection) -> Erased:
            rows = GenerationsRepository(tx).erasing
            over = await rows.expired(before_ms=before_ms, undelivered_before_ms=undelivered_before_ms, limit=AT_ONCE)
            files = await rows.erase(over, now_ms=now_ms) if over else 0
            return Erased(len(over), files)

        requests = files = 0
        # Looked at on a reader first: most rounds find nothing.
        while await self._database.look(
            lambda tx: GenerationsRepository(tx).erasing.expired(
                before_ms=before_ms, undelivered_before_ms=undelivered_before_ms, limit=1
            )
        ):
            erased = await self._database.write(work)
            requests, files = requests + erased.requests, files + erased.files
        if requests:
            await self.remove_files()
            done = {"at_ms": now_ms, "requests": requests, "files": files, "days": self._retention_days}
            await self._database.write(
                lambda tx: GenerationsRepository(tx).memory.remember(RETENTION_FACT, json.dumps(done), now_ms)
            )
            log.info("retention.done", requests=requests, files=files, days=self._retention_days)
        return Erased(requests, files)

    # --- outside of the database ---

    async def remove_files(self) -> int:
        """Remove the files that no row speaks of any more, with their smaller copies; returns how many."""
        removed = 0
        while found := await self._database.look(self._files):
            gone, left = await asyncio.to_thread(self._unlink, found)
            await self._settle(gone, left, FILE_AGAIN_S)
            removed += len(gone)
            if left:
                log.error("erasing.files_left", count=len(left))
        return removed

    async def _files(self, tx: Connection) -> list[RemovalRow]:
        return await GenerationsRepository(tx).erasing.files_to_remove(now_ms=self._clock.now_ms(), limit=FILES_AT_ONCE)

    def _unlink(self, found: list[RemovalRow]) -> tuple[list[int], list[int]]:
        stems = {self._store.absolute(removal.path or "").stem for removal in found}
        for copy in self._store.fitted_folder.iterdir():
            if copy.name.partition(".")[0] in stems:
                remove_quietly(copy)
        gone: list[int] = []
        left: list[int] = []
        for removal in found:
            path = self._store.absolute(removal.path or "")
            remove_quietly(path)
            (left if path.exists() else gone).append(removal.id)
        return gone, left

    async def remove_messages(self) -> int:
        """Delete messages whose person asked for it; returns how many. What can't be reached any more is left."""
        async with self._deleting:
            return await self._remove_messages()

    async def _remove_messages(self) -> int:
        now_ms = self._clock.now_ms()
        found = await self._database.look(
            lambda tx: GenerationsRepository(tx).erasing.messages_to_remove(now_ms=now_ms, limit=MESSAGES_A_ROUND)
        )
        removed = 0
        for removal in found:
            try:
                await self._delivery.remove(
                    guild_id=removal.guild_id, channel_id=removal.channel_id or 0, message_id=removal.message_id or 0
                )
                removed += 1
            except DeliveryError as error:
                if error.fault is DeliveryFault.TRANSIENT and removal.tries < TRIES:
                    await self._settle([], [removal.id], AGAIN_S * 2 ** min(removal.tries, 5))
                    continue
                if error.fault is not DeliveryFault.GONE:
                    log.warning("erasing.message_left", message_id=removal.message_id, fault=error.fault)
            await self._settle([removal.id], [], 0)
        if removed:
            log.info("erasing.messages", count=removed)
        return removed

    async def _settle(self, gone: list[int], left: list[int], again_s: float) -> None:
        due_at_ms = self._clock.now_ms() + int(again_s * 1000)

        async def work(tx: Connection) -> None:
            rows = GenerationsRepository(tx).erasing
            if gone:
                await rows.removed(gone)
            if left:
                await rows.not_removed(left, due_at_ms)

        await self._database.write(work)
