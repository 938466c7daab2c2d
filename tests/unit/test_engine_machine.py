"""What the provider answers while the machine can't write is kept, and written down later. Nothing is asked twice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from structlog.testing import capture_logs

from bot.generations.states import PictureState
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.storage import Connection
from tests.world import World, Worlds

TRUST_S = 50
SLOW = Fault(kind=FaultKind.SLOW, route="create", delay_s=0.5)
"""Long enough to lock the file between the deed and its answer."""


def orders(worlds: Worlds) -> int:
    return sum(request.route == "create" for request in worlds.rivya.books.requests)


def unwritten(logs: Sequence[MutableMapping[str, Any]]) -> int:
    return sum(line["event"] == "picture.answer_unwritten" for line in logs)


@asynccontextmanager
async def locked(world: World) -> AsyncIterator[None]:
    """Have another program hold the database's file; what wants to write is refused at once."""

    async def refuse_at_once(tx: Connection) -> None:
        await tx.exec_driver_sql("PRAGMA busy_timeout=1")

    await world.database.write(refuse_at_once)
    with sqlite3.connect(world.database.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
    other.close()


async def test_an_answer_that_can_not_be_written_down_is_kept_past_the_trust_in_its_key(worlds: Worlds) -> None:
    worlds.rivya.faults.add(SLOW)
    async with worlds.open(idempotency_trust_s=TRUST_S) as world:
        request_id = await world.imagine()
        await world.until(lambda: worlds.rivya.books.tasks)
        async with locked(world):
            with capture_logs() as logs:
                await world.until(lambda: unwritten(logs))
                world.clock.advance(2 * TRUST_S)
                await world.until(lambda: unwritten(logs) > 2)
        await world.until_state(request_id, PictureState.FETCHED)
        await world.until_idle()
        await world.check_one_picture(request_id)
        assert orders(worlds) == 1


async def test_a_refusal_that_can_not_be_written_down_stays_a_refusal(worlds: Worlds) -> None:
    worlds.rivya.faults.add(SLOW)
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=400, route="create", times=None))
    async with worlds.open(idempotency_trust_s=TRUST_S) as world:
        request_id = await world.imagine()
        await world.until(lambda: orders(worlds))
        async with locked(world):
            with capture_logs() as logs:
                await world.until(lambda: unwritten(logs))
                world.clock.advance(2 * TRUST_S)
        await world.until_state(request_id, PictureState.FAILED)
        await world.check_books(charged=0)


async def test_a_stop_waits_for_what_was_answered_to_be_written_down(worlds: Worlds) -> None:
    worlds.rivya.faults.add(SLOW)
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until(lambda: worlds.rivya.books.tasks)
        async with locked(world):
            with capture_logs() as logs:
                await world.until(lambda: unwritten(logs))
            stopping = asyncio.ensure_future(world.core.engine.stop())
            await asyncio.sleep(0)
            assert not stopping.done()
        await stopping
        assert (await world.view(request_id)).pictures[0].state is PictureState.PAINTING
