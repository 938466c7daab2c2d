"""What a server's admins see and set: the gallery, and where reports go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import ui

from bot.generations.repository import GuildRow
from bot.generations.states import DeliveryState
from bot.generations.values import RequestView
from bot.ui import ids
from bot.ui.actions import controls
from bot.ui.card import BANANA, SLATE, Card, button, fine, gap, lines, row
from bot.ui.kin import headline, url_of
from bot.ui.removal import open_words
from bot.ui.result import ShownFile, gallery, take_down_row
from bot.ui.text import plain
from bot.ui.words import listed, request_line

_PROMPT_LIMIT = 350
CHANNEL_TYPES = [discord.ChannelType.text, discord.ChannelType.news]


def server_card(
    settings: GuildRow, name: str, *, open_reports: int, lacking: Mapping[int, Sequence[str]], said: str | None = None
) -> Card:
    """Return how a server's settings stand, then what can be changed.

    ``lacking``: for each channel that is set, the permissions that the bot lacks there ("gone" as the only one: the
    channel is not there any more). ``said`` is what a change just came to.
    """
    gallery_id, reports_id = settings.gallery_channel_id, settings.reports_channel_id
    return Card(
        BANANA,
        lines(f"**{plain(name, 100)}**", said),
        lines(
            _line("Gallery", gallery_id, lacking, "none yet"),
            _line("Reports", reports_id, lacking, "no channel yet; they are kept here for you"),
            f"· {open_words(open_reports)}",
        ),
        row(button("Look at the reports", ids.open_reports(0)) if open_reports else None),
        gap(line=True),
        "The gallery: members post a picture there once, with credit to its maker.",
        _select("Choose the gallery …", ids.gallery_channel()),
        "Reports of pictures go to a channel that only moderators see.",
        _select("Choose where reports go …", ids.reports_channel()),
        row(
            button("No gallery", ids.no_gallery()) if gallery_id else None,
            button("No channel for reports", ids.no_reports_channel()) if reports_id else None,
        ),
    )


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


def _line(what: str, channel_id: int | None, lacking: Mapping[int, Sequence[str]], none: str) -> str:
    if channel_id is None:
        return f"· {what}: {none}"
    missing = lacking.get(channel_id)
    return f"· {what}: <#{channel_id}>{f', but {lacks_words(missing)}' if missing else ''}"


def _select(placeholder: str, custom_id: str) -> ui.ActionRow[Any]:
    # Nothing is pre-chosen: Discord would turn the card down for a channel that is gone.
    return ui.ActionRow(ui.ChannelSelect(placeholder=placeholder, custom_id=custom_id, channel_types=CHANNEL_TYPES))
