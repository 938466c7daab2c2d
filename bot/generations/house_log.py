"""Posts what waits for the servers' log channels: patiently, several lines a message, never in the way of a request.

A line is a row until it is posted. A message whose answer was lost is sent again with the same lines under the same
nonce, which Discord remembers for some minutes; after a longer outage such a message may stand twice.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from bot.clock import Clock
from bot.credits.quota_repository import LogLine as QuotaLine
from bot.credits.quota_repository import QuotaRepository
from bot.generations.house import THE_BOT, change_rules
from bot.generations.house_rules import HouseRules
from bot.generations.protocols import Delivery, DeliveryError, DeliveryFault, LogLine
from bot.generations.repository import ChangeRow, GenerationsRepository, LineKind, LogLineRow
from bot.generations.values import RequestView
from bot.generations.views import Gathered, Views
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

LINES_A_MESSAGE: Final = 8
MESSAGES_A_ROUND: Final = 5
"""For one server, so that a busy one does not keep the others waiting: Discord takes about one a second."""
SERVERS_AT_ONCE: Final = 4
MAX_WAITING: Final = 1000
"""Lines of one server; when more wait the oldest go, and the log says how many."""
GIVEN_UP_AFTER_S: Final = 24 * 3600
FIRST_WAIT_S: Final = 15.0
MOST_WAIT_S: Final = 15 * 60.0
_OF_REQUESTS: Final = frozenset({LineKind.REQUEST, LineKind.PRIVATE})


class HouseLog:
    """One round of posting for all servers; called again and again by the engine."""

    def __init__(self, *, database: Database, views: Views, delivery: Delivery, clock: Clock) -> None:
        self._database = database
        self._views = views
        self._delivery = delivery
        self._clock = clock
        self._places = asyncio.Semaphore(SERVERS_AT_ONCE)
        self._waits_s: dict[int, float] = {}
        self._next_try_ms: dict[int, int] = {}

    async def post(self) -> None:
        """Post what waits, where it is time for another try."""
        guild_ids = await self._database.look(lambda tx: GenerationsRepository(tx).log_lines.guilds())
        now_ms = self._clock.now_ms()
        due = [guild_id for guild_id in guild_ids if self._next_try_ms.get(guild_id, 0) <= now_ms]
        await asyncio.gather(*(self._post_of(guild_id) for guild_id in due))

    async def _post_of(self, guild_id: int) -> None:
        async with self._places:
            try:
                for _ in range(MESSAGES_A_ROUND):
                    if not await self._post_message(guild_id):
                        return
            except Exception:  # one server's trouble is not the others'
                log.exception("house_log.failed", guild_id=guild_id)
                self._wait(guild_id)

    async def _post_message(self, guild_id: int) -> bool:
        """Post one message; returns whether another one may follow."""
        rules, waiting, gathered, changes, quotas = await self._database.look(lambda tx: self._read(tx, guild_id))
        lines = _told(waiting, self._views.draw(gathered), changes, quotas)
        if not waiting:
            return False
        ids = [line.id for line in waiting]
        if rules.log_channel_id is None:  # it was switched off meanwhile
            await self._database.write(lambda tx: GenerationsRepository(tx).log_lines.drop_oldest(guild_id, keep=0))
            return False
        if waiting[0].batch_id is None:
            await self._database.write(lambda tx: GenerationsRepository(tx).log_lines.bind(ids))
        try:
            if lines:
                await self._delivery.post_lines(guild_id, rules.log_channel_id, lines, nonce=f"log-{ids[0]}")
        except DeliveryError as error:
            await self._failed(guild_id, waiting, error)
            return False
        await self._database.write(lambda tx: GenerationsRepository(tx).log_lines.remove(ids))
        self._waits_s.pop(guild_id, None)
        self._next_try_ms.pop(guild_id, None)
        return True

    async def _read(
        self, tx: Connection, guild_id: int
    ) -> tuple[HouseRules, list[LogLineRow], Gathered, list[ChangeRow], list[QuotaLine]]:
        rows = GenerationsRepository(tx)
        rules = HouseRules.of(await rows.rules.get(guild_id))
        waiting = await rows.log_lines.next(guild_id, limit=LINES_A_MESSAGE)
        request_ids = [line.ref for line in waiting if line.kind in _OF_REQUESTS and line.ref is not None]
        change_ids, quota_ids = (
            [int(line.ref) for line in waiting if line.kind == kind and line.ref is not None]
            for kind in (LineKind.CHANGE, LineKind.QUOTA)
        )
        found = await rows.requests.some(*request_ids) if request_ids else []
        changes = await rows.rules.changes_by_id(*change_ids) if change_ids else []
        quotas = await QuotaRepository(tx).lines_by_id(*quota_ids) if quota_ids else []
        return rules, waiting, await self._views.gather(tx, found), changes, quotas

    async def _failed(self, guild_id: int, waiting: list[LogLineRow], error: DeliveryError) -> None:
        self._wait(guild_id)
        log.warning("house_log.not_posted", guild_id=guild_id, fault=error.fault, error=str(error)[:200])
        if error.fault is DeliveryFault.REJECTED:  # a defect of ours: these lines would stand in the way for ever
            await self._database.write(
                lambda tx: GenerationsRepository(tx).log_lines.remove([line.id for line in waiting])
            )
            return
        now_ms = self._clock.now_ms()
        too_old = now_ms - waiting[0].created_at_ms > GIVEN_UP_AFTER_S * 1000
        if too_old and error.fault is not DeliveryFault.TRANSIENT:
            await self._give_up(guild_id, now_ms)
        else:
            await self._bound(guild_id, now_ms)

    async def _bound(self, guild_id: int, now_ms: int) -> None:
        async def work(tx: Connection) -> int:
            rows = GenerationsRepository(tx).log_lines
            if await rows.count(guild_id) <= MAX_WAITING:
                return 0
            dropped = await rows.drop_oldest(guild_id, keep=MAX_WAITING // 2)
            words = f"{dropped:,} lines are left out here: I could not post to this channel for a while."
            await rows.add(guild_id, LineKind.WORDS, now_ms, words=words)
            return dropped

        dropped = await self._database.write(work)
        if dropped:
            log.warning("house_log.dropped", guild_id=guild_id, lines=dropped)

    async def _give_up(self, guild_id: int, now_ms: int) -> None:
        """Switch a log off whose channel can't be posted to for a day, and tell whoever chose the channel."""

        async def work(tx: Connection) -> tuple[int, int | None]:
            rows = GenerationsRepository(tx)
            chosen = await rows.rules.changes(guild_id, limit=1, name="log_channel_id")
            dropped = await rows.log_lines.drop_oldest(guild_id, keep=0)
            await change_rules(tx, guild_id, by=THE_BOT, now_ms=now_ms, values={"log_channel_id": None})
            return dropped, chosen[0].changed_by if chosen else None

        dropped, admin_id = await self._database.write(work)
        log.warning("house_log.given_up", guild_id=guild_id, lines=dropped)
        if admin_id:
            try:
                await self._delivery.tell_log_off(admin_id, guild_id, dropped)
            except DeliveryError as error:  # the settings say it as well
                log.info("house_log.not_told", guild_id=guild_id, fault=error.fault)

    def _wait(self, guild_id: int) -> None:
        wait_s = self._waits_s.get(guild_id, FIRST_WAIT_S)
        self._waits_s[guild_id] = min(wait_s * 2, MOST_WAIT_S)
        self._next_try_ms[guild_id] = self._clock.now_ms() + int(wait_s * 1000)


def _told(
    waiting: list[LogLineRow], views: list[RequestView], changes: list[ChangeRow], quotas: list[QuotaLine]
) -> list[LogLine]:
    view_of = {view.id: view for view in views}
    change_of = {str(change.id): change for change in changes}
    quota_of = {str(quota.id): quota for quota in quotas}
    told = []
    for line in waiting:
        view = view_of.get(line.ref or "") if line.kind in _OF_REQUESTS else None
        if line.kind in _OF_REQUESTS and view is None:
            continue  # it was forgotten meanwhile
        change = change_of.get(line.ref or "") if line.kind == LineKind.CHANGE else None
        told.append(
            LogLine(
                line.created_at_ms,
                request=view,
                hidden=line.kind == LineKind.PRIVATE,
                change=change,
                quota=quota_of.get(line.ref or "") if line.kind == LineKind.QUOTA else None,
                words=line.words,
            )
        )
    return told
