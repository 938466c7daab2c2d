"""What somebody looks for: typed, packed into a custom id, and said."""

from __future__ import annotations

import pytest

from bot.ui import ids
from bot.ui.searched import Searched, moment

MINUTE, DAY = 60_000, 86_400_000
NOW = 1_767_225_600_000 + 14 * 3_600_000 + 7 * MINUTE + 3_500  # 2026-01-01 14:07:03.5
MIDNIGHT = 1_767_225_600_000


@pytest.mark.parametrize(
    ("typed", "end", "meant"),
    [
        ("2026-01-01", False, MIDNIGHT),
        (" 2026-1-1 ", False, MIDNIGHT),
        ("2026-01-01", True, MIDNIGHT + DAY),
        ("2024-02-29", False, MIDNIGHT - 672 * DAY),
        ("7d", False, NOW - NOW % MINUTE - 7 * DAY),
        ("7d", True, NOW - NOW % MINUTE - 7 * DAY),
        ("2 W", False, NOW - NOW % MINUTE - 14 * DAY),
        ("0d", False, NOW - NOW % MINUTE),
        ("9999w", False, 0),
        ("0001-01-01", True, 0),
        ("9999-12-31", True, 253_402_214_400_000),
    ],
)
def test_days_and_how_long_ago(typed: str, end: bool, meant: int) -> None:
    assert moment(typed, NOW, end=end) == meant


@pytest.mark.parametrize(
    "typed", ["", " ", "d", "7", "7m", "-7d", "7d7d", "10000d", "2026-02-30", "2026-13-01", "0000-01-01", "26-01-01",
              "2026/01/01", "2026-01-01T00:00", "٢٠٢٦-٠١-٠١", "²d", "x" * 6000],
)  # fmt: skip
def test_what_is_no_time(typed: str) -> None:
    with pytest.raises(ValueError):
        moment(typed, NOW)


@pytest.mark.parametrize(
    "searched",
    [
        Searched(),
        Searched(text="fox"),
        Searched(text="a:b::c * 100% _ \\ باندا 👩🏽‍🚀"),
        Searched(model="nano-banana-pro"),
        Searched(since_ms=0, until_ms=MIDNIGHT),
        Searched("red fox", "nano-banana-2", NOW - NOW % MINUTE, moment("9999-12-31", NOW, end=True)),
    ],
)
def test_a_button_holds_it(searched: Searched) -> None:
    custom_id = ids.history(999_999, searched.code)
    match = ids.HISTORY.fullmatch(custom_id)
    assert match is not None
    assert match["page"] == "999999"
    assert Searched.of(match) == searched
    assert not searched.too_long


def test_buttons_of_the_first_release_turn_pages_of_everything() -> None:
    match = ids.HISTORY.fullmatch("nbb:hist:3")
    assert match is not None
    assert not Searched.of(match)


def test_what_does_not_fit_is_known() -> None:
    assert not Searched("x" * 50, "nano-banana-pro", NOW, NOW).too_long
    assert Searched("👩" * 50, "nano-banana-pro").too_long


def test_a_forged_time_is_bounded() -> None:
    match = ids.HISTORY.fullmatch("nbb:hist:1::zzzzzzz:zzzzzzz:")
    assert match is not None
    forged = Searched.of(match)
    assert "9999-12-31" in forged.words({})


def test_words() -> None:
    labels = {"nano-banana-pro": "Nano Banana Pro"}
    searched = Searched("*fox*", "nano-banana-pro", MIDNIGHT, MIDNIGHT + DAY)
    assert searched.words(labels) == r"“\*fox\*” · Nano Banana Pro · from 2026-01-01 to 2026-01-01 (UTC)"
    assert Searched(since_ms=MIDNIGHT + MINUTE).words(labels) == "from 2026-01-01 00:01 (UTC)"
    assert Searched(model="gone").words(labels) == "gone"
