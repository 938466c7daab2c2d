"""Who may spend how much: all limits are checked together with the hold, in one transaction; the tightest wins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.credits.ledger import Balance, Ledger
from bot.credits.repository import CreditsRepository
from bot.credits.windows import day_of, month_of
from bot.errors import BotError
from bot.storage import Connection


class LimitScope(StrEnum):
    """Whose limit it is."""

    MEMBER = "member"
    GUILD = "guild"
    ACCOUNT = "account"
    """What the operator allows all servers together."""
    PROVIDER = "provider"
    """What is left on the operator's account at the provider."""


@dataclass(frozen=True, slots=True)
class SpendingPolicy:
    """What the operator allows before any admin has set more. None: unlimited."""

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

    def __init__(self, scope: LimitScope, *, cost_credits: int, left_credits: int, resets_at_ms: int | None) -> None:
        super().__init__(f"{scope}: costs {cost_credits}, {left_credits} left")
        self.scope = scope
        self.cost_credits = cost_credits
        self.left_credits = left_credits
        self.resets_at_ms = resets_at_ms


async def hold_all(
    connection: Connection, policy: SpendingPolicy, *, now_ms: int, guild_id: int | None, user_id: int,
    prices: dict[str, int], provider_left_credits: int | None,
) -> tuple[int, dict[str, int]]:  # fmt: skip
    """Check every limit and hold the price of each picture (``prices``: picture id → credits).

    ``provider_left_credits`` is what the operator's account at the provider still allows, None when it isn't known.
    Returns the account and the hold of each picture. Raises QuotaExceeded, naming the tightest limit; the caller's
    transaction must then be rolled back.
    """
    ledger = Ledger(connection, now_ms)
    rows = CreditsRepository(connection)
    account_id = await ledger.member_account(guild_id=guild_id, user_id=user_id)
    cost = sum(prices.values())
    month, day = month_of(now_ms), day_of(now_ms)

    allowance = policy.allowance_of(guild_id)
    balance = await ledger.balance(account_id, allowance_credits=allowance, window=month)
    limits: list[tuple[LimitScope, int, int | None]] = []
    if balance.left_credits is not None:
        limits.append((LimitScope.MEMBER, balance.left_credits, month.end_ms))
    if policy.guild_credits_per_month is not None and guild_id is not None:
        left = policy.guild_credits_per_month - await rows.guild_used(guild_id, month.start_ms)
        limits.append((LimitScope.GUILD, left, month.end_ms))
    if policy.account_credits_per_day is not None:
        left = policy.account_credits_per_day - await rows.all_used(day.start_ms)
        limits.append((LimitScope.ACCOUNT, left, day.end_ms))
    if provider_left_credits is not None:
        limits.append((LimitScope.PROVIDER, provider_left_credits, None))
    if limits:
        scope, left, resets_at_ms = min(limits, key=lambda limit: limit[1])
        if cost > left:
            raise QuotaExceeded(scope, cost_credits=cost, left_credits=max(left, 0), resets_at_ms=resets_at_ms)

    holds: dict[str, int] = {}
    for picture_id, price in prices.items():
        hold_id = await ledger.hold(account_id, picture_id, price, allowance_credits=allowance, window=month)
        if hold_id is None:  # the sum fitted above, in this same transaction
            raise AssertionError("the balance and the hold disagree")
        holds[picture_id] = hold_id
    return account_id, holds


async def balance_of(
    connection: Connection, policy: SpendingPolicy, *, now_ms: int, guild_id: int | None, user_id: int
) -> Balance:
    """Return how a person stands this month, without opening an account."""
    window = month_of(now_ms)
    allowance = policy.allowance_of(guild_id)
    account_id = await CreditsRepository(connection).find_account(guild_id=guild_id, user_id=user_id)
    if account_id is None:
        return Balance(allowance, 0, 0, 0, window.end_ms)
    return await Ledger(connection, now_ms).balance(account_id, allowance_credits=allowance, window=window)
