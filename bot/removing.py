"""Deletes results, and brings reports to moderators: the Discord side of ``bot.generations.moderation``."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import discord
import structlog

from bot.client import BotClient, CannotDo, Interaction, say
from bot.generations.access import may_remove
from bot.generations.files import files_of, kept
from bot.generations.moderation import Removed, Reported, Standing
from bot.generations.protocols import PostFile
from bot.generations.repository import ReportRow, ReportState
from bot.generations.values import Place, RequestView
from bot.origins import place_of
from bot.posting import attach
from bot.presses import Submitted
from bot.rights import may_moderate, moderates_server
from bot.searching import UNREACHED, find_own
from bot.ui import moderation_ids as ids
from bot.ui.card import Card
from bot.ui.modals import report_form
from bot.ui.removal import (
    delete_card,
    deleted_card,
    no_reports_card,
    report_card,
    reported_card,
    take_down_card,
)

log = structlog.get_logger(__name__)

REPORT_FILES_BYTES: Final = 4 * 1024 * 1024
"""For all pictures of a report together: moderators have to see what it is, not to keep it."""
_REMEMBERED: Final = 200
_UNKNOWN_MESSAGE: Final = 10008
_SEARCH_AFTER_MS: Final = 120_000
"""Discord forgets nonces after some minutes; past this the channel is searched for our own message first."""
_NOBODY = discord.AllowedMentions.none()
_NOT_YOURS = "Only whoever made this, or a moderator of the channel where it stands, can delete it."


class Removing:
    """Delete, asked once; reports, for whoever makes them and for moderators."""

    def __init__(self, client: BotClient) -> None:
        self._client = client
        self._services = client.services
        # An answer that only one person sees can be deleted by a press on it alone, for as long as that press's token
        # lives. After a restart its owner is told to dismiss it.
        self._pressed: OrderedDict[tuple[str, int], Interaction] = OrderedDict()

    # --- delete ---

    async def ask(self, interaction: Interaction, view: RequestView) -> None:
        """Ask before a result's message is deleted."""
        whole = self._may_remove(interaction, view)
        if not whole and not self._exhibited(interaction, view):
            raise CannotDo(user_message=_NOT_YOURS)
        message = interaction.message
        card = delete_card(
            view,
            by_owner=view.user_id == interaction.user.id,
            in_gallery=any(post.message_id for post in (await self._services.gallery.posts(view.id)).values()),
            gallery_alone=not whole,
            message_id=message.id if message is not None else None,
        )
        await self._ask(interaction, view, card)

    def _may_remove(self, interaction: Interaction, view: RequestView) -> bool:
        """Tell whether whoever presses may take away a result as a whole: not from wherever they happen to be."""
        moderator = may_moderate(interaction, view.standing_channel_id)
        return may_remove(view, user_id=interaction.user.id, guild_id=interaction.guild_id, moderator=moderator)

    def _exhibited(self, interaction: Interaction, view: RequestView) -> list[int]:
        """Return the channels of the gallery that show it, and that whoever presses moderates."""
        if view.place_guild_id != interaction.guild_id:
            return []
        return [channel_id for channel_id in view.exhibited_in if may_moderate(interaction, channel_id)]

    async def _ask(self, interaction: Interaction, view: RequestView, card: Card) -> None:
        message = interaction.message
        if message is not None and (message.flags.ephemeral or place_of(interaction) is Place.OUTSIDE):
            await interaction.response.defer()
            self._pressed[view.id, message.id] = interaction
            while len(self._pressed) > _REMEMBERED:
                self._pressed.popitem(last=False)
        await say(interaction, view=card)

    async def take_down_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Delete the message in which an owner shows a result, having asked; the result's own message stays."""
        view = await self._services.generations.view(match["request_id"])
        message = interaction.message
        by_owner = view is not None and view.user_id == interaction.user.id
        moderator = view is not None and self._may_take_down(interaction, view)
        if view is None or message is None or not (by_owner or moderator):
            raise CannotDo(user_message=_NOT_YOURS)
        if match["message_id"] is None:
            again = by_owner or view.place_guild_id != interaction.guild_id
            await self._ask(
                interaction,
                view,
                take_down_card(view, by_owner=by_owner, can_post_again=again, message_id=message.id),
            )
            return
        await interaction.response.defer()
        message_id = int(match["message_id"])
        await self._services.moderation.take_down(
            view.id,
            user_id=interaction.user.id,
            guild_id=interaction.guild_id,
            moderator=moderator,
            message_id=message_id,
        )
        deleted = await self._delete(view, Standing(interaction.channel_id or 0, message_id), interaction.guild_id)
        card = deleted_card(view, by_owner=by_owner, deleted=int(deleted), left=int(not deleted))
        await interaction.edit_original_response(view=card, allowed_mentions=_NOBODY)

    async def delete_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Delete, now that it was asked."""
        view = await self._services.generations.view(match["request_id"])
        if view is None:
            raise CannotDo(user_message=_NOT_YOURS)
        whole = self._may_remove(interaction, view)
        exhibited = [] if whole else self._exhibited(interaction, view)
        if not whole and not exhibited:
            raise CannotDo(user_message=_NOT_YOURS)
        await interaction.response.defer()
        if whole:
            begun_on = int(match["message_id"]) if match["message_id"] else None
            removed, deleted, left = await self._remove(interaction, view, begun_on=begun_on)
            card = deleted_card(view, by_owner=removed.by_owner, deleted=deleted, left=left)
        else:
            posts = await self._services.moderation.take_from_gallery(
                view.id, user_id=interaction.user.id, channel_ids=exhibited
            )
            deleted = sum([await self._delete(view, post, interaction.guild_id) for post in posts])
            card = deleted_card(view, by_owner=False, deleted=deleted, left=len(posts) - deleted)
        await interaction.edit_original_response(view=card, allowed_mentions=_NOBODY)

    def _may_take_down(self, interaction: Interaction, view: RequestView) -> bool:
        """Tell whether whoever presses moderates the channel of a message with which an owner shows a result.

        What stands for all in this server has messages of its own, which are asked about where they stand.
        """
        if not may_moderate(interaction, interaction.channel_id):
            return False
        shown_only = view.private or view.place_guild_id != interaction.guild_id
        return shown_only or may_moderate(interaction, view.standing_channel_id)

    async def _remove(
        self, interaction: Interaction, view: RequestView, *, begun_on: int | None
    ) -> tuple[Removed, int, int]:
        """Remove a result; returns what was decided, how many messages were deleted, and how many could not be."""
        removed = await self._services.moderation.remove(
            view.id,
            user_id=interaction.user.id,
            guild_id=interaction.guild_id,
            moderator=may_moderate(interaction, view.standing_channel_id),
        )
        messages = {(message.channel_id, message.message_id): message for message in removed.messages}
        if begun_on is not None and interaction.channel_id is not None:
            messages.setdefault((interaction.channel_id, begun_on), Standing(interaction.channel_id, begun_on))
        deleted = left = 0
        for message in messages.values():
            # Whoever may take the picture away from where it stands may from the gallery, too.
            may = removed.by_owner or message.in_gallery or may_moderate(interaction, message.channel_id)
            if may and await self._delete(view, message, view.place_guild_id):
                deleted += 1
            else:
                left += 1
        for report in removed.reports:
            await self._mark_handled(report.id)
        return removed, deleted, left

    async def _delete(self, view: RequestView, message: Standing, guild_id: int | None) -> bool:
        pressed = self._pressed.pop((view.id, message.message_id), None)
        if pressed is not None and not pressed.is_expired():
            try:
                await pressed.delete_original_response()
            except UNREACHED as error:
                log.info("result.not_deleted_by_token", error=str(error)[:200])
            else:
                return True
        if view.private and message.message_id == view.message_id:
            return False  # an answer for one person alone is no message for anybody else, not even for the bot
        if view.place is Place.OUTSIDE and message.channel_id == view.channel_id:
            return False  # the bot is not there
        place = self._client.get_partial_messageable(message.channel_id, guild_id=guild_id)
        try:
            await place.get_partial_message(message.message_id).delete()
        except discord.NotFound as error:
            return error.code == _UNKNOWN_MESSAGE
        except UNREACHED as error:
            log.warning("result.not_deleted", request_id=view.id, error=str(error)[:200])
            return False
        return True

    # --- reports ---

    async def open_report(self, interaction: Interaction, view: RequestView) -> None:
        """Open the form of a report."""
        if view.user_id == interaction.user.id:
            raise CannotDo(user_message="This is your own picture. Delete, under More, takes it away.")
        await interaction.response.send_modal(report_form(view))

    async def report_sent(self, interaction: Interaction, match: re.Match[str], submitted: Submitted) -> None:
        """Store a report, then bring it to the moderators."""
        reason = submitted.text("reason").strip()
        if not reason:
            raise CannotDo(user_message="Say in a few words what is wrong with it.")
        await interaction.response.defer(ephemeral=True, thinking=True)
        reported = await self._services.moderation.report(
            match["request_id"],
            reporter_id=interaction.user.id,
            guild_id=interaction.guild_id,
            channel_id=interaction.channel_id,
            reason=reason,
        )
        sent = reported.report.message_id is not None or await self._send(reported)
        card = reported_card(sent=sent, has_channel=reported.channel_id is not None, repeated=reported.repeated)
        await interaction.edit_original_response(view=card, allowed_mentions=_NOBODY)

    async def _send(self, reported: Reported) -> bool:
        report, channel_id = reported.report, reported.channel_id
        view = await self._services.generations.view(report.request_id)
        if channel_id is None or view is None or report.state is not ReportState.OPEN:
            return False
        place = self._client.get_partial_messageable(channel_id, guild_id=report.guild_id)
        try:
            found = None
            if view.now_ms - report.created_at_ms > _SEARCH_AFTER_MS:
                found = await find_own(self._client, place, ids.report_dismiss(report.id))
            if found is None:
                files = await self._shown(view)
                found = await place.send(
                    view=report_card(report, view, files),
                    files=attach(view, files),
                    allowed_mentions=_NOBODY,
                    nonce=f"report-{report.id}",
                )
        except UNREACHED as error:
            log.warning("report.not_sent", report_id=report.id, error=str(error)[:200])
            return False
        await self._services.moderation.report_sent(report.id, channel_id=channel_id, message_id=found.id)
        return True

    async def _shown(self, view: RequestView) -> Sequence[PostFile]:
        pictures = kept(self._services.store, view)
        each = REPORT_FILES_BYTES // max(len(pictures), 1)
        return await files_of(self._services.store, view, pictures, limit_bytes=each, total_bytes=REPORT_FILES_BYTES)

    async def report_delete_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Delete what was reported, as a moderator of the channel where it stands."""
        report, view = await self._reported(interaction, match)
        if view is None or not may_moderate(interaction, view.standing_channel_id):
            raise CannotDo(user_message="Only a moderator of the channel where the picture stands can delete it.")
        await interaction.response.defer()
        await self._remove(interaction, view, begun_on=None)
        await self._answer_handled(interaction, report)

    async def report_dismiss_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Close a report and leave the picture."""
        report, _ = await self._reported(interaction, match)
        await interaction.response.defer()
        await self._services.moderation.dismiss(report.id, by=interaction.user.id, guild_id=interaction.guild_id)
        await self._mark_handled(report.id)
        await self._answer_handled(interaction, report)

    async def _reported(self, interaction: Interaction, match: re.Match[str]) -> tuple[ReportRow, RequestView | None]:
        report = await self._services.moderation.get_report(int(match["report_id"]))
        if report is None or report.guild_id != interaction.guild_id:
            raise CannotDo(user_message="This report is not here.")
        await self._check_moderator(interaction)
        return report, await self._services.generations.view(report.request_id)

    async def _check_moderator(self, interaction: Interaction) -> None:
        """Raise CannotDo for whoever moderates neither the server nor the channel to which its reports come."""
        if moderates_server(interaction):
            return
        settings = await self._services.moderation.settings(interaction.guild_id or 0)
        channel_id = settings.reports_channel_id
        if channel_id is None or not may_moderate(interaction, channel_id):
            raise CannotDo(user_message="Only moderators can do that.")

    async def _answer_handled(self, interaction: Interaction, report: ReportRow) -> None:
        """Go on to the next report where they are looked through; a card in the channel was changed already."""
        message = interaction.message
        if message is not None and message.flags.ephemeral:
            await self._show_open(interaction, 0)
        elif message is not None and message.id != report.message_id:
            await interaction.edit_original_response(
                view=await self._handled(report.id), attachments=[], allowed_mentions=_NOBODY
            )

    async def _handled(self, report_id: int) -> discord.ui.LayoutView:
        report = await self._services.moderation.get_report(report_id)
        if report is None:
            return no_reports_card()
        return report_card(report, await self._services.generations.view(report.request_id), [])

    async def _mark_handled(self, report_id: int) -> None:
        """Change the card in the moderators' channel, without the picture."""
        report = await self._services.moderation.get_report(report_id)
        if report is None or report.message_id is None or report.channel_id is None:
            return
        place = self._client.get_partial_messageable(report.channel_id, guild_id=report.guild_id)
        try:
            await place.get_partial_message(report.message_id).edit(
                view=await self._handled(report_id), attachments=[], allowed_mentions=_NOBODY
            )
        except UNREACHED as error:
            log.info("report.not_marked", report_id=report_id, error=str(error)[:200])

    async def look_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Show an open report, privately."""
        await self._check_moderator(interaction)
        message = interaction.message
        looking = message is not None and bool(message.attachments)
        if looking:
            await interaction.response.defer()  # turns the page in place
        else:
            await interaction.response.defer(ephemeral=True, thinking=True)
        await self._show_open(interaction, int(match["offset"]))

    async def _show_open(self, interaction: Interaction, offset: int) -> None:
        if interaction.guild_id is None:
            return
        found, total = await self._services.moderation.open_reports(interaction.guild_id, offset=offset)
        if not found and offset:
            offset = 0
            found, total = await self._services.moderation.open_reports(interaction.guild_id)
        if not found:
            await interaction.edit_original_response(view=no_reports_card(), attachments=[], allowed_mentions=_NOBODY)
            return
        (report,) = found
        view = await self._services.generations.view(report.request_id)
        files = await self._shown(view) if view is not None else []
        await interaction.edit_original_response(
            view=report_card(report, view, files, place=(offset + 1, total)),
            attachments=attach(view, files) if view is not None else [],
            allowed_mentions=_NOBODY,
        )
