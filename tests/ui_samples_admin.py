"""Samples of what a person sees of what is held on them."""

from __future__ import annotations

from pathlib import Path

from bot.generations.exporting import Export
from bot.generations.privacy import Standing
from bot.generations.repository.personal import Held
from bot.ui.privacy import export_card, forget_card, forgotten_card, in_work_card, nothing_held_card
from tests.ui_samples import Sample

MUCH = Held(
    requests=1843,
    pictures=1720,
    pictures_bytes=9_412_000_000,
    references=214,
    tray_images=8,
    styles=25,
    has_preferences=True,
    drafts=1,
    reports=2,
    accounts=3,
)
FILES = ("pictures/0123456789abcdef-1.png",) * 40


def privacy_samples() -> dict[str, Sample]:
    def export(parts: int, left: int, too_large: int) -> Export:
        return Export((Path("part.zip"),) * parts, 1843, 1720, FILES[:left], too_large)

    cards = {
        "privacy-export": lambda: export_card(export(1, 0, 0)),
        "privacy-export-parts": lambda: export_card(export(10, 40, 3)),
        "privacy-export-large": lambda: export_card(export(2, 1, 1)),
        "privacy-forget": lambda: forget_card(Standing(MUCH, 0, 120)),
        "privacy-forget-little": lambda: forget_card(Standing(Held(requests=1, pictures=1, pictures_bytes=812), 0, 0)),
        "privacy-forget-name": lambda: forget_card(Standing(Held(accounts=1), 0, 0)),
        "privacy-nothing": nothing_held_card,
        "privacy-forgotten": lambda: forgotten_card(with_messages=False),
        "privacy-forgotten-messages": lambda: forgotten_card(with_messages=True),
        "privacy-in-work": lambda: in_work_card(2),
    }
    return {name: Sample(draw) for name, draw in cards.items()}
