"""Deleting a result, posting a private one for all: asked once; and reports, as their maker and moderators see them."""

from __future__ import annotations

from collections.abc import Sequence

import discord

from bot.generations.repository import ReportRow, ReportState
from bot.generations.values import RequestView
from bot.ui import ids, moderation_ids
from bot.ui.card import EMBER, SLATE, TEXT_LIMIT, Card, button, fine, lines, row
from bot.ui.fates import at_work
from bot.ui.kin import headline, url_of
from bot.ui.result import ShownFile, gallery
from bot.ui.text import plain, units
from bot.ui.words import counted, relative, request_line, who

_PROMPT_LIMIT = 600
_REASON_LIMIT = 1000


# --- asked once ---


def delete_card(
    view: RequestView,
    *,
    by_owner: bool,
    in_gallery: bool = False,
    gallery_alone: bool = False,
    message_id: int | None,
) -> Card:
    """Return the question before a result's message is deleted; ``message_id`` is the one on which it began.

    ``gallery_alone``: only what stands in the gallery goes.
    """
    things = "picture" if len(view.pictures) == 1 else "pictures"
    it = "It" if len(view.pictures) == 1 else "They"
    if by_owner:
        stays = f"{it} {'stays' if it == 'It' else 'stay'} in your /history, and what was paid stays paid."
    else:
        them = "it" if it == "It" else "them"
        stays = f"Whoever made {them} keeps {them} in /history, and can't post {them} again."
    if gallery_alone:
        stays = (
            f"{it} {'goes' if it == 'It' else 'go'} from the gallery alone, and {'stays' if it == 'It' else 'stay'} "
        )
        stays += "in the channel of the original."
    elif in_gallery:
        stays = f"{it} {'goes' if it == 'It' else 'go'} from the gallery as well. {stays}"
    coming = "What is still being painted is paid for, and goes to /history." if at_work(view) else None
    return Card(
        EMBER,
        lines(f"**Delete the message with {'this' if it == 'It' else 'these'} {things}?**", stays, coming),
        row(
            button(f"Delete {things}", ids.delete(view.id, message_id), style=discord.ButtonStyle.danger),
            button("Keep it" if it == "It" else "Keep them", ids.keep()),
        ),
    )


def take_down_card(view: RequestView, *, by_owner: bool, can_post_again: bool, message_id: int) -> Card:
    """Return the question before one message with a picture is deleted that others may only look at."""
    one = len(view.pictures) == 1
    things, it, they = ("picture", "this", "It stays") if one else ("pictures", "these", "They stay")
    if by_owner:
        stays = f"{they} in your /history, where you can post {'it' if one else 'them'} again."
    else:
        stays = f"Whoever made {'it' if one else 'them'} keeps {'it' if one else 'them'} in /history"
        stays += "." if can_post_again else f", and can't post {'it' if one else 'them'} again."
    return Card(
        EMBER,
        lines(f"**Delete the message with {it} {things}?**", stays),
        row(
            button(f"Delete {things}", ids.take_down(view.id, message_id), style=discord.ButtonStyle.danger),
            button("Keep it" if one else "Keep them", ids.keep()),
        ),
    )


def deleted_card(view: RequestView, *, by_owner: bool, deleted: int, left: int) -> Card:
    """Return what became of it: how many messages are ``deleted``, and how many I could not reach."""
    if left:
        done = "I could not delete the message: I don't reach it there. Delete it in Discord; nobody can post it again."
        first = "**Its buttons are switched off.**"
        if by_owner:
            done = "I could not delete the message here. Choose Delete under the picture once more, or dismiss it."
            first = "**The message still stands.**"
        first = "**Taken back in part.**" if deleted else first
        return Card(SLATE, lines(first, done))
    where = "your /history" if by_owner else "its maker's /history"
    gone = "The message is gone" if deleted else "There was no message left to delete"
    return Card(SLATE, lines("**Deleted.**", f"{gone}; what was made stays in {where}."), fine(f"ref {view.reference}"))


def kept_card() -> Card:
    """Return what is said when nothing is changed after all."""
    return Card(SLATE, "**All stays as it is.**")


def publish_card(channel_id: int, custom_id: str, *, several: bool = False) -> Card:
    """Return the question before a private result is shown to everyone in a channel; ``custom_id`` agrees."""
    it = "them" if several else "it"
    return Card(
        EMBER,
        lines(
            f"**Show {'these private pictures' if several else 'this private picture'} to everyone in "
            f"<#{channel_id}>?**",
            f"They see the {'pictures, their' if several else 'picture, its'} prompt and your name; "
            "there are no buttons to go on from there.",
        ),
        row(
            button(f"Show {it} to everyone", custom_id, style=discord.ButtonStyle.primary),
            button(f"Keep {it} private", ids.keep()),
        ),
    )


def published_card(*, several: bool = False) -> Card:
    """Return what is said when a private result was posted."""
    return Card(SLATE, f"**Everyone here can see {'them' if several else 'it'} now.**")


# --- reports ---


def reported_card(*, sent: bool, has_channel: bool, repeated: bool) -> Card:
    """Return what a person is told who reported a picture."""
    if repeated and sent:
        return Card(SLATE, lines("**You have reported this already.**", "The moderators have it."))
    if sent:
        return Card(SLATE, lines("**Reported.**", "The moderators of this server have it now, with your name."))
    first = "**You have reported this already.**" if repeated else "**Reported.**"
    why = (
        "I could not post it in the moderators' channel"
        if has_channel
        else "This server has not said yet where its reports go"
    )
    return Card(
        SLATE,
        lines(
            first,
            f"{why}, so nobody was told. It is kept for whoever manages the server, who finds it under /settings. "
            "If it is urgent, write to a moderator.",
        ),
    )


def report_card(
    report: ReportRow, view: RequestView | None, files: Sequence[ShownFile], *, place: tuple[int, int] | None = None
) -> Card:
    """Return a report as moderators see it: what is reported, by whom, why; [Delete picture] and [Dismiss].

    ``files`` are attached, and hidden until somebody looks. ``place``: number and count, for looking through them.
    """
    which = f" · {place[0]} of {place[1]}" if place is not None else ""
    about = fine(
        f"reported by {who(report.reporter_id)} {relative(report.created_at_ms)}",
        f"made by {who(view.user_id)} · {request_line(view)} · ref {view.reference}" if view is not None else None,
        _link(view) if view is not None else None,
        _handled(report),
    )
    reason = plain(report.reason, _REASON_LIMIT, lines=8)
    room = min(TEXT_LIMIT - units(about) - units(reason) - 100, _PROMPT_LIMIT)
    shown = gallery(view, files) if view is not None else None
    for item in shown.items if shown is not None else ():
        item.spoiler = True
    is_open = report.state is ReportState.OPEN
    return Card(
        EMBER if is_open else SLATE,
        lines(f"**{'Reported' if is_open else 'Handled'}**{which}{f': {reason}' if report.reason else ''}"),
        shown,
        headline(view, room) if view is not None and not view.forgotten else None,
        about,
        row(
            button("Delete picture", moderation_ids.report_delete(report.id), style=discord.ButtonStyle.danger),
            button("Dismiss", moderation_ids.report_dismiss(report.id)),
            button("Ban its maker", moderation_ids.report_ban(report.id)) if view is not None else None,
            button("Next", moderation_ids.open_reports(place[0]))
            if place is not None and place[0] < place[1]
            else None,
        )
        if is_open
        else row(button("Next", moderation_ids.open_reports(0)))
        if place is not None
        else None,
    )


def _handled(report: ReportRow) -> str | None:
    if report.state is ReportState.OPEN or report.handled_at_ms is None:
        return None
    what = "deleted" if report.state is ReportState.DELETED else "dismissed"
    return f"{what} by {who(report.handled_by or 0)} {relative(report.handled_at_ms)}"


def _link(view: RequestView) -> str | None:
    if view.delivered_message_id is None or view.removed_by is not None:
        return None
    url = url_of(view.place_guild_id, view.delivered_channel_id or view.channel_id, view.delivered_message_id)
    return f"[go to the message]({url})"


def no_reports_card() -> Card:
    """Return what is said when no report is open."""
    return Card(SLATE, "**No reports are open.**")


def open_words(count: int) -> str:
    """Return how many reports wait: "2 reports are open"."""
    return f"{counted(count, 'report')} {'is' if count == 1 else 'are'} open" if count else "no reports are open"
