"""Words of small messages and buttons that offer the next step."""

from __future__ import annotations

from typing import Final, assert_never

from bot.generations.mending import Change
from bot.generations.values import RequestView
from bot.ui.text import label
from bot.ui.words import counted, in_credits

_SUBJECT_LIMIT: Final = 36


def ready_words(view: RequestView, *, mention: bool = False) -> str:
    """Return the completion ping; ``mention`` puts the person's name in front."""
    thing = "picture is" if len(view.pictures) == 1 else "pictures are"
    if mention:
        return f"<@{view.user_id}> your {thing} here."
    return f"Your private {thing} ready: look at my reply where you asked for it, or at /history."


def mend_words(change: Change, subject: str, *, count: int, cost_credits: int) -> str:
    """Return the label of a button that asks for a mended request: what is different, and what it costs."""
    return f"{_different(change, subject, count)} · {in_credits(cost_credits)}"


def paint_words(count: int, cost_credits: int) -> str:
    """Return the label of the button that agrees to a price."""
    return f"Paint {'it' if count == 1 else f'all {count}'} · {in_credits(cost_credits)}"


def _different(change: Change, subject: str, count: int) -> str:
    made = counted(count, "picture")
    match change:
        case Change.FEWER:
            return f"Make {made}"
        case Change.RESOLUTION:
            return f"Make {made} at {subject}"
        case Change.MODEL:
            return f"Make {made} with {label(subject, _SUBJECT_LIMIT)}"
        case Change.USUAL_OPTION:
            return f"Use the usual {subject.replace('_', ' ')}"
        case Change.FIRST_IMAGES:
            return f"Use the first {subject} images"
        case Change.WITHOUT_IMAGE:
            return f"Go without {label(subject, _SUBJECT_LIMIT)}"
        case Change.WITHOUT_IMAGES:
            return f"Go without those {subject} images"
        case Change.WITHOUT_PART:
            return f"Go without {subject}"
        case Change.PRIVATE:
            return "Show it only to me"
        case Change.PUBLIC:
            return "Show it to everyone"
        case Change.ELSEWHERE:
            return f"Make {made} in {label(subject, _SUBJECT_LIMIT)}"
        case Change.NOTHING:
            return "Try again"
    assert_never(change)
