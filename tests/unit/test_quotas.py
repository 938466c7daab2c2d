"""Limits compose, the tightest wins, and nobody gets past them together either."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.credits.ledger import Ledger
from bot.credits.quota_rules import Spender
from bot.credits.quotas import LimitScope, QuotaExceeded, SpendingPolicy, balance_of
from bot.credits.windows import day_of, month_of
from bot.storage import Connection, Database, open_database
from tests.books import GUILD, UNLIMITED, USER, Held, accept, end, fetch

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000  # 21 September 2026
MONTH, DAY = month_of(NOW_MS), day_of(NOW_MS)


class Desk:
    """Asks for pictures of 8 credits, each in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.asked = 0

    async def ask(
        self,
        policy: SpendingPolicy,
        *,
        user_id: int = USER,
        guild_id: int | None = GUILD,
        count: int = 1,
        price: int = 8,
        now_ms: int = NOW_MS,
        provider_left: int | None = None,
    ) -> Held:
        self.asked += 1
        name = f"r{self.asked}"
        return await self.database.write(
            lambda tx: accept(
                tx, name, now_ms=now_ms, policy=policy, user_id=user_id, guild_id=guild_id, count=count,
                price_credits=price, provider_left_credits=provider_left,
            )
        )  # fmt: skip

    async def refused(self, policy: SpendingPolicy, **how: int | None) -> tuple[LimitScope, int, int, int | None]:
        before = await self.rows()
        with pytest.raises(QuotaExceeded) as caught:
            await self.ask(policy, **how)  # type: ignore[arg-type]
        assert await self.rows() == before  # nothing was held, no account opened
        error = caught.value
        return error.scope, error.cost_credits, error.left_credits, error.resets_at_ms

    async def rows(self) -> list[int]:
        async with self.database.read() as connection:
            return [
                int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)
                for table in ("accounts", "entries", "legs", "requests", "pictures")
            ]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_unlimited(desk: Desk) -> None:
    for _ in range(3):
        await desk.ask(UNLIMITED, count=4, price=1000)


@pytest.mark.parametrize(
    ("policy", "scope", "reset"),
    [
        (SpendingPolicy(0, None, None), LimitScope.MEMBER, MONTH.end_ms),
        (SpendingPolicy(None, 0, None), LimitScope.GUILD, MONTH.end_ms),
        (SpendingPolicy(None, None, 0), LimitScope.ACCOUNT, DAY.end_ms),
    ],
)
async def test_nought_is_nothing(desk: Desk, policy: SpendingPolicy, scope: LimitScope, reset: int) -> None:
    assert await desk.refused(policy) == (scope, 8, 0, reset)


async def test_a_members_limit_counts_the_member_in_this_guild_alone(desk: Desk) -> None:
    policy = SpendingPolicy(20, None, None)
    await desk.ask(policy, count=2)
    assert await desk.refused(policy) == (LimitScope.MEMBER, 8, 4, MONTH.end_ms)
    await desk.ask(policy, price=4)
    await desk.ask(policy, user_id=USER + 1)
    await desk.ask(policy, guild_id=GUILD + 1)
    await desk.ask(replace(policy, personal_credits_per_month=8), guild_id=None)


async def test_a_guilds_limit_counts_its_members_together(desk: Desk) -> None:
    policy = SpendingPolicy(None, 20, None)
    await desk.ask(policy)
    await desk.ask(policy, user_id=USER + 1)
    assert await desk.refused(policy, user_id=USER + 2) == (LimitScope.GUILD, 8, 4, MONTH.end_ms)
    await desk.ask(policy, guild_id=GUILD + 1)


async def test_outside_of_guilds_there_is_no_guilds_limit(desk: Desk) -> None:
    policy = SpendingPolicy(0, 0, None, personal_credits_per_month=8)
    await desk.ask(policy, guild_id=None)
    assert await desk.refused(policy, guild_id=None) == (LimitScope.MEMBER, 8, 0, MONTH.end_ms)


async def test_outside_of_guilds_nothing_is_allowed_unless_the_operator_says_so(desk: Desk) -> None:
    assert await desk.refused(SpendingPolicy(None, None, None), guild_id=None) == (
        LimitScope.MEMBER,
        8,
        0,
        MONTH.end_ms,
    )


async def test_the_accounts_limit_counts_everybodys_day(desk: Desk) -> None:
    policy = SpendingPolicy(None, None, 20, personal_credits_per_month=None)
    await desk.ask(policy)
    await desk.ask(policy, guild_id=None, user_id=USER + 1)
    assert await desk.refused(policy, guild_id=GUILD + 1) == (LimitScope.ACCOUNT, 8, 4, DAY.end_ms)
    await desk.ask(policy, now_ms=DAY.end_ms)


async def test_the_operators_losses_count_for_the_day(desk: Desk) -> None:
    policy = SpendingPolicy(None, None, 20)
    held = await desk.ask(policy)
    await desk.database.write(lambda tx: end(tx, f"{held.request_id}-1", now_ms=NOW_MS, state="lost"))
    await desk.ask(policy, count=2)
    await desk.database.write(lambda tx: Ledger(tx, NOW_MS).book_loss(3, picture_id="x", reason="unknown"))
    assert await desk.refused(policy, price=2) == (LimitScope.ACCOUNT, 2, 1, DAY.end_ms)


async def test_the_provider_limits_too(desk: Desk) -> None:
    await desk.ask(UNLIMITED, provider_left=8)
    assert await desk.refused(UNLIMITED, provider_left=7) == (LimitScope.PROVIDER, 8, 7, None)
    assert await desk.refused(UNLIMITED, provider_left=-5) == (LimitScope.PROVIDER, 8, 0, None)


@pytest.mark.parametrize(
    ("member", "guild", "account", "provider", "scope", "left"),
    [
        (5, 6, 7, 9, LimitScope.MEMBER, 5),
        (9, 4, 6, 9, LimitScope.GUILD, 4),
        (9, 9, 3, 9, LimitScope.ACCOUNT, 3),
        (9, 9, 9, 2, LimitScope.PROVIDER, 2),
        (None, None, 9, 2, LimitScope.PROVIDER, 2),
        (None, 7, 9, None, LimitScope.GUILD, 7),
        (5, 5, 5, 5, LimitScope.MEMBER, 5),
    ],
)
async def test_the_tightest_limit_wins(
    desk: Desk, member: int | None, guild: int | None, account: int | None, provider: int | None,
    scope: LimitScope, left: int,
) -> None:  # fmt: skip
    policy = SpendingPolicy(member, guild, account)
    assert (await desk.refused(policy, provider_left=provider))[:3] == (scope, 8, left)
    await desk.ask(policy, price=left, provider_left=provider)


async def test_all_pictures_or_none(desk: Desk) -> None:
    policy = SpendingPolicy(31, None, None)
    assert await desk.refused(policy, count=4) == (LimitScope.MEMBER, 32, 31, MONTH.end_ms)
    held = await desk.ask(replace(policy, member_credits_per_month=32), count=4)
    assert len(set(held.holds.values())) == 4


async def test_a_new_month_is_a_new_allowance(desk: Desk) -> None:
    policy = SpendingPolicy(8, 8, None)
    await desk.ask(policy, now_ms=MONTH.end_ms - 1)
    assert (await desk.refused(policy, now_ms=MONTH.end_ms - 1))[0] is LimitScope.MEMBER
    await desk.ask(policy, now_ms=MONTH.end_ms)


async def test_what_was_given_back_can_be_spent_again(desk: Desk) -> None:
    policy = SpendingPolicy(8, 8, 8)
    held = await desk.ask(policy)
    await desk.database.write(lambda tx: end(tx, f"{held.request_id}-1", now_ms=NOW_MS))
    held = await desk.ask(policy)
    await desk.database.write(lambda tx: fetch(tx, f"{held.request_id}-1", now_ms=NOW_MS, final_credits=3))
    assert await desk.refused(policy) == (LimitScope.MEMBER, 8, 5, MONTH.end_ms)


async def test_grants_lift_the_members_limit_and_no_other(desk: Desk) -> None:
    async def give(tx: Connection) -> None:
        ledger = Ledger(tx, NOW_MS)
        account_id = await ledger.member_account(guild_id=GUILD, user_id=USER)
        await ledger.grant(account_id, 8, actor="admin", reason="thanks")

    await desk.database.write(give)
    policy = SpendingPolicy(8, None, None)
    await desk.ask(policy, count=2)
    assert await desk.refused(policy) == (LimitScope.MEMBER, 8, 0, MONTH.end_ms)
    await desk.database.write(give)
    assert (await desk.refused(replace(policy, guild_credits_per_month=20)))[:3] == (LimitScope.GUILD, 8, 4)


async def test_a_lower_limit_than_what_is_spent_already_leaves_nothing(desk: Desk) -> None:
    await desk.ask(UNLIMITED, count=2)
    assert await desk.refused(SpendingPolicy(10, None, None)) == (LimitScope.MEMBER, 8, 0, MONTH.end_ms)
    assert await desk.refused(SpendingPolicy(None, 10, None)) == (LimitScope.GUILD, 8, 0, MONTH.end_ms)
    assert await desk.refused(SpendingPolicy(None, None, 10)) == (LimitScope.ACCOUNT, 8, 0, DAY.end_ms)


async def test_looking_at_a_balance_opens_no_account(desk: Desk) -> None:
    policy = SpendingPolicy(20, None, None)
    before = await desk.rows()
    async with desk.database.read() as connection:
        balance = await balance_of(connection, policy, Spender(USER, GUILD), now_ms=NOW_MS)
    assert (balance.left_credits, balance.on_hold_credits, balance.resets_at_ms) == (20, 0, MONTH.end_ms)
    assert await desk.rows() == before

    await desk.ask(policy)
    async with desk.database.read() as connection:
        balance = await balance_of(connection, policy, Spender(USER, GUILD), now_ms=NOW_MS)
        unlimited = await balance_of(connection, UNLIMITED, Spender(USER, GUILD), now_ms=NOW_MS)
    assert (balance.left_credits, balance.on_hold_credits, balance.used_credits) == (12, 8, 8)
    assert unlimited.left_credits is None


async def test_two_hundred_at_once_on_two_engines_leave_exactly_ten(database: Database, database_path: Path) -> None:
    policy = SpendingPolicy(None, 80, None)
    async with open_database(f"sqlite+aiosqlite:///{database_path}", exclusive=False) as other:
        desks = (Desk(database), Desk(other))
        desks[1].asked = 1000

        async def ask(number: int) -> LimitScope | None:
            try:
                await desks[number % 2].ask(policy, user_id=number % 7)
            except QuotaExceeded as error:
                return error.scope
            return None

        answers = await asyncio.gather(*(ask(number) for number in range(200)))
    assert (answers.count(None), answers.count(LimitScope.GUILD)) == (10, 190)
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM entries WHERE kind = 'hold'")) == 10
        assert await connection.scalar(text("SELECT sum(amount_credits) FROM legs")) == 80
