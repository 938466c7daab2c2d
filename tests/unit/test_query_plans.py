"""The everyday queries of the generations look only at what is open, however much is behind us."""

from __future__ import annotations

from typing import Any

from bot.generations.repository import GenerationsRepository
from bot.generations.states import PictureState, RequestState
from bot.storage import Database
from tests.plans import Recorder, plan_of


async def test_no_query_of_every_day_walks_through_a_whole_table(database: Database) -> None:
    seen: list[tuple[str, Any]] = []
    async with database.read() as tx:
        rows = GenerationsRepository(Recorder(tx, seen))  # type: ignore[arg-type]
        await rows.request_of_event("interaction", "1")
        await rows.open_pictures(user_id=1)
        await rows.open_pictures()
        await rows.promised_credits(0)
        await rows.open_requests(RequestState.RUNNING)
        await rows.pictures_in({PictureState.OVERDUE}, look_before_ms=0)
        await rows.unfinished_pictures("r")
        await rows.references_to_drop()
        await rows.open_deliveries()
        await rows.unnoticed(1, 2)
        await rows.history(1, 2, limit=5, offset=0)
        await rows.newest_open_requests(1)
        plan = await plan_of(tx, seen)
    assert len(seen) >= 12
    assert [step for step in plan if step.startswith("SCAN") and "INDEX" not in step] == []
