"""How a person stands in a place at one moment: their limits, and whatever else may keep a request from being made."""

from __future__ import annotations

from dataclasses import dataclass

from bot.credits.ledger import Balance
from bot.credits.quota_rules import LimitScope, Spender
from bot.credits.quotas import Situation, SpendingPolicy, look_up
from bot.generations.account import CREDITS_FACT
from bot.generations.repository import BanRow, GenerationsRepository
from bot.generations.repository.pictures import Crowd
from bot.storage import Connection


@dataclass(frozen=True, slots=True)
class Outside:
    """What is left to all servers together. ``resets_at_ms`` None: nobody knows when there is more."""

    scope: LimitScope
    left_credits: int
    resets_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's limits, what of theirs and of others is in work, and what shuts them out.

    ``provider_left_credits`` is what the operator's account at the image service still allows (None: not known).
    """

    situation: Situation
    crowd: Crowd
    provider_left_credits: int | None = None
    ban: BanRow | None = None

    @property
    def balance(self) -> Balance:
        """How it stands by the rules of the place, in short."""
        return self.situation.balance

    @property
    def outside(self) -> Outside | None:
        """What is left to all servers together, where that is less than what the rules of the place leave."""
        day, provider = self.situation.account, self.provider_left_credits
        found = []
        if day.left_credits is not None:
            found.append(Outside(LimitScope.ACCOUNT, day.left_credits, day.window.end_ms))
        if provider is not None:
            found.append(Outside(LimitScope.PROVIDER, max(provider, 0), None))
        least, left = min(found, key=lambda one: one.left_credits, default=None), self.balance.left_credits
        return least if least is not None and (left is None or least.left_credits < left) else None

    @property
    def left_credits(self) -> int | None:
        """What a request may cost now; None: any number."""
        return self.outside.left_credits if self.outside is not None else self.balance.left_credits


async def stand(connection: Connection, policy: SpendingPolicy, spender: Spender, *, now_ms: int) -> Standing:
    """Return how a person stands, without opening an account."""
    rows = GenerationsRepository(connection)
    guild_id = spender.guild_id
    return Standing(
        await look_up(connection, policy, spender, now_ms=now_ms),
        await rows.pictures.crowd(user_id=spender.user_id, guild_id=guild_id, channel_id=spender.channel_id),
        await provider_left(rows),
        await rows.bans.standing(guild_id, spender.user_id, now_ms) if guild_id is not None else None,
    )


async def provider_left(rows: GenerationsRepository) -> int | None:
    """Return what the operator's account at the provider still allows, by its last reading; None: not known."""
    reading = await rows.memory.fact(CREDITS_FACT)
    if reading is None:
        return None
    value, read_at_ms = reading
    return int(value) - await rows.pictures.promised_credits(read_at_ms)
