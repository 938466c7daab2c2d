"""What cards say of pictures in work, made, and not made."""

import pytest

from bot.generations.states import FailureCode, ReferenceState
from bot.generations.values import Trouble
from bot.rivya.errors import from_code
from bot.ui import cards
from bot.ui.card import BANANA, EMBER, SLATE, bar
from bot.ui.words import failure_words, trouble_words
from tests.ui_limits import custom_ids, texts
from tests.ui_samples import BALANCE, NOW_MS, REQUEST_ID, S, files, picture, references, request

OWN_CODES = list(FailureCode)
TROUBLES = [value for name, value in vars(Trouble).items() if name.isupper()]


# Progress
def test_progress_says_where_it_stands() -> None:
    held = picture(1, S.HELD)
    three = references(ReferenceState.READY, ReferenceState.READY, ReferenceState.WAITING)
    assert "Fetching references** · 2 of 3" in texts(cards.progress_card(request(held, references=three)))
    assert "Queued** · number 3 in line" in texts(cards.progress_card(request(held, queue_position=3)))
    assert "Queued** · next in line" in texts(cards.progress_card(request(held, queue_position=1)))
    painting = picture(1, S.PAINTING, submitted_at_ms=NOW_MS - 6000)
    said = texts(cards.progress_card(request(painting)))
    assert said.startswith("**Painting** · 6 s of about 14 s\n▰▰▰▰▱▱▱▱▱▱")
    assert said.endswith("Nano Banana Pro · 16:9 · 2K · 8 credits held · 92 left")
    view = request(picture(1, S.HELD), balance=None)
    assert texts(cards.progress_card(view)).endswith("2K · 8 credits held")
    assert "posting" in texts(cards.progress_card(request(picture(1)))).lower()


def test_a_bar_of_estimated_time_never_looks_finished() -> None:
    late = request(picture(1, S.PAINTING, submitted_at_ms=NOW_MS - 900_000))
    assert "▰▰▰▰▰▰▰▰▰▱" in texts(cards.progress_card(late))
    assert bar(0) == "▱" * 10
    assert bar(0.01).count("▰") == 1
    assert bar(5) == "▰" * 10


def test_cancel_is_offered_while_something_is_in_work() -> None:
    assert custom_ids(cards.progress_card(request(picture(1, S.HELD)))) == [f"nbb:cancel:{REQUEST_ID}"]
    assert custom_ids(cards.progress_card(request(picture(1, S.PAINTING), picture(2, S.HELD))))
    for state in (S.SUBMITTING, S.PAINTING, S.FETCHING):  # too late to take it back, but not to be told so
        assert custom_ids(cards.progress_card(request(picture(1, state)))) == [f"nbb:cancel:{REQUEST_ID}"]
    for state in (S.FETCHED, S.OVERDUE, S.UNKNOWN, S.FAILED):
        assert custom_ids(cards.progress_card(request(picture(1, state)))) == []
    partly = request(picture(1), picture(2, S.PAINTING))
    assert f"nbb:cancel:{REQUEST_ID}" not in custom_ids(cards.result_card(partly, files(partly)))
    assert f"nbb:cancel:{REQUEST_ID}" in custom_ids(
        cards.result_card(request(picture(1), picture(2, S.HELD)), files(request(picture(1))))
    )


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_says_what_is_waited_for_and_what_was_charged(trouble: str) -> None:
    said = texts(cards.progress_card(request(picture(1, S.PAINTING), trouble=trouble)))
    assert trouble_words(trouble) in said
    assert "Nothing is lost, and nothing has been charged so far." in said
    assert len({trouble_words(other) for other in TROUBLES}) == len(TROUBLES)
    partly = texts(cards.progress_card(request(picture(1), picture(2, S.PAINTING), trouble=trouble)))
    assert "8 credits were charged for what has come" in partly


# Results


def test_a_result_shows_picture_prompt_options_cost_and_time() -> None:
    images = references(ReferenceState.UPLOADED, ReferenceState.UPLOADED)
    view = request(picture(1), references=images)
    card = cards.result_card(view, files(view))
    assert texts(card).split("\n") == [
        "**a red panda in a raincoat, rainy Kyoto street at night, neon reflections in the puddles**",
        "-# Nano Banana Pro · 16:9 · 2K · 2 references",
        r"-# image 1: cat.png · image 2: old\_house.jpg",
        f"-# 8 credits · 92 left, new ones <t:{BALANCE.resets_at_ms // 1000}:R> · 14 s",
    ]
    container = card.to_components()[0]
    assert container["accent_color"] == BANANA
    (item,) = container["components"][0]["items"]
    assert item["media"]["url"] == "attachment://picture-1.png"
    assert item["description"] == view.prompt
    assert custom_ids(card) == [f"nbb:{what}:{REQUEST_ID}" for what in ("redo", "edit", "remix", "more")]


def test_the_format_is_named_only_when_it_is_not_png() -> None:
    said = texts(cards.result_card(request(picture(1), options={"resolution": "1K", "output_format": "jpg"}), []))
    assert "-# Nano Banana Pro · 1K · jpg" in said
    assert "png" not in texts(cards.result_card(request(picture(1)), []))


def test_a_fitted_picture_says_so() -> None:
    one = request(picture(1))
    assert "Made smaller" in texts(cards.result_card(one, files(one, fitted=True)))
    assert "Made smaller" not in texts(cards.result_card(one, files(one)))
    some = request(picture(1), picture(2), picture(3))
    shown = files(some, fitted=True)[:2] + files(some)[2:]
    assert "upload limit: pictures 1 and 2. Full size, under More, gives the most" in texts(
        cards.result_card(some, shown)
    )


def test_a_mixed_result_tells_what_became_of_each_picture_and_its_credits() -> None:
    view = request(
        picture(1), picture(2, S.FAILED, failure_code="prompt_refused"), picture(3, S.UNKNOWN), picture(4, S.OVERDUE)
    )
    said = texts(cards.result_card(view, files(view)))
    assert "1 of 4 pictures came." in said
    assert "**Picture 2** · The image service turned the prompt down. 8 credits are back." in said
    back = (NOW_MS + 86_000_000) // 1000
    assert "**Picture 3** · It is not known whether the picture was made. It is never sent twice. " in said
    assert f"The 8 credits stay on hold and come back <t:{back}:R>." in said
    assert "**Picture 4** · It takes much longer than usual; it will be posted here if still made." in said
    assert "-# 8 credits · 16 on hold" in said


def test_pictures_with_the_same_story_share_a_line() -> None:
    failed = [picture(n, S.FAILED, failure_code="generation_failed") for n in (2, 4)]
    view = request(picture(1), failed[0], picture(3), failed[1])
    said = texts(cards.result_card(view, files(view)))
    assert "**Pictures 2 and 4** · The image service could not finish the picture. 16 credits are back." in said


def test_pictures_still_being_made_are_announced() -> None:
    view = request(picture(1), picture(2, S.PAINTING), picture(3, S.HELD))
    assert "2 more pictures are being painted and are added here." in texts(cards.result_card(view, files(view)))
    view = request(picture(1), picture(2, S.HELD), private=True)
    assert "1 more picture is waiting to be painted and comes here or to /history." in texts(
        cards.result_card(view, files(view))
    )


def test_what_was_free_or_cheaper_says_so() -> None:
    assert "no credits: it is free" in texts(cards.result_card(request(picture(1, charged_credits=0)), []))
    two = request(*(picture(n, charged_credits=0) for n in (1, 2)))
    assert "no credits: they are free" in texts(cards.result_card(two, []))
    late = {"charged_credits": 0, "submitted_at_ms": NOW_MS - 25 * 3_600_000}
    assert "no credits: it came late and is free" in texts(cards.result_card(request(picture(1, **late)), []))
    two = request(*(picture(n, **late) for n in (1, 2)))
    assert "no credits: they came late and are free" in texts(cards.result_card(two, []))
    assert "5 credits instead of 8" in texts(cards.result_card(request(picture(1, charged_credits=5)), []))


# Failures


@pytest.mark.parametrize("code", [*OWN_CODES, "prompt_refused", "insufficient_credits", "something_new"])
def test_every_failure_has_its_own_words(code: str) -> None:
    view = request(picture(1, S.FAILED, failure_code=code))
    said = texts(cards.failure_card(view))
    assert said.startswith("**No picture this time.** ")
    assert failure_words(view.pictures[0]) in said
    assert "Nothing was charged; your 8 credits are back." in said
    assert said.endswith("ref ab7f3a")
    assert "_" not in said


def test_own_codes_do_not_fall_back_on_a_common_sentence() -> None:
    words = {failure_words(picture(1, S.FAILED, failure_code=code)) for code in OWN_CODES}
    assert len(words) == len(OWN_CODES)
    assert from_code("something_new").words not in words


def test_a_refused_reference_is_named_inertly() -> None:
    detail = "**@everyone**.png is not a picture"
    said = texts(
        cards.failure_card(request(picture(1, S.FAILED, failure_code="reference_refused", failure_detail=detail)))
    )
    assert r"\*\*\@everyone\*\*.png is not a picture." in said


def test_the_unknown_is_told_honestly() -> None:
    said = texts(cards.failure_card(request(picture(1, S.UNKNOWN))))
    back = (NOW_MS + 86_000_000) // 1000
    assert said.startswith("**I can't tell whether your picture was made.** It is never sent twice.\n")
    assert f"The 8 credits stay on hold and come back <t:{back}:R>." in said
    assert "Nothing was charged" not in said


def test_overdue_lost_and_cancelled() -> None:
    overdue = cards.failure_card(request(picture(1, S.OVERDUE)))
    assert "it will be posted here if still made" in texts(overdue)
    assert "stay on hold" in texts(overdue)
    written_off = texts(cards.failure_card(request(picture(1, S.OVERDUE, charged_credits=0))))
    assert "8 credits are back; if it still comes, it is free." in written_off
    assert overdue.to_components()[0]["accent_color"] == SLATE
    private = texts(cards.failure_card(request(picture(1, S.OVERDUE), private=True)))
    assert "by direct message or in /history" in private
    lost = cards.failure_card(request(picture(1, S.LOST, failure_code="result_gone")))
    assert "It was made, but could not be obtained.\nNothing was charged; your 8 credits are back." in texts(lost)
    assert lost.to_components()[0]["accent_color"] == EMBER
    cancelled = texts(cards.failure_card(request(picture(1, S.CANCELLED), picture(2, S.CANCELLED))))
    assert cancelled.startswith("**Cancelled.** Nothing had been sent.\nNothing was charged; your 16 credits are back.")


def test_several_that_failed_differently_keep_their_holds_apart() -> None:
    view = request(picture(1, S.FAILED, failure_code="generation_failed"), picture(2, S.UNKNOWN))
    said = texts(cards.failure_card(view))
    assert "Nothing was charged so far; 8 credits of yours stay on hold." in said
