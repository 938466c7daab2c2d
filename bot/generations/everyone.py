"""What each member of a server may spend: the one rule of quotas that `/setup` sets; all others are `/quota`'s."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from bot.clock import Clock
from bot.credits.quota_repository import QuotaRepository, values_of
from bot.credits.rules import Rule, Scope
from bot.credits.windows import Period
from bot.generations.house import note_change
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

NAME = "everyone_credits"
"""Under which it stands among a server's changes."""
_REASON = "/setup"


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many credits each ``period``; with Period.NONE there is no limit. ``own``: the server's admins set it."""

    credits: int | None
    period: Period
    own: bool


class EveryonesCredits(Protocol):
    """Reads and sets what each member may spend."""

    async def everyone_credits(self, guild_id: int) -> Allowance:
        """Return what each member may spend, unless another rule says so."""
        ...

    async def set_everyone_credits(self, guild_id: int, credits_a_month: int, *, by: int, event_id: str) -> Allowance:
        """Set what each member may spend a month; the same event twice sets it once."""
        ...


class EveryonesRule:
    """Implements ``EveryonesCredits`` by the quota rule for everyone; what else that rule says stays."""

    def __init__(self, database: Database, clock: Clock, *, default_credits: int | None) -> None:
        self._database = database
        self._clock = clock
        self._default_credits = default_credits

    async def everyone_credits(self, guild_id: int) -> Allowance:
        """Return what each member may spend, unless another rule says so."""
        return await self._database.look(lambda tx: self._read(tx, guild_id))

    async def set_everyone_credits(self, guild_id: int, credits_a_month: int, *, by: int, event_id: str) -> Allowance:
        """Set what each member may spend a month; the same event twice sets it once."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Allowance:
            rows = QuotaRepository(tx)
            if await rows.of_event(event_id) is not None:
                return await self._read(tx, guild_id)
            standing = await rows.rule(guild_id, Scope.EVERYONE, 0)
            was = await self._read(tx, guild_id)
            before = standing.rule if standing is not None else Rule(Scope.EVERYONE)
            after = replace(before, period=Period.MONTH, credits=credits_a_month)
            await rows.put(guild_id, after, reason=_REASON, set_by=by, now_ms=now_ms)
            await rows.log(
                guild_id,
                actor_id=by,
                action="set",
                scope=Scope.EVERYONE,
                subject_id=0,
                before=values_of(before) if standing is not None else None,
                after=values_of(after),
                reason=_REASON,
                event_id=event_id,
                now_ms=now_ms,
            )
            became = await self._read(tx, guild_id)
            if became != was:
                await note_change(tx, guild_id, NAME, _told(was), _told(became), by=by, now_ms=now_ms)
            return became

        allowance = await self._database.write(work)
        log.info("quota.everyone_set", guild_id=guild_id, by=by, credits=credits_a_month)
        return allowance

    async def _read(self, tx: Connection, guild_id: int) -> Allowance:
        standing = await QuotaRepository(tx).rule(guild_id, Scope.EVERYONE, 0)
        period = standing.rule.period if standing is not None else None
        if standing is not None and period is not None:
            return Allowance(standing.rule.credits, period, own=True)
        usual = self._default_credits
        return Allowance(usual, Period.NONE if usual is None else Period.MONTH, own=False)


def _told(allowance: Allowance) -> dict[str, Any]:
    return {"credits": allowance.credits, "period": allowance.period.value}
