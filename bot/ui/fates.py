"""What became of the pictures of a request that did not come, and of their credits."""

from __future__ import annotations

from collections.abc import Iterable

from bot.generations.states import DeliveryState, FailureCode, PictureState
from bot.generations.values import PictureView, RequestView
from bot.ui.words import NOTHING_CHARGED, failure_words, in_credits, listed, relative

ABSENT = frozenset(
    {PictureState.FAILED, PictureState.CANCELLED, PictureState.LOST, PictureState.UNKNOWN, PictureState.OVERDUE}
)
_NOT_OBTAINED = frozenset({FailureCode.RESULT_GONE, FailureCode.RESULT_TOO_LARGE, FailureCode.DAMAGED_RESULT})
AT_WORK = frozenset({PictureState.HELD, PictureState.SUBMITTING, PictureState.PAINTING, PictureState.FETCHING})


def came(view: RequestView) -> list[PictureView]:
    """Return the pictures that were made and obtained, in order."""
    return [picture for picture in _in_order(view) if picture.state is PictureState.FETCHED]


def at_work(view: RequestView) -> list[PictureView]:
    """Return the pictures that a person is still waiting for."""
    return [picture for picture in _in_order(view) if picture.state in AT_WORK]


def absent(view: RequestView) -> list[PictureView]:
    """Return the pictures that did not come, or not yet and not soon."""
    return [picture for picture in _in_order(view) if picture.state in ABSENT]


def fate_lines(view: RequestView) -> list[str]:
    """Return a line for each thing that happened to pictures that did not come, credits included."""
    if len(view.pictures) == 1:
        return [f"{what_happened(view, group)} {of_credits(view, group)}" for group in grouped_fates(view)]
    return [
        f"**{_numbered(group)}** · {what_happened(view, group)} {of_credits(view, group)}"
        for group in grouped_fates(view)
    ]


def grouped_fates(view: RequestView) -> list[list[PictureView]]:
    """Return the pictures that did not come, those with the same story together."""
    groups: dict[str, list[PictureView]] = {}
    for picture in absent(view):
        story = what_happened(view, [picture])
        groups.setdefault(f"{picture.state} {story}", []).append(picture)
    return list(groups.values())


def what_happened(view: RequestView, group: list[PictureView]) -> str:
    """Return what happened to pictures with one story; says nothing of credits."""
    one = len(group) == 1
    match group[0].state:
        case PictureState.UNKNOWN:
            return (
                f"It is not known whether {'the picture was' if one else 'these pictures were'} made. "
                f"{'It is' if one else 'They are'} never sent twice."
            )
        case PictureState.OVERDUE:
            late = "takes" if one else "take"
            it, comes = ("it", "comes") if one else ("they", "come")
            if view.delivery is DeliveryState.KEPT:
                where = f"{it} will be in /history"
            elif view.private:
                where = f"{it} {comes} to you by direct message or in /history"
            else:
                where = f"{it} will be posted here"
            return f"{'It' if one else 'They'} {late} much longer than usual; {where} if still made."
        case PictureState.LOST if not one and group[0].failure_code in _NOT_OBTAINED:
            return "They were made, but could not be obtained."
        case _:
            return failure_words(group[0])


def of_credits(view: RequestView, group: list[PictureView]) -> str:
    """Return what became of the credits of pictures with one story."""
    held = sum(picture.price_credits for picture in group)
    if not held:
        return NOTHING_CHARGED
    amount = in_credits(held)
    stays, comes, are = ("stays", "comes", "is") if held == 1 else ("stay", "come", "are")
    match group[0].state:
        case PictureState.UNKNOWN:
            return f"The {amount} {stays} on hold and {comes} back {_end(group)}."
        case PictureState.OVERDUE if all(picture.charged_credits == 0 for picture in group):
            return f"{amount} {are} back; if it still comes, it is free."
        case PictureState.OVERDUE:
            return f"The {amount} {stays} on hold, and {comes} back {_end(group)} if nothing has come by then."
        case PictureState.LOST:
            return f"You pay nothing; {amount} {are} back."
        case _:
            return f"{amount} {are} back."


def credits_back(pictures: Iterable[PictureView]) -> int:
    """Sum the holds that were given back."""
    given_back = {PictureState.FAILED, PictureState.CANCELLED, PictureState.LOST}
    return sum(picture.price_credits for picture in pictures if picture.state in given_back)


def _end(group: list[PictureView]) -> str:
    ends_ms = [picture.hold_ends_at_ms for picture in group if picture.hold_ends_at_ms is not None]
    return relative(max(ends_ms)) if ends_ms else "within a day"


def _numbered(group: list[PictureView]) -> str:
    numbers = [str(picture.position) for picture in group]
    return f"Picture{'s' if len(numbers) > 1 else ''} {listed(numbers)}"


def _in_order(view: RequestView) -> list[PictureView]:
    return sorted(view.pictures, key=lambda picture: picture.position)
