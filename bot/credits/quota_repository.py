"""All SQL of what admins set: rules, time zones, the log of changes, and changes that wait to be confirmed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, select, text
from sqlalchemy.dialects.sqlite import insert

from bot.credits.quota_rules import Rule, Scope
from bot.credits.repository import rule_of
from bot.storage import Connection
from bot.storage.quota_tables import quota_drafts, quota_log, quota_rules
from bot.storage.server_tables import guild_settings

_RULE_COLUMNS = (
    quota_rules.c.scope, quota_rules.c.subject_id, quota_rules.c.period, quota_rules.c.credits, quota_rules.c.running,
    quota_rules.c.resolution, quota_rules.c.models, quota_rules.c["count"],
)  # fmt: skip
_WHICH = (
    quota_rules.c.guild_id == bindparam("which_guild"),
    quota_rules.c.scope == bindparam("which_scope"),
    quota_rules.c.subject_id == bindparam("which_subject"),
)
_SET_RULES = select(*_RULE_COLUMNS, quota_rules.c.reason, quota_rules.c.set_by, quota_rules.c.set_at_ms)
_RULES = (
    _SET_RULES.where(quota_rules.c.guild_id == bindparam("which_guild"))
    .order_by(quota_rules.c.scope, quota_rules.c.subject_id)
)  # fmt: skip
_RULE = _SET_RULES.where(*_WHICH)
_COUNT = select(func.count()).where(quota_rules.c.guild_id == bindparam("which_guild"))
_REMOVE = delete(quota_rules).where(*_WHICH)
_TIME_ZONE = select(guild_settings.c.time_zone).where(guild_settings.c.guild_id == bindparam("which_guild"))
_LOG_OF_EVENT = select(quota_log).where(quota_log.c.event_id == bindparam("event"))
_LOG = (
    select(quota_log)
    .where(quota_log.c.guild_id == bindparam("which_guild"))
    .order_by(quota_log.c.id.desc())
    .limit(bindparam("most"))
    .offset(bindparam("skipped"))
)
_LOG_COUNT = select(func.count()).where(quota_log.c.guild_id == bindparam("which_guild"))
# The line that was written with a rule, by the same hand at the same moment, once nobody's number stands in it.
_SET_FOR_NOBODY = text(
    """
    SELECT subject_id FROM quota_log
    WHERE guild_id = :which_guild AND scope = 'member' AND action = 'set' AND subject_id < 0
      AND actor_id = :set_by AND created_at_ms = :set_at_ms
      AND NOT EXISTS (SELECT 1 FROM quota_log AS own WHERE own.guild_id = :which_guild AND own.scope = 'member'
        AND own.subject_id = :member AND own.action = 'set' AND own.created_at_ms = :set_at_ms)
    ORDER BY id DESC LIMIT 1
    """
)
_DRAFT = select(quota_drafts).where(quota_drafts.c.id == bindparam("which_draft"))

# Who has used more than so much of their allowance since a window's start: how many, and the most.
_OVER = text(
    """
    SELECT count(*) AS members, coalesce(max(used), 0) AS most FROM (
      SELECT sum(t.used_credits) AS used FROM account_owners o
      JOIN totals t ON t.scope = 'account' AND t.subject_id = o.account_id AND t.quarter_ms >= :start_ms
      WHERE o.guild_key = :guild_id GROUP BY o.account_id HAVING used > :credits)
    """
)


@dataclass(frozen=True, slots=True)
class SetRule:
    """A rule as it is set, by whom, when and why."""

    rule: Rule
    reason: str
    set_by: int
    set_at_ms: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """A change: who, what, from, to, when, why. ``before`` and ``after`` are plain values; None: nothing."""

    id: int
    guild_id: int
    actor_id: int
    action: str
    scope: str
    subject_id: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    reason: str
    entry_id: int | None
    event_id: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class DraftChange:
    """A change that waits for its admin."""

    id: str
    guild_id: int
    user_id: int
    change: Mapping[str, Any]
    expires_at_ms: int


class QuotaRepository:
    """The queries of quotas on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rules(self, guild_id: int) -> list[SetRule]:
        """Return all rules of a server."""
        rows = await self._connection.execute(_RULES, {"which_guild": guild_id})
        return [_set_rule(tuple(row)) for row in rows]

    async def rule(self, guild_id: int, scope: Scope, subject_id: int) -> SetRule | None:
        """Return one rule."""
        row = (await self._connection.execute(_RULE, _which(guild_id, scope, subject_id))).one_or_none()
        return _set_rule(tuple(row)) if row is not None else None

    async def count(self, guild_id: int) -> int:
        """Count a server's rules."""
        return int(await self._connection.scalar(_COUNT, {"which_guild": guild_id}) or 0)

    async def put(self, guild_id: int, rule: Rule, *, reason: str, set_by: int, now_ms: int) -> None:
        """Set a rule, in the place of the one that was for the same."""
        key = {"guild_id": guild_id, "scope": rule.scope, "subject_id": rule.subject_id}
        values = {**values_of(rule), "reason": reason, "set_by": set_by, "set_at_ms": now_ms}
        if rule.models is not None:
            values["models"] = json.dumps(rule.models)
        statement = insert(quota_rules).values(**key, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))

    async def remove(self, guild_id: int, scope: Scope, subject_id: int) -> None:
        """Remove a rule."""
        await self._connection.execute(_REMOVE, _which(guild_id, scope, subject_id))

    async def logged_as(self, guild_id: int, found: SetRule) -> int:
        """Return under which number the log has a rule: a forgotten member's stands there without their id."""
        rule = found.rule
        if rule.scope is not Scope.MEMBER:
            return rule.subject_id
        values = {"which_guild": guild_id, "set_by": found.set_by, "set_at_ms": found.set_at_ms}
        nobody: int | None = await self._connection.scalar(_SET_FOR_NOBODY, {**values, "member": rule.subject_id})
        return rule.subject_id if nobody is None else nobody

    async def over(self, guild_id: int, *, credits_allowed: int, start_ms: int) -> tuple[int, int]:
        """Return how many members have used more than so much since ``start_ms``, and the most that one has."""
        values = {"guild_id": guild_id, "credits": credits_allowed, "start_ms": start_ms}
        row = (await self._connection.execute(_OVER, values)).one()
        return row.members, row.most

    # --- time zones ---

    async def time_zone(self, guild_id: int) -> str | None:
        """Return the name of a server's time zone; None: it was never set."""
        found: str | None = await self._connection.scalar(_TIME_ZONE, {"which_guild": guild_id})
        return found

    async def set_time_zone(self, guild_id: int, name: str, *, set_by: int, now_ms: int) -> None:
        """Set a server's time zone."""
        values = {"time_zone": name, "updated_by": set_by, "updated_at_ms": now_ms}
        await self._connection.execute(
            insert(guild_settings)
            .values(guild_id=guild_id, **values)
            .on_conflict_do_update(index_elements=["guild_id"], set_=values)
        )

    # --- the log ---

    async def log(
        self,
        guild_id: int,
        *,
        actor_id: int,
        action: str,
        scope: str,
        subject_id: int,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        reason: str,
        event_id: str,
        now_ms: int,
        entry_id: int | None = None,
    ) -> None:
        """Append a line."""
        await self._connection.execute(
            insert(quota_log).values(
                guild_id=guild_id,
                actor_id=actor_id,
                action=action,
                scope=scope,
                subject_id=subject_id,
                value_before=json.dumps(before) if before is not None else None,
                value_after=json.dumps(after) if after is not None else None,
                reason=reason,
                event_id=event_id,
                entry_id=entry_id,
                created_at_ms=now_ms,
            )
        )

    async def of_event(self, event_id: str) -> LogLine | None:
        """Return what an event has changed already."""
        row = (await self._connection.execute(_LOG_OF_EVENT, {"event": event_id})).one_or_none()
        return _line(row) if row is not None else None

    async def lines_by_id(self, *line_ids: int) -> list[LogLine]:
        """Return lines by their ids, in no order."""
        rows = await self._connection.execute(select(quota_log).where(quota_log.c.id.in_(line_ids)))
        return [_line(row) for row in rows]

    async def latest(self, guild_id: int, *, limit: int, offset: int) -> tuple[list[LogLine], int]:
        """Return lines of a server's log, newest first, and how many there are."""
        values = {"which_guild": guild_id, "most": limit, "skipped": offset}
        rows = await self._connection.execute(_LOG, values)
        return [_line(row) for row in rows], int(
            await self._connection.scalar(_LOG_COUNT, {"which_guild": guild_id}) or 0
        )

    # --- changes that wait ---

    async def keep_draft(self, draft: DraftChange, *, now_ms: int) -> None:
        """Keep a change until it is confirmed or expires; those that have expired go."""
        await self._connection.execute(delete(quota_drafts).where(quota_drafts.c.expires_at_ms <= now_ms))
        await self._connection.execute(
            insert(quota_drafts).values(
                id=draft.id,
                guild_id=draft.guild_id,
                user_id=draft.user_id,
                change=json.dumps(draft.change),
                expires_at_ms=draft.expires_at_ms,
            )
        )

    async def draft(self, draft_id: str) -> DraftChange | None:
        """Return a change that waits, expired or not."""
        row = (await self._connection.execute(_DRAFT, {"which_draft": draft_id})).one_or_none()
        return _draft(row) if row is not None else None

    async def drop_draft(self, draft_id: str) -> None:
        """Forget a change."""
        await self._connection.execute(delete(quota_drafts).where(quota_drafts.c.id == draft_id))


def values_of(rule: Rule) -> dict[str, Any]:
    """Return what a rule sets, as plain values."""
    return {
        "period": rule.period.value if rule.period is not None else None,
        "credits": rule.credits,
        "running": rule.running,
        "resolution": rule.resolution,
        "models": list(rule.models) if rule.models is not None else None,
        "count": rule.count,
    }


def _which(guild_id: int, scope: Scope, subject_id: int) -> dict[str, Any]:
    return {"which_guild": guild_id, "which_scope": scope, "which_subject": subject_id}


def _set_rule(row: tuple[Any, ...]) -> SetRule:
    return SetRule(rule_of(*row[:8]), *row[8:])


def _line(row: Any) -> LogLine:
    return LogLine(
        id=row.id,
        guild_id=row.guild_id,
        actor_id=row.actor_id,
        action=row.action,
        scope=row.scope,
        subject_id=row.subject_id,
        before=json.loads(row.value_before) if row.value_before is not None else None,
        after=json.loads(row.value_after) if row.value_after is not None else None,
        reason=row.reason,
        entry_id=row.entry_id,
        event_id=row.event_id,
        created_at_ms=row.created_at_ms,
    )


def _draft(row: Any) -> DraftChange:
    return DraftChange(row.id, row.guild_id, row.user_id, json.loads(row.change), row.expires_at_ms)
