"""What a server's admins allow, and how their rules combine for one person at one moment. No SQL; docs/quotas.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import TypeVar

from bot.credits.windows import Period, Window, window_of

V = TypeVar("V")

DAY_MS = 24 * 60 * 60 * 1000
ALL_MODELS = "*"


class Scope(StrEnum):
    """Whom a rule is for."""

    MEMBER = "member"
    ROLE = "role"
    EVERYONE = "everyone"
    NEWCOMER = "newcomer"
    """Members who joined less than so many days ago."""
    CHANNEL = "channel"
    SERVER = "server"


class LimitScope(StrEnum):
    """Whose limit it is."""

    MEMBER = "member"
    CHANNEL = "channel"
    GUILD = "guild"
    ACCOUNT = "account"
    """What the operator allows all servers together."""
    PROVIDER = "provider"
    """What is left on the operator's account at the provider."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is allowed to whom. None: it says nothing of that, and the next rule in line does.

    ``subject_id`` is the role, member or channel, for newcomers the days, else 0. ``credits`` are those of each
    ``period``; with Period.NONE there is no limit on them. ``running`` are requests in work at the same time,
    ``resolution`` the highest ("2K"), ``count`` the most pictures of one request, ``models`` the ids of those allowed.
    """

    scope: Scope
    subject_id: int = 0
    period: Period | None = None
    credits: int | None = None
    running: int | None = None
    resolution: str | None = None
    models: tuple[str, ...] | None = None
    count: int | None = None

    @property
    def is_unlimited(self) -> bool:
        """Whether it says that there is no limit on credits."""
        return self.period is Period.NONE

    @property
    def aspects(self) -> tuple[Aspect, ...]:
        """What it says something of."""
        values = {
            Aspect.CREDITS: self.period,
            Aspect.RUNNING: self.running,
            Aspect.RESOLUTION: self.resolution,
            Aspect.MODELS: self.models,
            Aspect.COUNT: self.count,
        }
        return tuple(aspect for aspect, value in values.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Spender:
    """Who wants to spend, and where. ``guild_id`` None: personally; no server's rules are for that.

    ``channel_id`` is the channel that it counts for. ``joined_at_ms`` None: unknown, which counts as new.
    """

    user_id: int
    guild_id: int | None
    role_ids: frozenset[int] = frozenset()
    joined_at_ms: int | None = None
    channel_id: int | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit on credits as it stands now. ``rule`` None: it is the operator's. ``credits`` None: there is none."""

    scope: LimitScope
    rule: Rule | None
    period: Period
    credits: int | None
    used_credits: int
    window: Window

    @property
    def left_credits(self) -> int | None:
        """What it leaves; None: it is no limit."""
        return None if self.credits is None else max(self.credits - self.used_credits, 0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a request may be, beside its price; None: there is no bound.

    ``running``, ``running_in_channel`` and ``running_in_server`` bound requests in work at the same time: the member's
    in this server, everybody's in this channel, everybody's in this server.
    """

    resolution: str | None = None
    models: frozenset[str] | None = None
    count: int | None = None
    running: int | None = None
    running_in_channel: int | None = None
    running_in_server: int | None = None

    def allows_model(self, model: str) -> bool:
        """Tell whether a model may be used."""
        return self.models is None or model in self.models

    def allows_resolution(self, resolution: str | None) -> bool:
        """Tell whether a picture may be that large; models without resolutions make small ones."""
        return self.resolution is None or resolution is None or size_rank(resolution) <= size_rank(self.resolution)

    def allows_count(self, count: int) -> bool:
        """Tell whether a request may be for so many pictures."""
        return self.count is None or count <= self.count

    def allows(self, model: str, resolution: str | None, count: int) -> bool:
        """Tell whether a request may be like that."""
        return self.allows_model(model) and self.allows_resolution(resolution) and self.allows_count(count)


class Aspect(StrEnum):
    """What a rule can speak of."""

    CREDITS = "credits"
    RUNNING = "running"
    RESOLUTION = "resolution"
    MODELS = "models"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Used:
    """What was used in the running windows: by the member of their allowance, in the channel, in the server."""

    member: Mapping[Period, int]
    channel: Mapping[Period, int]
    server: Mapping[Period, int]


@dataclass(frozen=True, slots=True)
class Applied:
    """The rules that are for one person in one place, sorted."""

    member: Rule | None
    roles: tuple[Rule, ...]
    everyone: Rule | None
    newcomer: tuple[Rule, ...]
    channel: Rule | None
    server: Rule | None

    @classmethod
    def of(cls, rules: Iterable[Rule], spender: Spender, now_ms: int) -> Applied:
        """Pick the rules that are for ``spender``; the others may be among them."""
        by_scope: dict[Scope, list[Rule]] = {scope: [] for scope in Scope}
        for rule in rules:
            if _is_for(rule, spender, now_ms):
                by_scope[rule.scope].append(rule)
        return cls(
            member=_only(by_scope[Scope.MEMBER]),
            roles=tuple(sorted(by_scope[Scope.ROLE], key=lambda rule: rule.subject_id)),
            everyone=_only(by_scope[Scope.EVERYONE]),
            newcomer=tuple(sorted(by_scope[Scope.NEWCOMER], key=lambda rule: rule.subject_id)),
            channel=_only(by_scope[Scope.CHANNEL]),
            server=_only(by_scope[Scope.SERVER]),
        )

    @property
    def tightening(self) -> tuple[Rule, ...]:
        """The rules that apply on top of whatever the member has."""
        return (*self.newcomer, *(rule for rule in (self.channel, self.server) if rule is not None))

    def bounds(self) -> Bounds:
        """Combine everything but credits."""
        tightening = self.tightening
        sizes = self._own(lambda rule: rule.resolution, lambda said: max(said, key=size_rank))
        models = self._own(lambda rule: rule.models, _joined)
        counts, running = self._own(lambda rule: rule.count, _most), self._own(lambda rule: rule.running, _most)
        return Bounds(
            resolution=min(_said(sizes, *(rule.resolution for rule in tightening)), key=size_rank, default=None),
            models=_common(_said(models, *(rule.models for rule in tightening))),
            count=min(_said(counts, *(rule.count for rule in tightening)), default=None),
            running=min(_said(running, *(rule.running for rule in self.newcomer)), default=None),
            running_in_channel=self.channel.running if self.channel is not None else None,
            running_in_server=self.server.running if self.server is not None else None,
        )

    def passed_over(self) -> dict[Rule, frozenset[Aspect]]:
        """Return what rules for the member say, but a nearer rule, or a role's more generous one, says as well."""
        found: dict[Rule, frozenset[Aspect]] = {}
        nearer: set[Aspect] = set()
        for rules in ((self.member,), self.roles, (self.everyone,)):
            level = [rule for rule in rules if rule is not None]
            for rule in level:
                outdone = {
                    aspect
                    for aspect in set(rule.aspects) - nearer - {Aspect.CREDITS}
                    if any(_outdoes(other, rule, aspect) for other in level)
                }
                found[rule] = frozenset((set(rule.aspects) & nearer) | outdone)
            nearer |= {aspect for rule in level for aspect in rule.aspects}
        return found

    def own_limits(
        self, used: Mapping[Period, int], now_ms: int, zone: tzinfo, default_credits: int | None
    ) -> tuple[Limit, ...]:
        """Return the limits on the member's own credits: what they have, and what tightens it while they are new."""
        first = self._own_limit(used, now_ms, zone, default_credits)
        new = (_limit(LimitScope.MEMBER, rule, used, now_ms, zone) for rule in self.newcomer)
        return (first, *(limit for limit in new if limit is not None and limit.credits is not None))

    def ceilings(self, used: Used, now_ms: int, zone: tzinfo) -> tuple[Limit, ...]:
        """Return what the channel and the server may spend together."""
        return tuple(
            limit
            for scope, rule, sums in (
                (LimitScope.CHANNEL, self.channel, used.channel),
                (LimitScope.GUILD, self.server, used.server),
            )
            if rule is not None
            and (limit := _limit(scope, rule, sums, now_ms, zone)) is not None
            and limit.credits is not None
        )

    def _own_limit(self, used: Mapping[Period, int], now_ms: int, zone: tzinfo, default_credits: int | None) -> Limit:
        said = self._own(lambda rule: _limit(LimitScope.MEMBER, rule, used, now_ms, zone), _most_generous)
        if said is not None:
            return said
        window = window_of(Period.MONTH, now_ms, zone)
        return Limit(LimitScope.MEMBER, None, Period.MONTH, default_credits, used[Period.MONTH], window)

    def _own(self, said_by: Callable[[Rule], V | None], best: Callable[[Sequence[V]], V]) -> V | None:
        """Return what the member's own rule says, else the best of what the roles' say, else what everyone's says."""
        for rules in ((self.member,), self.roles, (self.everyone,)):
            said = _said(*(said_by(rule) for rule in rules if rule is not None))
            if said:
                return best(said)
        return None


def size_rank(resolution: str) -> int:
    """Return by what resolutions are compared: the number in "2K"."""
    digits = "".join(char for char in resolution if char.isdigit())
    return int(digits) if digits else 0


def limit_by(rule: Rule, used: Used, now_ms: int, zone: tzinfo) -> Limit | None:
    """Return what a rule says of credits now, by what was used of what it limits; None: nothing."""
    match rule.scope:
        case Scope.CHANNEL:
            return _limit(LimitScope.CHANNEL, rule, used.channel, now_ms, zone)
        case Scope.SERVER:
            return _limit(LimitScope.GUILD, rule, used.server, now_ms, zone)
        case _:
            return _limit(LimitScope.MEMBER, rule, used.member, now_ms, zone)


def tightest(limits: Sequence[Limit]) -> Limit | None:
    """Return the limit that leaves the least, the first of several; None where nothing limits."""
    return min(
        (limit for limit in limits if limit.left_credits is not None),
        key=lambda limit: limit.left_credits or 0,
        default=None,
    )


def _outdoes(other: Rule, rule: Rule, aspect: Aspect) -> bool:
    match aspect:
        case Aspect.RUNNING:
            return (other.running or 0) > (rule.running or 0)
        case Aspect.COUNT:
            return (other.count or 0) > (rule.count or 0)
        case Aspect.RESOLUTION:
            return size_rank(other.resolution or "") > size_rank(rule.resolution or "")
        case _:  # models are joined; of credits decides what is left
            return False


def _is_for(rule: Rule, spender: Spender, now_ms: int) -> bool:
    match rule.scope:
        case Scope.EVERYONE | Scope.SERVER:
            return True
        case Scope.MEMBER:
            return rule.subject_id == spender.user_id
        case Scope.ROLE:
            return rule.subject_id in spender.role_ids
        case Scope.CHANNEL:
            return rule.subject_id == spender.channel_id
        case Scope.NEWCOMER:
            joined_at_ms = spender.joined_at_ms
            return joined_at_ms is None or now_ms - joined_at_ms < rule.subject_id * DAY_MS


def _limit(scope: LimitScope, rule: Rule, used: Mapping[Period, int], now_ms: int, zone: tzinfo) -> Limit | None:
    """Return what a rule says of credits now; None where it says nothing of them."""
    if rule.period is None:
        return None
    sums = used[Period.MONTH if rule.is_unlimited else rule.period]
    return Limit(scope, rule, rule.period, rule.credits, sums, window_of(rule.period, now_ms, zone))


def _most_generous(limits: Sequence[Limit]) -> Limit:
    """Return the limit with the most left, any without one first; of equals the one that gives more, then sooner."""

    def generosity(limit: Limit) -> tuple[bool, int, int, int]:
        return limit.credits is None, limit.left_credits or 0, limit.credits or 0, -limit.window.end_ms

    return max(limits, key=generosity)


def _only(rules: Sequence[Rule]) -> Rule | None:
    return rules[0] if rules else None


def _said(*values: V | None) -> list[V]:
    return [value for value in values if value is not None]


def _most(numbers: Sequence[int]) -> int:
    return max(numbers)


def _joined(models: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(model for several in models for model in several))


def _common(models: Sequence[tuple[str, ...]]) -> frozenset[str] | None:
    """Return the models that every one of several lists has; None where all may be used."""
    lists = [frozenset(several) for several in models if ALL_MODELS not in several]
    return frozenset.intersection(*lists) if lists else None
