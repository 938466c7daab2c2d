"""/credits and the trace of a charge, as they say what others share and what the operator bore."""

from __future__ import annotations

from bot.credits.ledger import Balance
from bot.credits.quota_rules import LimitScope
from bot.credits.repository import Entry
from bot.generations.repository import BookedPicture
from bot.generations.standing import Outside
from bot.ui import cards
from tests.ui_limits import texts
from tests.ui_samples import NOW_MS
from tests.ui_samples_admin import usage_samples

STANDS = Balance(100, 60, 0, 0, NOW_MS + 86_400_000)


def test_the_operator_s_day_where_it_is_tighter() -> None:
    day = Outside(LimitScope.ACCOUNT, 12, NOW_MS + 3_600_000)
    words = texts(cards.credits_card(STANDS, [], NOW_MS, "Art", outside=day))
    assert words.startswith("**12 credits left today**, for all servers together")
    assert f"new ones come <t:{(NOW_MS + 3_600_000) // 1000}:R>. Here you would have 40." in words
    free = texts(cards.credits_card(Balance(None, 60, 0, 0, NOW_MS), [], NOW_MS, "Art", outside=day))
    assert "Of your own there is no limit." in free


def test_a_picture_is_linked_only_in_the_place_where_it_stands() -> None:
    entry = Entry(1, 1, "capture", 8, None, "r-1", None, "engine", "picture", NOW_MS)
    stands = {"r-1": BookedPicture("0123456789abcdef", 1, 20, 30, 40)}
    here = texts(cards.credits_card(STANDS, [entry], NOW_MS, "Art", guild_id=20, pictures=stands))
    assert "[abcdef](https://discord.com/channels/20/30/40)" in here
    elsewhere = texts(cards.credits_card(STANDS, [entry], NOW_MS, "Art", guild_id=21, pictures=stands))
    assert "ref abcdef" in elsewhere
    assert "https://" not in elsewhere


def test_what_the_operator_bore_is_said_in_words() -> None:
    words = texts(usage_samples()["usage-trace"].draw())
    assert "#1205 · borne by the bot's operator, not charged here: **4** (price above the one shown)" in words
    assert "adjust" not in words
