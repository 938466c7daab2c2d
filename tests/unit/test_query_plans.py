"""The everyday queries of the generations look only at what is open, however much is behind us."""

from __future__ import annotations

from typing import Any

from bot.generations.repository import ForgettingRow, GenerationsRepository
from bot.generations.repository.requests import Wanted
from bot.generations.states import PictureState, RequestState
from bot.storage import Database
from tests.plans import Recorder, plan_of


async def test_no_query_of_every_day_walks_through_a_whole_table(database: Database) -> None:
    seen: list[tuple[str, Any]] = []
    async with database.read() as tx:
        rows = GenerationsRepository(Recorder(tx, seen))  # type: ignore[arg-type]
        await rows.requests.of_event("interaction", "1")
        await rows.pictures.crowd(user_id=1, guild_id=2, channel_id=3)
        await rows.pictures.promised_credits(0)
        await rows.requests.open(RequestState.RUNNING)
        await rows.pictures.in_states({PictureState.OVERDUE}, look_before_ms=0)
        await rows.pictures.count_unfinished("r")
        await rows.references.of_voids()
        await rows.references.of_ended()
        await rows.references.get(1)
        await rows.requests.children_of("r", limit=5)
        await rows.requests.some("r", "s")
        await rows.drafts.get("d")
        await rows.tray.get(1)
        await rows.deliveries.open()
        await rows.deliveries.unnoticed(1, 2, limit=5)
        await rows.requests.history(1, 2, limit=5, offset=0, waiting_first=True)
        await rows.requests.history(1, 2, limit=5, offset=0, wanted=Wanted("a fox", "m", 1, 2, with_picture=True))
        await rows.requests.running_of(1)
        await rows.requests.by_end(1, "abcdef")
        await rows.requests.of_message(1)
        await rows.pictures.load(1)
        await rows.requests.untold_voids(1)
        await rows.erasing.expired(before_ms=2, undelivered_before_ms=1, limit=1)
        await rows.erasing.unfinished()
        await rows.erasing.left_of(ForgettingRow(1, 0, 0, None), limit=1)
        plan = await plan_of(tx, seen)
    assert len(seen) >= 18
    walked = [step for step in plan if step.startswith("SCAN") and "INDEX" not in step]
    assert [step for step in walked if not step.startswith("SCAN CONSTANT ROW")] == []
