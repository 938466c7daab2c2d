"""The cards of requests that brought no picture."""

from __future__ import annotations

from collections.abc import Sequence

from bot.generations.lineage import references_refused
from bot.generations.mending import Change
from bot.generations.states import DeliveryState, PictureState
from bot.generations.values import Cancelled, RequestView
from bot.ui import ids
from bot.ui.actions import price_of
from bot.ui.card import EMBER, SLATE, Card, button, fine, lines, row
from bot.ui.fates import absent, came, credits_back, fate_lines, grouped_fates, of_credits, what_happened
from bot.ui.offers import mend_words
from bot.ui.text import plain
from bot.ui.words import NOTHING_CHARGED, counted, in_credits, request_line

_PROMPT_LIMIT = 200
_OVER = frozenset({PictureState.FAILED, PictureState.CANCELLED, PictureState.LOST})
"""Nothing of it can still come: asking again can't bring the same picture twice."""
_FAILED_PROMPT_LIMIT = 60
_FAILED_TOLD = 3


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
        lines(fine(plain(view.prompt, _PROMPT_LIMIT)), failure_mark(view)),
        row(
            button("Change the prompt", ids.remix(view.id)),
            button(_again_words(view), ids.redo(view.id)),
        )
        if view.prices and states <= _OVER
        else None,
    )


def _again_words(view: RequestView) -> str:
    refused, price = references_refused(view), price_of(view)
    if not refused or price is None:
        return "Try again"
    one = len(refused) == 1
    return mend_words(
        Change.WITHOUT_IMAGE if one else Change.WITHOUT_IMAGES,
        refused[0].filename if one else str(len(refused)),
        count=len(view.pictures),
        cost_credits=price * len(view.pictures),
    )


def failure_mark(view: RequestView) -> str:
    """Return the line that stands on the card of this request's failure, and on no other card."""
    return fine(f"{request_line(view)} · ref {view.reference}")


def cancelled_card(result: Cancelled, view: RequestView | None = None, *, mine: bool = True) -> Card:
    """Return the reply to a cancel: what was taken back, and what is on its way and charged for by the image service.

    Where ``view``'s result does not stand in its channel yet, it can be kept out of it. ``mine``: the person who
    cancelled it asked for it.
    """
    freed, sent = result.freed_pictures, result.sent_pictures
    back = f"{in_credits(result.freed_credits)} {'is' if result.freed_credits == 1 else 'are'} back."
    coming = lines(*_on_its_way(sent, result.sent_credits, view, mine=mine))
    keep_out = None
    if sent and view is not None and not view.private and view.delivery is DeliveryState.WAITING and not came(view):
        keep_out = row(button("Don't post it" if sent == 1 else "Don't post them", ids.delete(view.id)))
    if freed and sent:
        were = "was" if freed == 1 else "were"
        said = lines(f"**Cancelled in part.** {counted(freed, 'picture')} {were} not sent yet: {back}", coming)
        return Card(SLATE, said, keep_out)
    if freed:
        what = "It was" if freed == 1 else f"All {freed} pictures were"
        return Card(SLATE, lines("**Cancelled.**", f"{what} not sent yet: {back}"))
    if sent:
        return Card(SLATE, lines("**It is too late to take this back.**", coming), keep_out)
    return Card(SLATE, "**There is nothing to cancel.** This request has ended already.")


def _on_its_way(sent: int, sent_credits: int, view: RequestView | None, *, mine: bool) -> list[str]:
    """Say what becomes of pictures that were sent, and that they cost what they cost."""
    it, is_, comes = ("it", "is", "comes") if sent == 1 else ("they", "are", "come")
    charged = (
        f"{counted(sent, 'picture')} {is_} with the image service, which charges for {'it' if sent == 1 else 'them'}: "
        f"{in_credits(sent_credits)}, unless {it} {'fails' if sent == 1 else 'fail'}."
    )
    history = "your /history" if mine else "its maker's /history" if sent == 1 else "their maker's /history"
    private = view is not None and view.private
    where = f"{comes} to {'you' if mine else 'its maker'} alone" if private else f"{is_} posted when done"
    return [charged, f"{it.capitalize()} {where}, and {'stays' if sent == 1 else 'stay'} in {history}."]


def void_card() -> Card:
    """Return what is said of a request that was never acknowledged."""
    return Card(SLATE, lines("**I was interrupted before I could take this.**", f"{NOTHING_CHARGED} Please ask again."))


def error_card(reference: str, *, nothing_charged: bool = False) -> Card:
    """Return the card for an error of our own; ``reference`` is also in the log.

    ``nothing_charged``: it is sure that a request came to nothing by it.
    """
    if nothing_charged:
        rest = f"{NOTHING_CHARGED} Please ask again in a moment."
    else:
        rest = (
            "No picture that was paid for is lost by it: what is made waits in /history. Please try again in a moment."
        )
    return Card(EMBER, lines("**Something went wrong on my side.**", rest), fine(f"ref {plain(reference, 40)}"))


def unheard_card(*, nothing_charged: bool = False) -> Card:
    """Return the card for an answer that Discord did not take, where a later one arrives after all."""
    look = "Please look whether it was done before you try again."
    rest = f"{NOTHING_CHARGED} Please try again." if nothing_charged else look
    return Card(SLATE, lines("**My answer did not get through to Discord.**", rest))


def unwritten_card() -> Card:
    """Return what is said when the database takes nothing, of something that asked for no picture."""
    return Card(EMBER, lines("**I can't write anything down at the moment.**",
                             "Nothing was changed by this. Please try again later."))  # fmt: skip


def notice_card(waiting: int, failed: Sequence[RequestView] = ()) -> Card:
    """Return the notice of what could not be brought to its owner: ``waiting`` pictures, and requests that failed."""
    return Card(
        SLATE,
        _waiting_words(waiting) if waiting else None,
        _failed_words(failed) if failed else None,
        row(button("Show my pictures" if waiting else "Show my history", ids.history(1))),
    )


def _waiting_words(count: int) -> str:
    one = count == 1
    waits = "A picture of yours waits" if one else f"{counted(count, 'picture')} of yours wait"
    it, kept = ("it", "It is") if one else ("them", "They are")
    return lines(
        f"**{waits} in /history.**",
        f"I could not post {it} where you asked for {it}, or the message was deleted there. {kept} kept for 30 days.",
    )


def _failed_words(failed: Sequence[RequestView]) -> str:
    one = len(failed) == 1
    title = "A request of yours brought no picture" if one else f"{len(failed)} requests of yours brought no picture"
    stories = [f"“{plain(view.prompt, _FAILED_PROMPT_LIMIT)}” · {_story(view)}" for view in failed[:_FAILED_TOLD]]
    more = len(failed) - _FAILED_TOLD
    return lines(
        f"**{title}, and I could not tell you where you asked.**",
        *stories,
        f"{counted(more, 'more is', 'more are')} in /history." if more > 0 else None,
    )


def _story(view: RequestView) -> str:
    return " ".join([*(what_happened(view, group) for group in grouped_fates(view)), _money(view)])


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
