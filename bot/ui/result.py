"""The card of a request whose pictures came, or some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import discord
from discord import ui

from bot.generations.lineage import own_prompt
from bot.generations.settling import WRITE_OFF_AFTER_S
from bot.generations.states import PictureState
from bot.generations.values import PictureView, RequestView
from bot.ui import ids
from bot.ui.actions import controls, dimensions
from bot.ui.card import BANANA, Card, button, fine, lines, row
from bot.ui.fates import absent, at_work, came, fate_lines
from bot.ui.kin import from_parent, headline
from bot.ui.progress import cancel_button
from bot.ui.text import alt_text
from bot.ui.words import counted, duration, grouped, in_credits, listed, references_named, relative, request_line

_PROMPT_LIMIT = 350


class ShownFile(Protocol):
    """A file that is attached to the message: which picture it is, and whether it was made smaller."""

    @property
    def position(self) -> int:
        """The picture's number; 1 is the first."""
        ...

    @property
    def filename(self) -> str:
        """The attachment's name."""
        ...

    @property
    def fitted(self) -> bool:
        """Tell whether it differs from the original."""
        ...


def result_card(view: RequestView, files: Sequence[ShownFile]) -> Card:
    """Return the card of a request with pictures: they, the prompt, what became of the others, what it cost.

    ``files`` are attached to the message under their names; each needs ``alt_text`` as its description as well.
    """
    fates = fate_lines(view)
    return Card(
        BANANA,
        gallery(view, files),
        f"**{headline(view, _PROMPT_LIMIT)}**",
        lines(_tally(view) if fates or at_work(view) else None, *fates, _still_coming(view)),
        fine(
            " · ".join(part for part in (request_line(view), from_parent(view)) if part),
            references_named(view.references),
            money_line(view),
            _fitted(view, files),
        ),
        *controls(view, more=[cancel_button(view)], deletable=True),
    )


def look_card(view: RequestView, files: Sequence[ShownFile]) -> Card:
    """Return pictures that their owner shows where nobody else may go on from them: to look at, and to delete."""
    return Card(
        BANANA,
        gallery(view, files),
        f"**{headline(view, _PROMPT_LIMIT)}**",
        fine(f"by <@{view.user_id}> · {request_line(view)}", _fitted(view, files, more=False)),
        take_down_row(view),
    )


def take_down_row(view: RequestView) -> ui.ActionRow[Any] | None:
    """Return the one button of what others may only look at."""
    return row(button("Delete", ids.take_down(view.id)))


def full_card(view: RequestView, files: Sequence[ShownFile]) -> Card:
    """Return pictures alone, as large as they can be sent, for one person."""
    shown = {file.position for file in files}
    pictures = [picture for picture in came(view) if picture.position in shown]
    smaller = "Made smaller to fit Discord's upload limit." if any(file.fitted for file in files) else None
    return Card(
        BANANA,
        gallery(view, files),
        f"**{headline(view, _PROMPT_LIMIT)}**",
        fine(*(dimensions(picture) for picture in pictures), smaller),
    )


def gallery(view: RequestView, files: Sequence[ShownFile]) -> ui.MediaGallery[Any] | None:
    """Return the pictures as a gallery of attachments, or None without any."""
    if not files:
        return None
    return ui.MediaGallery(
        *(
            discord.MediaGalleryItem(f"attachment://{file.filename}", description=description(view, file.position))
            for file in files
        )
    )


def description(view: RequestView, position: int) -> str:
    """Return the alt text of one picture of a request (≤1024 characters)."""
    total = len(view.pictures)
    return alt_text(own_prompt(view), before=f"Picture {position} of {total}: " if total > 1 else "")


def money_line(view: RequestView) -> str:
    """Return what it cost, what is left and how long it took: "8 credits · 92 left, new ones in 12 days · 14 s"."""
    pictures = came(view)
    cost = in_credits(view.charged_credits)
    promised = sum(picture.price_credits for picture in pictures)
    if pictures and not view.charged_credits:
        late = "came late and " if all(_came_late(picture) for picture in pictures) else ""
        cost = f"no credits: it {late}is free" if len(pictures) == 1 else f"no credits: they {late}are free"
    elif view.charged_credits < promised:
        cost = f"{cost} instead of {grouped(promised)}"
    parts = [cost]
    if view.held_credits:
        parts.append(f"{grouped(view.held_credits)} on hold")
    balance = view.balance
    if balance is not None and balance.left_credits is not None:
        parts.append(f"{grouped(balance.left_credits)} left, new ones {relative(balance.renewed_at_ms)}")
    finished_ms = [picture.finished_at_ms for picture in pictures if picture.finished_at_ms is not None]
    if finished_ms:
        parts.append(duration((max(finished_ms) - view.created_at_ms) / 1000))
    return " · ".join(parts)


def _came_late(picture: PictureView) -> bool:
    """Tell whether it came after its credits were given back."""
    if picture.submitted_at_ms is None or picture.finished_at_ms is None:
        return False
    return picture.finished_at_ms - picture.submitted_at_ms > WRITE_OFF_AFTER_S * 1000


def _tally(view: RequestView) -> str:
    total = len(view.pictures)
    return (
        f"{len(came(view))} of {total} pictures came."
        if absent(view)
        else f"{len(came(view))} of {total} pictures so far."
    )


def _still_coming(view: RequestView) -> str | None:
    waiting = at_work(view)
    if not waiting:
        return None
    one = len(waiting) == 1
    sent = any(picture.state is not PictureState.HELD for picture in waiting)
    doing = "being painted" if sent else "waiting to be painted"
    where = "comes here or to /history" if one and view.private else "come here or to /history" if view.private else ""
    where = where or ("is added here" if one else "are added here")
    return f"{counted(len(waiting), 'more picture')} {'is' if one else 'are'} {doing} and {where}."


def _fitted(view: RequestView, files: Sequence[ShownFile], *, more: bool = True) -> str | None:
    """Say which pictures were made smaller, and with ``more`` how to get them larger."""
    smaller = [file.position for file in files if file.fitted]
    if not smaller:
        return None
    kept = {picture.position for picture in came(view) if picture.path is not None}
    # What a person may be sent depends on their own limit, so the original itself can't be promised.
    full = "Full size, under More, gives the most that Discord lets me send you" if kept.issuperset(smaller) else None
    which = ""
    if len(smaller) < len(files):
        which = f": picture{'s' if len(smaller) > 1 else ''} {listed([str(position) for position in smaller])}"
    said = f"Made smaller to fit Discord's upload limit{which}"
    if not more:
        return f"{said}."
    return f"{said}. {full}." if full else f"{said}; what was larger is no longer kept."
