"""/credits and the trace of a charge, as they say what others share and what the operator bore."""

from __future__ import annotations

from dataclasses import replace

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


DAY = Outside(LimitScope.ACCOUNT, 4711, NOW_MS + 3_600_000)
SERVICE = Outside(LimitScope.PROVIDER, 4711, None)
AGAIN = f"begins anew <t:{(NOW_MS + 3_600_000) // 1000}:R>."


def shown(outside: Outside, balance: Balance = STANDS, *, numbers: bool = False) -> str:
    return texts(cards.credits_card(balance, [], NOW_MS, "Art", outside=outside, numbers=numbers))


def test_that_all_servers_together_have_less_is_said_without_the_number() -> None:
    rich = Balance(10_000, 60, 0, 0, NOW_MS + 86_400_000)
    free = Balance(None, 60, 0, 0, NOW_MS)
    words = shown(DAY, rich)
    assert words.startswith("**9,940 credits left, while the bot's budget for today lasts**")
    assert f"All servers share it, and less than yours is left of it; it {AGAIN}" in words
    words = shown(SERVICE, rich)
    assert words.startswith("**9,940 credits left, while the bot's account at the image service lasts**")
    assert "whoever runs the bot can refill it." in words
    words = shown(DAY, free)
    assert words.startswith("**No limit of your own, while the bot's budget for today lasts**")
    words = shown(replace(DAY, left_credits=0))
    assert words.startswith("**The bot's budget for today is used up**, for all servers together")
    assert f"It {AGAIN} Here you would have 40." in words
    for outside in (DAY, SERVICE):
        for balance in (rich, free, STANDS):
            assert "4711" not in shown(outside, balance).replace(",", "")


def test_operators_see_the_number() -> None:
    day = replace(DAY, left_credits=12)
    words = shown(day, numbers=True)
    assert words.startswith("**12 credits left today**, for all servers together")
    assert f"it {AGAIN} Here you would have 40." in words
    assert "Of your own there is no limit." in shown(day, Balance(None, 60, 0, 0, NOW_MS), numbers=True)
    assert shown(SERVICE, numbers=True).startswith("**4,711 credits left at the image service**")


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
