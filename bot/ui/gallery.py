"""A picture as it stands in a server's gallery, and what is said of that."""

from __future__ import annotations

from collections.abc import Sequence

from bot.generations.states import DeliveryState
from bot.generations.values import RequestView
from bot.ui.actions import controls
from bot.ui.card import BANANA, SLATE, Card, fine, lines
from bot.ui.kin import headline, url_of
from bot.ui.result import ShownFile, gallery, take_down_row
from bot.ui.words import listed, request_line

_PROMPT_LIMIT = 350


def gallery_card(view: RequestView, files: Sequence[ShownFile]) -> Card:
    """Return one picture as it stands in the gallery, with credit to its maker.

    A private picture that its owner shows has no button but Delete: nobody else may make anything of it.
    """
    position = files[0].position if files else 1
    link = None
    if not view.private and view.delivered_message_id is not None and view.delivery is DeliveryState.SHOWN:
        channel_id = view.delivered_channel_id or view.channel_id
        link = f"[the original]({url_of(view.place_guild_id, channel_id, view.delivered_message_id)})"
    return Card(
        BANANA,
        gallery(view, files),
        f"**{headline(view, _PROMPT_LIMIT)}**",
        fine(" · ".join(part for part in (f"by <@{view.user_id}>", request_line(view), link) if part)),
        *([take_down_row(view)] if view.private else controls(view, position=position, deletable=True)),
    )


def exhibited_card(url: str, *, again: bool) -> Card:
    """Return where a picture stands in the gallery."""
    first = "**It stands in the gallery already.**" if again else "**It stands in the gallery now.**"
    return Card(SLATE if again else BANANA, lines(first, f"[Go there]({url})"))


def lacks_words(lacking: Sequence[str]) -> str:
    """Return what is wrong with a channel: "I lack Send Messages and Attach Files there"."""
    return "it is gone" if list(lacking) == ["gone"] else f"I lack {listed(list(lacking))} there"
