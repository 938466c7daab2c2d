"""What goes by itself when its time is over."""

from __future__ import annotations

import asyncio
import json

from sqlalchemy import text

from bot.generations.protocols import DeliveryFault
from bot.generations.states import DeliveryState
from bot.rivya import Timeouts
from bot.sandbox.rivya_faults import Fault, FaultKind
from tests.clocks import TestClock
from tests.unit.persons import SECRET, files, rows
from tests.world import ALICE, GUILD, Worlds

DAY_S = 24 * 3600


async def test_after_its_time_what_was_made_goes_and_what_was_booked_stays(worlds: Worlds, clock: TestClock) -> None:
    async with worlds.open(retention_days=90) as world:
        old = await world.imagine(SECRET, references=(world.cdn.add("heron.png"),))
        await world.until_idle()
        clock.advance(10 * DAY_S)
        young = await world.imagine("younger")
        await world.until_idle()
        clock.advance(80 * DAY_S - 3600)
        await world.core.engine._keep_up()
        assert (await world.view(old)).prompt == SECRET
        clock.advance(2 * 3600)
        await world.core.engine._keep_up()
        assert (await world.view(old)).forgotten
        assert SECRET not in str(await rows(world, "SELECT * FROM requests"))
        assert SECRET.encode() not in b"".join(row.body for row in await rows(world, "SELECT body FROM attempts"))
        assert (await world.view(young)).prompt == "younger"
        assert files(worlds.folder) == [f"results/{young}-1.png"]
        page = await world.core.generations.history(user_id=ALICE, guild_id=GUILD, page=1)
        assert [view.id for view in page.requests] == [young]
        assert json.loads(await world.core.generations.fact("retention.last") or "")["requests"] == 1
        await world.check_books(charged=16)


async def test_without_a_time_all_is_kept(worlds: Worlds, clock: TestClock) -> None:
    async with worlds.open(retention_days=None) as world:
        old = await world.imagine(SECRET)
        await world.until_idle()
        clock.advance(3650 * DAY_S)
        await world.core.engine._keep_up()
        assert (await world.view(old)).prompt == SECRET


async def test_a_paid_picture_that_never_reached_its_owner_waits_longer(worlds: Worlds, clock: TestClock) -> None:
    worlds.discord.refuse = lambda _rung, _try: DeliveryFault.NO_ACCESS
    async with worlds.open(retention_days=1) as world:
        request_id = await world.imagine(SECRET)
        await world.until_idle()
        assert (await world.view(request_id)).delivery is DeliveryState.KEPT
        clock.advance(300 * DAY_S)
        await world.core.engine._keep_up()
        assert len(files(worlds.folder)) == 1
        clock.advance(66 * DAY_S)
        await world.core.engine._keep_up()
        assert files(worlds.folder) == []
        assert await world.told() == 0


async def test_what_is_in_work_is_never_too_old(worlds: Worlds, clock: TestClock) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=429, route="create", times=None))
    async with worlds.open(retention_days=1, timeouts=Timeouts()) as world:
        request_id = await world.imagine(SECRET)
        async with asyncio.timeout(30):
            while not any(request.route == "create" for request in worlds.rivya.books.requests):
                await asyncio.sleep(0.01)
        await world.database.write(
            lambda tx: tx.execute(text("UPDATE requests SET created_at_ms = created_at_ms - 1000000000"))
        )
        await world.core.engine._keep_up()
        assert (await world.view(request_id)).prompt == SECRET
        worlds.rivya.faults.clear()
        await world.until_idle(step_s=5)
        await world.check_books(charged=8)
