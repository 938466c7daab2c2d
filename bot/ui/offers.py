"""Words of small messages and buttons that offer the next step."""

from __future__ import annotations

from bot.generations.values import RequestView
from bot.ui.words import counted, in_credits


def ready_words(view: RequestView, *, mention: bool = False) -> str:
    """Return the completion ping; ``mention`` puts the person's name in front."""
    thing = "picture is" if len(view.pictures) == 1 else "pictures are"
    if mention:
        return f"<@{view.user_id}> your {thing} here."
    return f"Your private {thing} ready: look at my reply where you asked for it, or at /history."


def mend_words(*, count: int, cost_credits: int | None, without: str | None) -> str:
    """Return the label of the button that sends a refused request again, mended."""
    if without is not None:
        return f"Use the usual {without.replace('_', ' ')}"
    made = f"Make {counted(count, 'picture')}"
    return f"{made} · {in_credits(cost_credits)}" if cost_credits is not None else made
