"""The card of the queue: one's own requests in work, and how busy it is. Nobody else's prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from discord import ui

from bot.generations.values import Load, Place, RequestView
from bot.ui import ids
from bot.ui.card import BANANA, SLATE, Card, button, fine, gap, lines, row
from bot.ui.fates import absent, at_work, grouped_fates, of_credits
from bot.ui.kin import headline, url_of
from bot.ui.progress import cancel_button, standing
from bot.ui.words import counted, grouped

SHOWN = 6
"""How many requests one card shows."""
_PROMPT_LIMIT = 100


def queue_card(
    mine: Sequence[RequestView], total: int, here: Load, everywhere: Load, *, max_running: int, guild: bool
) -> Card:
    """Return a person's newest requests in work (of ``total``), each with [Cancel], and the load.

    ``here`` is this server's, or without ``guild`` that of all personal use; at most ``max_running`` pictures are
    painted at a time.
    """
    if mine:
        head = f"**Your pictures in work** · {counted(total, 'request')}"
    else:
        head = "**None of your pictures is in work.**"
    more = total - len(mine)
    place = "In this server" if guild else "Outside of servers"
    return Card(
        BANANA if mine else SLATE,
        head,
        *(part for view in mine for part in (gap(), _entry(view))),
        fine(f"And {grouped(more)} more; /cancel lists them all.") if more > 0 else None,
        gap(line=True),
        lines(
            "**How busy it is**",
            f"{place}: {_load(here)}.",
            f"Altogether: {_load(everywhere)}; at most {grouped(max_running)} are painted at a time.",
        ),
        fine("Members and servers take turns, so a long queue of one holds up nobody else."),
        row(button("Refresh", ids.queue())),
    )


def _entry(view: RequestView) -> ui.Item[Any] | str:
    said = lines(
        f"**{headline(view, _PROMPT_LIMIT)}**",
        fine(*_standing(view)),
    )
    cancel = cancel_button(view)
    if cancel is None:
        return said
    cancel.label = "Cancel"  # what of it can still be taken back, the answer says
    return ui.Section(said, accessory=cancel)


def _standing(view: RequestView) -> list[str]:
    link = _link(view)
    if not at_work(view):  # late, or unknown: nobody waits for it, but its credits may still be on hold
        late = "much later than usual; it is delivered if it still comes"
        back = [of_credits(view, group) for group in grouped_fates(view)] if absent(view) else []
        return [" · ".join(part for part in (late, link) if part), *back[:1]]
    return [" · ".join(part for part in (standing(view), link) if part)]


def _link(view: RequestView) -> str | None:
    if view.private or view.message_id is None or view.place is Place.OUTSIDE:
        return None
    return f"[go to it]({url_of(view.place_guild_id, view.channel_id, view.message_id)})"


def _load(load: Load) -> str:
    if not (load.waiting or load.painting):
        return "nothing in work"
    waiting = grouped(load.waiting) if load.waiting else "none"
    return f"{counted(load.painting, 'picture')} being painted, {waiting} waiting"
