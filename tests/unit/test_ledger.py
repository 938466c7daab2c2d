"""The ledger's verbs on a real database: legs, balances, refunds, and a long random life against a plain model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from bot.credits.audit import audit
from bot.credits.ledger import LATE_GRANT_MS, Balance, Ledger
from bot.credits.ledger import Purse as Pocket
from bot.credits.quota_rules import Spender
from bot.credits.quotas import SpendingPolicy, balance_of
from bot.credits.repository import CreditsRepository
from bot.credits.windows import Period, month_of
from bot.storage import Connection, Database, open_database
from bot.storage.tables import entries, legs
from tests.books import CHANNEL, GUILD, USER, add_request, end, fetch, used
from tests.plans import Recorder, plan_of

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000  # 21 September 2026
NEXT_MONTH_MS = NOW_MS + 15 * DAY_MS
LONG_AFTER_MS = NOW_MS + 10_000 * DAY_MS

Legs = list[tuple[int | None, int]]


async def window_credits(tx: Connection, account_id: int, allowance: int | None, now_ms: int) -> int | None:
    """What the month's allowance still holds."""
    if allowance is None:
        return None
    return max(allowance - await used(tx, "account", account_id, month_of(now_ms).start_ms), 0)


async def balance(tx: Connection, allowance: int | None, user_id: int, now_ms: int) -> Balance:
    return await balance_of(tx, SpendingPolicy(allowance, None, None), Spender(user_id, GUILD), now_ms=now_ms)


class Purse:
    """One account, each verb in a transaction of its own."""

    def __init__(self, database: Database, account_id: int, user_id: int = USER) -> None:
        self.database = database
        self.account_id = account_id
        self.user_id = user_id
        self.now_ms = NOW_MS
        self.allowance: int | None = 20
        self._names = (f"p{number}" for number in count(1))

    async def do(self, verb: Callable[[Ledger], Awaitable[Any]]) -> Any:
        return await self.database.write(lambda tx: verb(Ledger(tx, self.now_ms)))

    async def grant(self, amount: int, expires_at_ms: int | None = None) -> int:
        return int(
            await self.do(
                lambda ledger: ledger.grant(
                    self.account_id, amount, actor="admin", reason="test", expires_at_ms=expires_at_ms
                )
            )
        )

    async def hold(self, amount: int) -> tuple[int | None, str]:
        picture = next(self._names)

        async def work(tx: Connection) -> int | None:
            window = await window_credits(tx, self.account_id, self.allowance, self.now_ms)
            purse = Pocket(self.account_id, window, GUILD, CHANNEL)
            return (await Ledger(tx, self.now_ms).hold(purse, {picture: amount}) or {}).get(picture)

        return await self.database.write(work), picture

    async def capture(self, hold_id: int | None, final: int) -> Any:
        assert hold_id is not None
        return await self.do(lambda ledger: ledger.capture(hold_id, final))

    async def void(self, hold_id: int | None) -> None:
        assert hold_id is not None
        await self.do(lambda ledger: ledger.void(hold_id, reason="test"))

    async def refund(self, picture: str, amount: int) -> int:
        return int(
            await self.do(
                lambda ledger: ledger.refund(
                    picture, amount, actor="admin", reason="blurred", open_since_ms=month_of(self.now_ms).start_ms
                )
            )
        )

    async def left(self) -> int | None:
        async with self.database.read() as connection:
            return (await balance(connection, self.allowance, self.user_id, self.now_ms)).left_credits

    async def legs(self, entry_id: int | None) -> Legs:
        query = select(legs.c.grant_id, legs.c.amount_credits).where(legs.c.entry_id == entry_id).order_by(legs.c.id)
        async with self.database.read() as connection:
            return [(grant, amount) for grant, amount in await connection.execute(query)]

    async def settled_by(self, hold_id: int | None) -> int:
        async with self.database.read() as connection:
            found = await connection.scalar(select(entries.c.id).where(entries.c.settles_id == hold_id))
            assert found is not None
            return int(found)

    async def operator(self, kind: str) -> int:
        query = text(
            "SELECT coalesce(sum(l.amount_credits), 0) FROM legs l JOIN accounts a ON a.id = l.account_id "
            "WHERE a.kind = :kind"
        )
        async with self.database.read() as connection:
            return int(await connection.scalar(query, {"kind": kind}) or 0)


@pytest.fixture
async def purse(database: Database) -> Purse:
    account_id = await database.write(lambda tx: Ledger(tx, NOW_MS).member_account(guild_id=GUILD, user_id=USER))
    return Purse(database, account_id)


async def test_an_account_is_opened_once(purse: Purse) -> None:
    again = await purse.do(lambda ledger: ledger.member_account(guild_id=GUILD, user_id=USER))
    elsewhere = await purse.do(lambda ledger: ledger.member_account(guild_id=GUILD + 1, user_id=USER))
    personal = await purse.do(lambda ledger: ledger.member_account(guild_id=None, user_id=USER))
    assert again == purse.account_id
    assert len({again, elsewhere, personal}) == 3


async def test_the_window_is_drawn_first_then_the_soonest_to_expire(purse: Purse) -> None:
    never = await purse.grant(10)
    late = await purse.grant(2, NOW_MS + 2 * DAY_MS)
    soon = await purse.grant(3, NOW_MS + DAY_MS)
    gone = await purse.grant(50, NOW_MS)
    purse.allowance = 4
    hold, _ = await purse.hold(11)
    assert await purse.legs(hold) == [(None, 4), (soon, 3), (late, 2), (never, 2)]
    assert await purse.left() == 8
    assert (await purse.hold(9))[0] is None
    assert gone


async def test_an_allowance_that_was_lowered_leaves_grants_whole(purse: Purse) -> None:
    await purse.hold(15)
    purse.allowance = 5
    grant = await purse.grant(10)
    hold, _ = await purse.hold(10)
    assert await purse.legs(hold) == [(grant, 10)]


async def test_a_hold_that_is_too_much_leaves_no_trace(purse: Purse) -> None:
    assert (await purse.hold(21))[0] is None
    assert (await purse.hold(20))[0] is not None
    assert await purse.left() == 0


async def test_a_void_gives_back_the_same_legs(purse: Purse) -> None:
    grant = await purse.grant(10, NEXT_MONTH_MS + DAY_MS)
    hold, _ = await purse.hold(25)
    purse.now_ms = NEXT_MONTH_MS  # the window is closed: it goes back there all the same
    await purse.void(hold)
    assert await purse.legs(await purse.settled_by(hold)) == [(grant, -5), (None, -20)]
    assert await purse.left() == 20 + 10


async def test_what_comes_back_of_an_expired_grant_is_granted_anew(purse: Purse) -> None:
    purse.allowance = 0
    short, long = await purse.grant(3, NOW_MS + 1000), await purse.grant(7, NOW_MS + 3 * DAY_MS)
    hold, picture = await purse.hold(8)
    purse.now_ms = NOW_MS + 4 * DAY_MS
    assert await purse.left() == 0
    await purse.void(hold)
    assert await purse.legs(await purse.settled_by(hold)) == [(short, -3), (long, -5)]
    async with purse.database.read() as tx:
        rows = await CreditsRepository(tx).latest(purse.account_id, 2)
    # What was left of the second one's time when it was held; of the first one's that was a second.
    assert [(row.kind, row.amount_credits, row.expires_at_ms, row.actor, row.picture_id) for row in rows] == [
        ("grant", 5, purse.now_ms + 3 * DAY_MS, "engine", picture),
        ("grant", 3, purse.now_ms + DAY_MS, "engine", picture),
    ]
    assert await purse.left() == 8  # neither more than was held, nor the two that had expired unused
    purse.now_ms += DAY_MS
    assert await purse.left() == 5


async def test_what_a_cheaper_picture_leaves_of_an_expired_grant_is_granted_anew(purse: Purse) -> None:
    purse.allowance = 0
    await purse.grant(8, NOW_MS + DAY_MS)
    hold, picture = await purse.hold(8)
    purse.now_ms = NOW_MS + 2 * DAY_MS
    await purse.capture(hold, 5)
    assert await purse.left() == 3
    await purse.refund(picture, 5)  # beside a late refund, which is a grant, too
    assert await purse.left() == 8
    async with purse.database.read() as tx:
        report = await audit(tx, now_ms=purse.now_ms)
    assert [finding for finding in report.findings if finding.code in {"grant_late", "refund_legs"}] == []


async def test_a_lower_capture_frees_grants_first(purse: Purse) -> None:
    grant = await purse.grant(10)
    hold, _ = await purse.hold(24)
    captured = await purse.capture(hold, 18)
    assert (captured.charged_credits, captured.variance_credits) == (18, 0)
    assert await purse.legs(await purse.settled_by(hold)) == [(grant, -4), (None, -2)]
    assert await purse.left() == 12


async def test_nobody_pays_more_than_the_price_shown(purse: Purse) -> None:
    hold, _ = await purse.hold(8)
    captured = await purse.capture(hold, 11)
    assert (captured.charged_credits, captured.variance_credits) == (8, 3)
    assert await purse.legs(await purse.settled_by(hold)) == []
    assert await purse.left() == 12
    assert await purse.operator("variance") == 3


async def test_a_nonsensical_final_price_takes_nothing(purse: Purse) -> None:
    hold, _ = await purse.hold(8)
    captured = await purse.capture(hold, -3)
    assert (captured.charged_credits, captured.variance_credits) == (0, 0)
    assert await purse.left() == 20


async def test_losses_are_the_operators(purse: Purse) -> None:
    hold, picture = await purse.hold(8)
    await purse.void(hold)
    await purse.do(lambda ledger: ledger.book_loss(8, picture_id=picture, reason="unknown"))
    await purse.do(lambda ledger: ledger.book_loss(0, picture_id=picture, reason="unknown"))
    assert await purse.left() == 20
    assert (await purse.operator("loss"), await purse.operator("variance")) == (8, 0)


@pytest.mark.parametrize("first", ["capture", "void"])
@pytest.mark.parametrize("second", ["capture", "void"])
async def test_a_hold_is_settled_once(purse: Purse, first: str, second: str) -> None:
    async def settle(verb: str, hold: int | None) -> None:
        await (purse.capture(hold, 8) if verb == "capture" else purse.void(hold))

    hold, _ = await purse.hold(8)
    await settle(first, hold)
    before = await purse.left()
    with pytest.raises(IntegrityError, match="settled already"):
        await settle(second, hold)
    assert await purse.left() == before


async def test_only_holds_are_settled(purse: Purse) -> None:
    grant = await purse.grant(8)
    with pytest.raises(ValueError, match="is not a hold"):
        await purse.void(grant)
    with pytest.raises(ValueError, match="at least one credit"):
        await purse.grant(0)


async def test_the_statement_is_newest_first(purse: Purse) -> None:
    await purse.grant(5)
    hold, _ = await purse.hold(8)
    await purse.capture(hold, 6)
    await purse.hold(7)
    async with purse.database.read() as connection:
        found = await Ledger(connection, NOW_MS).statement(purse.account_id, 3)
    # The hold that was captured would only say the same again.
    assert [(entry.kind, entry.amount_credits) for entry in found] == [("hold", 7), ("capture", 6), ("grant", 5)]


# --- refunds ---


async def test_a_refund_goes_back_where_it_was_drawn(purse: Purse) -> None:
    grant = await purse.grant(10)
    hold, picture = await purse.hold(24)
    await purse.capture(hold, 23)
    assert await purse.legs(await purse.refund(picture, 5)) == [(grant, -3), (None, -2)]
    assert await purse.legs(await purse.refund(picture, 6)) == [(None, -6)]
    assert await purse.left() == 7 + 11
    with pytest.raises(IntegrityError, match="exceed"):
        await purse.refund(picture, 13)


async def test_a_closed_window_is_never_rewritten(purse: Purse) -> None:
    """The hold's date decides: the picture was held in September and captured in October."""
    hold, picture = await purse.hold(8)
    purse.now_ms = NEXT_MONTH_MS
    await purse.capture(hold, 8)
    assert await purse.left() == 20
    refund = await purse.refund(picture, 8)
    assert await purse.legs(refund) == []
    assert await purse.left() == 28
    async with purse.database.read() as connection:
        rows = CreditsRepository(connection)
        assert await used(connection, "account", purse.account_id, month_of(NOW_MS).start_ms) == 8
        (grant,) = [entry for entry in await rows.latest(purse.account_id, 9) if entry.kind == "grant"]
    assert (grant.amount_credits, grant.picture_id, grant.reason) == (8, picture, "refund: blurred")


async def test_what_an_expired_grant_gave_comes_back_as_a_new_one(purse: Purse) -> None:
    await purse.grant(5, NOW_MS + DAY_MS)
    hold, picture = await purse.hold(24)
    await purse.capture(hold, 24)
    purse.now_ms += 2 * DAY_MS
    assert await purse.legs(await purse.refund(picture, 22)) == [(None, -20)]
    assert await purse.left() == 22
    await purse.refund(picture, 2)
    assert await purse.left() == 24


async def test_a_refund_needs_a_paid_picture(purse: Purse) -> None:
    hold, picture = await purse.hold(8)
    with pytest.raises(ValueError, match="only a picture that was paid for"):
        await purse.refund(picture, 1)
    await purse.capture(hold, 8)
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="at least one credit"):
            await purse.refund(picture, wrong)


async def test_the_queries_of_every_day_use_their_indexes(database: Database, purse: Purse) -> None:
    """A table that is walked through whole would make every picture slower than the one before."""
    seen: list[tuple[str, Any]] = []

    async def work(tx: Connection) -> list[str]:
        statements = Recorder(tx, seen)
        rows = CreditsRepository(statements)  # type: ignore[arg-type]
        await rows.settlement_of(1)
        await rows.capture_of_picture("p1")
        await rows.refunds_of(1)
        await rows.grants_left(1, NOW_MS)
        await rows.spender(Spender(1, 2, frozenset({3, 4}), channel_id=5))
        starts = dict.fromkeys(Period, NOW_MS)
        await rows.sums(
            account_id=1, guild_id=2, channel_id=3, starts=starts, operator_month_ms=1, operator_day_ms=1, now_ms=1
        )
        await rows.latest(1, 5)
        await rows.legs_of(1, 2)
        return await plan_of(tx, seen)

    plan = await database.write(work)
    assert len(seen) == 9
    walked = [step.split(" IN ")[0] for step in plan if step.startswith("SCAN")]
    assert [step for step in walked if not step.startswith(("SCAN (sub", "SCAN json_each", "SCAN CONST"))] == []


# --- a long life against a plain model ---


@dataclass
class ModelGrant:
    amount: int
    expires_at_ms: int | None
    used: int = 0

    def open_at(self, now_ms: int) -> bool:
        return self.expires_at_ms is None or self.expires_at_ms > now_ms


@dataclass
class ModelHold:
    id: int
    picture: str
    amount: int
    dated_at_ms: int
    drawn: dict[int | None, int]
    captured: int | None = None
    refunded: int = 0


@dataclass
class Model:
    """What the ledger must say, kept in plain numbers."""

    allowance: int | None = 20
    now_ms: int = NOW_MS
    used: dict[int, int] = field(default_factory=dict)  # by the start of the month
    grants: dict[int, ModelGrant] = field(default_factory=dict)
    on_hold: int = 0
    variance: int = 0

    @property
    def month(self) -> int:
        return month_of(self.now_ms).start_ms

    def order(self) -> list[int]:
        usable = [grant for grant, value in self.grants.items() if value.open_at(self.now_ms)]
        return sorted(usable, key=lambda grant: (self.grants[grant].expires_at_ms or float("inf"), grant))

    def granted(self) -> int:
        return sum(self.grants[grant].amount - self.grants[grant].used for grant in self.order())

    def left(self) -> int | None:
        if self.allowance is None:
            return None
        return max(self.allowance - self.used.get(self.month, 0), 0) + self.granted()

    def draw(self, amount: int) -> dict[int | None, int] | None:
        room = amount if self.allowance is None else max(self.allowance - self.used.get(self.month, 0), 0)
        drawn: dict[int | None, int] = {None: min(amount, room)}
        for grant in self.order():
            missing = amount - sum(drawn.values())
            drawn[grant] = min(missing, self.grants[grant].amount - self.grants[grant].used)
        if sum(drawn.values()) < amount:
            return None
        return {place: share for place, share in drawn.items() if share}

    def book(self, place: int | None, dated_at_ms: int, amount: int) -> None:
        if place is None:
            month = month_of(dated_at_ms).start_ms
            self.used[month] = self.used.get(month, 0) + amount
        else:
            self.grants[place].used += amount

    def give_back(self, hold: ModelHold, amount: int, places: list[int | None]) -> Legs:
        back: Legs = []
        for place in sorted(places, key=lambda place: place is None):
            share = min(amount, hold.drawn[place])
            if share:
                hold.drawn[place] -= share
                self.book(place, hold.dated_at_ms, -share)
                back.append((place, -share))
                amount -= share
        return back


class LongLife(RuleBasedStateMachine):
    """One member's account through months; every example has an account of its own on one database."""

    examples = count(1)

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        super().__init__()
        self.run_async = runner.run
        self.database = database

    held = Bundle("held")
    paid = Bundle("paid")

    @initialize()
    def open_an_account(self) -> None:
        self.user_id = next(self.examples)
        self.model = Model()
        self.made = 0
        account_id = self.write(lambda ledger, _tx: ledger.member_account(guild_id=GUILD, user_id=self.user_id))
        self.purse = Purse(self.database, account_id, self.user_id)
        self.variance_before = self.run_async(self.purse.operator("variance"))

    def write(self, work: Callable[[Ledger, Connection], Awaitable[Any]]) -> Any:
        return self.run_async(self.database.write(lambda tx: work(Ledger(tx, self.model.now_ms), tx)))

    @rule(days=st.sampled_from([0.01, 1, 5, 12, 31]))
    def time_passes(self, days: float) -> None:
        self.model.now_ms += int(days * DAY_MS)

    @rule(allowance=st.sampled_from([None, 0, 5, 20, 60]))
    def an_admin_changes_the_allowance(self, allowance: int | None) -> None:
        self.model.allowance = allowance

    @rule(amount=st.integers(1, 20), days=st.sampled_from([None, None, 2, 10, 40]))
    def an_admin_grants(self, amount: int, days: int | None) -> None:
        expires_at_ms = None if days is None else self.model.now_ms + days * DAY_MS
        grant = self.write(
            lambda ledger, _tx: ledger.grant(
                self.purse.account_id, amount, actor="admin", reason="test", expires_at_ms=expires_at_ms
            )
        )
        self.model.grants[grant] = ModelGrant(amount, expires_at_ms)

    @rule(target=held, amount=st.integers(1, 16))
    def a_picture_is_asked_for(self, amount: int) -> Any:
        self.made += 1
        request = f"u{self.user_id}r{self.made}"
        now_ms = self.model.now_ms

        async def work(ledger: Ledger, tx: Connection) -> int | None:
            window = await window_credits(tx, self.purse.account_id, self.model.allowance, now_ms)
            pocket = Pocket(self.purse.account_id, window, GUILD, CHANNEL)
            hold_id = (await ledger.hold(pocket, {f"{request}-1": amount}) or {}).get(f"{request}-1")
            if hold_id is not None:
                await add_request(
                    tx, request, self.purse.account_id, {f"{request}-1": hold_id}, {f"{request}-1": amount},
                    now_ms=now_ms, guild_id=GUILD, user_id=self.user_id,
                )  # fmt: skip
            return hold_id

        hold_id = self.write(work)
        drawn = self.model.draw(amount)
        assert (hold_id is None) == (drawn is None)
        if hold_id is None or drawn is None:
            return multiple()
        assert self.run_async(self.purse.legs(hold_id)) == list(drawn.items())
        for place, share in drawn.items():
            self.model.book(place, now_ms, share)
        self.model.on_hold += amount
        return ModelHold(hold_id, f"{request}-1", amount, now_ms, drawn)

    @rule(target=paid, hold=consumes(held), beyond=st.integers(-16, 6))
    def it_is_made(self, hold: ModelHold, beyond: int) -> ModelHold:
        final = max(hold.amount + beyond, 0)
        captured = self.write(
            lambda _ledger, tx: fetch(tx, hold.picture, now_ms=self.model.now_ms, final_credits=final)
        )
        hold.captured = min(final, hold.amount)
        assert (captured.charged_credits, captured.variance_credits) == (hold.captured, final - hold.captured)
        back = self.model.give_back(hold, hold.amount - hold.captured, list(hold.drawn))
        self.it_is_settled(hold, back)
        self.model.on_hold -= hold.amount
        self.model.variance += final - hold.captured
        return hold

    @rule(hold=consumes(held))
    def it_fails(self, hold: ModelHold) -> None:
        drawn = dict(hold.drawn)
        self.write(lambda _ledger, tx: end(tx, hold.picture, now_ms=self.model.now_ms))
        back = self.model.give_back(hold, hold.amount, list(hold.drawn))
        self.it_is_settled(hold, back)
        assert {place: -share for place, share in back} == drawn
        self.model.on_hold -= hold.amount

    def it_is_settled(self, hold: ModelHold, back: Legs) -> None:
        settlement = self.run_async(self.purse.settled_by(hold.id))
        assert self.run_async(self.purse.legs(settlement)) == back
        for place, share in back:
            grant = self.model.grants[place] if place is not None else None
            if grant is None or grant.open_at(self.model.now_ms):
                continue
            settlement += 1  # what came back of an expired grant is granted anew
            life_ms = max((grant.expires_at_ms or 0) - hold.dated_at_ms, LATE_GRANT_MS)
            self.model.grants[settlement] = ModelGrant(-share, self.model.now_ms + life_ms)

    @rule(hold=paid, amount=st.integers(1, 10))
    def an_admin_refunds(self, hold: ModelHold, amount: int) -> None:
        assert hold.captured is not None
        self.purse.now_ms = self.model.now_ms
        if hold.refunded + amount > hold.captured:
            with pytest.raises(IntegrityError, match="exceed"):
                self.run_async(self.purse.refund(hold.picture, amount))
            return
        refund = self.run_async(self.purse.refund(hold.picture, amount))
        usable = [
            place
            for place in hold.drawn
            if (
                hold.dated_at_ms >= self.model.month
                if place is None
                else self.model.grants[place].open_at(self.model.now_ms)
            )
        ]
        back = self.model.give_back(hold, amount, usable)
        assert self.run_async(self.purse.legs(refund)) == back
        hold.refunded += amount
        late = amount + sum(share for _, share in back)
        if late:
            self.model.grants[refund + 1] = ModelGrant(late, None)

    @invariant()
    def the_balance_is_the_models(self) -> None:
        if not hasattr(self, "model"):
            return

        async def look() -> None:
            async with self.database.read() as connection:
                found = await balance(connection, self.model.allowance, self.user_id, self.model.now_ms)
            assert found.left_credits == self.model.left()
            assert found.granted_credits == self.model.granted()
            assert found.used_credits == self.model.used.get(self.model.month, 0) >= 0
            assert found.on_hold_credits == self.model.on_hold
            assert found.resets_at_ms == month_of(self.model.now_ms).end_ms

        self.run_async(look())

    def teardown(self) -> None:
        async def look() -> None:
            async with self.database.read() as connection:
                assert (await audit(connection, now_ms=LONG_AFTER_MS)).findings == ()
            assert await self.purse.operator("variance") - self.variance_before == self.model.variance

        self.run_async(look())


def test_a_long_life_of_grants_holds_and_refunds(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        opening = open_database(f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}")
        database = runner.run(opening.__aenter__())
        try:
            run_state_machine_as_test(
                lambda: LongLife(runner, database),
                settings=settings(
                    max_examples=30,
                    stateful_step_count=25,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    report_multiple_bugs=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opening.__aexit__(None, None, None))
