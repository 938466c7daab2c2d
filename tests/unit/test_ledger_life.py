"""The ledger through a long random life, against a plain model."""

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
from sqlalchemy.exc import IntegrityError

from bot.credits.audit import audit
from bot.credits.ledger import LATE_GRANT_MS, Ledger
from bot.credits.ledger import Purse as Pocket
from bot.credits.windows import month_of
from bot.storage import Connection, Database, open_database
from tests.books import CHANNEL, GUILD, add_request, end, fetch
from tests.purse import DAY_MS, NOW_MS, Legs, Purse, balance, window_credits

LONG_AFTER_MS = NOW_MS + 10_000 * DAY_MS


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
