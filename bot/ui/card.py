"""What all cards are built from: one container with an accent, text, fine print and rows of buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

BANANA = 0xFFD43B
"""Something came, or all is well."""
SLATE = 0x64748B
"""At work, or nothing happened."""
EMBER = 0xE8553A
"""Something did not come, or was turned down."""

TEXT_LIMIT = 4000
"""Discord's limit for the text of a whole message."""


class Card(ui.LayoutView):
    """A message of ours. Only what it shows: its buttons are answered by their custom ids."""

    def __init__(self, accent: int, *parts: ui.Item[Any] | str | None) -> None:
        super().__init__(timeout=None)
        container: ui.Container[Card] = ui.Container(accent_colour=accent)
        for part in parts:
            if part:
                container.add_item(ui.TextDisplay(part) if isinstance(part, str) else part)
        self.add_item(container)

    def is_finished(self) -> bool:
        """Tell discord.py not to keep this view: dynamic items answer its buttons, after a restart too."""
        return True


def lines(*texts: str | None) -> str:
    """Join what there is, a line each."""
    return "\n".join(text for text in texts if text)


def fine(*texts: str | None) -> str:
    """Return fine print, a line each."""
    return "\n".join(f"-# {text}" for text in texts if text)


def bar(share: float, width: int = 10) -> str:
    """0.5 → "▰▰▰▰▰▱▱▱▱▱"; full only when ``share`` is 1 or more, empty only when it is 0."""
    filled = min(max(int(share * width), 1 if share > 0 else 0), width)
    return "▰" * filled + "▱" * (width - filled)


def sliding_bar(step: int, width: int = 10, block: int = 3) -> str:
    """Return a bar for work of unknown length: a block that moves on with each ``step``."""
    at = {(step + offset) % width for offset in range(block)}
    return "".join("▰" if index in at else "▱" for index in range(width))


def row(*buttons: ui.Item[Any] | None) -> ui.ActionRow[Any] | None:
    """Return a row of the buttons that there are, or None."""
    present = [button for button in buttons if button is not None]
    return ui.ActionRow(*present) if present else None


def apart(*parts: str) -> Sequence[ui.Item[Any] | str]:
    """Return texts with room between each two of them."""
    return [item for part in parts for item in (gap(), part)][1:]


def gap(*, line: bool = False) -> ui.Separator[Any]:
    """Return room between two parts of a card, with a thin line in it where they are of a different kind."""
    return ui.Separator(visible=line)


def signed(card: Card, user_id: int) -> Card:
    """Say below a card whom it is for, once, where nothing else does; nobody is notified by it."""
    line = fine(f"for <@{user_id}>")
    if not any(isinstance(item, ui.TextDisplay) and item.content == line for item in card.children):
        card.add_item(ui.TextDisplay(line))
    return card


def button(
    text: str, custom_id: str, *, style: discord.ButtonStyle = discord.ButtonStyle.secondary, disabled: bool = False
) -> ui.Button[Any]:
    """Return a button; its label is cut to Discord's 80 characters by whoever writes it."""
    return ui.Button(label=text, custom_id=custom_id, style=style, disabled=disabled)


def select(placeholder: str, custom_id: str, options: Sequence[discord.SelectOption]) -> ui.ActionRow[Any]:
    """Return a select in a row of its own."""
    return ui.ActionRow(ui.Select(placeholder=placeholder, custom_id=custom_id, options=list(options)))
