"""What can be made of a result, as the buttons and the select under it, and as choices that come back from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import discord
from discord import ui

from bot.generations.states import DeliveryState
from bot.generations.values import MAX_PICTURES, PictureView, Place, RequestView
from bot.ui import ids
from bot.ui.card import SLATE, Card, button, row, select
from bot.ui.fates import came
from bot.ui.words import in_credits


class Action(StrEnum):
    """The words under which the rarer actions come back from a select; never changed once sent."""

    FULL = "full"
    LARGER = "larger"
    VARIATIONS = "variations"
    REFERENCE = "reference"
    TRAY = "tray"
    DETAILS = "details"
    MAKER = "maker"
    GALLERY = "gallery"
    REPORT = "report"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of "More": the action, for a larger picture its size, and the price that the option named."""

    action: Action
    size: str | None = None
    named_credits: int | None = None

    @property
    def value(self) -> str:
        """What stands for it in a select, or in a custom id: "larger.4K.8"."""
        parts = (self.action, self.size, self.named_credits)
        return ".".join(str(part) for part in parts if part is not None)

    @classmethod
    def of(cls, value: str) -> Self:
        """Read what ``value`` wrote; raises ValueError for anything else."""
        word, *rest = value.split(".")
        action = Action(word)
        size = rest.pop(0) if action is Action.LARGER and rest else None
        named = int(rest.pop(0)) if rest else None
        if rest or (action is Action.LARGER) != (size is not None):
            raise ValueError(value)
        return cls(action, size, named)


def controls(
    view: RequestView,
    *,
    more: Sequence[ui.Button[Any] | None] = (),
    position: int | None = None,
    deletable: bool | None = None,
) -> list[ui.Item[Any] | None]:
    """Return the rows under a result: [Again] [Edit] [Remix] and ``more`` buttons, then the select "More".

    ``position``: the card shows this one picture only. ``deletable``: whether Delete makes sense where the card
    stands; by default where the result stands in a message for all to see.
    """
    kept = _kept(view, position)
    can_ask = bool(view.prices)
    buttons = [
        button("Again", ids.redo(view.id)) if can_ask else None,
        button("Edit", ids.edit(view.id, position)) if can_ask and kept else None,
        button("Remix", ids.remix(view.id)) if can_ask else None,
    ]
    if deletable is None:
        deletable = not view.private and view.delivery is DeliveryState.SHOWN
    options = _options(view, kept, deletable=deletable)
    return [row(*buttons, *more), select("More", ids.more(view.id, position), options) if options else None]


def which_card(view: RequestView, choice: Choice, *, tray: bool = False) -> Card:
    """Return the question for which picture of several an action is meant; ``tray``: more than one may be chosen."""
    pictures = _kept(view, None)
    options = [
        discord.SelectOption(
            label=f"Picture {picture.position}", value=str(picture.position), description=dimensions(picture)
        )
        for picture in pictures
    ]
    custom_id = ids.full_select(view.id) if choice.action is Action.FULL else ids.pick(view.id, choice.value)
    asked: ui.Select[Any] = ui.Select(
        placeholder="Pictures …" if tray else "Picture …",
        custom_id=custom_id,
        options=options,
        max_values=len(options) if tray else 1,
    )
    return Card(SLATE, f"**{_which(choice)}**", ui.ActionRow(asked))


def dimensions(picture: PictureView) -> str | None:
    """Return "2752 × 1536 · 6.1 MiB", as far as it is known."""
    parts = []
    if picture.width and picture.height:
        parts.append(f"{picture.width} × {picture.height}")
    if picture.size_bytes:
        parts.append(f"{picture.size_bytes / 1024 / 1024:.1f} MiB")
    return " · ".join(parts) or None


def larger_sizes(view: RequestView) -> dict[str, int]:
    """Return the resolutions above a result's own that its model has, with the price of one picture."""
    sizes = list(view.prices)
    own = view.options.get("resolution")
    return {size: view.prices[size] for size in sizes[sizes.index(own) + 1 :]} if own in sizes else {}


def price_of(view: RequestView) -> int | None:
    """Return what one picture like these costs now; None while it can't be had."""
    return view.prices.get(view.options.get("resolution", ""))


def _which(choice: Choice) -> str:
    match choice.action:
        case Action.LARGER:
            cost = f" It costs {in_credits(choice.named_credits)}." if choice.named_credits is not None else ""
            return f"Which picture at {choice.size}?{cost}"
        case Action.TRAY:
            return "Which pictures go into your tray?"
        case Action.GALLERY:
            return "Which picture goes to the gallery?"
        case _:
            return "Which picture in full size?"


def _options(view: RequestView, kept: Sequence[PictureView], *, deletable: bool) -> list[discord.SelectOption]:
    found: list[discord.SelectOption] = []

    def offer(choice: Choice, words: str, about: str | None = None) -> None:
        found.append(discord.SelectOption(label=words, value=choice.value, description=about))

    one = price_of(view)
    if kept:
        offer(Choice(Action.FULL), "Full size", "The most that Discord lets me send you")
        for size, cost in larger_sizes(view).items():
            offer(Choice(Action.LARGER, size, cost), f"{size} · {in_credits(cost)}", "The same picture, painted larger")
    if one is not None:
        cost = MAX_PICTURES * one
        offer(Choice(Action.VARIATIONS, None, cost), f"Variations ×{MAX_PICTURES} · {in_credits(cost)}")
    if kept and one is not None:
        offer(Choice(Action.REFERENCE), "Use as reference", "For a new picture")
    if kept:
        offer(Choice(Action.TRAY), "Add to my tray", "Collect it for later")
    offer(Choice(Action.DETAILS), "Details", "Prompt, options, cost, times, and what came of it")
    if not view.private:
        offer(Choice(Action.MAKER), "Who made this")
    in_server = view.place is Place.SERVER and view.place_guild_id is not None and view.removed_by is None
    if kept and view.has_gallery and in_server:
        offer(Choice(Action.GALLERY), "Post to the gallery")
    if not view.private and in_server:
        offer(Choice(Action.REPORT), "Report to the moderators")
    if deletable:
        offer(Choice(Action.DELETE), "Delete", "I ask first")
    return found


def _kept(view: RequestView, position: int | None) -> list[PictureView]:
    return [
        picture
        for picture in came(view)
        if picture.path is not None and (position is None or picture.position == position)
    ]
