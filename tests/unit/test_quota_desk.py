"""What admins change: once for each event, in one transaction with its line in the log, which nobody can rewrite."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bot.credits.quota_repository import QuotaRepository
from bot.credits.quota_rules import Rule, Scope, Spender
from bot.credits.quotas import SpendingPolicy
from bot.credits.windows import Period
from bot.generations.quota_changes import (
    Footing,
    GrantChange,
    RefundChange,
    RuleChange,
    RuleRemoval,
    ZoneChange,
    change_of,
    merged,
)
from bot.generations.quota_desk import DRAFT_S, Allowance, ChangeRefused, QuotaDesk
from bot.storage import Database
from tests.books import GUILD, USER, accept, fetch
from tests.clocks import TestClock

ADMIN = 9


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def desk(database: Database, clock: TestClock) -> QuotaDesk:
    return QuotaDesk(database, SpendingPolicy(100, None, None), clock)


def everyone(**values: Any) -> RuleChange:
    return RuleChange(scope=Scope.EVERYONE, **values)


async def test_an_event_that_comes_twice_makes_one_change(desk: QuotaDesk) -> None:
    change = GrantChange(user_id=USER, credits=40)
    done = await asyncio.gather(*(desk.change(GUILD, change, by=ADMIN, event_id="e") for _ in range(10)))
    assert [one.repeated for one in done].count(False) == 1
    assert len({one.line.id for one in done}) == 1
    assert (await desk.explain(Spender(USER, GUILD))).balance.granted_credits == 40


async def test_a_draft_that_is_confirmed_ten_times_at_once_is_one_change(desk: QuotaDesk) -> None:
    draft = await desk.keep(GUILD, GrantChange(user_id=USER, credits=4000), by=ADMIN)
    done = await asyncio.gather(*(desk.confirm(GUILD, draft, by=ADMIN) for _ in range(10)))
    assert [one.repeated for one in done].count(False) == 1
    assert (await desk.explain(Spender(USER, GUILD))).balance.granted_credits == 4000


async def test_a_draft_of_another_server_is_none_here(desk: QuotaDesk) -> None:
    draft = await desk.keep(GUILD, GrantChange(user_id=USER, credits=4000), by=ADMIN)
    with pytest.raises(ChangeRefused, match="no longer open"):
        await desk.confirm(GUILD + 1, draft, by=ADMIN)
    await desk.confirm(GUILD, draft, by=ADMIN)
    with pytest.raises(ChangeRefused):  # nor is what became of it
        await desk.confirm(GUILD + 1, draft, by=ADMIN)


async def test_what_is_refused_leaves_neither_rule_nor_line(desk: QuotaDesk) -> None:
    await desk.change(GUILD, everyone(period=Period.DAY, credits=5), by=ADMIN, event_id="1")
    for number, change in enumerate(
        (
            everyone(period=Period.DAY, credits=9),  # the rule is not as it was shown: there is one
            everyone(),
            ZoneChange(name="Mars/Olympus"),
            RefundChange(picture_id="none"),
            RuleRemoval(scope=Scope.EVERYONE, before={"period": "week"}),
        )
    ):
        with pytest.raises(ChangeRefused):
            await desk.change(GUILD, change, by=ADMIN, event_id=f"no-{number}")
    lines, _, pages = await desk.history(GUILD, 1)
    assert [line.event_id for line in lines] == ["1"]
    assert pages == 1
    book = await desk.book(GUILD)
    assert [found.rule for found in book.rules] == [Rule(Scope.EVERYONE, period=Period.DAY, credits=5)]


async def test_a_refund_is_never_more_than_was_paid(desk: QuotaDesk, database: Database, clock: TestClock) -> None:
    now_ms = clock.now_ms()
    await database.write(lambda tx: accept(tx, "r", now_ms=now_ms))
    await database.write(lambda tx: fetch(tx, "r-1", now_ms=now_ms, final_credits=6))
    (picture,) = await desk.refundable(GUILD)
    assert (picture.id, picture.left_credits) == ("r-1", 6)
    await desk.change(GUILD, RefundChange(picture_id="r-1", credits=4), by=ADMIN, event_id="1")
    with pytest.raises(ChangeRefused, match="2 credits can still be given back"):
        await desk.change(GUILD, RefundChange(picture_id="r-1", credits=3), by=ADMIN, event_id="2")
    with pytest.raises(ChangeRefused, match="no picture of this server"):
        await desk.change(GUILD + 1, RefundChange(picture_id="r-1"), by=ADMIN, event_id="3")
    answers = await asyncio.gather(
        *(desk.change(GUILD, RefundChange(picture_id="r-1"), by=ADMIN, event_id=f"all-{n}") for n in range(5)),
        return_exceptions=True,
    )
    assert sum(not isinstance(answer, ChangeRefused) for answer in answers) == 1
    assert await desk.refundable(GUILD) == []


async def test_a_preview_looks_as_if_it_were_set_and_sets_nothing(desk: QuotaDesk) -> None:
    rule = Rule(Scope.EVERYONE, period=Period.DAY, credits=7)
    shown = await desk.preview(GUILD, rule, Spender(USER, GUILD))
    assert shown.standing is not None
    assert shown.standing_then is not None
    assert (shown.standing.balance.left_credits, shown.standing_then.balance.left_credits) == (100, 7)
    assert (await desk.book(GUILD)).rules == ()


async def test_the_log_can_not_be_rewritten(desk: QuotaDesk, database_path: Path) -> None:
    await desk.change(GUILD, GrantChange(user_id=USER, credits=4), by=ADMIN, event_id="1")
    with closing(sqlite3.connect(database_path)) as stranger:
        columns = [row[1] for row in stranger.execute("PRAGMA table_info(quota_log)")]
        others = ", ".join(name for name in columns if name != "id")
        for statement in (
            "UPDATE quota_log SET reason = 'x'",
            "DELETE FROM quota_log",
            "REPLACE INTO quota_log SELECT * FROM quota_log",
            f"REPLACE INTO quota_log ({others}) SELECT {others} FROM quota_log",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                stranger.execute(statement)


MONTHLY_100 = {"period": "month", "credits": 100}
UNLIMITED = {"period": "none"}


def server(**values: Any) -> RuleChange:
    return RuleChange(scope=Scope.SERVER, **values)


@pytest.mark.parametrize(
    ("change", "large"),
    [
        # Against what the operator set (160 a month) where no rule says anything of credits.
        (everyone(period="month", credits=80), False),
        (everyone(period="month", credits=79), True),
        (everyone(period="month", credits=1), True),
        (everyone(period="month", credits=659), False),
        (everyone(period="month", credits=660), True),
        (everyone(period="month", credits=900), True),
        (everyone(period="day", credits=40), True),
        (everyone(period="none"), True),
        (everyone(period="month", credits=0), True),
        (everyone(before={"period": "month", "credits": 400}, running=2), True),  # back to 160
        (everyone(before={"period": "month", "credits": 200}, running=2), False),
        (everyone(before=UNLIMITED, running=2), True),
        # Against the rule there was.
        (everyone(period="month", credits=2000, before={"period": "month", "credits": 1900}), False),
        (everyone(period="month", credits=2000, before={"period": "month", "credits": 900}), True),
        (everyone(period="month", credits=40, before=MONTHLY_100), True),
        (everyone(period="month", credits=60, before=MONTHLY_100), False),
        (everyone(period="day", credits=100, before=MONTHLY_100), True),
        (everyone(period="month", credits=1, before=UNLIMITED), True),
        (everyone(period="month", credits=100_000, before=UNLIMITED), True),
        (RuleChange(scope=Scope.ROLE, subject_id=5, period="month", credits=1), True),
        # What shuts out, whatever else it says.
        (everyone(running=0), True),
        (everyone(running=0, period="month", credits=110, before=MONTHLY_100), True),
        (everyone(running=0, period="month", credits=110, before={**MONTHLY_100, "running": 0}), False),
        (everyone(models=()), True),
        (everyone(models=("nano-banana",)), False),
        # What costs less and lets everybody go on.
        (everyone(resolution="1K", before={"resolution": "4K"}), False),
        (everyone(count=1, before={"count": 4}), False),
        (everyone(running=1, before={"running": 5}), False),
        # For all together: against what one member may spend.
        (server(period="month", credits=50_000), False),
        (server(period="month", credits=1), True),
        (server(period="month", credits=80), False),
        (server(period="none", before={"period": "month", "credits": 10}), True),
        (server(period="none"), False),
        (server(running=4, before={"period": "month", "credits": 10}), True),
        (RuleRemoval(scope=Scope.EVERYONE, before={}), True),
        (GrantChange(user_id=1, credits=999), False),
        (GrantChange(user_id=1, credits=1000), True),
    ],
)
def test_what_is_large(change: Any, large: bool) -> None:
    assert change.is_large(Footing(160)) is large
    assert change_of(change.model_dump(mode="json")) == change


@pytest.mark.parametrize(
    ("change", "footing", "large"),
    [
        (everyone(period="month", credits=900), Footing(None), True),
        (everyone(period="none"), Footing(None), True),
        (server(period="month", credits=50_000), Footing(None), True),
        (server(period="month", credits=50_000), Footing(160, used_up=True), True),
        (everyone(models=("nano-banana",)), Footing(160, house_models=("nano-banana-pro",)), True),
        (everyone(models=("nano-banana",)), Footing(160, house_models=("nano-banana", "nano-banana-2")), False),
        (everyone(models=("*",)), Footing(160, house_models=("nano-banana-pro",)), False),
    ],
)
def test_what_is_large_where_it_stands_otherwise(change: Any, footing: Footing, large: bool) -> None:
    assert change.is_large(footing) is large


async def test_a_role_s_rule_is_weighed_against_everyone_s(desk: QuotaDesk) -> None:
    for_role = RuleChange(scope=Scope.ROLE, subject_id=5, period="month", credits=900)
    assert await desk.is_large(GUILD, for_role)  # the operator set 100
    await desk.change(GUILD, everyone(period=Period.MONTH, credits=600), by=ADMIN, event_id="1")
    assert not await desk.is_large(GUILD, for_role)


async def test_a_ceiling_that_is_reached_already_is_large(
    desk: QuotaDesk, database: Database, clock: TestClock
) -> None:
    low = server(period=Period.MONTH, credits=80)
    assert not await desk.is_large(GUILD, low)
    for number in range(10):
        await database.write(lambda tx, number=number: accept(tx, f"r{number}", now_ms=clock.now_ms()))
    assert await desk.is_large(GUILD, low)
    assert not await desk.is_large(GUILD, server(period=Period.MONTH, credits=81))


def test_a_grant_is_bounded() -> None:
    GrantChange(user_id=USER, credits=100_000)
    for amount in (0, 100_001):
        with pytest.raises(ValidationError):
            GrantChange(user_id=USER, credits=amount)


async def test_a_draft_that_has_expired_goes_with_the_next(
    desk: QuotaDesk, database: Database, clock: TestClock
) -> None:
    change = GrantChange(user_id=USER, credits=4000)
    first = await desk.keep(GUILD, change, by=ADMIN)
    clock.advance(DRAFT_S - 1)
    second = await desk.keep(GUILD, change, by=ADMIN)
    clock.advance(1)
    third = await desk.keep(GUILD, change, by=ADMIN)
    kept = [await database.look(lambda tx, one=one: QuotaRepository(tx).draft(one)) for one in (first, second, third)]
    assert [draft is not None for draft in kept] == [False, True, True]


async def test_back_to_what_the_operator_set(desk: QuotaDesk) -> None:
    assert await desk.back_to_usual(GUILD, reason="") is None
    change = await desk.for_everyone(GUILD, None, reason="")
    await desk.change(GUILD, change, by=ADMIN, event_id="1")
    assert (await desk.overview(GUILD)).allowance == Allowance(None, Period.NONE, own=True)
    back = await desk.back_to_usual(GUILD, reason="")
    assert isinstance(back, RuleRemoval)  # the rule said nothing else
    more = merged(change.rule, Scope.EVERYONE, 0, {"count": 2}, "")
    await desk.change(GUILD, more, by=ADMIN, event_id="2")
    back = await desk.back_to_usual(GUILD, reason="")
    assert isinstance(back, RuleChange)
    await desk.change(GUILD, back, by=ADMIN, event_id="3")
    (found,) = (await desk.book(GUILD)).rules
    assert found.rule == Rule(Scope.EVERYONE, count=2)
    assert (await desk.overview(GUILD)).allowance == Allowance(100, Period.MONTH, own=False)
