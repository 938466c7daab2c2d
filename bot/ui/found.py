"""The cards about images that were looked for in a message: none there, not to be read, or not needed."""

from __future__ import annotations

from collections.abc import Sequence

import discord
from discord import ui

from bot.generations.values import Quote
from bot.ui import ids
from bot.ui.card import BANANA, SLATE, Card, button, fine, lines, row
from bot.ui.offers import paint_words
from bot.ui.text import plain
from bot.ui.words import NOTHING_CHARGED, counted, grouped, in_credits

KINDS = "JPEG, PNG and WebP pictures work."
RIGHT_CLICK = (
    "Right-click that message (on a phone, hold your finger on it), then **Apps**, **Use as reference**: "
    "there I see what you see."
)

_PROMPT_LIMIT = 200
_SENTENCES = 6
_SENTENCE_LIMIT = 160


def no_images_card(unusable: Sequence[str] = ()) -> Card:
    """Return that a message has nothing to use; ``unusable`` are sentences about what is no image."""
    return Card(
        SLATE,
        lines(
            "**There is no picture in that message that I can use.**",
            *sentences(unusable),
            f"{KINDS} Choose a message that shows one, or attach it to /imagine.",
        ),
        fine(NOTHING_CHARGED),
    )


def how_to_card(name: str, *, images: int = 0) -> Card:
    """Return how a picture is asked for by a mention; ``name`` is the bot's, ``images`` how many came without words."""
    if images:
        these = "the image" if images == 1 else f"the {images} images"
        head = lines(f"**What should I make of {these}?**", "Mention me again, with the images and what to paint.")
    else:
        head = "**Tell me what to paint.**"
    return Card(
        BANANA,
        head,
        lines(
            f"“@{plain(name, 40)} the cat of image 1 as an astronaut”, with pictures attached, "
            "or in a reply to a message that has some.",
            "/imagine does the same, with all options; /help says what else there is.",
        ),
        fine(NOTHING_CHARGED),
    )  # fmt: skip


def ask_card(
    prompt: str, quote: Quote, *, draft_id: str, images: int, blind: bool = False, unusable: Sequence[str] = ()
) -> Card:
    """Return the question whether to paint with less than was perhaps meant: [Paint it · 8 credits] [Not now].

    ``images`` are those that would be used; ``blind``: the message that was replied to can't be read; ``unusable`` are
    sentences about what is no image.
    """
    left = quote.left_credits
    cost = f"costs {in_credits(quote.cost_credits)}" + (
        f"; {grouped(left)} would be left." if left is not None else "."
    )
    what = f"with {counted(images, 'image')} only" if images else "without an image"
    way = None
    if blind:
        head = f"**I can't see the message that you reply to.** {RIGHT_CLICK}"
        way = f"Painted {what}, it {cost}"
    else:
        head = f"**Paint this {what}?** It {cost}"
        if not images and not unusable:
            way = "To use pictures, attach them, or reply to a message that has some."
    return Card(
        SLATE,
        lines(head, way, *sentences(unusable)),
        fine(plain(prompt, _PROMPT_LIMIT), "Nothing is on hold until you agree. This stands for 15 minutes."),
        row(
            button(
                paint_words(1, quote.cost_credits),
                ids.paint(draft_id, quote.cost_credits),
                style=discord.ButtonStyle.primary,
            ),
            button("Not now", ids.not_now(draft_id)),
        ),
    )  # fmt: skip


def too_long_card(file: str, length: int) -> Card:
    """Return a prompt that no form has room for, as an attached file to be changed and sent again."""
    return Card(
        SLATE,
        lines(
            f"**Your prompt has {grouped(length)} characters, too many for a form.**",
            "Here it is as a file. Change it, and attach it to /imagine as prompt_file.",
        ),
        ui.File(f"attachment://{file}"),
        fine(NOTHING_CHARGED),
    )


def direct_card(*, personal: bool) -> Card:
    """Return how pictures are asked for, to whoever writes to the bot itself; ``personal``: it paints there as well."""
    if personal:
        said = lines(
            "**Use /imagine here.**", "It takes your prompt, and pictures to work from; /help says what else I do."
        )
    else:
        said = lines("**I paint in servers only.**", "Use /imagine in a server that I am a member of.")
    return Card(BANANA, said)


def slower_card() -> Card:
    """Return that somebody asks faster than they are answered."""
    return Card(
        SLATE, lines("**That is a lot at once.** Please mention me again in a minute.", fine(NOTHING_CHARGED))
    )  # fmt: skip


def sentences(said: Sequence[str]) -> list[str]:
    """Return sentences for a card, made inert; the last says how many more there are."""
    shown = [plain(sentence, _SENTENCE_LIMIT) for sentence in said[:_SENTENCES]]
    more = len(said) - _SENTENCES
    return [*shown, f"And {more} more."] if more > 0 else shown
