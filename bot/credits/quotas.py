"""Who may spend how much: all limits are checked together with the hold, in one transaction; the tightest wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from bot.credits.ledger import Balance, Ledger, Purse
from bot.credits.quota_rules import Applied, Bounds, Limit, LimitScope, Rule, Spender, Used, limit_by, tightest
from bot.credits.repository import CreditsRepository, Sums
from bot.credits.windows import Period, Window, day_of, month_of, window_of, zone_of
from bot.errors import BotError
from bot.storage import Connection

__all__ = ["LimitScope", "QuotaExceeded", "Situation", "SpendingPolicy", "balance_of", "hold_all", "look_up"]


@dataclass(frozen=True, slots=True)
class SpendingPolicy:
    """What the operator allows. None: unlimited.

    A server may have an allowance of its own in the place of ``guild_credits_per_month``: see ``guild_limits``.
    A member's is what they have where no admin has set more or less; the others no admin can lift.
    """

    member_credits_per_month: int | None
    guild_credits_per_month: int | None
    account_credits_per_day: int | None
    personal_credits_per_month: int | None = 0
    """What a person may spend outside of servers."""

    def allowance_of(self, guild_id: int | None) -> int | None:
        """Return what one person may spend in a month in a guild; None: outside of guilds."""
        return self.personal_credits_per_month if guild_id is None else self.member_credits_per_month


class QuotaExceeded(BotError):
    """A request costs more than a limit leaves. ``left_credits`` is what that limit still allows."""

    code = "quota_exceeded"

    def __init__(
        self,
        scope: LimitScope,
        *,
        cost_credits: int,
        left_credits: int,
        resets_at_ms: int | None,
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__(f"{scope}: costs {cost_credits}, {left_credits} left")
        self.scope = scope
        self.cost_credits = cost_credits
        self.left_credits = left_credits
        self.resets_at_ms = resets_at_ms
        self.bounds = bounds
        """What else is to be kept to by whatever is offered instead."""


@dataclass(frozen=True, slots=True)
class Given:
    """The member's allowance that bound when a request was accepted, as it is kept with the request."""

    period: Period
    credits: int | None


@dataclass(frozen=True, slots=True)
class Situation:
    """How a person stands in a place at one moment: every limit, and which of them binds.

    ``own`` are the limits on the member's allowance, ``ceilings`` what channel, server and the operator (for the
    server) allow all members together, ``account`` what the operator allows all servers together.
    """

    spender: Spender
    now_ms: int
    zone: tzinfo
    account_id: int | None
    owned: bool
    applied: Applied
    bounds: Bounds
    own: tuple[Limit, ...]
    ceilings: tuple[Limit, ...]
    account: Limit
    on_hold_credits: int
    granted_credits: int
    used: Used
    paused: bool = False
    """Whether the operator has paused the server."""

    @property
    def binding(self) -> Limit:
        """The tightest limit on the member's allowance, or what stands for there being none."""
        return tightest(self.own) or self.own[0]

    @property
    def given(self) -> Given:
        """What is to be kept with a request."""
        return Given(self.binding.period, self.binding.credits)

    @property
    def balance(self) -> Balance:
        """How it stands, in short."""
        own = self.binding
        return Balance(
            allowance_credits=own.credits,
            used_credits=own.used_credits,
            on_hold_credits=self.on_hold_credits,
            granted_credits=self.granted_credits,
            resets_at_ms=own.window.end_ms,
            period=own.period,
            ceiling=tightest(self.ceilings),
        )

    def limit_of(self, rule: Rule) -> Limit | None:
        """Return how a rule that is for them stands, passed over or not; None: it says nothing of credits."""
        return limit_by(rule, self.used, self.now_ms, self.zone)

    def check(self, cost_credits: int, provider_left_credits: int | None) -> None:
        """Raise QuotaExceeded, naming the tightest limit, when something costs more than that leaves."""
        limits: list[tuple[LimitScope, int, int | None]] = []
        balance = self.balance
        if balance.own_credits is not None:
            limits.append((LimitScope.MEMBER, balance.own_credits, balance.resets_at_ms))
        limits += [
            (limit.scope, limit.left_credits, limit.window.end_ms)
            for limit in (*self.ceilings, self.account)
            if limit.left_credits is not None
        ]
        if provider_left_credits is not None:
            limits.append((LimitScope.PROVIDER, provider_left_credits, None))
        if not limits:
            return
        scope, left, resets_at_ms = min(limits, key=lambda limit: limit[1])
        if cost_credits > left:
            raise QuotaExceeded(
                scope, cost_credits=cost_credits, left_credits=max(left, 0), resets_at_ms=resets_at_ms,
                bounds=self.bounds,
            )  # fmt: skip


async def look_up(
    connection: Connection,
    policy: SpendingPolicy,
    spender: Spender,
    *,
    now_ms: int,
    given: Given | None = None,
    trying: Rule | None = None,
) -> Situation:
    """Return how a person stands, in two questions, without opening an account.

    With ``given`` that is the member's allowance, whatever the rules say of it now; with ``trying`` that rule is looked
    at as if it were set.
    """
    rows = CreditsRepository(connection)
    known = await rows.spender(spender)
    zone = zone_of(known.time_zone)
    windows = {period: window_of(period, now_ms, zone) for period in (Period.DAY, Period.WEEK, Period.MONTH)}
    month, day = month_of(now_ms), day_of(now_ms)
    rules = known.rules
    if trying is not None:
        which = (trying.scope, trying.subject_id)
        rules = (*(rule for rule in rules if (rule.scope, rule.subject_id) != which), trying)
    applied = Applied.of(rules, spender, now_ms)
    sums = await rows.sums(
        account_id=known.account_id,
        guild_id=spender.guild_id,
        channel_id=spender.channel_id if applied.channel is not None else None,
        starts={period: window.start_ms for period, window in windows.items()},
        operator_month_ms=month.start_ms,
        operator_day_ms=day.start_ms,
        now_ms=now_ms,
    )
    used = Used(sums.account, sums.channel, sums.guild)
    if given is None:
        own = applied.own_limits(sums.account, now_ms, zone, policy.allowance_of(spender.guild_id))
    else:
        own = (_as_given(given, sums, windows),)
    ceilings = applied.ceilings(used, now_ms, zone)
    if spender.guild_id is not None:
        allowed = known.allowance_credits if known.own_allowance else policy.guild_credits_per_month
        ceilings += (Limit(LimitScope.GUILD, None, Period.MONTH, allowed, sums.guild_operator_month, month),)
    return Situation(
        spender=spender,
        now_ms=now_ms,
        zone=zone,
        account_id=known.account_id,
        owned=known.owned,
        applied=applied,
        bounds=applied.bounds(),
        own=own,
        ceilings=ceilings,
        account=Limit(
            LimitScope.ACCOUNT, None, Period.DAY, policy.account_credits_per_day, sums.everybody_operator_day, day
        ),
        on_hold_credits=sums.on_hold,
        granted_credits=sums.granted,
        used=used,
        paused=known.paused,
    )


async def hold_all(
    connection: Connection, situation: Situation, prices: Mapping[str, int], *, provider_left_credits: int | None
) -> tuple[int, dict[str, int]]:
    """Check every limit and hold the price of each picture (``prices``: picture id → credits).

    ``situation`` must have been looked up in the same transaction. ``provider_left_credits`` is what the operator's
    account at the provider still allows, None when it isn't known. Returns the account and the hold of each picture.
    Raises QuotaExceeded, naming the tightest limit; the caller's transaction must then be rolled back.
    """
    spender = situation.spender
    situation.check(sum(prices.values()), provider_left_credits)
    ledger = Ledger(connection, situation.now_ms)
    account_id = situation.account_id
    if account_id is None or not situation.owned:
        account_id = await ledger.member_account(guild_id=spender.guild_id, user_id=spender.user_id)
    purse = Purse(account_id, situation.binding.left_credits, spender.guild_id, spender.channel_id)
    holds = await ledger.hold(purse, prices)
    if holds is None:  # the sum fitted above, in this same transaction
        raise AssertionError("the balance and the hold disagree")
    return account_id, holds


async def balance_of(
    connection: Connection, policy: SpendingPolicy, spender: Spender, *, now_ms: int, given: Given | None = None
) -> Balance:
    """Return how a person stands, without opening an account."""
    return (await look_up(connection, policy, spender, now_ms=now_ms, given=given)).balance


def _as_given(given: Given, sums: Sums, windows: Mapping[Period, Window]) -> Limit:
    period = Period.MONTH if given.period is Period.NONE else given.period
    return Limit(LimitScope.MEMBER, None, given.period, given.credits, sums.account[period], windows[period])
