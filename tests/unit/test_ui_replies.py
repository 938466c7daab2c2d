"""What refusals, the credits and the history say."""

import pytest

from bot.credits.ledger import Balance
from bot.credits.quotas import LimitScope, QuotaExceeded
from bot.generations.refusals import QueueFull
from bot.generations.states import DeliveryState
from bot.generations.values import Cancelled, HistoryPage
from bot.ui import cards, ids
from tests.ui_limits import custom_ids, texts
from tests.ui_samples import BALANCE, NOW_MS, request
from tests.ui_samples_all import SAMPLES


# Refusals and replies
def quota(scope: LimitScope, left: int, cost: int = 32) -> QuotaExceeded:
    return QuotaExceeded(scope, cost_credits=cost, left_credits=left, resets_at_ms=NOW_MS)


def test_a_refusal_says_cost_and_left_and_offers_the_mended_request() -> None:
    mend = cards.Mend("Make 1 picture · 8 credits", ids.paint("a1" * 8, 8))
    card = cards.refusal_card(quota(LimitScope.MEMBER, 12), mends=[mend], picture_credits=8)
    assert texts(card).split("\n") == [
        "**That is more than you have left.**",
        f"This costs 32 credits, you have 12; new ones come <t:{NOW_MS // 1000}:R>. One picture costs 8.",
        "Nothing was charged.",
    ]
    assert custom_ids(card) == ["nbb:paint:a1a1a1a1a1a1a1a1:8"]


@pytest.mark.parametrize("scope", [LimitScope.ACCOUNT, LimitScope.PROVIDER])
def test_the_operators_numbers_are_not_shown(scope: LimitScope) -> None:
    said = texts(cards.refusal_card(quota(scope, 4711), balance=BALANCE))
    assert "4711" not in said.replace(",", "")
    assert "Nothing was charged." in said


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.startswith("refusal")])
def test_every_refusal_says_that_nothing_was_charged(name: str) -> None:
    assert "Nothing was charged." in texts(SAMPLES[name].draw())


def test_a_refusal_begins_with_its_first_sentence() -> None:
    said = texts(cards.refusal_card(QueueFull()))
    assert said.startswith("**A great many pictures are waiting already.**\nPlease try again in a few minutes.")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (Cancelled(1, 8, 0, 0), "**Cancelled.**\nIt was not sent yet: 8 credits are back."),
        (Cancelled(1, 1, 0, 0), "**Cancelled.**\nIt was not sent yet: 1 credit is back."),
        (
            Cancelled(2, 16, 1, 8),
            "**Cancelled in part.** 2 pictures were not sent yet: 16 credits are back.\n"
            "1 picture is with the image service, which charges for it: 8 credits, unless it fails.\n"
            "It is posted when done, and stays in your /history.",
        ),
        (
            Cancelled(0, 0, 2, 16),
            "**It is too late to take this back.**\n"
            "2 pictures are with the image service, which charges for them: 16 credits, unless they fail.\n"
            "They are posted when done, and stay in your /history.",
        ),
        (Cancelled(0, 0, 0, 0), "**There is nothing to cancel.** This request has ended already."),
    ],
)
def test_a_cancel_is_answered_honestly(result: Cancelled, words: str) -> None:
    assert texts(cards.cancelled_card(result)) == words


# Credits and history


def test_credits_show_what_is_left_held_and_extra_and_fold_settled_holds() -> None:
    said = texts(SAMPLES["credits"].draw())
    assert said.startswith("**126 credits left** of 150\n▰▰▰▰▰▰▰▰▱▱\nNew ones come <t:")
    assert "24 of 100 used this month · 8 on hold for pictures in work · 50 extra" in said
    entries = said.split("**Last entries**\n")[1].split("\n")
    assert [line.split(" · ")[0] for line in entries] == [
        "8 credits on hold for a picture in work",
        "8 credits for a picture",
        "8 credits back: no picture was made",
        "8 credits refunded (blurred face)",
        f"50 credits granted (won the March contest), expire <t:{NOW_MS // 1000 + 20 * 86_400}:R>",
    ]


def test_no_limit_and_no_credits() -> None:
    assert "No limit" in texts(cards.credits_card(Balance(None, 5, 0, 0, NOW_MS), [], NOW_MS, None))
    none = texts(cards.credits_card(Balance(0, 0, 0, 0, NOW_MS), [], NOW_MS, None))
    assert none.startswith("**0 credits left**")
    assert "New ones" not in none


def test_history_lists_the_waiting_first_and_pages() -> None:
    card = SAMPLES["history"].draw()
    said = texts(card)
    assert said.index("● **") < said.index("a red panda")
    assert "● waits for you: its message was deleted, or I could not post it where you asked." in said
    assert "[go to the message](https://discord.com/channels/20/30/40)" in said
    assert custom_ids(card) == ["nbb:open", "nbb:hist:1", "nbb:hist:3"]
    select = next(part for part in card.to_components()[0]["components"] if part["type"] == 1)["components"][0]
    assert select["options"][0]["value"] == "b" * 16


def test_history_has_no_button_past_its_ends() -> None:
    one = HistoryPage((request(),), 1, 1)
    assert custom_ids(cards.history_card(one)) == ["nbb:open"]
    assert "●" not in texts(cards.history_card(one))
    assert custom_ids(cards.history_card(HistoryPage((), 1, 1))) == []


def test_private_and_deleted_messages_are_not_linked() -> None:
    shown = {"delivered_channel_id": 30, "delivered_message_id": 40}
    for values in ({"private": True, "delivery": DeliveryState.SHOWN}, {"delivery": DeliveryState.WITHDRAWN}):
        assert "discord.com" not in texts(cards.history_card(HistoryPage((request(**shown, **values),), 1, 1)))
    direct = request(**(shown | {"delivered_channel_id": 31}), delivery=DeliveryState.SHOWN)
    assert "channels/@me/31/40" in texts(cards.history_card(HistoryPage((direct,), 1, 1)))
