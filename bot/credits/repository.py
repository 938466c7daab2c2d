"""All SQL of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, bindparam, delete, exists, func, insert, literal_column, or_, select

from bot.storage import Connection
from bot.storage.tables import account_owners, accounts, entries, forgotten_owners, legs

# Written out, not bound: SQLite uses a partial index only for a condition that it can see.
_SETTLING: tuple[ColumnElement[str], ...] = (literal_column("'capture'"), literal_column("'void'"))


def _used(*where: ColumnElement[bool]) -> Select[int]:
    return select(func.coalesce(func.sum(legs.c.amount_credits), 0)).where(
        *where, legs.c.dated_at_ms >= bindparam("start_ms")
    )


def _grants_left() -> Select[int, int, int | None]:
    used = (
        select(func.coalesce(func.sum(legs.c.amount_credits), 0))
        .where(legs.c.grant_id == entries.c.id)
        .correlate(entries)
        .scalar_subquery()
    )
    left = (entries.c.amount_credits - used).label("left_credits")
    return (
        select(entries.c.id, left, entries.c.expires_at_ms)
        .where(
            entries.c.account_id == bindparam("account_id"),
            entries.c.kind == "grant",
            or_(entries.c.expires_at_ms.is_(None), entries.c.expires_at_ms > bindparam("now_ms")),
            left > 0,
        )
        .order_by(entries.c.expires_at_ms.is_(None), entries.c.expires_at_ms, entries.c.id)
    )


def _on_hold() -> Select[int]:
    settlement = entries.alias("settlement")
    return select(func.coalesce(func.sum(entries.c.amount_credits), 0)).where(
        entries.c.account_id == bindparam("account_id"),
        entries.c.kind == "hold",
        ~exists().where(settlement.c.settles_id == entries.c.id, settlement.c.kind.in_(_SETTLING)),
    )


# Built once: every card asks these, and building one takes ten times as long as asking it.
_FIND_ACCOUNT = select(account_owners.c.account_id).where(
    account_owners.c.guild_key == bindparam("guild_key"), account_owners.c.user_id == bindparam("user_id")
)
_FIND_FORGOTTEN = select(forgotten_owners.c.account_id).where(
    forgotten_owners.c.owner_hash == func.keyed_hash(bindparam("owner"))
)
_GUILD_OF = select(accounts.c.guild_id).where(accounts.c.id == bindparam("account_id"))
_ALLOWANCE_USED = _used(legs.c.account_id == bindparam("account_id"), legs.c.grant_id.is_(None))
_GUILD_USED = _used(legs.c.guild_id == bindparam("guild_id"))
_ALL_USED = _used()
_GRANTS_LEFT = _grants_left()
_ON_HOLD = _on_hold()
_ENTRY = select(entries).where(entries.c.id == bindparam("entry_id"))
_SETTLEMENT_OF = select(entries).where(entries.c.settles_id == bindparam("hold_id"), entries.c.kind.in_(_SETTLING))
_LEGS_OF = (
    select(legs.c.grant_id, legs.c.amount_credits, legs.c.dated_at_ms)
    .where(legs.c.entry_id.in_(bindparam("entry_ids", expanding=True)))
    .order_by(legs.c.id)
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
    """What a hold drew on: the window's allowance (``grant_id`` None) or a grant."""

    grant_id: int | None
    amount_credits: int
    dated_at_ms: int


@dataclass(frozen=True, slots=True)
class GrantLeft:
    """A grant that has something left."""

    grant_id: int
    left_credits: int
    expires_at_ms: int | None


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

    async def _insert_account(self, kind: str, guild_id: int | None, now_ms: int) -> int:
        result = await self._connection.execute(
            insert(accounts).values(kind=kind, guild_id=guild_id, created_at_ms=now_ms).returning(accounts.c.id)
        )
        return int(result.scalar_one())

    async def guild_of(self, account_id: int) -> int | None:
        """Return the guild an account belongs to."""
        found: int | None = await self._connection.scalar(_GUILD_OF, {"account_id": account_id})
        return found

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

    async def insert_legs(self, entry_id: int, account_id: int, guild_id: int | None, drawn: Sequence[Leg]) -> None:
        """Append what an entry draws on (positive) or gives back (negative)."""
        if drawn:
            await self._connection.execute(
                _INSERT_LEGS,
                [
                    {"entry_id": entry_id, "account_id": account_id, "guild_id": guild_id, "grant_id": leg.grant_id,
                     "amount_credits": leg.amount_credits, "dated_at_ms": leg.dated_at_ms}
                    for leg in drawn
                ],
            )  # fmt: skip

    async def entry(self, entry_id: int) -> Entry | None:
        """Return one entry."""
        row = (await self._connection.execute(_ENTRY, {"entry_id": entry_id})).one_or_none()
        return Entry(*row) if row is not None else None

    async def capture_of_picture(self, picture_id: str) -> Entry | None:
        """Return the capture of a picture's hold, if it was captured."""
        row = (
            await self._connection.execute(
                select(entries).where(entries.c.picture_id == picture_id, entries.c.kind == "capture")
            )
        ).one_or_none()
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

    async def allowance_used(self, account_id: int, start_ms: int) -> int:
        """Sum what an account has drawn on its allowance since ``start_ms``, holds included."""
        return await self._sum(_ALLOWANCE_USED, account_id=account_id, start_ms=start_ms)

    async def guild_used(self, guild_id: int, start_ms: int) -> int:
        """Sum what all of a guild's accounts have used since ``start_ms``."""
        return await self._sum(_GUILD_USED, guild_id=guild_id, start_ms=start_ms)

    async def all_used(self, start_ms: int) -> int:
        """Sum what all accounts have used since ``start_ms``, the operator's losses included."""
        return await self._sum(_ALL_USED, start_ms=start_ms)

    async def _sum(self, query: Select[int], **values: int) -> int:
        return int(await self._connection.scalar(query, values) or 0)

    async def grants_left(self, account_id: int, now_ms: int) -> list[GrantLeft]:
        """Return the unexpired grants with something left, soonest expiry first."""
        rows = await self._connection.execute(_GRANTS_LEFT, {"account_id": account_id, "now_ms": now_ms})
        return [GrantLeft(grant_id, left, expires_at_ms) for grant_id, left, expires_at_ms in rows]

    async def on_hold(self, account_id: int) -> int:
        """Sum an account's holds that are neither captured nor voided."""
        return await self._sum(_ON_HOLD, account_id=account_id)

    async def latest(self, account_id: int, limit: int) -> list[Entry]:
        """Return an account's newest entries, newest first."""
        rows = await self._connection.execute(
            select(entries).where(entries.c.account_id == account_id).order_by(entries.c.id.desc()).limit(limit)
        )
        return [Entry(*row) for row in rows]
