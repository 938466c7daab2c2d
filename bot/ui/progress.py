"""The card of a request at work."""

from __future__ import annotations

from typing import Any

from discord import ui

from bot.generations.states import UNSENT_STATES, PictureState, ReferenceState
from bot.generations.values import PictureView, RequestView
from bot.ui import ids
from bot.ui.card import SLATE, Card, bar, button, fine, lines, row, sliding_bar
from bot.ui.fates import absent, at_work, came
from bot.ui.text import plain
from bot.ui.words import duration, grouped, in_credits, relative, request_line, trouble_words

_PROMPT_LIMIT = 70
_ALMOST = 0.95
"""A bar of estimated time never looks finished."""
_STEP_S = 2
"""How often the bar without an estimate moves on; about as often as the card is edited."""


def progress_card(view: RequestView) -> Card:
    """Return the card of a request at work: where it stands, what it waits for, [Cancel] while that is possible."""
    headline, progress = _stage(view)
    return Card(
        SLATE,
        lines(headline, progress),
        _trouble(view),
        fine(
            plain(view.prompt, _PROMPT_LIMIT),
            f"{request_line(view)} · {_money(view)}",
            "This server's moderators see the prompts of private pictures." if view.log_shows_private else None,
        ),
        row(cancel_button(view)),
    )


def cancel_button(view: RequestView) -> ui.Button[Any] | None:
    """Return the button that cancels, or None when nothing is in work any more.

    What was sent already can't be taken back: whoever presses is told so, and may have it kept out of the channel.
    """
    unsent = sum(picture.state in UNSENT_STATES for picture in view.pictures)
    if not unsent and (came(view) or not at_work(view)):
        return None
    part = 0 < unsent < len(view.pictures)
    return button(
        f"Cancel the {'one' if unsent == 1 else unsent} not sent yet" if part else "Cancel", ids.cancel(view.id)
    )


def expectation(view: RequestView) -> str:
    """Return when the last picture of a request should come, by what such pictures took lately."""
    if view.expected_at_ms is not None:
        return f"expected {relative(view.expected_at_ms)}"
    if view.expected_s is None:
        return "I can't tell yet how long such a picture takes"
    return "any moment now; it takes longer than usual"


def standing(view: RequestView) -> str:
    """Return where a request at work stands and when it should come, for a card that is not kept up to date.

    "**Queued** · number 3 in line · expected in 2 minutes"; what it waits for comes instead of a time.
    """
    headline, _ = _stage(view)
    if headline.startswith("**Painting**"):
        done = f" · {len(came(view))} of {len(view.pictures)} done" if len(view.pictures) > 1 else ""
        headline = f"**Painting**{done}"
    if view.trouble is not None:
        return f"{headline} · {trouble_words(view.trouble)}"
    return headline if expectation(view) in headline else f"{headline} · {expectation(view)}"


def _stage(view: RequestView) -> tuple[str, str | None]:
    waiting = at_work(view)
    sent = [picture for picture in waiting if picture.state in {PictureState.SUBMITTING, PictureState.PAINTING}]
    if sent:
        return _painting(view, sent)
    if any(picture.state is PictureState.FETCHING for picture in waiting):
        return "**Fetching the picture**", bar(_ALMOST)
    unsent = [picture for picture in waiting if picture.state is PictureState.HELD]
    if not unsent:
        return "**Posting**", bar(1)
    arrived = sum(image.state in {ReferenceState.READY, ReferenceState.UPLOADED} for image in view.references)
    total = len(view.references)
    if arrived < total:
        return f"**Fetching references** · {arrived} of {total}", bar(arrived / total)
    if view.queue_position is not None:
        place = "next in line" if view.queue_position <= 1 else f"number {view.queue_position} in line"
        return f"**Queued** · {place} · {expectation(view)}", None
    uploaded = sum(image.state is ReferenceState.UPLOADED for image in view.references)
    if uploaded < total:
        return f"**Sending references** · {uploaded} of {total}", bar(uploaded / total)
    return "**Getting ready**", None


def _painting(view: RequestView, sent: list[PictureView]) -> tuple[str, str]:
    begun_ms = min((picture.submitted_at_ms or view.now_ms) for picture in sent)
    elapsed_s = max(view.now_ms - begun_ms, 0) / 1000
    total = len(view.pictures)
    ended = len(came(view)) + len(absent(view))
    share = min(elapsed_s / view.expected_s, _ALMOST) if view.expected_s else 0.0
    if total > 1:
        headline = f"**Painting** · {len(came(view))} of {total} done · {duration(elapsed_s)}"
        return headline, bar((ended + share * len(sent)) / total)
    if not view.expected_s:
        return f"**Painting** · {duration(elapsed_s)}", sliding_bar(int(elapsed_s // _STEP_S))
    if elapsed_s <= view.expected_s:
        return f"**Painting** · {duration(elapsed_s)} of about {duration(view.expected_s)}", bar(share)
    return f"**Painting** · {duration(elapsed_s)}, usually about {duration(view.expected_s)}", bar(share)


def _money(view: RequestView) -> str:
    parts = []
    if view.charged_credits:
        parts.append(f"{in_credits(view.charged_credits)} charged")
    if view.held_credits:
        parts.append(f"{in_credits(view.held_credits)} held")
    if not parts:
        parts.append("nothing charged")
    if view.balance is not None and view.balance.left_credits is not None:
        parts.append(f"{grouped(view.balance.left_credits)} left")
    return " · ".join(parts)


def _trouble(view: RequestView) -> str | None:
    if view.trouble is None:
        return None
    if view.charged_credits:
        money = (
            f"Nothing is lost. {in_credits(view.charged_credits)} were charged for what has come, the rest is on hold."
        )
    else:
        money = "Nothing is lost, and nothing has been charged so far."
    return f"{trouble_words(view.trouble)}\n{money}"
