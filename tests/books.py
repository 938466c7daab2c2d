"""Requests and pictures as accepting and settling leave them, without an engine: for tests of what lies below it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, insert, select, update

from bot.credits.ledger import Captured, Ledger
from bot.credits.quota_rules import Spender
from bot.credits.quotas import SpendingPolicy, hold_all, look_up
from bot.storage import Connection
from bot.storage.quota_tables import totals
from bot.storage.request_tables import deliveries, pictures, requests

UNLIMITED = SpendingPolicy(None, None, None)
USER, GUILD, CHANNEL = 101, 201, 301


@dataclass(frozen=True)
class Held:
    """A request and, for each of its pictures, the hold."""

    request_id: str
    account_id: int
    holds: dict[str, int]


async def accept(
    tx: Connection,
    request_id: str,
    *,
    now_ms: int,
    policy: SpendingPolicy = UNLIMITED,
    guild_id: int | None = GUILD,
    user_id: int = USER,
    count: int = 1,
    price_credits: int = 8,
    provider_left_credits: int | None = None,
    state: str = "running",
) -> Held:
    """Hold the price and add the rows, all in the caller's transaction."""
    prices = {f"{request_id}-{position}": price_credits for position in range(1, count + 1)}
    spender = Spender(user_id, guild_id, channel_id=None if guild_id is None else CHANNEL)
    situation = await look_up(tx, policy, spender, now_ms=now_ms)
    account_id, holds = await hold_all(tx, situation, prices, provider_left_credits=provider_left_credits)
    await add_request(
        tx, request_id, account_id, holds, prices, now_ms=now_ms, guild_id=guild_id, user_id=user_id, state=state
    )
    return Held(request_id, account_id, holds)


async def add_request(
    tx: Connection,
    request_id: str,
    account_id: int,
    holds: dict[str, int],
    prices: dict[str, int],
    *,
    now_ms: int,
    guild_id: int | None,
    user_id: int,
    state: str = "running",
    channel_id: int = CHANNEL,
    quota_period: str | None = None,
) -> None:
    """Add a request with its pictures and delivery for holds that are there."""
    await tx.execute(
        insert(requests).values(
            id=request_id, source_kind="interaction", source_id=request_id, account_id=account_id, user_id=user_id,
            guild_id=guild_id, channel_id=channel_id, model="nano-banana-pro", prompt="a red bicycle", options="{}",
            picture_count=len(holds), private=0, notify=0, locale="en-US", state=state, application_id=1,
            token_expires_at_ms=now_ms + 900_000, upload_limit_bytes=10 * 1024 * 1024, created_at_ms=now_ms,
            quota_channel_id=None if guild_id is None else channel_id, quota_period=quota_period,
        )
    )  # fmt: skip
    await tx.execute(insert(deliveries).values(request_id=request_id, state="waiting"))
    for position, (picture_id, hold_id) in enumerate(holds.items(), start=1):
        await tx.execute(
            insert(pictures).values(
                id=picture_id, request_id=request_id, position=position, state="held", hold_id=hold_id,
                price_credits=prices[picture_id],
            )
        )  # fmt: skip


async def move(tx: Connection, picture_id: str, *states: str) -> None:
    """Take a picture through ``states``."""
    for state in states:
        await tx.execute(update(pictures).where(pictures.c.id == picture_id).values(state=state))


async def fetch(tx: Connection, picture_id: str, *, now_ms: int, final_credits: int = 8) -> Captured:
    """Have a held picture made, stored and captured."""
    await move(tx, picture_id, "submitting", "painting", "fetching")
    captured = await Ledger(tx, now_ms).capture(await hold_of(tx, picture_id), final_credits)
    await tx.execute(
        update(pictures)
        .where(pictures.c.id == picture_id)
        .values(
            state="fetched",
            sha256="0" * 64,
            final_credits=final_credits,
            charged_credits=captured.charged_credits,
            finished_at_ms=now_ms,
            bytes_dropped_at_ms=now_ms,  # there never were any
        )
    )
    await _settle(tx, picture_id)
    return captured


async def end(tx: Connection, picture_id: str, *, now_ms: int, state: str = "failed") -> None:
    """End a held picture without a result, and give its hold back."""
    await Ledger(tx, now_ms).void(await hold_of(tx, picture_id), reason=state)
    if state == "lost":
        await move(tx, picture_id, "submitting", "unknown")
    await tx.execute(
        update(pictures)
        .where(pictures.c.id == picture_id)
        .values(state=state, charged_credits=0, finished_at_ms=now_ms)
    )
    await _settle(tx, picture_id)


async def hold_of(tx: Connection, picture_id: str) -> int:
    """Return a picture's hold."""
    found: int | None = await tx.scalar(select(pictures.c.hold_id).where(pictures.c.id == picture_id))
    assert found is not None
    return found


async def _settle(tx: Connection, picture_id: str) -> None:
    request_id = select(pictures.c.request_id).where(pictures.c.id == picture_id).scalar_subquery()
    states = await tx.scalars(select(pictures.c.state).where(pictures.c.request_id == request_id))
    if set(states) <= {"fetched", "failed", "cancelled", "lost"}:
        await tx.execute(update(requests).where(requests.c.id == request_id).values(state="settled"))


async def used(tx: Connection, scope: str, subject_id: int, since_ms: int) -> int:
    """Return what the running totals say was used by an account or channel, in a guild, or by all (0)."""
    query = select(func.coalesce(func.sum(totals.c.used_credits), 0)).where(
        totals.c.scope == scope, totals.c.subject_id == subject_id, totals.c.quarter_ms >= since_ms
    )
    return int(await tx.scalar(query))
