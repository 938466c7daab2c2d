"""Samples of the screens on which people look at things: history, queue, preferences, styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.errors import BotError
from bot.generations.preferences import Preferences, Style, StyleRefused
from bot.generations.previews import Preview
from bot.generations.protocols import PostFile
from bot.generations.states import DeliveryState, ReferenceState
from bot.generations.values import Cancelled, HistoryPage, Load, RequestView, Trouble
from bot.rivya import Catalogue
from bot.ui import cards
from bot.ui.history import history_card, picture_card
from bot.ui.preferences import (
    preferences_card,
    remove_style_card,
    style_card,
    style_refused_card,
    styles_card,
)
from bot.ui.queue import SHOWN, queue_card
from bot.ui.searched import Searched
from tests.ui_samples import ARABIC, HOSTILE, LONGEST, NOW_MS, PANDA, S, Sample, files, picture, references, request

LABELS = {"nano-banana-pro": "Nano Banana Pro"}
DAY_MS = 86_400_000
STANDS: dict[str, Any] = {
    "delivery": DeliveryState.SHOWN,
    "delivered_channel_id": 30,
    "delivered_message_id": 40,
    "prices": {"1K": 8, "2K": 8, "4K": 8},
}


def previews(views: Sequence[RequestView]) -> dict[str, Preview]:
    return {
        view.id: Preview(1, Path("small.webp"), f"{view.id}-1.webp")
        for view in views
        if any(one.path is not None for one in view.pictures)
    }


def attached(found: dict[str, Preview]) -> list[PostFile]:
    return [
        PostFile(number, Path("small.webp"), one.filename, fitted=False)
        for number, one in enumerate(found.values(), start=1)
        if one.path is not None
    ]


def past() -> list[RequestView]:
    return [
        request(picture(1), picture(2), id="b" * 16, delivery=DeliveryState.KEPT, prompt=ARABIC, private=True),
        request(picture(1), id="a" * 16, **STANDS),
        request(picture(1, S.FAILED, failure_code="prompt_refused"), id="c" * 16, prompt=HOSTILE, **STANDS),
        request(picture(1, S.PAINTING), id="d" * 16, prompt="a teapot", **(STANDS | {"delivered_message_id": None})),
        request(
            picture(1, path=None, finished_at_ms=NOW_MS - 40 * DAY_MS + 9000),
            id="e" * 16,
            created_at_ms=NOW_MS - 40 * DAY_MS,
            **STANDS,
        ),
    ]


def in_work() -> list[RequestView]:
    waits = references(ReferenceState.READY, ReferenceState.WAITING)
    return [
        request(picture(1, S.PAINTING, submitted_at_ms=NOW_MS - 6000), id="a" * 16, expected_at_ms=NOW_MS + 8000),
        request(
            picture(1, S.HELD), picture(2, S.HELD), id="b" * 16, prompt=ARABIC, queue_position=3,
            expected_at_ms=NOW_MS + 42_000,
        ),
        request(picture(1, S.HELD), id="c" * 16, prompt=HOSTILE, references=waits, expected_s=None, private=True),
        request(
            picture(1, S.PAINTING, submitted_at_ms=NOW_MS - 90_000), id="d" * 16, prompt="a teapot",
            trouble=Trouble.SLOW,
        ),
        request(picture(1, S.OVERDUE), id="e" * 16, prompt="a lighthouse"),
    ]  # fmt: skip


def looking() -> dict[str, Sample]:
    found: dict[str, Sample] = {}
    old = past()
    small = previews(old)
    catalogue = Catalogue()

    def plain(name: str, draw: Any) -> None:
        found[name] = Sample(draw)

    searched = Searched("red panda", "nano-banana-pro", NOW_MS - 30 * DAY_MS, NOW_MS)
    found["history-thumbnails"] = Sample(lambda: history_card(HistoryPage(tuple(old), 2, 7), small), attached(small))
    found["history-searched"] = Sample(
        lambda: history_card(HistoryPage(tuple(old[:2]), 1, 2), small, searched, LABELS), attached(small)[:2]
    )
    plain("history-no-match", lambda: history_card(HistoryPage((), 1, 1), {}, searched, LABELS))
    plain("history-gone", lambda: history_card(HistoryPage(tuple(old[:1]), 1, 1), {}))
    theirs = replace(old[0], prompt=PANDA)
    found["show-theirs"] = Sample(lambda: picture_card(theirs, files(theirs), mine=False), files(theirs))
    plain("show-in-work", lambda: picture_card(replace(old[3], delivery=DeliveryState.WAITING), []))

    work = in_work()
    plain(
        "queue",
        lambda: queue_card(work, len(work), Load(2, 3), Load(12, 16), max_running=16, guild=True),
    )
    plain("queue-more", lambda: queue_card(work[:1], 12, Load(0, 1), Load(0, 1), max_running=1, guild=False))
    plain("queue-empty", lambda: queue_card([], 0, Load(0, 0), Load(0, 0), max_running=16, guild=True))
    held = picture(1, S.HELD)
    plain(
        "progress-queued-expected",
        lambda: cards.progress_card(request(held, queue_position=3, expected_at_ms=NOW_MS + 42_000)),
    )
    plain("progress-queued-unknown", lambda: cards.progress_card(request(held, queue_position=1, expected_s=None)))
    waiting = replace(work[0], delivery=DeliveryState.WAITING)
    plain("cancelled-late-mine", lambda: cards.cancelled_card(Cancelled(0, 0, 1, 8), waiting))
    plain("cancelled-late-theirs", lambda: cards.cancelled_card(Cancelled(0, 0, 2, 16), waiting, mine=False))
    private = replace(waiting, private=True)
    plain("cancelled-late-private", lambda: cards.cancelled_card(Cancelled(1, 8, 1, 8), private))

    chosen = Preferences("nano-banana-2", "16:9", "2K", "jpg", private=True, notify=False)
    styles = [
        Style("aquarelle", "watercolour on rough paper, wet edges, much white", 1),
        Style("film noir", "black and white, hard shadows, 1947", 2),
        Style("كتاب", ARABIC, 3),
    ]
    plain("preferences-usual", lambda: preferences_card(catalogue, Preferences(), []))
    plain("preferences", lambda: preferences_card(catalogue, chosen, styles))
    odd = Preferences("nano-banana", "8:1", "4K")
    plain("preferences-odd", lambda: preferences_card(catalogue, odd, styles))
    plain("styles", lambda: styles_card(styles))
    plain("styles-none", lambda: styles_card([]))
    plain("style", lambda: style_card(styles[2]))
    plain("style-remove", lambda: remove_style_card(styles[1]))
    there = StyleRefused(user_message="You have a style of that name already. Choose another name.")
    plain("style-refused", lambda: style_refused_card(there, "film noir", "rain at night", style_id=None))
    return found


def looking_longest() -> dict[str, Sample]:
    """The same screens with the longest that there can be."""
    found: dict[str, Sample] = {}
    for name, prompt in LONGEST.items():
        many = [replace(view, prompt=prompt, model_label=prompt) for view in past()]
        small = previews(many)
        text = prompt[:50].replace("\n", " ")
        while (searched := Searched(text, "nano-banana-pro", NOW_MS, NOW_MS + DAY_MS)).too_long:
            text = text[:-1]
        work = [replace(in_work()[n % 5], id=f"{n:016x}", prompt=prompt) for n in range(SHOWN)]
        styles = [Style(prompt[n : n + 50], prompt[:1000], 10**17 + n) for n in range(25)]
        preferences = Preferences("nano-banana-2", prompt, prompt, prompt, private=True, notify=True)
        error = BotError("x", user_message=prompt[:200])
        draws: dict[str, Any] = {
            "thumbnails": lambda m=many, s=small, q=searched: history_card(HistoryPage(tuple(m), 8, 9), s, q, LABELS),
            "no-match": lambda q=searched: history_card(HistoryPage((), 1, 1), {}, q, LABELS),
            "queue": lambda w=work: queue_card(w, 1000, Load(9, 9), Load(9, 9), max_running=16, guild=True),
            "preferences": lambda p=preferences, s=styles: preferences_card(Catalogue(), p, s),
            "styles": lambda s=styles: styles_card(s),
            "style": lambda s=styles: style_card(s[0]),
            "style-remove": lambda s=styles: remove_style_card(s[0]),
            "style-refused": lambda e=error, p=prompt: style_refused_card(e, p, p[:1000], style_id=None),
        }
        found |= {
            f"{name}-{screen}": Sample(draw, attached(small) if screen == "thumbnails" else ())
            for screen, draw in draws.items()
        }
    return found
