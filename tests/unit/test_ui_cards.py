"""Every card in every state, within Discord's limits and by Discord's own schema; words and ids."""

import re
from typing import Any

import discord
import pytest
from discord import ui

from bot.generations.states import PictureState
from bot.ui import cards, ids
from bot.ui.words import duration
from tests.openapi import discord_schema
from tests.ui_limits import broken_limits, custom_ids, texts
from tests.ui_samples import REQUEST_ID, S, files, picture, request
from tests.ui_samples_all import ALL, SAMPLES, drawn


@pytest.mark.parametrize("name", ALL)
def test_every_card_is_within_the_limits(name: str) -> None:
    assert broken_limits(drawn(name)) == []


@pytest.mark.parametrize("name", ALL)
def test_discords_own_schema_takes_every_card(name: str) -> None:
    assert discord_schema().problems("POST", "/channels/1/messages", body_of(name)) == []


@pytest.mark.parametrize("name", ["progress-several", "result-four", "failure-refused", "history"])
def test_discords_own_schema_takes_edits_and_replies(name: str) -> None:
    body = body_of(name)
    schema = discord_schema()
    assert schema.problems("PATCH", "/api/v10/webhooks/1/token/messages/@original", body) == []
    assert schema.problems("PATCH", "/api/v10/channels/1/messages/2", body) == []
    assert schema.problems("POST", "/interactions/1/token/callback", {"type": 4, "data": body}) == []


def body_of(name: str) -> dict[str, Any]:
    attached = enumerate(ALL[name].files)
    return {
        "flags": 1 << 15,
        "components": drawn(name).to_components(),
        "attachments": [{"id": n, "filename": file.filename, "description": "a picture"} for n, file in attached],
    }


def test_the_checker_and_the_schema_notice_what_is_wrong() -> None:
    view = ui.LayoutView()
    view.add_item(ui.Container(ui.TextDisplay("x" * 4001)))
    assert broken_limits(view)
    body = {"flags": 1 << 15, "components": view.to_components()}
    assert discord_schema().problems("POST", "/api/v10/channels/1/messages", body)
    said = {"type": 10, "content": "no button"}
    for wrong in ({}, {"type": 99}, {"type": "10"}, {"type": 10}, {"type": True}, {"type": 1, "components": [said]}):
        assert discord_schema().problems("POST", "/api/v10/channels/1/messages", body | {"components": [wrong]}), wrong


@pytest.mark.parametrize("name", SAMPLES)
def test_the_tone(name: str) -> None:
    said = texts(drawn(name))
    assert "!" not in said
    assert "None" not in said
    assert not re.search(r"\b1 (credits|pictures|references)\b", said)
    assert not re.search(r"\.\.|  |; \.", said)


def test_cards_are_not_kept_by_the_client() -> None:
    card = cards.progress_card(request(picture(1, S.HELD)))
    assert card.is_finished()
    assert card.timeout is None


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
