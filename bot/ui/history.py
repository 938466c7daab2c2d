"""The cards of a person's own pictures: the list, and one of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import app_commands, ui

from bot.generations.lineage import own_prompt
from bot.generations.previews import Preview
from bot.generations.states import DeliveryState, PictureState
from bot.generations.values import HistoryPage, RequestView
from bot.ui import ids
from bot.ui.actions import controls
from bot.ui.card import BANANA, EMBER, SLATE, TEXT_LIMIT, Card, button, fine, gap, lines, row, select
from bot.ui.fates import absent, at_work, came, fate_lines
from bot.ui.kin import headline, result_link
from bot.ui.progress import cancel_button
from bot.ui.result import ShownFile, gallery
from bot.ui.searched import Searched
from bot.ui.text import alt_text, label, plain, units
from bot.ui.words import counted, day, duration, grouped, in_credits, references_named, request_line

PAGE_SIZE = 5
"""How many requests one page of the history shows."""

_PROMPT_LIMIT = 110
_WHOLE_PROMPT_LIMIT = 2400
_BOLD_LIMIT = 200
"""A longer text in bold is hard to read."""
_CHOICE_LIMIT = 100
_WAITING = (
    "● waits for you: its message was deleted, or I could not post it where you asked. Open it to see or post it; "
    "it is kept until 30 days after I first told you."
)
_WHERE = "Every server has a list of its own, and so have your direct messages."
EVERYTHING = Searched()


def history_card(
    page: HistoryPage,
    previews: Mapping[str, Preview] | None = None,
    searched: Searched = EVERYTHING,
    labels: Mapping[str, str] | None = None,
) -> Card:
    """Return one page of a person's requests (``page.page`` 1 is the first) in their order.

    ``previews`` by request id are attached to the message; a request without one has nothing left to show. ``labels``
    are the models' names by their ids.
    """
    all_of_them = button("Show all", ids.history(1)) if searched else None
    looked_for = searched.words(labels or {})
    if not page.requests and searched:
        return Card(SLATE, lines("**None of your pictures here matches.**", f"Looked for: {looked_for}."),
                    row(all_of_them))  # fmt: skip
    if not page.requests:
        return Card(SLATE, lines("**No pictures yet.**", "/imagine makes one."), fine(_WHERE))
    waiting = any(_waits(view, previews) for view in page.requests)
    turned = [
        button("Newer", ids.history(page.page - 1, searched.code)) if page.page > 1 else None,
        button("Older", ids.history(page.page + 1, searched.code)) if page.page < page.pages else None,
    ]
    which = f" · page {grouped(page.page)} of {grouped(page.pages)}" if page.pages > 1 else ""
    return Card(
        BANANA,
        lines(f"**Your pictures**{which}", fine(f"Looked for: {looked_for}" if searched else None)),
        *(part for view in page.requests for part in (gap(), _entry(view, previews))),
        gap(),
        fine(_WAITING) if waiting else None,
        select("Open …", ids.open_select(), [_option(view, previews) for view in page.requests]),
        row(*turned, all_of_them),
    )


def request_choices(views: Sequence[RequestView]) -> list[app_commands.Choice[str]]:
    """Return requests for autocomplete: the prompt, how it stands and when it was; a value is the request's id."""
    found = []
    for view in views:
        about = f" · {_state(view)} · {_date(view)}"
        name = label(own_prompt(view), _CHOICE_LIMIT - units(about)) + about
        found.append(app_commands.Choice(name=name, value=view.id))
    return found


def picture_card(view: RequestView, files: Sequence[ShownFile], *, mine: bool = True) -> Card:
    """Return one request for one person: pictures, whole prompt, what it was made of; their own with [Post here]."""
    about = fine(
        request_line(view),
        references_named(view.references),
        f"{day(view.created_at_ms)} · {_cost(view)}{_took(view)}",
        " · ".join(part for part in (result_link(view), f"ref {view.reference}") if part),
    )
    story = lines(*fate_lines(view), _still(view, files))
    room = min(TEXT_LIMIT - units(about) - units(story) - len("****"), _WHOLE_PROMPT_LIMIT)
    prompt = plain(own_prompt(view), room, lines=20)
    removed = view.removed_by not in {None, view.user_id}  # by a moderator: its owner may keep it, not post it
    post = button("Post here", ids.again(view.id), style=discord.ButtonStyle.primary) if files and mine else None
    post = None if removed else post
    return Card(
        BANANA if files else EMBER if absent(view) and not came(view) else SLATE,
        gallery(view, files),
        f"**{prompt}**" if units(prompt) <= _BOLD_LIMIT else prompt,
        story,
        about,
        *controls(view, more=[post, cancel_button(view) if mine else None]),
    )


def _still(view: RequestView, files: Sequence[ShownFile]) -> str | None:
    waiting = at_work(view)
    if waiting:
        return "In work." if len(waiting) == 1 else f"{counted(len(waiting), 'picture')} in work."
    if came(view) and not files:
        return "The picture is no longer kept." if len(came(view)) == 1 else "The pictures are no longer kept."
    return None


def _entry(view: RequestView, previews: Mapping[str, Preview] | None) -> ui.Item[Any] | str:
    waits = "● " if _waits(view, previews) else ""
    said = lines(
        f"{waits}**{headline(view, _PROMPT_LIMIT)}**",
        fine(
            " · ".join(
                part
                for part in (_state(view, previews), day(view.created_at_ms), _cost(view), result_link(view))
                if part
            )
        ),
    )
    preview = (previews or {}).get(view.id)
    if preview is None or preview.path is None:
        return said
    return ui.Section(
        said, accessory=ui.Thumbnail(f"attachment://{preview.filename}", description=preview_text(view, preview))
    )


def preview_text(view: RequestView, preview: Preview) -> str:
    """Return the alt text of a small picture."""
    before = f"Picture {preview.position} of {len(view.pictures)}: " if len(view.pictures) > 1 else ""
    return alt_text(own_prompt(view), before=before)


def _option(view: RequestView, previews: Mapping[str, Preview] | None) -> discord.SelectOption:
    return discord.SelectOption(
        label=label(own_prompt(view), 100), value=view.id, description=f"{_state(view, previews)} · {_date(view)}"
    )


def _date(view: RequestView) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(view.created_at_ms / 1000))


def _state(view: RequestView, previews: Mapping[str, Preview] | None = None) -> str:
    made, total = len(came(view)), len(view.pictures)
    if at_work(view):
        return "in work" if not made else f"{made} of {total} pictures, more in work"
    if made:
        words = counted(made, "picture") if made == total else f"{made} of {total} pictures"
        if not _is_kept(view, previews):
            return f"{words}, no longer kept"
        return f"{words}, waiting for you" if _waits(view, previews) else words
    states = {picture.state for picture in absent(view)}
    if states == {PictureState.CANCELLED}:
        return "cancelled"
    if PictureState.OVERDUE in states:
        return "overdue"
    return "no picture" if total == 1 else "no pictures"


def _is_kept(view: RequestView, previews: Mapping[str, Preview] | None) -> bool:
    return any(picture.path is not None for picture in came(view)) and (previews is None or view.id in previews)


def _waits(view: RequestView, previews: Mapping[str, Preview] | None) -> bool:
    return view.delivery is DeliveryState.KEPT and _is_kept(view, previews)


def _cost(view: RequestView) -> str:
    if view.charged_credits or not view.held_credits:
        cost = in_credits(view.charged_credits) if view.charged_credits else "nothing charged"
        return f"{cost}, {grouped(view.held_credits)} on hold" if view.held_credits else cost
    return f"{in_credits(view.held_credits)} on hold"


def _took(view: RequestView) -> str:
    finished_ms = [picture.finished_at_ms for picture in came(view) if picture.finished_at_ms is not None]
    return f" · {duration((max(finished_ms) - view.created_at_ms) / 1000)}" if finished_ms else ""
