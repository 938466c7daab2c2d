"""What a person sees of what is held on them: how it is exported, what deleting would mean, and that it is done."""

from __future__ import annotations

import discord

from bot.generations.exporting import Export
from bot.generations.privacy import Standing
from bot.ui import ids, personal_ids
from bot.ui.card import BANANA, EMBER, SLATE, Card, button, fine, gap, lines, row
from bot.ui.words import counted, grouped

_BYTES = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB"))


def export_card(export: Export) -> Card:
    """Return what the files beside this card hold, and what did not fit."""
    files = "This file holds" if len(export.parts) == 1 else f"These {len(export.parts)} files hold"
    left = len(export.left_out)
    return Card(
        BANANA,
        lines(
            "**All that I hold on you**",
            f"{files} {counted(export.requests, 'request')} with everything around them, your credits, and "
            f"{counted(export.pictures, 'image')}.",
        ),
        _left_out(left, export.too_large) if left else None,
        fine("README.txt says what is what. Only you see this; save what you want to keep."),
    )


def _left_out(left: int, too_large: int) -> str:
    first, it = ("One image is", "it") if left == 1 else (f"{grouped(left)} images are", "them")
    if too_large == left:
        why = f"{'It is' if left == 1 else 'Each is'} larger than a file may be here."
    else:
        why = f"There is no room for {it} in what I can send at once."
    return lines(
        f"**{first} missing there.** {why}",
        f"README.txt names {it}. The bot's operator has the {'original' if left == 1 else 'originals'}.",
    )


def forget_card(standing: Standing) -> Card:
    """Return the question before a person is forgotten, with what goes and what stays."""
    granted = standing.granted_credits
    return Card(
        EMBER,
        lines("**Delete all that I hold on you, in every server?**", _goes(standing)),
        gap(line=True),
        lines(
            "What stays:",
            "· the bookings, with nobody's name on them",
            "· what you used this month, should you come back before it is over",
            f"· your {counted(granted, 'extra credit')}, for up to a year" if granted else None,
            "· messages with your pictures, unless you delete them too",
            "· what others made from your pictures",
        ),
        row(
            button("Delete my data", personal_ids.forget(), style=discord.ButtonStyle.danger),
            button(
                "Delete my data and messages", personal_ids.forget(with_messages=True), style=discord.ButtonStyle.danger
            ),
            button("Keep everything", ids.keep()),
        ),
        fine("There is no way back. /privacy export gives you all of it first."),
    )


def nothing_held_card() -> Card:
    """Return what is said to somebody of whom nothing is held."""
    return Card(SLATE, "**I hold nothing on you.**")


def forgotten_card(*, with_messages: bool) -> Card:
    """Return that it is done."""
    messages = (
        "Your messages go one by one within the next minutes; those that only you see, dismiss yourself."
        if with_messages
        else "Messages in channels stay; whoever may manage them can delete them."
    )
    return Card(
        BANANA,
        lines("**Deleted.**", "I hold no pictures, prompts, references, styles or settings of yours any more."),
        fine(messages),
    )


def in_work_card(requests: int) -> Card:
    """Return why nobody is forgotten while something of theirs is in work."""
    things = counted(requests, "request")
    return Card(
        SLATE,
        lines(
            f"**Not yet: {things} of yours {'is' if requests == 1 else 'are'} in work.**",
            "What is paid for should reach you first. /cancel takes back what is not sent yet; a late picture is "
            "given up after a day. Nothing was deleted.",
        ),
        row(button("Look again", personal_ids.ask_forget())),
    )


def _goes(standing: Standing) -> str:
    held = standing.held
    parts = [
        counted(held.requests, "request with its prompt", "requests with their prompts") if held.requests else None,
        f"{counted(held.pictures, 'picture')} ({_size(held.pictures_bytes)})" if held.pictures else None,
        counted(held.references, "reference image") if held.references else None,
        f"{counted(held.tray_images, 'image')} in your tray" if held.tray_images else None,
        counted(held.styles, "style") if held.styles else None,
        "your preferences" if held.has_preferences else None,
        f"your name on {counted(held.reports, 'report')}" if held.reports else None,
    ]
    there = [part for part in parts if part]
    if not there:
        return "Your name on your bookings goes for good."
    said = there[0] if len(there) == 1 else f"{', '.join(there[:-1])} and {there[-1]}"
    return f"{said[0].upper()}{said[1:]} {'goes' if len(there) == 1 and said.startswith('1 ') else 'go'} for good."


def _size(size_bytes: int) -> str:
    for unit, name in _BYTES:
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes} bytes"
