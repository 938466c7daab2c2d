"""Removing results, reporting them, and what a server's admins set for that. Speaks to no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot.clock import Clock
from bot.generations.access import may_remove, may_see
from bot.generations.house import note_change
from bot.generations.refusals import NotForYou
from bot.generations.repository import GenerationsRepository, GuildRow, ReportRow, ReportState, RequestRow
from bot.generations.states import DeliveryState
from bot.generations.values import Place
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

REASON_MAX_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """A message of ours that is to go."""

    channel_id: int
    message_id: int
    in_gallery: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal decided: which messages go, and which reports it answered."""

    messages: tuple[Standing, ...]
    reports: tuple[ReportRow, ...]
    private: bool
    by_owner: bool


@dataclass(frozen=True, slots=True)
class Reported:
    """A report as it is stored; ``repeated``: this person had reported it before."""

    report: ReportRow
    channel_id: int | None
    """The server's channel for reports, None when it has none."""
    repeated: bool


class Moderation:
    """Takes results away and takes reports; the ledger and the bytes stay as they are."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # --- removal ---

    async def remove(self, request_id: str, *, user_id: int, guild_id: int | None, moderator: bool) -> Removed:
        """Decide that a result's messages go, and see to it that they are not posted again.

        ``moderator``: whether this person may manage messages where it stands. Raises NotForYou. May be repeated: an
        owner's removal becomes a moderator's, never the other way round.
        """
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Removed:
            rows = GenerationsRepository(tx)
            request = await rows.requests.get(request_id)
            allowed = request is not None and may_remove(
                request, user_id=user_id, guild_id=guild_id, moderator=moderator
            )
            if request is None or not allowed:
                raise NotForYou
            by_owner = user_id == request.user_id
            if request.removed_by is None or not by_owner:
                await rows.requests.remove(request_id, by=user_id, now_ms=now_ms)
            delivery = await rows.deliveries.get(request_id)
            messages = []
            if delivery is not None:
                if delivery.message_id is not None:
                    messages.append(Standing(delivery.channel_id or request.channel_id, delivery.message_id))
                elif request.message_id is not None:
                    messages.append(Standing(request.channel_id, request.message_id))
                if delivery.state not in {DeliveryState.KEPT, DeliveryState.WITHDRAWN}:
                    # What is deleted by somebody else before it was all there waits for its owner, who must hear of it.
                    unseen = delivery.state is not DeliveryState.SHOWN or await rows.pictures.count_unfinished(
                        request_id
                    )
                    after = DeliveryState.KEPT if unseen and not by_owner else DeliveryState.WITHDRAWN
                    await rows.deliveries.change(request_id, state=after)
            for post in await rows.gallery.of(request_id):
                if post.message_id is not None:
                    messages.append(Standing(post.channel_id, post.message_id, in_gallery=True))
                    await rows.gallery.change(post.picture_id, channel_id=post.channel_id, message_id=None)
            reports = await rows.reports.close_all(request_id, by=user_id, now_ms=now_ms)
            return Removed(tuple(dict.fromkeys(messages)), tuple(reports), bool(request.private), by_owner)

        removed = await self._database.write(work)
        log.info("result.removed", request_id=request_id, by_owner=removed.by_owner, messages=len(removed.messages))
        return removed

    async def take_down(
        self, request_id: str, *, user_id: int, guild_id: int | None, moderator: bool, message_id: int
    ) -> bool:
        """Decide that one message goes in which a result's owner shows it; returns whether it was its owner who did.

        ``moderator``: whether this person may manage messages where it stands; then its owner can't post it again in
        this server. Raises NotForYou.
        """
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> bool:
            rows = GenerationsRepository(tx)
            request = await rows.requests.get(request_id)
            if request is None or not (moderator or request.user_id == user_id):
                raise NotForYou
            by_owner = request.user_id == user_id
            if not by_owner and request.place_guild_id == guild_id:
                await rows.requests.remove(request_id, by=user_id, now_ms=now_ms)
            for post in await rows.gallery.of(request_id):
                if post.message_id == message_id:
                    await rows.gallery.change(post.picture_id, channel_id=post.channel_id, message_id=None)
            return by_owner

        by_owner = await self._database.write(work)
        log.info("result.taken_down", request_id=request_id, by_owner=by_owner, message_id=message_id)
        return by_owner

    async def take_from_gallery(self, request_id: str, *, user_id: int, channel_ids: Sequence[int]) -> list[Standing]:
        """Decide that what stands of a result in ``channel_ids``, a gallery, goes; its own message stays."""

        async def work(tx: Connection) -> list[Standing]:
            rows = GenerationsRepository(tx).gallery
            gone = []
            for post in await rows.of(request_id):
                if post.message_id is not None and post.channel_id in channel_ids:
                    gone.append(Standing(post.channel_id, post.message_id, in_gallery=True))
                    await rows.change(post.picture_id, channel_id=post.channel_id, message_id=None)
            return gone

        gone = await self._database.write(work)
        log.info("result.taken_from_gallery", request_id=request_id, by=user_id, messages=len(gone))
        return gone

    async def restore(self, request_id: str, *, user_id: int) -> None:
        """Let an owner who posts their result again take back their own removal; a moderator's stays."""

        async def work(tx: Connection) -> None:
            rows = GenerationsRepository(tx)
            request = await rows.requests.get(request_id)
            if request is not None and request.user_id == user_id == request.removed_by:
                await rows.requests.remove(request_id, by=None, now_ms=None)

        await self._database.write(work)

    # --- reports ---

    async def report(
        self, request_id: str, *, reporter_id: int, guild_id: int | None, channel_id: int | None, reason: str
    ) -> Reported:
        """Store a report of a result that stands in this server; once by each person and result.

        Raises NotForYou when the person may not see it here, or when this is no server.
        """
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Reported:
            rows = GenerationsRepository(tx)
            request = await rows.requests.get(request_id)
            if request is None or guild_id is None or not _can_be_reported(request, reporter_id, guild_id, channel_id):
                raise NotForYou
            settings = await rows.guilds.get(guild_id)
            channel = settings.reports_channel_id if settings is not None else None
            known = await rows.reports.by(request_id, reporter_id)
            if known is not None:
                return Reported(known, channel, repeated=True)
            said = reason.strip()[:REASON_MAX_CHARS]
            report_id = await rows.reports.add(
                request_id=request_id, guild_id=guild_id, reporter_id=reporter_id, reason=said, created_at_ms=now_ms
            )
            return Reported(
                ReportRow(
                    id=report_id,
                    request_id=request_id,
                    guild_id=guild_id,
                    reporter_id=reporter_id,
                    reason=said,
                    state=ReportState.OPEN,
                    channel_id=None,
                    message_id=None,
                    created_at_ms=now_ms,
                    handled_at_ms=None,
                    handled_by=None,
                ),
                channel,
                repeated=False,
            )

        reported = await self._database.write(work)
        log.info("result.reported", request_id=request_id, report_id=reported.report.id, repeated=reported.repeated)
        return reported

    async def report_sent(self, report_id: int, *, channel_id: int, message_id: int) -> None:
        """Store where moderators see a report."""
        await self._database.write(
            lambda tx: GenerationsRepository(tx).reports.sent(report_id, channel_id=channel_id, message_id=message_id)
        )

    async def get_report(self, report_id: int) -> ReportRow | None:
        """Return a report."""
        async with self._database.read() as tx:
            return await GenerationsRepository(tx).reports.get(report_id)

    async def open_reports(self, guild_id: int, *, limit: int = 1, offset: int = 0) -> tuple[list[ReportRow], int]:
        """Return a server's open reports, oldest first, and how many there are."""
        async with self._database.read() as tx:
            return await GenerationsRepository(tx).reports.open(guild_id, limit=limit, offset=offset)

    async def dismiss(self, report_id: int, *, by: int, guild_id: int | None) -> ReportRow:
        """Close a report and leave the picture; returns it as it stands then. Raises NotForYou for another server's."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> ReportRow:
            rows = GenerationsRepository(tx)
            report = await rows.reports.get(report_id)
            if report is None or report.guild_id != guild_id:
                raise NotForYou
            await rows.reports.handle(report_id, ReportState.DISMISSED, by=by, now_ms=now_ms)
            return await rows.reports.get(report_id) or report

        report = await self._database.write(work)
        log.info("report.dismissed", report_id=report_id, state=report.state)
        return report

    # --- a server's settings ---

    async def settings(self, guild_id: int) -> GuildRow:
        """Return what is set for a server; nothing, where nothing ever was."""
        async with self._database.read() as tx:
            return await GenerationsRepository(tx).guilds.get(guild_id) or GuildRow(guild_id, None, None, 0, 0)

    async def set_channels(self, guild_id: int, *, by: int, **channels: int | None) -> GuildRow:
        """Set ``gallery_channel_id`` or ``reports_channel_id``; None switches it off."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> None:
            rows = GenerationsRepository(tx)
            before = await rows.guilds.get(guild_id)
            await rows.guilds.set(guild_id, updated_by=by, updated_at_ms=now_ms, **channels)
            for name, channel_id in channels.items():
                was = getattr(before, name) if before is not None else None
                if was != channel_id:
                    await note_change(tx, guild_id, name, was, channel_id, by=by, now_ms=now_ms)

        await self._database.write(work)
        log.info("server.set", guild_id=guild_id, by=by, **channels)
        return await self.settings(guild_id)


def _can_be_reported(request: RequestRow, reporter_id: int, guild_id: int, channel_id: int | None) -> bool:
    return (
        not request.private
        and request.place == Place.SERVER  # elsewhere there are no moderators that I could tell
        and request.place_guild_id == guild_id
        and may_see(request, user_id=reporter_id, guild_id=guild_id, channel_id=channel_id)
    )
