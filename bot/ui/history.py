"""The cards of a person's own pictures: the list, and one of them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import discord

from bot.generations.states import DeliveryState, PictureState
from bot.generations.values import HistoryPage, RequestView
from bot.ui import ids
from bot.ui.card import BANANA, EMBER, SLATE, TEXT_LIMIT, Card, button, fine, gap, lines, row, select
from bot.ui.fates import absent, at_work, came, fate_lines
from bot.ui.result import ShownFile, controls, gallery
from bot.ui.text import label, plain, units
from bot.ui.words import counted, day, duration, grouped, in_credits, references_named, request_line

PAGE_SIZE = 5
"""How many requests one page of the history shows."""

_PROMPT_LIMIT = 110
_WHOLE_PROMPT_LIMIT = 2400
_BOLD_LIMIT = 200
"""A longer text in bold is hard to read."""


def history_card(page: HistoryPage) -> Card:
    """Return one page of a person's requests (``page.page`` 1 is the first); those that wait stand first."""
    if not page.requests:
        return Card(SLATE, lines("**No pictures yet.**", "/imagine makes one."))
    requests = sorted(page.requests, key=lambda view: view.delivery is not DeliveryState.KEPT)
    turned = [
        button("Newer", ids.history(page.page - 1)) if page.page > 1 else None,
        button("Older", ids.history(page.page + 1)) if page.page < page.pages else None,
    ]
    which = f" · page {grouped(page.page)} of {grouped(page.pages)}" if page.pages > 1 else ""
    return Card(
        BANANA,
        f"**Your pictures**{which}",
        *(part for view in requests for part in (gap(), _entry(view))),
        gap(),
        select("Open …", ids.open_select(), [_option(view) for view in requests]),
        row(*turned),
    )


def picture_card(view: RequestView, files: Sequence[ShownFile]) -> Card:
    """Return one request for its owner alone: pictures, the whole prompt, what it was made of, [Post here]."""
    about = fine(
        request_line(view),
        references_named(view.references),
        f"{day(view.created_at_ms)} · {_cost(view)}{_took(view)}",
        " · ".join(part for part in (_link(view), f"ref {view.reference}") if part),
    )
    story = lines(*fate_lines(view), _still(view, files))
    room = min(TEXT_LIMIT - units(about) - units(story) - len("****"), _WHOLE_PROMPT_LIMIT)
    prompt = plain(view.prompt, room, lines=20)
    post = button("Post here", ids.again(view.id), style=discord.ButtonStyle.primary) if files else None
    return Card(
        BANANA if files else EMBER if absent(view) and not came(view) else SLATE,
        gallery(view, files),
        f"**{prompt}**" if units(prompt) <= _BOLD_LIMIT else prompt,
        story,
        about,
        *controls(view, more=[post]),
    )


def _still(view: RequestView, files: Sequence[ShownFile]) -> str | None:
    waiting = at_work(view)
    if waiting:
        return "In work." if len(waiting) == 1 else f"{counted(len(waiting), 'picture')} in work."
    if came(view) and not files:
        return "The picture is no longer kept." if len(came(view)) == 1 else "The pictures are no longer kept."
    return None


def _entry(view: RequestView) -> str:
    waits = "● " if view.delivery is DeliveryState.KEPT else ""
    return lines(
        f"{waits}**{plain(view.prompt, _PROMPT_LIMIT)}**",
        fine(" · ".join(part for part in (_state(view), day(view.created_at_ms), _cost(view), _link(view)) if part)),
    )


def _option(view: RequestView) -> discord.SelectOption:
    date = time.strftime("%Y-%m-%d", time.gmtime(view.created_at_ms / 1000))
    return discord.SelectOption(label=label(view.prompt, 100), value=view.id, description=f"{_state(view)} · {date}")


def _state(view: RequestView) -> str:
    made, total = len(came(view)), len(view.pictures)
    if at_work(view):
        return "in work" if not made else f"{made} of {total} pictures, more in work"
    kept = any(picture.path is not None for picture in came(view))
    if made:
        words = counted(made, "picture") if made == total else f"{made} of {total} pictures"
        if not kept:
            return f"{words}, no longer kept"
        return f"{words}, waiting for you" if view.delivery is DeliveryState.KEPT else words
    states = {picture.state for picture in absent(view)}
    if states == {PictureState.CANCELLED}:
        return "cancelled"
    if PictureState.OVERDUE in states:
        return "overdue"
    return "no picture" if total == 1 else "no pictures"


def _cost(view: RequestView) -> str:
    if view.charged_credits or not view.held_credits:
        cost = in_credits(view.charged_credits) if view.charged_credits else "nothing charged"
        return f"{cost}, {grouped(view.held_credits)} on hold" if view.held_credits else cost
    return f"{in_credits(view.held_credits)} on hold"


def _took(view: RequestView) -> str:
    finished_ms = [picture.finished_at_ms for picture in came(view) if picture.finished_at_ms is not None]
    return f" · {duration((max(finished_ms) - view.created_at_ms) / 1000)}" if finished_ms else ""


def _link(view: RequestView) -> str | None:
    if view.private or view.delivered_message_id is None or view.delivery is not DeliveryState.SHOWN:
        return None
    channel_id = view.delivered_channel_id or view.channel_id
    place = view.guild_id if view.guild_id is not None and channel_id == view.channel_id else "@me"
    return f"[go to the message](https://discord.com/channels/{place}/{channel_id}/{view.delivered_message_id})"
