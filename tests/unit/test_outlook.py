"""For how long the account's credits last: what is on hold belongs to the pace, and is taken off what is left once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import update

from bot.generations.account import CREDITS_FACT
from bot.generations.outlook import outlook_of
from bot.generations.repository import GenerationsRepository
from bot.storage import Connection, Database
from bot.storage.request_tables import pictures
from tests.books import accept, end, fetch, move

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
READ_HOURS_AGO = 1


@dataclass(frozen=True)
class Ordered:
    """Some pictures of 10 credits, when they were asked for and sent, and what has become of them."""

    hours_ago: float
    became: str
    """waiting, running, made, failed, overdue"""
    sent_hours_ago: float | None = None
    count: int = 1


IN_WORK = (Ordered(0.5, "running", 0.5, 2), Ordered(0.25, "waiting", None, 2))
TABLE = {
    "nothing": ([], 1000, 0, 1),
    "made before the reading": ([Ordered(5, "made", 5)], 1000, 10, 1),
    "running, and in the reading": ([Ordered(5, "running", 5)], 1000, 10, 1),
    "running, sent since the reading": ([Ordered(5, "running", 0.5)], 990, 10, 1),
    "waiting": ([Ordered(0.5, "waiting", count=3)], 970, 30, 1),
    "failed": ([Ordered(5, "failed", 5)], 1000, 0, 1),
    "a day's work, the last of it in work": (
        [Ordered(20, "made", 20, 3), Ordered(9, "made", 9, 3), *IN_WORK],
        960, 100, 1,
    ),
    # Its hold stays for a day past the deadline; it says nothing about today.
    "overdue since yesterday": ([Ordered(30, "overdue", 30), Ordered(5, "made", 5, count=4)], 1000, 40, 1),
    "a week that was faster": ([*[Ordered(60, "made", 60, count=4)] * 4, Ordered(5, "running", 5)], 1000, 170 / 7, 7),
    "longer ago": ([Ordered(24 * 9, "made", 24 * 9)], 1000, 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
async def test_what_is_left_and_at_which_pace(database: Database, name: str) -> None:
    ordered, free, pace, days = TABLE[name]

    async def work(tx: Connection) -> None:
        memory = GenerationsRepository(tx).memory
        await memory.remember(CREDITS_FACT, "1000", NOW_MS - READ_HOURS_AGO * HOUR_MS)
        for number, one in enumerate(ordered):
            await _order(tx, f"r{number}", one)

    await database.write(work)
    outlook, _ = await database.look(lambda tx: outlook_of(tx, NOW_MS))
    assert (outlook.read_credits, outlook.free_credits) == (1000, free)
    assert (outlook.pace_credits_per_day, outlook.pace_days) == (pytest.approx(pace), days)
    assert outlook.days_left == (pytest.approx(free / pace) if pace else None)


async def test_before_the_first_reading(database: Database) -> None:
    await database.write(lambda tx: _order(tx, "r", Ordered(5, "made", 5)))
    outlook, _ = await database.look(lambda tx: outlook_of(tx, NOW_MS))
    assert (outlook.read_credits, outlook.free_credits, outlook.days_left) == (None, None, None)
    assert outlook.pace_credits_per_day == 10


async def _order(tx: Connection, request_id: str, one: Ordered) -> None:
    asked_ms = NOW_MS - int(one.hours_ago * HOUR_MS)
    held = await accept(tx, request_id, now_ms=asked_ms, count=one.count, price_credits=10)
    for picture_id in held.holds:
        if one.sent_hours_ago is not None:
            sent_ms = NOW_MS - int(one.sent_hours_ago * HOUR_MS)
            await tx.execute(update(pictures).where(pictures.c.id == picture_id).values(submitted_at_ms=sent_ms))
        match one.became:
            case "made":
                await fetch(tx, picture_id, now_ms=asked_ms + 60_000, final_credits=10)
            case "failed":
                await end(tx, picture_id, now_ms=asked_ms + 60_000)
            case "running":
                await move(tx, picture_id, "submitting", "painting")
            case "overdue":
                await move(tx, picture_id, "submitting", "painting", "overdue")
