"""The cards of requests that brought no picture."""

from __future__ import annotations

from bot.generations.states import PictureState
from bot.generations.values import Cancelled, RequestView
from bot.ui import ids
from bot.ui.card import EMBER, SLATE, Card, button, fine, lines, row
from bot.ui.fates import absent, credits_back, fate_lines, grouped_fates, of_credits, what_happened
from bot.ui.text import plain
from bot.ui.words import NOTHING_CHARGED, counted, in_credits, request_line

_PROMPT_LIMIT = 200


def failure_card(view: RequestView) -> Card:
    """Return the card of a request that brought nothing: why, what became of the credits, a short reference."""
    groups = grouped_fates(view)
    states = {picture.state for picture in absent(view)}
    one = len(view.pictures) == 1
    if states == {PictureState.CANCELLED}:
        story = lines("**Cancelled.** Nothing had been sent.", _money(view))
    elif states == {PictureState.UNKNOWN}:
        what = "your picture was" if one else "your pictures were"
        story = lines(
            f"**I can't tell whether {what} made.** {'It is' if one else 'They are'} never sent twice.",
            of_credits(view, groups[0]),
        )
    elif len(groups) == 1:
        story = lines(f"{_headline(states, one=one)} {what_happened(view, groups[0])}", _money(view))
    else:
        story = lines(_headline(states, one=one), *fate_lines(view), _money(view))
    waits = states <= {PictureState.OVERDUE, PictureState.CANCELLED}
    return Card(
        SLATE if waits else EMBER,
        story,
        fine(plain(view.prompt, _PROMPT_LIMIT), f"{request_line(view)} · ref {view.reference}"),
    )


def cancelled_card(result: Cancelled) -> Card:
    """Return the reply to a cancel: what was taken back, and what is on its way and paid for."""
    freed, sent = result.freed_pictures, result.sent_pictures
    back = f"{in_credits(result.freed_credits)} {'is' if result.freed_credits == 1 else 'are'} back."
    if sent == 1:
        coming = f"1 picture is being painted and paid for ({in_credits(result.sent_credits)}); it will be posted."
    else:
        coming = (
            f"{counted(sent, 'picture')} are being painted and paid for ({in_credits(result.sent_credits)}); "
            "they will be posted."
        )
    if freed and sent:
        were = "was" if freed == 1 else "were"
        return Card(
            SLATE, lines(f"**Cancelled in part.** {counted(freed, 'picture')} {were} not sent yet: {back}", coming)
        )
    if freed:
        what = "It was" if freed == 1 else f"All {freed} pictures were"
        return Card(SLATE, lines("**Cancelled.**", f"{what} not sent yet: {back}"))
    if sent:
        return Card(SLATE, lines("**It is too late to cancel.**", coming))
    return Card(SLATE, "**There is nothing to cancel.** This request has ended already.")


def void_card() -> Card:
    """Return what is said of a request that was never acknowledged."""
    return Card(SLATE, lines("**I was interrupted before I could take this.**", f"{NOTHING_CHARGED} Please ask again."))


def error_card(reference: str) -> Card:
    """Return the card for an error of our own; ``reference`` is also in the log."""
    return Card(
        EMBER,
        lines(
            "**Something went wrong on my side.**",
            "No picture that was paid for is lost by it: what is made waits in /history. Please try again in a moment.",
        ),
        fine(f"ref {plain(reference, 40)}"),
    )


def notice_card(count: int) -> Card:
    """Return the notice that pictures wait which could not be brought to their owner."""
    one = count == 1
    waits = "A picture of yours waits" if one else f"{counted(count, 'picture')} of yours wait"
    it, kept = ("it", "It is") if one else ("them", "They are")
    return Card(
        SLATE,
        lines(f"**{waits} in /history.**", f"I could not post {it} where you asked for {it}. {kept} kept for 30 days."),
        row(button("Show my pictures", ids.history(1))),
    )


def _headline(states: set[PictureState], *, one: bool) -> str:
    so_far = "yet" if PictureState.OVERDUE in states else "this time"
    return f"**No picture {so_far}.**" if one else f"**No pictures {so_far}.**"


def _money(view: RequestView) -> str:
    groups = grouped_fates(view)
    if len(groups) == 1 and groups[0][0].state is PictureState.OVERDUE:
        return of_credits(view, groups[0])
    if view.held_credits:
        return f"Nothing was charged so far; {in_credits(view.held_credits)} of yours stay on hold."
    back = credits_back(view.pictures)
    if not back:
        return NOTHING_CHARGED
    return f"Nothing was charged; your {in_credits(back)} {'is' if back == 1 else 'are'} back."
