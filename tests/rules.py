"""Sets rules of a server for tests, as an admin's change does."""

from __future__ import annotations

from itertools import count
from typing import Any

from bot.credits.quota_repository import QuotaRepository, values_of
from bot.credits.quota_rules import Rule, Scope
from bot.credits.windows import Period
from bot.storage import Connection, Database

NOW_MS = 1_790_000_000_000
_EVENTS = count()


async def set_rule(database: Database, guild_id: int, scope: Scope, subject_id: int = 0, **values: Any) -> None:
    """Set a rule; ``day=20`` is short for 20 credits a day, ``none=True`` for no limit on them."""
    for period in Period:
        if period.value in values:
            number = values.pop(period.value)
            values |= {"period": period, "credits": number if period is not Period.NONE else None}

    async def work(tx: Connection) -> None:
        rule = Rule(scope, subject_id, **values)
        await QuotaRepository(tx).put(guild_id, rule, reason="test", set_by=1, now_ms=NOW_MS)
        await _log(tx, guild_id, rule, "set", values_of(rule))

    await database.write(work)


async def drop_rules(database: Database, guild_id: int) -> None:
    """Remove all rules of a server."""

    async def work(tx: Connection) -> None:
        rows = QuotaRepository(tx)
        for found in await rows.rules(guild_id):
            await rows.remove(guild_id, found.rule.scope, found.rule.subject_id)
            await _log(tx, guild_id, found.rule, "remove", None)

    await database.write(work)


async def _log(tx: Connection, guild_id: int, rule: Rule, action: str, after: dict[str, Any] | None) -> None:
    await QuotaRepository(tx).log(
        guild_id, actor_id=1, action=action, scope=rule.scope, subject_id=rule.subject_id, before=None, after=after,
        reason="test", event_id=f"test {next(_EVENTS)}", now_ms=NOW_MS,
    )  # fmt: skip
