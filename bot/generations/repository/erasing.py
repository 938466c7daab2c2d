"""The queries of forgetting: what a person asked to be removed, and what has been kept for long enough.

A request's row stays (the ledger speaks of it), without words, files or a name. What lies outside of the database is
written down as a removal in the same transaction, so that it is carried out whatever happens next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)

from bot.generations.repository.bans import BanQueries
from bot.generations.repository.base import HAS_WAITING, OPEN_DELIVERY, OPEN_REQUEST, Queries, Row
from bot.generations.repository.reports import ReportState
from bot.generations.states import DeliveryState, ReferenceState, RequestState, Rung
from bot.storage.personal_tables import drafts, forgettings, preferences, removals, styles
from bot.storage.quota_tables import quota_drafts, quota_log
from bot.storage.request_tables import attempts, deliveries, pictures, reference_images, requests
from bot.storage.server_tables import gallery_posts, reports

# The conditions of the partial indexes, word for word.
_KEPT = text("requests.forgotten_at_ms IS NULL")
_OPEN_FORGETTING = text("forgettings.done_at_ms IS NULL")


@dataclass(frozen=True, slots=True)
class RemovalRow(Row):
    """A row of ``removals``: a file, or a message."""

    id: int
    path: str | None
    guild_id: int | None
    channel_id: int | None
    message_id: int | None
    tries: int
    due_at_ms: int


@dataclass(frozen=True, slots=True)
class ForgettingRow(Row):
    """A row of ``forgettings``."""

    id: int
    with_messages: int
    asked_at_ms: int
    done_at_ms: int | None

    @property
    def user_id(self) -> int:
        """What stands where the person's id stood."""
        return -self.id


class ErasingQueries(Queries):
    """What goes, in whole pieces: each call leaves nothing half forgotten."""

    async def in_work(self, user_id: int) -> list[str]:
        """Return a person's requests that are in work, or whose result is on its way to them."""
        open_ones = select(requests.c.id).where(OPEN_REQUEST, requests.c.user_id == user_id)
        on_their_way = (
            select(requests.c.id)
            .join(deliveries, deliveries.c.request_id == requests.c.id)
            .where(OPEN_DELIVERY, requests.c.user_id == user_id, requests.c.state == RequestState.SETTLED)
        )
        found = {*(await self._connection.scalars(open_ones)), *(await self._connection.scalars(on_their_way))}
        return sorted(found)

    # --- a person ---

    async def begin(self, user_id: int, *, with_messages: bool, now_ms: int) -> ForgettingRow:
        """Put nobody in a person's place on everything that is kept of them, and remove what is theirs alone.

        Their requests follow piece by piece (``erase``): from here on they are nobody's.
        """
        added = insert(forgettings).values(with_messages=int(with_messages), asked_at_ms=now_ms)
        forgetting_id = int((await self._connection.execute(added.returning(forgettings.c.id))).scalar_one())
        nobody = -forgetting_id
        mine = requests.c.user_id == user_id
        await self._connection.execute(
            update(requests).where(mine, requests.c.removed_by == user_id).values(removed_by=nobody)
        )
        await self._connection.execute(update(requests).where(mine).values(user_id=nobody))
        for table in (preferences, styles, drafts):
            await self._connection.execute(delete(table).where(table.c.user_id == user_id))
        await self._connection.execute(
            update(gallery_posts).where(gallery_posts.c.posted_by == user_id).values(posted_by=nobody)
        )
        # What admins set for them by name stays in that server's log, but says no more for whom it was.
        await self._connection.execute(
            update(quota_log)
            .where(quota_log.c.scope == "member", quota_log.c.subject_id == user_id)
            .values(subject_id=nobody)
        )
        await BanQueries(self._connection).forget(user_id, now_ms)
        await self._connection.execute(delete(quota_drafts).where(quota_drafts_of(user_id)))
        # Each person reports a request once; what one said goes when the report is handled.
        await self._connection.execute(
            update(reports)
            .where(reports.c.reporter_id == user_id)
            .values(reporter_id=nobody, reason=_unless_open(reports.c.reason))
        )
        return ForgettingRow(forgetting_id, int(with_messages), now_ms, None)

    async def unfinished(self) -> list[ForgettingRow]:
        """Return who is to be forgotten and is not yet."""
        return await self._all(ForgettingRow, select(forgettings).where(_OPEN_FORGETTING).order_by(forgettings.c.id))

    async def left_of(self, forgetting: ForgettingRow, *, limit: int) -> list[str]:
        """Return requests of a forgotten person that still have words or files."""
        query = select(requests.c.id).where(_KEPT, requests.c.user_id == forgetting.user_id).limit(limit)
        return list(await self._connection.scalars(query))

    async def done(self, forgetting_id: int, now_ms: int) -> None:
        """Write down that nothing is left of a person."""
        await self._connection.execute(
            update(forgettings).where(forgettings.c.id == forgetting_id).values(done_at_ms=now_ms)
        )

    # --- what has been kept for long enough ---

    async def expired(self, *, before_ms: int, undelivered_before_ms: int, limit: int) -> list[str]:
        """Return ended requests of before, oldest first; those with a picture that waits for its owner later."""
        on_its_way = exists().where(
            deliveries.c.request_id == requests.c.id,
            deliveries.c.state.in_((DeliveryState.WAITING, DeliveryState.DUE)),
        )
        query = (
            select(requests.c.id)
            .where(
                _KEPT,
                requests.c.created_at_ms < before_ms,
                or_(
                    requests.c.state == RequestState.VOID,
                    and_(requests.c.state == RequestState.SETTLED, not_(on_its_way)),
                ),
                or_(requests.c.created_at_ms < undelivered_before_ms, not_(HAS_WAITING)),
            )
            .order_by(requests.c.created_at_ms)
            .limit(limit)
        )
        return list(await self._connection.scalars(query))

    # --- requests ---

    async def erase(self, request_ids: Sequence[str], *, now_ms: int, with_messages: bool = False) -> int:
        """Remove words, files and addresses of ended requests, and write down what is to be removed outside.

        With ``with_messages`` their posts are to be deleted, too. Returns how many files are to go.
        """
        ours = requests.c.id.in_(request_ids)
        their_pictures = select(pictures.c.id).where(pictures.c.request_id.in_(request_ids)).scalar_subquery()
        files = 0
        for table in (pictures, reference_images):
            in_these = and_(table.c.request_id.in_(request_ids), table.c.path.is_not(None))
            files += await self._to_remove(select(table.c.path, literal(now_ms)).where(in_these), ("path", "due_at_ms"))
        if with_messages:
            await self._messages_to_remove(request_ids, now_ms)
        await self._connection.execute(
            update(pictures)
            .where(pictures.c.request_id.in_(request_ids))
            .values(
                path=None,
                result_url=None,
                failure_detail=None,
                sha256=_EMPTIED_HASH,
                bytes_dropped_at_ms=func.coalesce(pictures.c.bytes_dropped_at_ms, now_ms),
            )
        )
        await self._connection.execute(
            update(reference_images)
            .where(reference_images.c.request_id.in_(request_ids))
            .values(
                state=ReferenceState.DROPPED,
                path=None,
                source_url="",
                filename="",
                sha256=None,
                upload_url=None,
                refusal=None,
                source_id=None,
            )
        )
        await self._connection.execute(
            update(attempts).where(attempts.c.picture_id.in_(their_pictures)).values(body=b"")
        )
        await self._connection.execute(delete(drafts).where(drafts.c.request_id.in_(request_ids)))
        await self._connection.execute(
            update(reports).where(reports.c.request_id.in_(request_ids)).values(reason=_unless_open(reports.c.reason))
        )
        # Nobody is told any more of what waited for them.
        await self._connection.execute(
            update(deliveries)
            .where(deliveries.c.request_id.in_(request_ids), deliveries.c.noticed_at_ms.is_(None))
            .values(noticed_at_ms=now_ms)
        )
        await self._connection.execute(
            update(requests)
            .where(ours)
            .values(
                prompt="",
                style=None,
                locale="",
                interaction_token=None,
                # A mention's message shows its words; an interaction's id leads nowhere.
                source_id=_FORGOTTEN_SOURCE,
                message_id=_PUBLIC_MESSAGE,
                forgotten_at_ms=now_ms,
            )
        )
        return files

    async def has_reasons(self) -> bool:
        """Tell whether a report that was handled still says something of a forgotten request."""
        return bool(await self._connection.scalar(select(exists(select(reports.c.id).where(_SAID_OF_FORGOTTEN)))))

    async def forget_reasons(self) -> None:
        """Remove what such reports say."""
        await self._connection.execute(update(reports).where(_SAID_OF_FORGOTTEN).values(reason=""))

    async def _messages_to_remove(self, request_ids: Sequence[str], now_ms: int) -> None:
        """Write down the messages of requests that a bot can delete: not those for one person's eyes."""
        columns = ("guild_id", "channel_id", "message_id", "due_at_ms")
        delivered = deliveries.c.message_id
        posted = or_(requests.c.private == 0, deliveries.c.rung == Rung.DIRECT)
        await self._to_remove(
            select(
                requests.c.place_guild_id,
                func.coalesce(deliveries.c.channel_id, requests.c.channel_id),
                func.coalesce(delivered, requests.c.message_id),
                literal(now_ms),
            )
            .join(deliveries, deliveries.c.request_id == requests.c.id)
            .where(
                requests.c.id.in_(request_ids),
                posted,
                requests.c.place != "outside",
                func.coalesce(delivered, requests.c.message_id).is_not(None),
            ),
            columns,
        )
        shown = (
            gallery_posts.join(pictures, pictures.c.id == gallery_posts.c.picture_id),
            pictures.c.request_id.in_(request_ids),
        )
        await self._to_remove(
            select(gallery_posts.c.guild_id, gallery_posts.c.channel_id, gallery_posts.c.message_id, literal(now_ms))
            .select_from(shown[0])
            .where(shown[1], gallery_posts.c.message_id.is_not(None)),
            columns,
        )
        in_a_gallery = select(pictures.c.id).where(shown[1]).scalar_subquery()
        await self._connection.execute(delete(gallery_posts).where(gallery_posts.c.picture_id.in_(in_a_gallery)))
        await self._connection.execute(
            update(deliveries).where(deliveries.c.request_id.in_(request_ids)).values(message_id=None)
        )
        await self._connection.execute(
            update(reports)
            .where(reports.c.request_id.in_(request_ids), reports.c.state == ReportState.OPEN)
            .values(state=ReportState.DELETED, handled_at_ms=now_ms, handled_by=0)
        )
        await self._connection.execute(
            update(requests)
            .where(requests.c.id.in_(request_ids))
            .values(message_id=None, removed_at_ms=now_ms, removed_by=requests.c.user_id)
        )

    async def _to_remove(self, query: Select[Any], columns: Sequence[str]) -> int:
        return await self._changed(insert(removals).from_select(list(columns), query))

    # --- what is to be removed outside ---

    async def files_to_remove(self, *, now_ms: int, limit: int) -> list[RemovalRow]:
        """Return files that no row speaks of any more."""
        return await self._removals(removals.c.path.is_not(None), now_ms, limit)

    async def messages_to_remove(self, *, now_ms: int, limit: int) -> list[RemovalRow]:
        """Return messages that their person asked to be deleted."""
        return await self._removals(removals.c.message_id.is_not(None), now_ms, limit)

    async def _removals(self, which: ColumnElement[bool], now_ms: int, limit: int) -> list[RemovalRow]:
        query = select(removals).where(which, removals.c.due_at_ms <= now_ms).order_by(removals.c.id).limit(limit)
        return await self._all(RemovalRow, query)

    async def removed(self, removal_ids: Sequence[int]) -> None:
        """Forget what is removed."""
        await self._connection.execute(delete(removals).where(removals.c.id.in_(removal_ids)))

    async def not_removed(self, removal_ids: Sequence[int], due_at_ms: int) -> None:
        """Have something that could not be removed tried again."""
        await self._connection.execute(
            update(removals)
            .where(removals.c.id.in_(removal_ids))
            .values(tries=removals.c.tries + 1, due_at_ms=due_at_ms)
        )


def quota_drafts_of(user_id: int) -> ColumnElement[bool]:
    """Return the condition for changes of quotas that wait for a person, as their admin, or are about them."""
    about = func.json_extract(quota_drafts.c.change, "$.user_id") == user_id
    by_name = and_(
        func.json_extract(quota_drafts.c.change, "$.scope") == "member",
        func.json_extract(quota_drafts.c.change, "$.subject_id") == user_id,
    )
    return or_(quota_drafts.c.user_id == user_id, about, by_name)


def _unless_open(reason: Any) -> ColumnElement[Any]:
    """Return what a report says, while moderators still have to read it."""
    return case((reports.c.state == ReportState.OPEN, reason), else_="")


_EMPTIED_HASH = case((pictures.c.sha256.is_not(None), ""))
_SAID_OF_FORGOTTEN = and_(
    reports.c.state != ReportState.OPEN,
    reports.c.reason != "",
    or_(
        reports.c.reporter_id < 0,
        reports.c.request_id.in_(select(requests.c.id).where(requests.c.forgotten_at_ms.is_not(None))),
    ),
)
_FORGOTTEN_SOURCE = literal("forgotten:").concat(requests.c.id)
_PUBLIC_MESSAGE = case((requests.c.private == 0, requests.c.message_id))
