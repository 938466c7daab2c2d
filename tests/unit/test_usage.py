"""What a server used: sums that are the ledger's, day by day, and files in which nothing is lost or calculated."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text, update

from bot.credits.ledger import Ledger
from bot.credits.quotas import SpendingPolicy
from bot.credits.windows import day_of, month_of
from bot.generations.quota_changes import ZoneChange
from bot.generations.quota_desk import QuotaDesk
from bot.generations.repository import GenerationsRepository
from bot.generations.usage import By, Period, Usage, UsageBook
from bot.generations.usage_files import COLUMNS, as_csv, as_json, cell, named, read
from bot.storage import Connection, Database
from bot.storage.request_tables import requests
from tests.books import CHANNEL, GUILD, USER, accept, end, fetch
from tests.clocks import TestClock
from tests.plans import Recorder, plan_of

DAY_MS = 86_400_000
FIRST_MS = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp() * 1000)
MONTH = Period(date(2026, 9, 1), date(2026, 9, 30))
MODELS = ("nano-banana-pro", "nano-banana-2")


@pytest.fixture
def book(database: Database, clock: TestClock) -> UsageBook:
    return UsageBook(database, clock)


async def live(database: Database, seed: int, *, number: int = 60, guild_id: int = GUILD) -> None:
    """Let a server's members do all that can happen to credits, over a month and a bit."""
    rng = Random(seed)

    async def work(tx: Connection) -> None:
        for each in range(number):
            now_ms = FIRST_MS + rng.randrange(0, 33 * DAY_MS)
            name = f"{guild_id}-{seed}-{each}"
            if rng.random() < 0.2:
                account_id = await Ledger(tx, now_ms).member_account(guild_id=guild_id, user_id=USER + each % 5)
                await Ledger(tx, now_ms).grant(account_id, 30, actor="admin", reason="thanks")
            count = rng.randrange(1, 4)
            await accept(tx, name, now_ms=now_ms, guild_id=guild_id, user_id=USER + each % 5, count=count)
            await tx.execute(
                update(requests)
                .where(requests.c.id == name)
                .values(channel_id=CHANNEL + each % 3, model=MODELS[each % 2], place_guild_id=guild_id)
            )
            for position in range(1, count + 1):
                ending = rng.random()
                if ending < 0.6:
                    await fetch(tx, f"{name}-{position}", now_ms=now_ms + 60_000, final_credits=rng.choice((5, 8, 11)))
                    if ending < 0.1:
                        await Ledger(tx, now_ms + DAY_MS).refund(
                            f"{name}-{position}",
                            3,
                            actor="admin",
                            reason="x",
                            open_since_ms=month_of(now_ms + DAY_MS).start_ms,
                        )
                elif ending < 0.85:
                    await end(tx, f"{name}-{position}", now_ms=now_ms + 60_000)

    await database.write(work)


async def ledger_says(database: Database, since_ms: int, until_ms: int, guild_id: int = GUILD) -> int:
    query = (
        "SELECT coalesce(sum(amount_credits), 0) FROM legs "
        f"WHERE guild_id = {guild_id} AND dated_at_ms >= {since_ms} AND dated_at_ms < {until_ms}"
    )
    return await _number(database, query)


@pytest.mark.parametrize("seed", range(6))
async def test_all_sums_are_the_ledgers(database: Database, book: UsageBook, seed: int) -> None:
    await live(database, seed)
    await live(database, seed, guild_id=GUILD + 1)
    usage = await book.usage(GUILD, MONTH)
    assert usage.total.used_credits == await ledger_says(database, FIRST_MS, FIRST_MS + 30 * DAY_MS)
    assert usage.total.used_credits > 0
    assert usage.total.on_hold_credits > 0
    for by in By:
        assert sum(one.used_credits for one in usage.sums[by].values()) == usage.total.used_credits
        assert sum(one.pictures for one in usage.sums[by].values()) == usage.total.pictures
    for day, one in usage.sums[By.DAY].items():
        start_ms = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        assert one.used_credits == await ledger_says(database, start_ms, start_ms + DAY_MS)
    made = await _number(
        database,
        "SELECT count(*) FROM pictures p JOIN entries h ON h.id = p.hold_id JOIN accounts a ON a.id = h.account_id "
        f"WHERE p.state = 'fetched' AND a.guild_id = {GUILD} AND h.created_at_ms < {FIRST_MS + 30 * DAY_MS}",
    )
    assert usage.total.pictures == made

    rows = await read(book.charges(GUILD, MONTH), members={}, channels={})
    assert sum(row["used_credits"] for row in rows) == usage.total.used_credits
    assert len({row["picture"] for row in rows}) == len(rows)
    # Where nothing came back too late, what was used is what was charged, less refunds, and what is on hold.
    plain = [row for row in rows if not row["refunded_credits"]]
    for row in plain:
        open_credits = row["price_credits"] if row["settlement"] is None else 0
        assert row["used_credits"] == row["charged_credits"] + open_credits
    raw = as_csv(rows).decode("utf-8-sig")
    read_back = list(csv.DictReader(io.StringIO(raw)))
    assert sum(int(row["used_credits"]) for row in read_back) == usage.total.used_credits
    loaded = json.loads(as_json(rows, guild_id=GUILD, period=MONTH))
    assert loaded["used_credits"] == sum(row["used_credits"] for row in loaded["charges"]) == usage.total.used_credits


async def test_every_entry_of_a_server_is_in_the_file_and_leads_back(database: Database, book: UsageBook) -> None:
    await live(database, 3)
    whole = Period(date(2026, 8, 1), date(2026, 12, 31))
    rows = await read(book.charges(GUILD, whole), members={}, channels={})
    named_entries = {row["hold_entry"] for row in rows} | {row["settlement_entry"] for row in rows} - {None}
    named_entries |= {int(entry) for row in rows for entry in (row["refund_entries"] or "").split()}
    booked = await database.look(
        lambda tx: _column(
            tx,
            "SELECT e.id FROM entries e JOIN accounts a ON a.id = e.account_id "
            f"WHERE a.guild_id = {GUILD} AND e.kind != 'grant'",
        )
    )
    assert named_entries == set(booked)
    for row in rows[:20]:
        trace = await book.trace(GUILD, entry_id=row["hold_entry"])
        assert trace is not None
        assert trace.request_id == row["request"]
        assert row["hold_entry"] in {entry.id for entry in trace.entries}
        assert await book.trace(GUILD + 1, entry_id=row["hold_entry"]) is None
        assert await book.trace(GUILD, end=row["request"][-6:]) is not None
        assert await book.trace(GUILD + 1, request_id=row["request"]) is None
    assert await book.trace(GUILD, entry_id=10**9) is None
    assert await book.trace(GUILD, end="nobody") is None


async def test_what_is_booked_while_it_is_read_is_in_none_or_in_all(database: Database, book: UsageBook) -> None:
    await live(database, 4)
    before = (await book.usage(GUILD, MONTH)).total.used_credits
    rows = []
    async for some in book.charges(GUILD, MONTH):
        if not rows:
            await live(database, 5, number=10)
        rows += some
    assert sum(row.used_credits for row in rows) == before
    assert (await book.usage(GUILD, MONTH)).total.used_credits > before


async def test_somebody_who_was_forgotten_counts_without_a_name(database: Database, book: UsageBook) -> None:
    await live(database, 1)
    before = await book.usage(GUILD, MONTH)
    await database.write(lambda tx: tx.execute(text(f"DELETE FROM account_owners WHERE user_id = {USER}")))
    after = await book.usage(GUILD, MONTH)
    assert after.total == before.total
    assert after.sums[By.MEMBER][None] == before.sums[By.MEMBER][USER]
    assert USER not in after.sums[By.MEMBER]


def test_days_have_as_many_hours_as_they_have() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    days = Period(date(2026, 3, 28), date(2026, 3, 30)).each(berlin)
    assert [(until - since) // 3_600_000 for _, since, until in days] == [24, 23, 24]
    days = Period(date(2026, 10, 24), date(2026, 10, 26)).each(berlin)
    assert [(until - since) // 3_600_000 for _, since, until in days] == [24, 25, 24]
    assert all(days[n][2] == days[n + 1][1] for n in range(2))


async def test_days_are_those_of_the_servers_clocks(database: Database, clock: TestClock) -> None:
    """Of two that were asked for within two hours, around midnight in Berlin, when clocks were put back that day."""
    desk = QuotaDesk(database, SpendingPolicy(None, None, None), clock)
    await desk.change(GUILD, ZoneChange(name="Europe/Berlin"), by=1, event_id="zone")
    berlin = ZoneInfo("Europe/Berlin")
    moments = {
        "before": datetime(2026, 10, 24, 23, 59, tzinfo=berlin),
        "first": datetime(2026, 10, 25, 0, 0, tzinfo=berlin),
        "twice": datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=1),
        "last": datetime(2026, 10, 25, 23, 59, tzinfo=berlin),
        "after": datetime(2026, 10, 26, 0, 0, tzinfo=berlin),
    }

    async def work(tx: Connection) -> None:
        for name, moment in moments.items():
            await accept(tx, name, now_ms=int(moment.timestamp() * 1000), guild_id=GUILD)

    await database.write(work)
    book = UsageBook(database, clock)
    period = Period(date(2026, 10, 24), date(2026, 10, 26))
    usage = await book.usage(GUILD, period)
    assert [one.used_credits for _, one in usage.most(By.DAY)] == [8, 24, 8]
    assert str(usage.zone) == "Europe/Berlin"
    day = Period(date(2026, 10, 25), date(2026, 10, 25))
    rows = await read(book.charges(GUILD, day), members={}, channels={}, zone=usage.zone)
    assert [row["held_at"] for row in rows] == [
        "2026-10-25T00:00:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T23:59:00+01:00",
    ]  # fmt: skip
    assert json.loads(as_json(rows, guild_id=GUILD, period=day, zone=usage.zone))["time_zone"] == "Europe/Berlin"
    assert {row["time_zone"] for row in csv.DictReader(io.StringIO(as_csv(rows).decode("utf-8-sig")))} == {
        "Europe/Berlin"
    }


def test_a_day_whose_midnight_does_not_exist_begins_when_it_does() -> None:
    """In Cairo clocks went from 23:59 to 01:00 on 24 April 2026: the same windows as those of the quotas."""
    cairo = ZoneInfo("Africa/Cairo")
    for _, since, until in Period(date(2026, 4, 23), date(2026, 4, 25)).each(cairo):
        assert (day_of(since, cairo).start_ms, day_of(until - 1, cairo).end_ms) == (since, until)


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "=cmd|' /C calc'!A0"]
)
async def test_no_name_becomes_a_formula(database: Database, book: UsageBook, name: str) -> None:
    await live(database, 2, number=5)
    rows = await read(book.charges(GUILD, MONTH), members={}, channels={CHANNEL: name})
    named(rows, {USER: name})
    read_back = list(csv.DictReader(io.StringIO(as_csv(rows).decode("utf-8-sig"), newline="")))
    names = {row["member"] for row in read_back} | {row["channel"] for row in read_back}
    assert names == {f"'{name}", ""}
    assert name in {row["member"] for row in json.loads(as_json(rows, guild_id=GUILD, period=MONTH))["charges"]}


def test_cells_that_are_harmless_stay_as_they_are() -> None:
    for harmless in ("bob", "a=b", 'bob, the "builder"', "مرحبا", "\U0001f600" * 32, "", None, 0, -8, 147_448, True):
        assert cell(harmless) == harmless
    assert cell(123456789012345678) == "'123456789012345678"
    text_rows = [dict.fromkeys(COLUMNS) | {"channel": 'a,"b"\nc', "used_credits": -3}]
    (row,) = csv.DictReader(io.StringIO(as_csv(text_rows).decode("utf-8-sig"), newline=""))
    assert (row["channel"], row["used_credits"]) == ('a,"b"\nc', "-3")


async def test_a_day_is_found_by_its_index_however_much_there_is(database: Database) -> None:
    seen: list[tuple[str, object]] = []
    async with database.read() as tx:
        rows = GenerationsRepository(Recorder(tx, seen)).usage  # type: ignore[arg-type]
        await rows.cut()
        await rows.usage(GUILD, since_ms=1, until_ms=2, cut=9)
        await rows.charges(GUILD, since_ms=1, until_ms=2, cut=9)
        await rows.booked("r")
        await rows.request_of_entry(1)
        plan = await plan_of(tx, seen)
    assert [step for step in plan if step.startswith("SCAN") and "used" not in step.split(" IN ")[0]] == []
    assert sum("ix_legs_guild" in step.split(" IN ")[0] for step in plan) == 2


def test_the_largest_come_first_and_days_in_their_order() -> None:
    usage = Usage(MONTH)
    for key, used in ((7, 8), (9, 80), (8, 0), (None, 40)):
        usage.sums[By.MEMBER][key].used_credits = used
    assert [key for key, _ in usage.most(By.MEMBER)] == [9, None, 7]
    for day in (date(2026, 9, 10), date(2026, 9, 2)):
        usage.sums[By.DAY][day].used_credits = day.day
    assert [key for key, _ in usage.most(By.DAY)] == [date(2026, 9, 2), date(2026, 9, 10)]


async def _number(database: Database, query: str) -> int:
    return int(await database.look(lambda tx: tx.scalar(text(query))))


async def _column(tx: Connection, query: str) -> list[int]:
    return list(await tx.scalars(text(query)))
