"""Offers: the card that asks first, the words of mended requests, and priced choices, with the worst inputs."""

from __future__ import annotations

from typing import Any

import pytest

from bot.generations.mending import Change
from bot.generations.preferences import Style
from bot.generations.values import Attachment, GenerationRequest, Quote
from bot.rivya import Catalogue
from bot.ui import cards, ids
from bot.ui.choices import (
    count_choices,
    meant_model,
    meant_value,
    model_choices,
    picture_choices,
    resolution_choices,
    style_choices,
)
from bot.ui.offers import mend_words, paint_words
from tests.ui_limits import broken_limits, custom_ids, texts, units
from tests.ui_samples import BALANCE, LONGEST, NOW_MS, S, picture, request

CATALOGUE = Catalogue()
PRO = CATALOGUE.default


@pytest.mark.parametrize("prompt", LONGEST.values(), ids=LONGEST)
def test_the_question_holds_the_longest_prompts(prompt: str) -> None:
    image = Attachment(url="https://x", filename=prompt[:200], size_bytes=1)
    wanted = GenerationRequest(
        prompt=prompt, options=dict.fromkeys(("aspect_ratio", "resolution", "other"), prompt), count=4,
        references=(image,) * 8,
    )  # fmt: skip
    quote = Quote(10**9, 10**8, BALANCE)
    instead = cards.Mend(mend_words(Change.MODEL, prompt, count=4, cost_credits=10**9), ids.paint("ab" * 8, 10**9))
    for agreed in (None, 10**9):
        card = cards.confirm_card(
            wanted,
            quote,
            model_label=prompt,
            draft_id="cd" * 8,
            agree_id=ids.paint("cd" * 8, 10**9),
            instead=instead,
            before_credits=agreed,
        )
        assert broken_limits(card) == []
        assert len(custom_ids(card)) == 3
    assert broken_limits(cards.not_now_card(wanted)) == []


@pytest.mark.parametrize("subject", [*LONGEST.values(), "", "2K", "@everyone <@1>"])
@pytest.mark.parametrize("change", Change)
def test_a_button_says_what_changes_and_what_it_costs(change: Change, subject: str) -> None:
    if change in {Change.FEWER, Change.RESOLUTION, Change.USUAL_OPTION, Change.FIRST_IMAGES, Change.WITHOUT_IMAGES,
                  Change.WITHOUT_PART}:  # fmt: skip
        subject = subject[:10]  # our own words, or one of a model's values
    words = mend_words(change, subject, count=4, cost_credits=1_234_567)
    assert words.endswith(" · 1,234,567 credits")
    assert units(words) <= 80


def test_the_words_of_agreeing() -> None:
    assert paint_words(1, 24) == "Paint it · 24 credits"
    assert paint_words(4, 1) == "Paint all 4 · 1 credit"


def test_the_question_says_what_would_be_left() -> None:
    wanted = GenerationRequest(prompt="a cat", count=4)
    said = texts(
        cards.confirm_card(
            wanted, Quote(32, 8, BALANCE), model_label="Pro", draft_id="ab" * 8, agree_id=ids.paint("ab" * 8, 32)
        )
    )
    assert said.split("\n") == [
        f"**This costs 32 credits.** 60 of your 92 would be left; new ones come <t:{BALANCE.resets_at_ms // 1000}:R>.",
        "-# a cat",
        "-# Pro · 4 pictures",
        "-# Nothing is on hold until you agree. This stands for 15 minutes.",
    ]


# --- choices ---


@pytest.mark.parametrize("typed", [*LONGEST.values(), "", " ", "\x00"])
def test_choices_stay_within_the_limits(typed: str) -> None:
    view = request(picture(1), picture(2, S.FAILED, failure_code="prompt_refused"), picture(3), prompt=typed)
    styles = [Style(f"{typed[:40]}{number}", typed[:1000]) for number in range(30)]
    offered: list[Any] = [
        *model_choices(CATALOGUE, typed, specs=CATALOGUE.available(), resolution=typed, count=4),
        *resolution_choices(CATALOGUE, typed, spec=PRO, count=4),
        *count_choices(CATALOGUE, spec=PRO, resolution=typed),
        *picture_choices([view] * 20),
        *style_choices(styles, ""),
    ]
    assert len(offered) == 3 + 3 + 4 + 25 + 25
    for choice in offered:
        assert 1 <= units(choice.name) <= 100
        assert 1 <= units(str(choice.value)) <= 100


def test_pictures_are_offered_by_prompt_number_and_age() -> None:
    def names(age_s: int) -> list[str]:
        view = request(picture(1), picture(2), prompt="a cat", created_at_ms=NOW_MS - age_s * 1000)
        return [choice.name for choice in picture_choices([view])]

    assert names(20) == ["a cat · 1 of 2 · just now", "a cat · 2 of 2 · just now"]
    assert names(180)[0].endswith("3 min ago")
    assert names(7200)[0].endswith("2 h ago")
    assert names(100_000)[0].endswith("1 day ago")
    gone = request(picture(1, path=None))
    assert picture_choices([gone]) == []


def test_what_is_typed_is_taken_for_what_it_means() -> None:
    assert meant_model(CATALOGUE, None) is None
    assert meant_model(CATALOGUE, " NANO banana pro ") == "nano-banana-pro"
    assert meant_model(CATALOGUE, "Nano Banana 2 · 5 credits") == "nano-banana-2"
    assert meant_model(CATALOGUE, "dall-e") == "dall-e"
    assert meant_value(PRO, "resolution", "4k · 8 credits") == "4K"
    assert meant_value(PRO, "resolution", "8K") == "8K"
    assert meant_value(PRO, "colour", "red") == "red"
    assert meant_value(None, "resolution", "4k") == "4k"


def test_prices_are_todays() -> None:
    catalogue = Catalogue()
    catalogue.learn_price("nano-banana-pro", "4K", 24)
    offered = resolution_choices(catalogue, "4", spec=catalogue.default, count=1)
    assert [choice.name for choice in offered] == ["4K · 24 credits"]
    by_model = model_choices(catalogue, "pro", specs=catalogue.available(), resolution="4K", count=2)
    assert [choice.name for choice in by_model] == ["Nano Banana Pro · 48 credits for 2 pictures"]
