"""What all modals are built from."""

from __future__ import annotations

from typing import Any

from discord import ui


class Form(ui.Modal):
    """A modal of ours. Only what it shows: what is filled in is answered by its custom id, also after a restart.

    Discord's limits: title 45 characters, five parts, a label's text 45 and its description 100, a text input's value
    4000 and its placeholder 100.
    """

    def __init__(self, title: str, custom_id: str, *parts: ui.Item[Any]) -> None:
        super().__init__(title=title, custom_id=custom_id, timeout=None)
        for part in parts:
            self.add_item(part)

    def is_finished(self) -> bool:
        """Tell discord.py not to keep this modal: `bot.presses.on_submit` answers it."""
        return True
