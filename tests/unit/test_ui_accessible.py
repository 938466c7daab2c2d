"""Every card can be read without seeing it, and without telling its colour."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

import bot.ui
from bot.ui.text import units
from tests.ui_gallery import files_of
from tests.ui_limits import BUTTON, GALLERY, SELECT, texts, walk
from tests.ui_samples_all import ALL, USUAL, drawn

THUMBNAIL, FILE = 11, 13
DANGER = 4
TAKES_AWAY = ("Delete", "Remove", "Empty", "Don't post", "Pause", "Lower")


def _parts(name: str) -> Iterator[dict[str, Any]]:
    yield from walk(drawn(name).to_components())


def test_every_picture_has_alt_text() -> None:
    pictures = 0
    for name in ALL:
        shown = [item for part in _parts(name) if part["type"] == GALLERY for item in part["items"]]
        shown += [part for part in _parts(name) if part["type"] == THUMBNAIL]
        for item in shown:
            assert (item.get("description") or "").strip(), (name, item)
            assert units(item["description"]) <= 1024, name
        pictures += len(shown)
    assert pictures > 100


def test_every_card_can_be_photographed_with_its_files() -> None:
    attached = 0
    for name in ALL:
        for file in files_of(ALL[name]):
            is_text = file.filename.endswith((".txt", ".csv"))
            assert file.fp.read().startswith(b"\x89PNG") is not is_text, name
            attached += 1
    assert attached > 100


def test_every_control_says_in_words_what_it_does() -> None:
    for name in ALL:
        for part in _parts(name):
            if part["type"] == BUTTON:
                assert part.get("label", "").strip(), name
                if part["style"] == DANGER:  # red means nothing by itself
                    assert part["label"].startswith(TAKES_AWAY), (name, part["label"])
            if part["type"] == SELECT:
                assert part.get("placeholder", "").strip(), name
            if part["type"] == FILE:  # a file is shown by its name alone
                assert part["file"]["url"].endswith((".txt", ".csv", ".json", ".zip")), name


def test_the_colour_of_a_card_says_nothing_that_its_words_do_not() -> None:
    colours = defaultdict(set)
    for name in ALL:
        view = drawn(name)
        said = texts(view)
        assert said.strip(), name
        pictures = sum(part["type"] == GALLERY for part in walk(view.to_components()))
        colours[said, pictures].add(view.to_components()[0]["accent_color"])
    assert {said: found for said, found in colours.items() if len(found) > 1} == {}


def test_every_card_there_is_is_looked_at() -> None:
    """What is drawn nowhere among the usual samples is checked nowhere either."""
    wanted: dict[CodeType, str] = {}
    for module in pkgutil.iter_modules(bot.ui.__path__, "bot.ui."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.endswith(("_card", "_question")) and getattr(value, "__module__", None) == module.name:
                wanted[value.__code__] = f"{module.name}.{name}"
    drawn: set[CodeType] = set()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            drawn.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for sample in USUAL.values():
            sample.draw()
    finally:
        sys.setprofile(before)
    assert sorted(name for code, name in wanted.items() if code not in drawn) == []
    assert len(wanted) > 40
