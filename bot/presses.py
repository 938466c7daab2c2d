"""Buttons, selects and modals that work after any restart: recognised by their custom id, not by what is in memory."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import discord

from bot.client import BotClient, Interaction, guarded
from bot.generations.values import Attachment

KEPT_PRESSES = 1000

Press = Callable[[Interaction, re.Match[str]], Awaitable[None]]
Choice = Callable[[Interaction, re.Match[str], list[str]], Awaitable[None]]


class Submitted:
    """What was filled into a modal, by the custom ids of its parts."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._values = {part["custom_id"]: _given(part) for part in _parts(data.get("components", ()))}
        self._attachments: Mapping[str, Any] = (data.get("resolved") or {}).get("attachments") or {}

    def text(self, custom_id: str) -> str:
        """Return what was typed; "" when nothing was."""
        return "".join(self.values(custom_id))

    def values(self, custom_id: str) -> tuple[str, ...]:
        """Return what was chosen; of a checkbox "true" or "false"."""
        return self._values.get(custom_id, ())

    def choice(self, custom_id: str) -> str | None:
        """Return the first thing that was chosen, None when nothing was."""
        return next(iter(self.values(custom_id)), None)

    def images(self, custom_id: str) -> tuple[Attachment, ...]:
        """Return the uploaded files in their order, of whatever kind they are."""
        found = [self._attachments.get(file_id) for file_id in self.values(custom_id)]
        return tuple(
            Attachment(
                url=file["url"],
                filename=file["filename"],
                size_bytes=file["size"],
                content_type=file.get("content_type"),
            )
            for file in found
            if file
        )


Submit = Callable[[Interaction, re.Match[str], Submitted], Awaitable[None]]


class Once:
    """Lets a button of a message work once: a double click is one press. What failed may be pressed again."""

    def __init__(self) -> None:
        self._pressed: OrderedDict[tuple[int, str], None] = OrderedDict()

    @contextmanager
    def pressing(self, interaction: Interaction) -> Iterator[bool]:
        """Give False when this button of this message is being worked on, or has worked already."""
        data: Mapping[str, Any] = interaction.data or {}
        button = (interaction.message.id if interaction.message else 0, str(data.get("custom_id", "")))
        if button in self._pressed:
            yield False
            return
        self._pressed[button] = None
        while len(self._pressed) > KEPT_PRESSES:
            self._pressed.popitem(last=False)
        try:
            yield True
        except BaseException:
            self._pressed.pop(button, None)
            raise


def on_press(client: BotClient, template: re.Pattern[str], work: Press) -> None:
    """Run ``work`` when a button whose custom id matches ``template`` is pressed, on whatever message it stands."""

    async def pressed(interaction: Interaction, match: re.Match[str], _values: list[str]) -> None:
        await work(interaction, match)

    client.add_dynamic_items(_dynamic(template, pressed))


def on_choice(client: BotClient, template: re.Pattern[str], work: Choice) -> None:
    """Run ``work`` with the chosen values when a select whose custom id matches ``template`` is used."""
    client.add_dynamic_items(_dynamic(template, work))


def on_submit(client: BotClient, template: re.Pattern[str], work: Submit) -> None:
    """Run ``work`` with what was filled in when a modal whose custom id matches ``template`` is sent.

    discord.py knows the modals that it opened since its start; a modal may stay open for longer than that.
    """

    async def submitted(interaction: Interaction) -> None:
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        data: Mapping[str, Any] = interaction.data or {}
        match = template.fullmatch(str(data.get("custom_id", "")))
        if match is not None:
            await guarded(interaction, lambda: work(interaction, match, Submitted(data)))

    client.add_listener(submitted, "on_interaction")


def _parts(components: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Walk to the parts that can be filled in: they stand in rows or under labels."""
    for component in components:
        if "custom_id" in component:
            yield component
        yield from _parts(component.get("components", ()))
        if "component" in component:
            yield from _parts([component["component"]])


def _given(part: Mapping[str, Any]) -> tuple[str, ...]:
    if "values" in part:
        return tuple(str(value) for value in part["values"] or ())
    value = part.get("value")
    if value is None:
        return ()
    return (str(value).lower() if isinstance(value, bool) else str(value),)


def _dynamic(template: re.Pattern[str], work: Choice) -> type[discord.ui.DynamicItem[Any]]:
    class Dynamic(discord.ui.DynamicItem[Any], template=template):
        def __init__(self, item: discord.ui.Item[Any], match: re.Match[str]) -> None:
            super().__init__(item)
            self.match = match

        @classmethod
        async def from_custom_id(
            cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
        ) -> Dynamic:
            return cls(item, match)

        async def callback(self, interaction: discord.Interaction[Any]) -> None:
            values = list(getattr(self.item, "values", []))
            await guarded(interaction, lambda: work(interaction, self.match, values))

    return Dynamic
