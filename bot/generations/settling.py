"""How a picture ends: its state, its credits, its request and its delivery change in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from bot.credits.ledger import Captured, Ledger
from bot.generations.repository import GenerationsRepository, PictureRow
from bot.generations.states import FINAL_STATES, PictureState, RequestState
from bot.storage import Connection

WRITE_OFF_AFTER_S = 24 * 3600
"""The credits of a late or unknown picture come back after a day; the operator bears the loss."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result's bytes as they lie on disk; ``path`` is relative to the data folder."""

    path: str
    mime: str
    width: int
    height: int
    size_bytes: int
    sha256: str


async def end_without_picture(
    connection: Connection,
    picture_id: str,
    before: Collection[PictureState],
    after: PictureState,
    *,
    now_ms: int,
    failure_code: str,
    failure_detail: str | None = None,
    provider_request_id: str | None = None,
) -> PictureRow | None:
    """Void a picture's hold and end it, if it is in one of the states ``before``; returns it as it was, or None.

    Whoever comes second (a cancel and a submit, two ends) changes nothing.
    """
    rows = GenerationsRepository(connection)
    picture = await rows.pictures.get(picture_id)
    if picture is None or picture.state not in before:
        return None
    await void_if_open(connection, picture, failure_code, now_ms)
    await rows.pictures.move(
        picture_id,
        before,
        after,
        failure_code=failure_code,
        failure_detail=failure_detail,
        finished_at_ms=now_ms,
        provider_request_id=provider_request_id or picture.provider_request_id,
        charged_credits=0,
    )
    await after_change(connection, picture.request_id, after, now_ms)
    return picture


async def void_if_open(connection: Connection, picture: PictureRow, reason: str, now_ms: int) -> bool:
    """Give a picture's credits back unless that was done before; tells whether it did."""
    ledger = Ledger(connection, now_ms)
    if await ledger.is_settled(picture.hold_id):
        return False
    await ledger.void(picture.hold_id, reason=reason)
    return True


async def end_with_picture(
    connection: Connection, picture_id: str, stored: StoredResult, *, now_ms: int
) -> Captured | None:
    """Record a picture's bytes and capture its credits, as one; returns None when it was recorded before.

    A late picture whose hold was given back already is free.
    """
    rows = GenerationsRepository(connection)
    picture = await rows.pictures.get(picture_id)
    if picture is None or picture.state is not PictureState.FETCHING:
        return None
    ledger = Ledger(connection, now_ms)
    final = next(
        (known for known in (picture.final_credits, picture.reserved_credits) if known is not None),
        picture.price_credits,
    )
    if await ledger.is_settled(picture.hold_id):
        captured = Captured(charged_credits=0, variance_credits=0)
        await ledger.correct_loss(final, picture_id=picture.id, reason="came after all, at another price")
    else:
        captured = await ledger.capture(picture.hold_id, final)
    await rows.pictures.move(
        picture_id,
        {PictureState.FETCHING},
        PictureState.FETCHED,
        path=stored.path,
        mime=stored.mime,
        width=stored.width,
        height=stored.height,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        finished_at_ms=picture.finished_at_ms or now_ms,
        charged_credits=captured.charged_credits,
    )
    await after_change(connection, picture.request_id, PictureState.FETCHED, now_ms)
    return captured


async def after_change(connection: Connection, request_id: str, state: PictureState, now_ms: int) -> None:
    """Settle the request when its last picture ended, and let its message be brought up to date."""
    if state in FINAL_STATES:
        await settle_if_over(connection, request_id, now_ms)
    deliveries = GenerationsRepository(connection).deliveries
    await deliveries.reopen(request_id)
    if state is PictureState.FETCHED:
        await deliveries.unmark_noticed(request_id)


async def settle_if_over(connection: Connection, request_id: str, now_ms: int) -> None:
    """Settle a running request that has no picture left to wait for."""
    rows = GenerationsRepository(connection)
    values: dict[str, Any] = {"trouble": None, "settled_at_ms": now_ms}
    if not await rows.pictures.count_unfinished(request_id):
        await rows.requests.move(request_id, RequestState.RUNNING, RequestState.SETTLED, **values)
