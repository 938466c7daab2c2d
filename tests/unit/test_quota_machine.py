"""A server's life at random against a plain model: rules, grants, crowds, failures, refunds, clocks that change.

The model knows no windows, totals or legs of the code under test: it keeps every credit with its local date, and sums.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

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
from sqlalchemy import text

from bot.credits.audit import audit
from bot.credits.quota_repository import values_of
from bot.credits.quota_rules import Scope, Spender
from bot.credits.quotas import QuotaExceeded, SpendingPolicy, hold_all, look_up
from bot.credits.windows import Period
from bot.generations.quota_changes import GrantChange, RefundChange, RuleChange, RuleRemoval, ZoneChange
from bot.generations.quota_desk import ChangeRefused, QuotaDesk
from bot.storage import Connection, Database, open_database
from tests.books import add_request, end, fetch

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
START_MS = int(datetime(2026, 10, 22, 12, tzinfo=UTC).timestamp() * 1000)  # clocks change in many places soon
SPRING_MS = int(datetime(2027, 3, 25, 12, tzinfo=UTC).timestamp() * 1000)  # and are put on in these days
LONG_AFTER_MS = START_MS + 10_000 * DAY_MS
ZONES = ("Europe/Berlin", "America/Havana", "Africa/Cairo", "Asia/Kathmandu", "Pacific/Chatham", "Asia/Kolkata")
ARTIST, PATRON = 401, 402
CHANNELS = (1, 2)
POLICY = SpendingPolicy(40, 150, None)
OWN = (Scope.EVERYONE, Scope.ROLE, Scope.MEMBER, Scope.NEWCOMER)


@dataclass(frozen=True)
class Person:
    number: int
    roles: frozenset[int]
    joined_at_ms: int


@dataclass
class Grant:
    user: int
    amount: int
    expires_at_ms: int | None
    used: int = 0


@dataclass
class Held:
    picture: str
    hold_id: int
    user: int
    channel: int
    price: int
    at_ms: int
    bound_by: str
    drawn: dict[int | None, int]  # by grant; None: the allowance
    charged: int | None = None
    refunded: int = 0


@dataclass
class Model:
    """Every credit that was ever drawn, and nothing summed."""

    now_ms: int = START_MS
    zone: str = "UTC"
    rules: dict[tuple[Scope, int], tuple[str, int | None]] = field(default_factory=dict)
    grants: dict[int, Grant] = field(default_factory=dict)
    drawn: list[tuple[int, int, int]] = field(default_factory=list)  # user, at, credits: of the allowance
    paid: list[tuple[int, int, int]] = field(default_factory=list)  # channel, at, credits: to the provider, or held
    held: dict[str, int] = field(default_factory=dict)  # user and price by picture

    def same(self, period: str, one_ms: int, other_ms: int, zone: str | None = None) -> bool:
        """Whether two moments lie in the same window, told by their local dates."""
        one, other = (
            datetime.fromtimestamp(ms / 1000, ZoneInfo(zone or self.zone)).date() for ms in (one_ms, other_ms)
        )
        if period == "day":
            return one == other
        if period == "week":
            return one.isocalendar()[:2] == other.isocalendar()[:2]
        return (one.year, one.month) == (other.year, other.month)

    def used(self, user: int, period: str) -> int:
        return sum(n for who, at, n in self.drawn if who == user and self.same(period, at, self.now_ms))

    def spent(self, channel: int | None, period: str, zone: str | None = None) -> int:
        return sum(
            n for where, at, n in self.paid if channel in {None, where} and self.same(period, at, self.now_ms, zone)
        )

    def own(self, person: Person) -> tuple[int | None, str]:
        """What is left of somebody's allowance (None: no limit), and the period that binds."""

        def left(said: tuple[str, int | None]) -> tuple[int | None, int, str]:
            period, allowed = said
            if allowed is None:
                return None, 0, period
            return max(allowed - self.used(person.number, period), 0), allowed, period

        mine = self.rules.get((Scope.MEMBER, person.number))
        roles = [left(self.rules[Scope.ROLE, role]) for role in person.roles if (Scope.ROLE, role) in self.rules]
        everyone = self.rules.get((Scope.EVERYONE, 0), ("month", POLICY.member_credits_per_month))
        if mine is not None:
            best = left(mine)
        elif roles:
            soonest = ["month", "week", "day"]
            free = [found for found in roles if found[0] is None]
            best = free[0] if free else max(roles, key=lambda r: (r[0] or 0, r[1], soonest.index(r[2])))
        else:
            best = left(everyone)
        for (scope, days), said in self.rules.items():
            if scope is Scope.NEWCOMER and self.now_ms - person.joined_at_ms < days * DAY_MS and said[1] is not None:
                new = left(said)
                if best[0] is None or (new[0] or 0) < best[0]:
                    best = new
        return best[0], best[2]

    def order(self, user: int) -> list[int]:
        open_ = [i for i, g in self.grants.items() if g.user == user and (g.expires_at_ms or 10**18) > self.now_ms]
        return sorted(open_, key=lambda i: (self.grants[i].expires_at_ms or 10**18, i))

    def granted(self, user: int) -> int:
        return sum(self.grants[i].amount - self.grants[i].used for i in self.order(user))

    def left(self, person: Person, channel: int) -> int | None:
        own = self.own(person)[0]
        limits = [] if own is None else [own + self.granted(person.number)]
        for key, where in (((Scope.CHANNEL, channel), channel), ((Scope.SERVER, 0), None)):
            period, allowed = self.rules.get(key, ("none", None))
            if allowed is not None:
                limits.append(max(allowed - self.spent(where, period), 0))
        limits.append(max((POLICY.guild_credits_per_month or 0) - self.spent(None, "month", "UTC"), 0))
        return min(limits)

    def draw(self, person: Person, amount: int) -> dict[int | None, int]:
        own = self.own(person)[0]
        drawn: dict[int | None, int] = {None: amount if own is None else min(own, amount)}
        for grant in self.order(person.number):
            missing = amount - sum(drawn.values())
            drawn[grant] = min(missing, self.grants[grant].amount - self.grants[grant].used)
        return {place: share for place, share in drawn.items() if share}

    def book(self, user: int, at_ms: int, shares: dict[int | None, int], sign: int) -> None:
        for place, share in shares.items():
            if place is None:
                self.drawn.append((user, at_ms, sign * share))
            else:
                self.grants[place].used += sign * share

    def give_back(self, held: Held, amount: int, places: list[int | None]) -> int:
        for place in sorted(places, key=lambda place: place is None):
            share = min(amount, held.drawn[place])
            held.drawn[place] -= share
            self.book(held.user, held.at_ms, {place: share}, -1)
            amount -= share
        return amount


Which = tuple[Scope, int]
Said = tuple[str, int | None]

WHICH = st.sampled_from(
    [
        *((Scope.EVERYONE, 0), (Scope.ROLE, ARTIST), (Scope.ROLE, PATRON), (Scope.MEMBER, 1), (Scope.MEMBER, 3)),
        *((Scope.NEWCOMER, 3), (Scope.NEWCOMER, 40), (Scope.CHANNEL, CHANNELS[0]), (Scope.SERVER, 0)),
    ]
)
SAID = st.sampled_from(
    [("day", 0), ("day", 12), ("day", 60), ("week", 30), ("month", 50), ("month", 90), ("none", None)]
)
OFFSETS_MS = st.sampled_from(
    [-HOUR_MS // 2, -1, -1, 0, HOUR_MS // 4 - 1, HOUR_MS // 4, HOUR_MS // 2, HOUR_MS, 12 * HOUR_MS]
)


class ServerLife(RuleBasedStateMachine):
    """One server through some months; every example has a server of its own on one database."""

    examples = count(1)

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        super().__init__()
        self.run_async = runner.run
        self.database = database

    held = Bundle("held")
    paid = Bundle("paid")

    @initialize(
        start_ms=st.sampled_from((START_MS, SPRING_MS)),
        both=st.booleans(),
        given=st.booleans(),
        zone=st.sampled_from(ZONES),
        rules=st.lists(st.tuples(WHICH, SAID), max_size=4),
    )
    def open_a_server(self, start_ms: int, both: bool, given: bool, zone: str, rules: list[tuple[Which, Said]]) -> None:
        self.number = next(self.examples)
        self.guild_id = 10_000 + self.number
        self.model = Model(start_ms)
        self.names = count(1)
        self.people = [
            Person(1, frozenset(), start_ms - 900 * DAY_MS),
            Person(2, frozenset({ARTIST}), start_ms - 2 * DAY_MS),
            Person(3, frozenset({ARTIST, PATRON}), start_ms - 900 * DAY_MS),
        ]
        self.desk = QuotaDesk(self.database, POLICY, self)
        self.an_admin_sets_the_time_zone(zone)
        for person in range(3 if given else 0):
            self.an_admin_grants(person, 10, None)
        first: list[tuple[Which, Said]] = [
            *(((Scope.ROLE, ARTIST), ("day", 12)), ((Scope.ROLE, PATRON), ("month", 50))),
            ((Scope.NEWCOMER, 40), ("week", 6)),
        ]
        for which, said in [*(first if both else []), *rules]:
            self.an_admin_sets_or_removes_a_rule(which, said)

    # The machine is its own clock.

    def now_ms(self) -> int:
        return self.model.now_ms

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    def channel_id(self, channel: int) -> int:
        return self.guild_id * 10 + channel

    def spender(self, person: Person, channel: int) -> Spender:
        return Spender(person.number, self.guild_id, person.roles, person.joined_at_ms, self.channel_id(channel))

    def change(self, change: Any) -> Any:
        event = f"{self.number}-{next(self.names)}"
        return self.run_async(self.desk.change(self.guild_id, change, by=9, event_id=event))

    # --- what happens ---

    @rule(hours=st.sampled_from([0.25, 0.5, 1, 3, 8, 24, 5 * 24, 32 * 24]))
    def time_passes(self, hours: float) -> None:
        self.model.now_ms += int(hours * HOUR_MS)

    @rule(
        target=held,
        days=st.sampled_from([1, 1, 2, 3, 8, 30]),
        offsets_ms=st.lists(OFFSETS_MS, min_size=1, max_size=3).map(sorted),
        who=st.integers(0, 2),
        channel=st.sampled_from(CHANNELS),
    )
    def somebody_asks_around_midnight(self, days: int, offsets_ms: list[int], who: int, channel: int) -> Any:
        """Days begin then, and in some places clocks change."""
        local = datetime.fromtimestamp(self.model.now_ms / 1000 + days * 86_400, ZoneInfo(self.model.zone))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        taken = []
        for offset_ms in offsets_ms:
            self.model.now_ms = max(self.model.now_ms, int(midnight * 1000) + offset_ms)
            taken += self.ask([(who, channel, 5, 1)])
            self.everybody_stands_as_the_model_says()
        return multiple(*taken)

    @rule(zone=st.sampled_from(ZONES))
    def an_admin_sets_the_time_zone(self, zone: str) -> None:
        self.change(ZoneChange(name=zone))
        self.model.zone = zone

    @rule(which=WHICH, said=st.one_of(SAID, st.none()))
    def an_admin_sets_or_removes_a_rule(self, which: tuple[Scope, int], said: tuple[str, int | None] | None) -> None:
        scope, subject = which
        subject = self.channel_id(subject) if scope is Scope.CHANNEL else subject
        before = self.run_async(self.desk.rule(self.guild_id, scope, subject))
        was = values_of(before.rule) if before is not None else None
        if said is None:
            if was is not None:
                self.change(RuleRemoval(scope=scope, subject_id=subject, before=was))
                del self.model.rules[which]
            return
        period, allowed = said
        self.change(RuleChange(scope=scope, subject_id=subject, period=Period(period), credits=allowed, before=was))
        self.model.rules[which] = said

    @rule(person=st.integers(0, 2), amount=st.integers(1, 30), days=st.sampled_from([None, None, 1, 10, 40]))
    def an_admin_grants(self, person: int, amount: int, days: int | None) -> None:
        user = self.people[person].number
        done = self.change(GrantChange(user_id=user, credits=amount, days=days, reason="thanks"))
        expires_at_ms = None if days is None else self.model.now_ms + days * DAY_MS
        assert done.line.entry_id is not None
        self.model.grants[done.line.entry_id] = Grant(user, amount, expires_at_ms)

    @rule(
        target=held,
        crowd=st.lists(
            st.tuples(st.integers(0, 2), st.sampled_from(CHANNELS), st.integers(1, 16), st.integers(1, 3)),
            min_size=1, max_size=6,
        ),
    )  # fmt: skip
    def members_ask_at_the_same_time(self, crowd: list[tuple[int, int, int, int]]) -> Any:
        return multiple(*self.ask(crowd))

    def ask(self, crowd: list[tuple[int, int, int, int]]) -> list[Held]:
        now_ms = self.model.now_ms
        asked = [(self.people[who], channel, price, pictures) for who, channel, price, pictures in crowd]

        async def ask(person: Person, channel: int, price: int, pictures: int) -> Any:
            request = f"g{self.number}r{next(self.names)}"
            prices = {f"{request}-{position}": price for position in range(1, pictures + 1)}
            spender = self.spender(person, channel)

            async def work(tx: Connection) -> tuple[dict[str, int], str]:
                situation = await look_up(tx, POLICY, spender, now_ms=now_ms)
                account_id, holds = await hold_all(tx, situation, prices, provider_left_credits=None)
                await add_request(
                    tx, request, account_id, holds, prices, now_ms=now_ms, guild_id=self.guild_id,
                    user_id=person.number, channel_id=spender.channel_id, quota_period=situation.given.period,
                )  # fmt: skip
                return holds, situation.given.period

            try:
                return await self.database.write(work)
            except QuotaExceeded as error:
                return error

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(ask(*one) for one in asked))

        taken = []
        for (person, channel, price, pictures), came in zip(asked, self.run_async(all_of_them()), strict=True):
            left = self.model.left(person, channel)
            cost = price * pictures
            if isinstance(came, QuotaExceeded):
                assert left is not None
                assert cost > left, "refused what was left"
                assert came.left_credits == left
                continue
            assert left is None or cost <= left, "overspent"
            holds, bound_by = came
            assert bound_by == self.model.own(person)[1]
            shares = self.model.draw(person, cost)
            assert sum(shares.values()) == cost
            self.model.book(person.number, now_ms, shares, 1)
            self.model.paid.append((channel, now_ms, cost))
            for picture, hold_id in holds.items():
                drawn: dict[int | None, int] = {}
                for place in list(shares):
                    share = min(shares[place], price - sum(drawn.values()))
                    shares[place] -= share
                    if share:
                        drawn[place] = share
                self.model.held[picture] = price * 10 + person.number
                taken.append(Held(picture, hold_id, person.number, channel, price, now_ms, bound_by, drawn))
        return taken

    @rule(target=paid, held=consumes(held), beyond=st.integers(-16, 4))
    def somebodys_is_made(self, held: Held, beyond: int) -> Held:
        return self.it_is_made(held, beyond)

    def it_is_made(self, held: Held, beyond: int) -> Held:
        final = max(held.price + beyond, 0)
        captured = self.write(lambda tx: fetch(tx, held.picture, now_ms=self.model.now_ms, final_credits=final))
        held.charged = min(final, held.price)
        assert captured.charged_credits == held.charged
        self.model.give_back(held, held.price - held.charged, list(held.drawn))
        self.model.paid.append((held.channel, held.at_ms, held.charged - held.price))
        del self.model.held[held.picture]
        return held

    @rule(held=consumes(held))
    def it_fails(self, held: Held) -> None:
        self.write(lambda tx: end(tx, held.picture, now_ms=self.model.now_ms))
        self.model.give_back(held, held.price, list(held.drawn))
        self.model.paid.append((held.channel, held.at_ms, -held.price))
        del self.model.held[held.picture]

    @rule(held=paid, amount=st.integers(1, 12))
    def somebodys_is_refunded(self, held: Held, amount: int) -> None:
        self.an_admin_refunds(held, amount)

    def an_admin_refunds(self, held: Held, amount: int) -> None:
        assert held.charged is not None
        change = RefundChange(picture_id=held.picture, credits=amount, reason="blurred")
        if held.refunded + amount > held.charged:
            try:
                self.change(change)
            except ChangeRefused:
                return
            raise AssertionError("gave back more than was paid")
        entry_id = self.change(change).line.entry_id
        held.refunded += amount
        periods = {held.bound_by, *(said[0] for (scope, _), said in self.model.rules.items() if scope in OWN)}
        still_open = all(self.model.same(period, held.at_ms, self.model.now_ms) for period in periods)
        usable = [
            place for place in held.drawn if (still_open if place is None else place in self.model.order(held.user))
        ]
        late = self.model.give_back(held, amount, usable)
        if late:
            self.model.grants[entry_id + 1] = Grant(held.user, late, None)

    @rule(
        target=paid,
        who=st.integers(0, 2),
        channel=st.sampled_from(CHANNELS),
        hours=st.sampled_from([0, 1, 24, 3 * 24, 8 * 24]),
        amount=st.integers(1, 5),
    )
    def a_picture_is_made_and_refunded_later(self, who: int, channel: int, hours: int, amount: int) -> Any:
        made = [self.it_is_made(held, 0) for held in self.ask([(who, channel, 5, 1)])]
        self.model.now_ms += hours * HOUR_MS
        for held in made:
            self.an_admin_refunds(held, amount)
        return multiple(*made)

    def write(self, work: Callable[[Connection], Awaitable[Any]]) -> Any:
        return self.run_async(self.database.write(work))

    # --- what must hold ---

    @invariant()
    def everybody_stands_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return

        async def look(tx: Connection) -> None:
            for person in self.people:
                spender = self.spender(person, CHANNELS[0])
                found = await look_up(tx, POLICY, spender, now_ms=self.model.now_ms)
                balance = found.balance
                own = self.model.own(person)[0]
                granted = self.model.granted(person.number)
                assert balance.granted_credits == granted >= 0
                assert balance.own_credits == (None if own is None else own + granted)
                assert balance.left_credits == self.model.left(person, CHANNELS[0])
                mine = [value // 10 for value in self.model.held.values() if value % 10 == person.number]
                assert balance.on_hold_credits == sum(mine)
                assert balance.used_credits >= 0

        self.run_async(self.database.look(look))

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for number, picture in enumerate(list(self.model.held)):
            ended = fetch if number % 2 else end
            self.write(lambda tx, p=picture, e=ended: e(tx, p, now_ms=self.model.now_ms))  # type: ignore[misc]

        async def look(tx: Connection) -> None:
            assert (await audit(tx, now_ms=LONG_AFTER_MS)).findings == ()
            ours = {"guild_id": self.guild_id}
            assert not await tx.scalar(
                text("SELECT count(*) FROM open_holds JOIN accounts a ON a.id = account_id WHERE guild_id = :guild_id"),
                ours,
            )
            # The sum of an account's entries is what its legs have drawn: held or taken, less what came back.
            sums = await tx.execute(
                text(
                    """
                    SELECT a.id,
                      (SELECT coalesce(sum(CASE e.kind
                          WHEN 'hold' THEN e.amount_credits WHEN 'void' THEN -e.amount_credits
                          WHEN 'capture' THEN e.amount_credits - h.amount_credits WHEN 'refund' THEN -e.amount_credits
                          WHEN 'grant' THEN CASE WHEN e.picture_id IS NULL THEN 0 ELSE e.amount_credits END END), 0)
                        FROM entries e LEFT JOIN entries h ON h.id = e.settles_id WHERE e.account_id = a.id) AS booked,
                      (SELECT coalesce(sum(l.amount_credits), 0) FROM legs l WHERE l.account_id = a.id) AS drawn
                    FROM accounts a WHERE a.guild_id = :guild_id
                    """
                ),
                ours,
            )
            assert all(row.booked == row.drawn for row in sums)

        self.run_async(self.database.look(look))


def test_a_servers_life_of_rules_grants_crowds_and_refunds(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        opening = open_database(f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}")
        database = runner.run(opening.__aenter__())
        try:
            run_state_machine_as_test(
                lambda: ServerLife(runner, database),
                settings=settings(
                    max_examples=60,
                    stateful_step_count=30,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    report_multiple_bugs=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opening.__aexit__(None, None, None))
