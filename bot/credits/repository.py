"""All SQL of the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, delete, func, insert, literal_column, or_, select, text

from bot.credits.quota_rules import Rule, Scope, Spender
from bot.credits.windows import Period
from bot.storage import Connection
from bot.storage.credit_tables import account_owners, accounts, entries, forgotten_owners, legs
from bot.storage.quota_tables import grants_left, open_holds

# Written out, not bound: SQLite uses a partial index only for a condition that it can see.
_SETTLING: tuple[ColumnElement[str], ...] = (literal_column("'capture'"), literal_column("'void'"))


# Who spends: their account, their server's time zone, what the operator allows it, and those of its rules that may be
# for them, a row for each (one row where there is none).
_SPENDER = text("""
    SELECT o.account_id, s.time_zone, l.own_allowance, l.allowance_credits, l.paused_at_ms,
      r.scope, r.subject_id, r.period, r.credits, r.running, r.resolution, r.models, r."count"
    FROM (SELECT 1)
    LEFT JOIN account_owners o ON o.guild_key = coalesce(:guild_id, 0) AND o.user_id = :user_id
    LEFT JOIN guild_settings s ON s.guild_id = :guild_id
    LEFT JOIN guild_limits l ON l.guild_id = :guild_id
    LEFT JOIN quota_rules r ON r.guild_id = :guild_id AND (
      r.scope IN ('everyone', 'newcomer', 'server')
      OR (r.scope = 'member' AND r.subject_id = :user_id)
      OR (r.scope = 'channel' AND r.subject_id = :channel_id)
      OR (r.scope = 'role' AND r.subject_id IN (SELECT value FROM json_each(:role_ids))))
    """)


def _sums_of(name: str, scope: str, *windows: str) -> str:
    columns = ", ".join(
        f"coalesce(sum(used_credits) FILTER (WHERE quarter_ms >= :{window}), 0) AS {name}_{window}"
        for window in windows
    )
    return (  # our own names, all of them
        f"(SELECT {columns} FROM totals WHERE scope = '{scope}' "  # noqa: S608
        f"AND subject_id = :{name} AND quarter_ms >= :{name}_since)"
    )


# How somebody stands: what was used in every window that counts, what is on hold, what grants have left. One row.
_STANDING = text(
    f"""
    SELECT * FROM
    {_sums_of("account", "account", "day", "week", "month")},
    {_sums_of("channel", "channel", "day", "week", "month")},
    {_sums_of("guild", "guild", "day", "week", "month", "operator_month")},
    {_sums_of("everybody", "all", "operator_day")},
    (SELECT coalesce(sum(amount_credits), 0) AS on_hold FROM open_holds WHERE account_id = :account),
    (SELECT coalesce(sum(left_credits), 0) AS granted FROM grants_left
      WHERE account_id = :account AND left_credits > 0 AND (expires_at_ms IS NULL OR expires_at_ms > :now_ms))
    """  # noqa: S608 - our own names
)

# Built once: every card asks these, and building one takes ten times as long as asking it.
_FIND_ACCOUNT = select(account_owners.c.account_id).where(
    account_owners.c.guild_key == bindparam("guild_key"), account_owners.c.user_id == bindparam("user_id")
)
_FIND_FORGOTTEN = select(forgotten_owners.c.account_id).where(
    forgotten_owners.c.owner_hash == func.keyed_hash(bindparam("owner"))
)
_GRANTS_LEFT = (
    select(grants_left.c.grant_id, grants_left.c.left_credits, grants_left.c.expires_at_ms)
    .where(
        grants_left.c.account_id == bindparam("account_id"),
        # Written out, not bound: SQLite uses a partial index only for a condition that it can see.
        grants_left.c.left_credits > literal_column("0"),
        or_(grants_left.c.expires_at_ms.is_(None), grants_left.c.expires_at_ms > bindparam("now_ms")),
    )
    .order_by(grants_left.c.expires_at_ms.is_(None), grants_left.c.expires_at_ms, grants_left.c.grant_id)
)
_ENTRY = select(entries).where(entries.c.id == bindparam("entry_id"))
_SETTLEMENT_OF = select(entries).where(entries.c.settles_id == bindparam("hold_id"), entries.c.kind.in_(_SETTLING))
_CAPTURE_OF = select(entries).where(
    entries.c.picture_id == bindparam("picture_id"), entries.c.kind == literal_column("'capture'")
)
_LEGS_OF = (
    select(legs.c.grant_id, legs.c.amount_credits, legs.c.dated_at_ms, legs.c.guild_id, legs.c.channel_id)
    .where(legs.c.entry_id.in_(bindparam("entry_ids", expanding=True)))
    .order_by(legs.c.id)
)
_LATEST = (
    select(entries)
    .where(
        entries.c.account_id == bindparam("account_id"),
        # A hold that is settled says nothing that its capture or void doesn't.
        or_(entries.c.kind != literal_column("'hold'"), entries.c.id.in_(select(open_holds.c.hold_id))),
    )
    .order_by(entries.c.id.desc())
    .limit(bindparam("most"))
)
_BORNE_FOR = (
    select(func.coalesce(func.sum(entries.c.amount_credits), 0))
    .select_from(entries.join(accounts, accounts.c.id == entries.c.account_id))
    .where(entries.c.picture_id == bindparam("picture_id"), accounts.c.kind == bindparam("account_kind"))
)
_INSERT_ENTRY = insert(entries).returning(entries.c.id)
_INSERT_LEGS = insert(legs)


def owner_text(guild_id: int | None, user_id: int) -> str:
    """Return what is hashed of a person in a guild."""
    return f"{guild_id or 0}:{user_id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger."""

    id: int
    account_id: int
    kind: str
    amount_credits: int
    settles_id: int | None
    picture_id: str | None
    expires_at_ms: int | None
    actor: str
    reason: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Leg:
    """What a hold drew on: the window's allowance (``grant_id`` None) or a grant; and what it counts for."""

    grant_id: int | None
    amount_credits: int
    dated_at_ms: int
    guild_id: int | None = None
    channel_id: int | None = None


@dataclass(frozen=True, slots=True)
class GrantLeft:
    """A grant that has something left."""

    grant_id: int
    left_credits: int
    expires_at_ms: int | None


@dataclass(frozen=True, slots=True)
class SpenderRows:
    """What is known of somebody who spends, and the rules that may be for them.

    ``owned`` is false of an account that was theirs before they were forgotten, until they spend again.
    """

    account_id: int | None
    owned: bool
    time_zone: str | None
    rules: tuple[Rule, ...]
    own_allowance: bool = False
    """Whether the operator has set for their server how much it may spend: ``allowance_credits``, None: unlimited."""
    allowance_credits: int | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Sums:
    """What was used since each start that was asked for, what is on hold and what grants have left. Credits."""

    account: Mapping[Period, int]
    channel: Mapping[Period, int]
    guild: Mapping[Period, int]
    guild_operator_month: int
    everybody_operator_day: int
    on_hold: int
    granted: int


class CreditsRepository:
    """The ledger's queries on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find_account(self, *, guild_id: int | None, user_id: int) -> int | None:
        """Return the account of a person in a guild (None: personal), if there is one.

        Also the one of before they were forgotten, while what they used then counts (see ``bot.credits.owners``).
        """
        found = await self.find_owned(guild_id=guild_id, user_id=user_id)
        return found if found is not None else await self.find_forgotten(guild_id=guild_id, user_id=user_id)

    async def find_owned(self, *, guild_id: int | None, user_id: int) -> int | None:
        """Return the account that is said to be a person's in a guild."""
        found: int | None = await self._connection.scalar(
            _FIND_ACCOUNT, {"guild_key": guild_id or 0, "user_id": user_id}
        )
        return found

    async def spender(self, spender: Spender) -> SpenderRows:
        """Return a person's account, their server's time zone, and its rules that may be for them."""
        rows = (
            await self._connection.execute(
                _SPENDER,
                {
                    "guild_id": spender.guild_id,
                    "user_id": spender.user_id,
                    "channel_id": spender.channel_id,
                    "role_ids": json.dumps(sorted(spender.role_ids)),
                },
            )
        ).all()
        first = rows[0]
        account_id, owned = first.account_id, True
        if account_id is None:
            owned = False
            account_id = await self.find_forgotten(guild_id=spender.guild_id, user_id=spender.user_id)
        return SpenderRows(
            account_id,
            owned,
            first.time_zone,
            tuple(rule_of(*row[5:]) for row in rows if row.scope is not None),
            own_allowance=bool(first.own_allowance),
            allowance_credits=first.allowance_credits,
            paused=first.paused_at_ms is not None,
        )

    async def sums(
        self,
        *,
        account_id: int | None,
        guild_id: int | None,
        channel_id: int | None,
        starts: Mapping[Period, int],
        operator_month_ms: int,
        operator_day_ms: int,
        now_ms: int,
    ) -> Sums:
        """Sum what was used since ``starts``; where no server or channel is given, nought."""
        since_ms = min(starts.values())
        row = (
            await self._connection.execute(
                _STANDING,
                {
                    "account": account_id,
                    "channel": channel_id,
                    "guild": guild_id,
                    "everybody": 0,
                    "day": starts[Period.DAY],
                    "week": starts[Period.WEEK],
                    "month": starts[Period.MONTH],
                    "operator_month": operator_month_ms,
                    "operator_day": operator_day_ms,
                    "account_since": since_ms,
                    "channel_since": since_ms,
                    "guild_since": min(since_ms, operator_month_ms),
                    "everybody_since": operator_day_ms,
                    "now_ms": now_ms,
                },
            )
        ).one()
        return Sums(
            account={Period.DAY: row.account_day, Period.WEEK: row.account_week, Period.MONTH: row.account_month},
            channel={Period.DAY: row.channel_day, Period.WEEK: row.channel_week, Period.MONTH: row.channel_month},
            guild={Period.DAY: row.guild_day, Period.WEEK: row.guild_week, Period.MONTH: row.guild_month},
            guild_operator_month=row.guild_operator_month,
            everybody_operator_day=row.everybody_operator_day,
            on_hold=row.on_hold,
            granted=row.granted,
        )

    async def find_forgotten(self, *, guild_id: int | None, user_id: int) -> int | None:
        """Return the account that was a person's in a guild before they were forgotten, while it is remembered."""
        found: int | None = await self._connection.scalar(_FIND_FORGOTTEN, {"owner": owner_text(guild_id, user_id)})
        return found

    async def own(self, account_id: int, *, guild_id: int | None, user_id: int) -> None:
        """Say whose an account is that is theirs already: of somebody who was forgotten and has come back."""
        await self._connection.execute(delete(forgotten_owners).where(forgotten_owners.c.account_id == account_id))
        await self._insert_owner(account_id, guild_id, user_id)

    async def open_member_account(self, *, guild_id: int | None, user_id: int, now_ms: int) -> int:
        """Make an account and say whose it is."""
        account_id = await self._insert_account("member", guild_id, now_ms)
        await self._insert_owner(account_id, guild_id, user_id)
        return account_id

    async def _insert_owner(self, account_id: int, guild_id: int | None, user_id: int) -> None:
        await self._connection.execute(
            insert(account_owners).values(account_id=account_id, guild_key=guild_id or 0, user_id=user_id)
        )

    async def operator_account(self, kind: str, now_ms: int) -> int:
        """Return the operator's ``variance`` or ``loss`` account."""
        found: int | None = await self._connection.scalar(
            select(accounts.c.id).where(accounts.c.kind == kind).order_by(accounts.c.id).limit(1)
        )
        return found if found is not None else await self._insert_account(kind, None, now_ms)

    async def borne_for(self, picture_id: str, kind: str) -> int:
        """Return what stands on the operator's ``variance`` or ``loss`` account for a picture."""
        return int(await self._connection.scalar(_BORNE_FOR, {"picture_id": picture_id, "account_kind": kind}) or 0)

    async def _insert_account(self, kind: str, guild_id: int | None, now_ms: int) -> int:
        result = await self._connection.execute(
            insert(accounts).values(kind=kind, guild_id=guild_id, created_at_ms=now_ms).returning(accounts.c.id)
        )
        return int(result.scalar_one())

    async def insert_entry(
        self, *, account_id: int, kind: str, amount_credits: int, actor: str, reason: str, now_ms: int,
        settles_id: int | None = None, picture_id: str | None = None, expires_at_ms: int | None = None,
    ) -> int:  # fmt: skip
        """Append an entry; returns its id."""
        result = await self._connection.execute(
            _INSERT_ENTRY,
            {
                "account_id": account_id,
                "kind": kind,
                "amount_credits": amount_credits,
                "actor": actor,
                "reason": reason,
                "created_at_ms": now_ms,
                "settles_id": settles_id,
                "picture_id": picture_id,
                "expires_at_ms": expires_at_ms,
            },
        )
        return int(result.scalar_one())

    async def insert_legs(self, account_id: int, drawn: Mapping[int, Sequence[Leg]]) -> None:
        """Append what entries (by their ids) draw on (positive) or give back (negative)."""
        rows = [
            {"entry_id": entry_id, "account_id": account_id, "guild_id": leg.guild_id, "channel_id": leg.channel_id,
             "grant_id": leg.grant_id, "amount_credits": leg.amount_credits, "dated_at_ms": leg.dated_at_ms}
            for entry_id, of_entry in drawn.items() for leg in of_entry
        ]  # fmt: skip
        if rows:
            await self._connection.execute(_INSERT_LEGS, rows)

    async def entry(self, entry_id: int) -> Entry | None:
        """Return one entry."""
        row = (await self._connection.execute(_ENTRY, {"entry_id": entry_id})).one_or_none()
        return Entry(*row) if row is not None else None

    async def capture_of_picture(self, picture_id: str) -> Entry | None:
        """Return the capture of a picture's hold, if it was captured."""
        row = (await self._connection.execute(_CAPTURE_OF, {"picture_id": picture_id})).one_or_none()
        return Entry(*row) if row is not None else None

    async def settlement_of(self, hold_id: int) -> Entry | None:
        """Return the capture or void of a hold."""
        row = (await self._connection.execute(_SETTLEMENT_OF, {"hold_id": hold_id})).one_or_none()
        return Entry(*row) if row is not None else None

    async def legs_of(self, *entry_ids: int) -> list[Leg]:
        """Return the legs of entries, in the order in which they were drawn."""
        rows = await self._connection.execute(_LEGS_OF, {"entry_ids": entry_ids})
        return [Leg(*row) for row in rows]

    async def refunds_of(self, capture_id: int) -> list[int]:
        """Return the ids of the refunds of a capture."""
        rows = await self._connection.execute(
            select(entries.c.id).where(entries.c.settles_id == capture_id, entries.c.kind == literal_column("'refund'"))
        )
        return list(rows.scalars())

    async def grants_left(self, account_id: int, now_ms: int) -> list[GrantLeft]:
        """Return the unexpired grants with something left, soonest expiry first."""
        rows = await self._connection.execute(_GRANTS_LEFT, {"account_id": account_id, "now_ms": now_ms})
        return [GrantLeft(grant_id, left, expires_at_ms) for grant_id, left, expires_at_ms in rows]

    async def latest(self, account_id: int, limit: int) -> list[Entry]:
        """Return an account's newest entries, newest first, without the holds that are settled."""
        rows = await self._connection.execute(_LATEST, {"account_id": account_id, "most": limit})
        return [Entry(*row) for row in rows]


def rule_of(
    scope: str, subject_id: int, period: str | None, limit_credits: int | None, running: int | None,
    resolution: str | None, models: str | None, count: int | None,
) -> Rule:  # fmt: skip
    """Return a row of ``quota_rules`` as a rule."""
    return Rule(
        scope=Scope(scope),
        subject_id=subject_id,
        period=Period(period) if period is not None else None,
        credits=limit_credits,
        running=running,
        resolution=resolution,
        models=tuple(json.loads(models)) if models is not None else None,
        count=count,
    )
