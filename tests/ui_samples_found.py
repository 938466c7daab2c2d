"""Samples of the cards about images that were looked for in messages, and of the tray."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.generations.protocols import PostFile
from bot.generations.tray import MAX_IMAGES, Added, Left, NotAdded, Preview, TrayImage
from bot.generations.values import Quote
from bot.ui.found import ask_card, direct_card, how_to_card, no_images_card, slower_card, too_long_card
from bot.ui.tray import added_card, empty_question, tray_card
from tests.ui_samples import BALANCE, HOSTILE, NOW_MS, PANDA, Sample

QUOTE = Quote(8, 8, BALANCE)
NAMES = ("cat.png", "old_house.jpg", "IMG_20261122_201733.jpg", "أرنب.png", "mood board (final).webp", "6.png", "7.png",
         "8.png")  # fmt: skip
PROMPT = PostFile(1, Path("prompt.txt"), "prompt.txt", fitted=False)
PDF = "notes.pdf is a PDF."


def tray_images(names: Sequence[str]) -> list[TrayImage]:
    return [
        TrayImage(number, name, Path(f"{number}"), 4032, 3024, 3_400_000 // number, NOW_MS + number * 3_600_000)
        for number, name in enumerate(names, start=1)
    ]


def tray_sample(names: Sequence[str], *, missing: int | None = None) -> Sample:
    images = tray_images(names)
    previews = {
        image.id: Preview(Path(f"tray-{image.id}.jpg"), f"tray-{image.id}.jpg")
        for image in images
        if image.id != missing
    }
    files = [PostFile(image_id, preview.path, preview.filename, True) for image_id, preview in previews.items()]
    return Sample(lambda: tray_card(images, previews, picture_credits=8), files)


def every_reason(name: str) -> list[Left]:
    detail = "is 31.0 MB; at most 30 MB work."
    return [Left(name, why, detail if why is NotAdded.REFUSED else "") for why in NotAdded]


def found_samples() -> dict[str, Sample]:
    two = Added(("cat.png", "old_house.jpg"), (Left("dog.png", NotAdded.THERE),), 5)
    full = Added(("7.png",), tuple(Left(name, NotAdded.FULL) for name in NAMES[:4]), 8)
    return {
        "tray-three": tray_sample(NAMES[:3]),
        "tray-one-missing": tray_sample(NAMES[:2], missing=2),
        "tray-full": tray_sample(NAMES),
        "tray-empty": Sample(lambda: tray_card([], {}, picture_credits=8)),
        "tray-question": Sample(lambda: empty_question(3)),
        "tray-question-one": Sample(lambda: empty_question(1)),
        "tray-added": Sample(lambda: added_card(two, [PDF])),
        "tray-added-part": Sample(lambda: added_card(full)),
        "tray-added-none": Sample(lambda: added_card(Added((), tuple(every_reason("cat.png")), 0), [PDF])),
        "found-none": Sample(lambda: no_images_card([PDF, "dance.gif is a GIF."])),
        "found-how-to": Sample(lambda: how_to_card("Nano Banana")),
        "found-how-to-images": Sample(lambda: how_to_card("Nano Banana", images=2)),
        "found-ask": Sample(lambda: ask_card(PANDA, QUOTE, draft_id="a" * 16, images=0)),
        "found-ask-blind": Sample(lambda: ask_card(PANDA, QUOTE, draft_id="a" * 16, images=0, blind=True)),
        "found-ask-some": Sample(lambda: ask_card(HOSTILE, QUOTE, draft_id="a" * 16, images=1, unusable=[PDF])),
        "found-slower": Sample(slower_card),
        "found-direct": Sample(lambda: direct_card(personal=True)),
        "found-direct-off": Sample(lambda: direct_card(personal=False)),
        "found-too-long": Sample(lambda: too_long_card(PROMPT.filename, 5210), (PROMPT,)),
    }


def longest_found(name: str, text: str) -> dict[str, Sample]:
    """The worst that there is to show of these, with ``text`` wherever people may have written."""
    filename = (text.replace("\n", "_") * 5)[:246] + ".png"
    sentences = [f"{filename} is a PDF."] * 12
    left = tuple(Left(filename, NotAdded.REFUSED, text) for _ in range(12))
    shared = tuple(item for item in every_reason(filename) for _ in range(3))
    return {
        f"tray-{name}": tray_sample([filename] * MAX_IMAGES),
        f"tray-added-{name}": Sample(lambda: added_card(Added((filename,) * 8, left, 8), sentences)),
        f"tray-added-shared-{name}": Sample(lambda: added_card(Added((), shared, 8), sentences)),
        f"found-none-{name}": Sample(lambda: no_images_card(sentences)),
        f"found-how-to-{name}": Sample(lambda: how_to_card(text, images=8)),
        f"found-ask-{name}": Sample(
            lambda: ask_card(text, QUOTE, draft_id="a" * 16, images=8, blind=True, unusable=sentences)
        ),
    }
