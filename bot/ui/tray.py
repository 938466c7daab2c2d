"""The cards of a person's tray: what is in it, what came in, and what did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import ui

from bot.generations.tray import MAX_IMAGES, PERSON_MAX_BYTES, TRAY_HOURS, Added, Left, NotAdded, Preview, TrayImage
from bot.ui import personal_ids as ids
from bot.ui.card import BANANA, SLATE, Card, button, fine, lines, row
from bot.ui.text import alt_text, plain
from bot.ui.words import counted, grouped, in_credits, listed, relative

HOW_TO_FILL = (
    "Right-click a message with pictures (on a phone, hold your finger on it), then **Apps**, **Add to my tray**."
)

_NAME_LIMIT = 60
_MOST = f"{PERSON_MAX_BYTES // 1_000_000} MB"
_ROW = 4
"""Buttons in a row; five with a number each don't fit a narrow phone."""
_REASONS_SHOWN = 10
_REASON_LIMIT = 200


def tray_card(images: Sequence[TrayImage], previews: Mapping[int, Preview], *, picture_credits: int) -> Card:
    """Return what is in a tray: numbered, with a way to take each out, and what to do with them.

    ``previews`` are attached to the message; ``picture_credits`` is the price of one picture.
    """
    if not images:
        return Card(SLATE, lines("**Your tray is empty.**", HOW_TO_FILL))
    removes = [button(f"Remove {number}", ids.tray_remove(image.id)) for number, image in enumerate(images, start=1)]
    use = f"Paint with {'it' if len(images) == 1 else f'all {len(images)}'} · {in_credits(picture_credits)}"
    return Card(
        BANANA,
        f"**Your tray** · {len(images)} of {counted(MAX_IMAGES, 'image')}",
        *(_entry(number, image, previews.get(image.id)) for number, image in enumerate(images, start=1)),
        fine(
            f"/imagine with use_tray takes them in this order; call them {_called(len(images))} in the prompt.",
            f"Each leaves {TRAY_HOURS} hours after it came in.",
        ),
        row(button(use, ids.tray_use(), style=discord.ButtonStyle.primary), button("Empty", ids.tray_empty())),
        *(row(*removes[at : at + _ROW]) for at in range(0, len(removes), _ROW)),
    )


def empty_question(count: int) -> Card:
    """Return the question before a tray is emptied."""
    these = "the image" if count == 1 else f"all {count} images"
    return Card(
        SLATE,
        lines(
            f"**Take {these} out of your tray?**", "The messages that they came from stay as they are."
        ),
        row(
            button(f"Remove {these}", ids.tray_clear(), style=discord.ButtonStyle.danger),
            button("Keep them" if count > 1 else "Keep it", ids.tray()),
        ),
    )  # fmt: skip


def added_card(added: Added, also_left: Sequence[str] = ()) -> Card:
    """Return what came into a tray and what did not; ``also_left`` are sentences about what was no image at all."""
    in_it = f"It holds {added.count} of {counted(MAX_IMAGES, 'image')}."
    if added.added:
        names = listed([plain(name, _NAME_LIMIT) for name in added.added])
        what = "image" if len(added.added) == 1 else "images"
        head = lines(f"**{len(added.added)} {what} added to your tray.** {in_it}", fine(names))
    else:
        head = f"**Nothing was added to your tray.** {in_it if added.count else 'It is empty.'}"
    why = [*_reasons(added.left), *(plain(sentence, _REASON_LIMIT) for sentence in also_left)]
    more = len(why) - _REASONS_SHOWN
    return Card(
        BANANA if added.added else SLATE,
        head,
        lines(*why[:_REASONS_SHOWN], f"And {more} more." if more > 0 else None),
        row(button("Show my tray", ids.tray()) if added.count else None),
    )


def _entry(number: int, image: TrayImage, preview: Preview | None) -> ui.Item[Any] | str:
    said = lines(
        f"**{number}** · {plain(image.filename, _NAME_LIMIT)}",
        fine(f"{grouped(image.width)} × {grouped(image.height)} · {_size(image.size_bytes)} · "
             f"leaves {relative(image.expires_at_ms)}"),
    )  # fmt: skip
    if preview is None:
        return said
    described = alt_text(image.filename, before=f"Image {number} of your tray: ")
    return ui.Section(said, accessory=ui.Thumbnail(f"attachment://{preview.filename}", description=described))


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{max(size_bytes // 1000, 1)} kB"


def _called(count: int) -> str:
    return "image 1" if count == 1 else "image 1 and image 2" if count == 2 else "image 1, image 2 and so on"


def _reasons(left: Sequence[Left]) -> list[str]:
    """Return a sentence for each image that has its own reason, and one for all that share one."""
    said = [f"{plain(item.filename, _NAME_LIMIT)} {plain(item.detail, _REASON_LIMIT)}"
            for item in left if item.why is NotAdded.REFUSED]  # fmt: skip
    for why in NotAdded:
        names = [plain(item.filename, _NAME_LIMIT) for item in left if item.why is why]
        if names and why is not NotAdded.REFUSED:
            them = listed(names) if len(names) <= 3 else counted(len(names), "image")
            said.append(_shared(why, them, one=len(names) == 1))
    return said


def _shared(why: NotAdded, them: str, *, one: bool) -> str:
    match why:
        case NotAdded.THERE:
            return f"{them} {'is' if one else 'are'} in it already."
        case NotAdded.FULL:
            return f"{them} did not fit: a tray holds {MAX_IMAGES} images. Remove one first."
        case NotAdded.HEAVY:
            return (
                f"{them} {'is' if one else 'are'} too much beside the others: a tray holds {_MOST}. Remove one first."
            )
        case NotAdded.BUSY:
            return f"{them}: I am still fetching others for you. Try again in a moment."
        case _:
            return f"{them}: I am short of room right now. Please try again later."
