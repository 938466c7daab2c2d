"""Every card in every state, within Discord's limits and by Discord's own schema; and what they say."""

import re
from dataclasses import replace
from typing import Any

import discord
import pytest
from discord import ui

from bot.credits.ledger import Balance
from bot.credits.quotas import LimitScope, QuotaExceeded
from bot.credits.repository import Entry
from bot.generations.refusals import MissingPermissions, QueueFull
from bot.generations.states import DeliveryState, FailureCode, PictureState, ReferenceState
from bot.generations.values import Cancelled, HistoryPage, Trouble
from bot.rivya.errors import from_code
from bot.ui import cards, ids
from bot.ui.card import BANANA, EMBER, SLATE, bar
from bot.ui.words import duration, failure_words, trouble_words
from tests.openapi import discord_schema
from tests.ui_limits import broken_limits, custom_ids, texts
from tests.ui_looking import looking, looking_longest
from tests.ui_samples import (
    BALANCE,
    LONGEST,
    NOW_MS,
    REQUEST_ID,
    S,
    Sample,
    files,
    picture,
    references,
    request,
    samples,
)
from tests.ui_samples_found import longest_found
from tests.ui_samples_house import house_longest, house_samples
from tests.ui_samples_quotas import longest_quotas
from tests.ui_samples_results import longest_results

SAMPLES = samples()
OWN_CODES = list(FailureCode)
TROUBLES = [value for name, value in vars(Trouble).items() if name.isupper()]


def longest() -> dict[str, Sample]:
    """The worst that there is to show: longest texts, eight references, four pictures that all end differently."""
    found: dict[str, Sample] = {}
    for name, prompt in LONGEST.items():
        filename = (prompt.replace("\n", "_") * 5)[:246] + ".png"
        images = references(*[ReferenceState.UPLOADED] * 8, names=[filename])
        detail = f"{filename} has {prompt}"
        values: dict[str, Any] = {"prompt": prompt, "references": images, "private": True, "model_label": prompt}
        values["options"] = dict.fromkeys(("aspect_ratio", "resolution", "output_format", "image_resolution"), prompt)
        different = [
            picture(1, S.FAILED, failure_code="reference_refused", failure_detail=detail),
            picture(2, S.FAILED, failure_code="reference_refused", failure_detail="also " + detail),
            picture(3, S.UNKNOWN),
            picture(4, S.OVERDUE),
        ]
        absent = request(*different, **values)
        mixed = request(picture(1), *different[1:], **values)
        four = request(*(picture(n) for n in (1, 2, 3, 4)), **values)
        work = request(picture(1), *(picture(n, S.HELD) for n in (2, 3, 4)), trouble=Trouble.ACCOUNT, **values)
        found |= {
            f"{name}-failure": Sample(lambda v=absent: cards.failure_card(v)),
            f"{name}-mixed": Sample(lambda v=mixed: cards.result_card(v, files(v, fitted=True))),
            f"{name}-four": Sample(lambda v=four: cards.result_card(v, files(v, fitted=True))),
            f"{name}-work": Sample(lambda v=work: cards.result_card(v, files(v))),
            f"{name}-progress": Sample(lambda v=work: cards.progress_card(v)),
            f"{name}-picture": Sample(lambda v=mixed: cards.picture_card(v, files(v))),
            f"{name}-history": Sample(
                lambda v=mixed: cards.history_card(
                    HistoryPage(tuple(replace(v, id=f"{n:016x}") for n in range(cards.PAGE_SIZE)), 3, 9)
                )
            ),
            f"{name}-error": Sample(lambda p=prompt: cards.error_card(p)),
            f"{name}-refused": Sample(
                lambda d=detail, p=prompt: cards.refusal_card(
                    MissingPermissions((d,)), mends=[cards.Mend(p, ids.paint("a" * 16, 8))]
                )
            ),
            f"{name}-typed": Sample(lambda d=detail, p=prompt: cards.refusal_card(MissingPermissions((d,)), typed=p)),
            f"{name}-credits": Sample(
                lambda p=prompt: cards.credits_card(
                    BALANCE, [Entry(n, 1, "grant", 10**9, None, None, 5, "a", p, 5) for n in range(30)], NOW_MS, p
                )
            ),
            f"{name}-help": Sample(
                lambda p=prompt: cards.help_card(
                    commands=[(p, p)] * 3, managing=[(p, p)] * 3, models=[(p, 8)] * 6, retention_days=90, operator=p
                )
            ),
        }
        found |= {f"{name}-of-{what}": sample for what, sample in longest_results(prompt, filename).items()}
        found |= longest_found(name, prompt)
        found |= {f"{name}-of-{what}": sample for what, sample in longest_quotas(prompt).items()}
    return found


ALL = SAMPLES | longest() | looking() | looking_longest() | house_samples() | house_longest()


@pytest.mark.parametrize("name", ALL)
def test_every_card_is_within_the_limits(name: str) -> None:
    assert broken_limits(ALL[name].draw()) == []


@pytest.mark.parametrize("name", ALL)
def test_discords_own_schema_takes_every_card(name: str) -> None:
    assert discord_schema().problems("POST", "/channels/1/messages", body_of(ALL[name])) == []


@pytest.mark.parametrize("name", ["progress-several", "result-four", "failure-refused", "history"])
def test_discords_own_schema_takes_edits_and_replies(name: str) -> None:
    body = body_of(SAMPLES[name])
    schema = discord_schema()
    assert schema.problems("PATCH", "/api/v10/webhooks/1/token/messages/@original", body) == []
    assert schema.problems("PATCH", "/api/v10/channels/1/messages/2", body) == []
    assert schema.problems("POST", "/interactions/1/token/callback", {"type": 4, "data": body}) == []


def body_of(sample: Sample) -> dict[str, Any]:
    attached = enumerate(sample.files)
    return {
        "flags": 1 << 15,
        "components": sample.draw().to_components(),
        "attachments": [{"id": n, "filename": file.filename, "description": "a picture"} for n, file in attached],
    }


def test_the_checker_and_the_schema_notice_what_is_wrong() -> None:
    view = ui.LayoutView()
    view.add_item(ui.Container(ui.TextDisplay("x" * 4001)))
    assert broken_limits(view)
    body = {"flags": 1 << 15, "components": view.to_components()}
    assert discord_schema().problems("POST", "/api/v10/channels/1/messages", body)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_tone(name: str) -> None:
    said = texts(SAMPLES[name].draw())
    assert "!" not in said
    assert "None" not in said
    assert not re.search(r"\b1 (credits|pictures|references)\b", said)
    assert not re.search(r"\.\.|  |; \.", said)


def test_cards_are_not_kept_by_the_client() -> None:
    card = cards.progress_card(request(picture(1, S.HELD)))
    assert card.is_finished()
    assert card.timeout is None


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


def test_one_picture_of_the_history_shows_the_whole_prompt_and_can_be_posted() -> None:
    view = request(prompt="first line\n# second line")
    card = cards.picture_card(view, files(view))
    assert texts(card).startswith("**first line\n\\# second line**\n")
    assert custom_ids(card) == [f"nbb:{what}:{REQUEST_ID}" for what in ("redo", "edit", "remix", "again", "more")]
    dropped = cards.picture_card(request(picture(1, path=None)), [])
    assert "The picture is no longer kept." in texts(dropped)
    assert ids.again(REQUEST_ID) not in custom_ids(dropped)
    removed = request(picture(1), removed_by=77)
    assert ids.again(REQUEST_ID) not in custom_ids(cards.picture_card(removed, files(removed)))


# Words and ids


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (14.4, "14 s"),
        (59.9, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (7260, "2 h 1 min"),
        (-3, "0 s"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_ids_match_their_templates() -> None:
    request_id = "0123456789abcdef"
    for custom_id, template, groups in [
        (ids.cancel(request_id), ids.CANCEL, {"request_id": request_id}),
        (ids.full(request_id, 3), ids.FULL, {"request_id": request_id, "position": "3"}),
        (ids.full_select(request_id), ids.FULL_SELECT, {"request_id": request_id}),
        (
            ids.history(12),
            ids.HISTORY,
            {"page": "12", "model": None, "since": None, "until": None, "text": None},
        ),
        (ids.open_select(), ids.OPEN, {}),
        (ids.again(request_id), ids.AGAIN, {"request_id": request_id}),
        ("nbb:mend:a_b-1", ids.MEND, {"key": "a_b-1"}),
        (ids.paint("a1" * 8, 32), ids.PAINT, {"draft_id": "a1" * 8, "cost_credits": "32"}),
        (ids.not_now("a1" * 8), ids.NOT_NOW, {"draft_id": "a1" * 8}),
    ]:
        found = template.fullmatch(custom_id)
        assert found is not None
        assert found.groupdict() == groups
        assert custom_id.startswith(ids.PREFIX)
        assert not ids.CANCEL.fullmatch(custom_id) or template is ids.CANCEL


def test_templates_serve_dynamic_items() -> None:
    class Item(ui.DynamicItem[ui.Button[Any]], template=ids.CANCEL):
        pass

    button: ui.Button[Any] = ui.Button(custom_id=ids.cancel(REQUEST_ID), style=discord.ButtonStyle.secondary)
    assert Item(button).custom_id == f"nbb:cancel:{REQUEST_ID}"


def test_unfinished_states_are_all_drawn() -> None:
    for state in PictureState:
        for draw in (cards.progress_card, cards.failure_card, lambda v: cards.result_card(v, [])):
            assert broken_limits(draw(request(picture(1, state)))) == []
