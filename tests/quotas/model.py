"""A server's credits and quotas as an auditor would reckon them; it uses nothing of the bot.

It knows no windows, totals or legs: every credit that was drawn is kept with its moment, and whatever is asked is
summed anew, by the dates that the server's clocks have shown. How rules combine is told in docs/quotas.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
NEVER_MS = 10**18

MODELS = ("nano-banana-pro", "nano-banana-2", "nano-banana")
SIZES: dict[str, tuple[int | None, ...]] = {MODELS[0]: (1, 2, 4), MODELS[1]: (1, 2, 4), MODELS[2]: (None,)}
"""What each model takes; the last one has no sizes."""

MEMBER_A_MONTH = 40
SERVER_A_MONTH = 150
AT_ONCE = 12
"""What the operator allows: credits to each member, credits to the server, pictures in work to each member."""
OWN = ("member", "role", "everyone", "newcomer")
"""Whose rules speak of a member's own allowance."""

Which = tuple[str, int]
"""For whom a rule is: everyone, a role, a member, a channel, the server, newcomers of so many days."""


@dataclass(frozen=True)
class Person:
    number: int
    roles: frozenset[int]
    joined_at_ms: int


@dataclass(frozen=True)
class Said:
    """What a rule says; None: nothing of that. Credits of None in a period ("none") are without limit."""

    period: str | None = None
    credits: int | None = None
    running: int | None = None
    size: int | None = None
    models: tuple[str, ...] | None = None
    count: int | None = None


@dataclass(frozen=True)
class Asked:
    person: Person
    channel: int
    model: str
    size: int | None
    count: int


@dataclass
class Grant:
    user: int
    amount: int
    expires_at_ms: int | None
    used: int = 0


@dataclass
class Picture:
    """A picture that was asked for: ``held``, then ``sent``, it may be ``resting``; then it is ``over``."""

    name: str
    request: str
    user: int
    channel: int
    price: int
    at_ms: int
    bound_by: str
    drawn: dict[int | None, int]
    """By grant; None: the allowance."""
    state: str = "held"
    charged: int | None = None
    refunded: int = 0

    @property
    def works(self) -> bool:
        """Whether it is in work: a late one only rests."""
        return self.state in {"held", "sent"}


@lru_cache(maxsize=100_000)
def shown(at_ms: int, zone: str) -> date:
    """Return the latest date that clocks have shown: an hour that comes again does not bring the old day back."""
    moment = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))
    if not moment.fold:
        return moment.date()
    before = (datetime.fromtimestamp(at_ms / 1000 - minutes * 60, ZoneInfo(zone)) for minutes in range(181))
    return max(earlier.date() for earlier in before)


def next_change_of_clocks(at_ms: int, zone: str) -> int:
    """Return when clocks are put forward or back next, to the quarter of an hour; NEVER_MS: not within a year."""

    def offset(ms: int) -> timedelta | None:
        return datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).utcoffset()

    day = next((at_ms + n * DAY_MS for n in range(366) if offset(at_ms + (n + 1) * DAY_MS) != offset(at_ms)), None)
    if day is None:
        return NEVER_MS
    quarter = day - day % (HOUR_MS // 4)
    while offset(quarter) == offset(at_ms):
        quarter += HOUR_MS // 4
    return quarter


@dataclass
class Model:
    """Every credit that was ever drawn, and nothing summed."""

    now_ms: int
    prices: dict[tuple[str, int | None], int]
    zone: str = "UTC"
    rules: dict[Which, Said] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    drawn: list[tuple[int, int, int]] = field(default_factory=list)  # user, at, credits: of the allowance
    paid: list[tuple[int, int, int]] = field(default_factory=list)  # channel, at, credits: to the provider, or held
    pictures: dict[str, Picture] = field(default_factory=dict)
    paused: bool = False
    server_a_month: int | None = SERVER_A_MONTH

    # --- what was used when ---

    def same(self, period: str, one_ms: int, other_ms: int, zone: str | None = None) -> bool:
        """Tell whether two moments lie in the same day, week or month."""
        one, other = shown(one_ms, zone or self.zone), shown(other_ms, zone or self.zone)
        if period == "day":
            return one == other
        if period == "week":
            return one.isocalendar()[:2] == other.isocalendar()[:2]
        return (one.year, one.month) == (other.year, other.month)

    def last_day(self, period: str) -> date:
        """Return the last day of the window of now."""
        today = shown(self.now_ms, self.zone)
        if period == "day":
            return today
        if period == "week":
            return today + timedelta(6 - today.weekday())
        return (today.replace(day=1) + timedelta(31)).replace(day=1) - timedelta(1)

    def used(self, user: int, period: str) -> int:
        return sum(n for who, at, n in self.drawn if who == user and self.same(period, at, self.now_ms))

    def spent(self, channel: int | None, period: str, zone: str | None = None) -> int:
        return sum(
            n for where, at, n in self.paid if channel in {None, where} and self.same(period, at, self.now_ms, zone)
        )

    # --- which rules are for somebody ---

    def nearest(self, person: Person, what: str) -> list[Said]:
        """Return what speaks of it: the member's own rule, else those of their roles, else the one for everyone."""
        for level in (
            [("member", person.number)],
            [("role", role) for role in sorted(person.roles)],
            [("everyone", 0)],
        ):
            said = [self.rules[which] for which in level if which in self.rules]
            speaking = [rule for rule in said if getattr(rule, what) is not None]
            if speaking:
                return speaking
        return []

    def newcomers(self, person: Person) -> list[Said]:
        mine = [
            (days, said)
            for (scope, days), said in self.rules.items()
            if scope == "newcomer" and self.now_ms - person.joined_at_ms < days * DAY_MS
        ]
        return [said for _, said in sorted(mine, key=lambda found: found[0])]

    def on_top(self, person: Person, channel: int) -> list[Said]:
        """Return what can only tighten."""
        shared = [self.rules[which] for which in (("channel", channel), ("server", 0)) if which in self.rules]
        return [*self.newcomers(person), *shared]

    # --- what a request may be ---

    def most(self, person: Person, what: str, tightening: Iterable[Said]) -> int | None:
        """Return the highest size, count or number of requests: the best that they have, tightened."""
        best = [max(getattr(said, what) for said in self.nearest(person, what))] if self.nearest(person, what) else []
        tighter = [getattr(said, what) for said in tightening if getattr(said, what) is not None]
        return min(best + tighter, default=None)

    def models(self, person: Person, channel: int) -> set[str]:
        def allowed(said: Said) -> set[str]:
            return set(MODELS if said.models is None or "*" in said.models else said.models)

        having = self.nearest(person, "models")
        found = set().union(*(allowed(said) for said in having)) if having else set(MODELS)
        for said in self.on_top(person, channel):
            found &= allowed(said)
        return found

    def in_work(self, user: int | None = None, channel: int | None = None) -> list[Picture]:
        return [
            picture
            for picture in self.pictures.values()
            if picture.works and user in {None, picture.user} and channel in {None, picture.channel}
        ]

    def running(self, user: int | None = None, channel: int | None = None) -> int:
        return len({picture.request for picture in self.in_work(user, channel)})

    def most_running(self, person: Person, channel: int) -> dict[str, int | None]:
        """Return how many requests may be in work: the member's, those in the channel, those in the server."""
        in_channel, in_server = self.rules.get(("channel", channel)), self.rules.get(("server", 0))
        return {
            "member": self.most(person, "running", self.newcomers(person)),
            "channel": in_channel.running if in_channel else None,
            "guild": in_server.running if in_server else None,
        }

    # --- what may be spent ---

    def own(self, person: Person) -> tuple[int | None, str]:
        """Return what is left of somebody's allowance (None: no limit), and the period that binds."""

        def left(said: Said) -> int | None:
            if said.credits is None:
                return None
            return max(said.credits - self.used(person.number, said.period or ""), 0)

        having = self.nearest(person, "period") or [Said("month", MEMBER_A_MONTH)]
        free = [said for said in having if said.credits is None]
        # Of roles the one with the most left; of equals what gives more, then what is renewed sooner.
        best = (
            free[0]
            if free
            else min(
                having, key=lambda said: (-(left(said) or 0), -(said.credits or 0), self.last_day(said.period or ""))
            )
        )
        for said in self.newcomers(person):
            if said.credits is not None and (left(best) is None or (left(said) or 0) < (left(best) or 0)):
                best = said
        return left(best), best.period or ""

    def order(self, user: int) -> list[int]:
        """Return the grants that can be used, those that expire soonest first."""
        usable = [
            number
            for number, grant in enumerate(self.grants)
            if grant.user == user and (grant.expires_at_ms or NEVER_MS) > self.now_ms
        ]
        return sorted(usable, key=lambda number: (self.grants[number].expires_at_ms or NEVER_MS, number))

    def granted(self, user: int) -> int:
        return sum(self.grants[number].amount - self.grants[number].used for number in self.order(user))

    def limits(self, person: Person, channel: int) -> list[tuple[str, int]]:
        """Return whose limits there are, and what each leaves."""
        found = []
        own = self.own(person)[0]
        if own is not None:
            found.append(("member", own + self.granted(person.number)))
        for whose, which, where in (("channel", ("channel", channel), channel), ("guild", ("server", 0), None)):
            said = self.rules.get(which, Said())
            if said.period is not None and said.credits is not None:
                found.append((whose, max(said.credits - self.spent(where, said.period), 0)))
        if self.server_a_month is not None:
            found.append(("guild", max(self.server_a_month - self.spent(None, "month", "UTC"), 0)))
        return found

    def left(self, person: Person, channel: int) -> int | None:
        return min((left for _, left in self.limits(person, channel)), default=None)

    # --- a request ---

    def cost(self, asked: Asked) -> int:
        return self.prices[asked.model, asked.size] * asked.count

    def refusal(self, asked: Asked) -> tuple[Any, ...] | None:
        """Say why a request is refused, and by whose rule; None: it is taken."""
        person, channel = asked.person, asked.channel
        if self.paused:
            return ("paused",)
        on_top = self.on_top(person, channel)
        size, most = self.most(person, "size", on_top), self.most(person, "count", on_top)
        beyond = {
            "models": asked.model not in self.models(person, channel),
            "size": size is not None and asked.size is not None and asked.size > size,
            "count": most is not None and asked.count > most,
        }
        if any(beyond.values()):
            return ("beyond", *(what for what, is_beyond in beyond.items() if is_beyond))
        if len(self.in_work(person.number)) + asked.count > AT_ONCE:
            return ("at once",)
        running = {
            "member": self.running(person.number),
            "channel": self.running(channel=channel),
            "guild": self.running(),
        }
        for whose, allowed in self.most_running(person, channel).items():
            if allowed is not None and running[whose] >= allowed:
                return ("running", whose, running[whose], allowed)
        limits = self.limits(person, channel)
        if limits:
            whose, left = min(limits, key=lambda limit: limit[1])
            if self.cost(asked) > left:
                return ("credits", whose, left)
        return None

    def take(self, asked: Asked, request: str) -> None:
        """Draw on the allowance first, then on grants, picture by picture."""
        person, price = asked.person, self.prices[asked.model, asked.size]
        bound_by = self.own(person)[1]
        for position in range(1, asked.count + 1):
            own = self.own(person)[0]
            drawn: dict[int | None, int] = {None: price if own is None else min(own, price)}
            for number in self.order(person.number):
                missing = price - sum(drawn.values())
                drawn[number] = min(missing, self.grants[number].amount - self.grants[number].used)
            drawn = {place: share for place, share in drawn.items() if share}
            assert sum(drawn.values()) == price
            name = f"{request}-{position}"
            picture = Picture(name, request, person.number, asked.channel, price, self.now_ms, bound_by, drawn)
            self.pictures[name] = picture
            for place, share in drawn.items():
                self._book(picture, place, share)
            self.paid.append((asked.channel, self.now_ms, price))

    def _book(self, picture: Picture, place: int | None, share: int) -> None:
        if place is None:
            self.drawn.append((picture.user, picture.at_ms, share))
        else:
            self.grants[place].used += share

    # --- what becomes of a picture ---

    def make(self, picture: Picture, final: int) -> int:
        """Let it be made, for what was said at most; the rest comes back. Returns what it cost."""
        picture.state, picture.charged = "over", min(final, picture.price)
        self._return_unused(picture, picture.price - picture.charged)
        return picture.charged

    def fail(self, picture: Picture) -> None:
        picture.state = "over"
        self._return_unused(picture, picture.price)

    def _return_unused(self, picture: Picture, amount: int) -> None:
        before = dict(picture.drawn)
        self._give_back(picture, amount, list(picture.drawn))
        self.paid.append((picture.channel, picture.at_ms, -amount))
        for place, share in before.items():
            back, grant = share - picture.drawn[place], self.grants[place] if place is not None else None
            if back and grant is not None and grant.expires_at_ms is not None and grant.expires_at_ms <= self.now_ms:
                life_ms = max(grant.expires_at_ms - picture.at_ms, DAY_MS)
                self.grants.append(Grant(picture.user, back, self.now_ms + life_ms))

    def refund(self, picture: Picture, amount: int) -> bool:
        """Give back what somebody paid; the channel and the server have spent it all the same. Tells whether it may."""
        if picture.charged is None or picture.refunded + amount > picture.charged:
            return False
        picture.refunded += amount
        said = [rule.period for (scope, _), rule in self.rules.items() if scope in OWN and rule.period is not None]
        still_open = all(self.same(period, picture.at_ms, self.now_ms) for period in (picture.bound_by, *said))
        usable = self.order(picture.user)
        late = self._give_back(
            picture, amount, [place for place in picture.drawn if (still_open if place is None else place in usable)]
        )
        if late:
            self.grants.append(Grant(picture.user, late, None))
        return True

    def _give_back(self, picture: Picture, amount: int, places: list[int | None]) -> int:
        """Give back to grants first, since they last longer. Returns what found no place."""
        for place in sorted(places, key=lambda place: place is None):
            share = min(amount, picture.drawn[place])
            picture.drawn[place] -= share
            self._book(picture, place, -share)
            amount -= share
        return amount

    def on_hold(self, user: int) -> int:
        return sum(p.price for p in self.pictures.values() if p.user == user and p.state != "over")
