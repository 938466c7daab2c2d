"""The wire plays what a bot asks back: choices while somebody types, and modals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.sandbox.wire import InteractionRecord
from tests.clocks import TestClock
from tests.conformance.wire_client import (
    MODAL,
    PAINT,
    PROMPT,
    STYLED,
    TICKS,
    Bare,
    check_answer,
    heard,
    identified,
    label,
    listening,
    options,
    picture,
    status_of,
)

# ---------------------------------------------------------------------- autocomplete


async def test_choices_come_back_and_are_judged(bare: Bare) -> None:
    await bare.register(STYLED)
    async with listening(bare) as ear:
        await identified(bare, ear)

        async def typed(choices: list[dict[str, Any]]) -> tuple[Any, Any]:
            typing = asyncio.create_task(
                bare.wire.autocomplete(bare.alice, bare.channel, "style", focused="style", value="wat", count=2)
            )
            event = await heard(ear)
            assert event["type"] == 4
            assert event["data"]["options"] == [
                {"name": "count", "type": 4, "value": 2},
                {"name": "style", "type": 3, "value": "wat", "focused": True},
            ]
            answer = await bare.respond(bare.wire.books.interactions[int(event["id"])], 8, {"choices": choices})
            return answer, (await asyncio.gather(typing, return_exceptions=True))[0]

        good = [{"name": f"style {number}", "value": "x" * 100} for number in range(25)]
        answer, choices = await typed(good)
        assert (answer.status, choices) == (204, good)
        check_answer(8, {"choices": good})
        for bad in (
            [*good, good[0]],
            [{"name": "x" * 101, "value": "x"}],
            [{"name": "", "value": "x"}],
            [{"name": "x", "value": "x" * 101}],
        ):
            answer, raised = await typed(bad)
            assert answer.error == (400, 50035)
            assert isinstance(raised, ValueError)
            assert "50035" in str(raised)


async def test_choices_answer_typing_only_and_in_time(bare: Bare, clock: TestClock) -> None:
    await bare.register(STYLED, PAINT)
    assert (await bare.respond(await bare.ask(), 8, {"choices": []})).error == (400, 50035)
    async with listening(bare) as ear:
        await identified(bare, ear)
        for late, kind in ((3, 8), (0, 5)):
            typing = asyncio.create_task(
                bare.wire.autocomplete(bare.alice, bare.channel, "style", focused="style", value="")
            )
            asked = bare.wire.books.interactions[int((await heard(ear))["id"])]
            clock.advance(late)
            refusal = (404, 10062) if late else (400, 50035)
            assert (await bare.respond(asked, kind, {"choices": []})).error == refusal
            with pytest.raises(ValueError, match=str(refusal[1])):
                await typing
    with pytest.raises(ValueError, match="completes itself"):
        await bare.wire.autocomplete(bare.alice, bare.channel, "style", focused="count", value="1")


# ---------------------------------------------------------------------- modals


async def opened(bare: Bare, modal: dict[str, Any]) -> InteractionRecord:
    asked = await bare.ask()
    assert (await bare.respond(asked, 9, modal)).status == 204
    assert asked.acknowledged_as == 9
    return asked


async def test_a_modal_takes_texts_choices_people_and_files(bare: Bare) -> None:
    check_answer(9, MODAL)
    bob = bare.wire.people.add_member(bare.guild, "bob")
    async with listening(bare) as ear:
        await identified(bare, ear)
        asked = await opened(bare, MODAL)
        assert asked.modal is not None
        assert asked.modal["title"] == "Edit"
        await heard(ear)
        values = {
            "ratio": ["16:9"],
            "member": [bob],
            "where": [bare.channel],
            "more": [("a.png", picture()), ("b.png", picture("red"))],
        }
        sent = await bare.wire.modal_submit(bare.alice, asked.id, values)
        event = await heard(ear)
        assert (event["type"], event["data"]["custom_id"], sent.name) == (5, "edit:7", "edit:7")
        given = {node["component"]["custom_id"]: node["component"] for node in event["data"]["components"]}
        assert given["prompt"]["value"] == "a lake", "what was prefilled stays"
        assert [given[name]["values"] for name in ("ratio", "member", "where")] == [
            ["16:9"],
            [str(bob)],
            [str(bare.channel)],
        ]
        resolved = event["data"]["resolved"]
        files = [resolved["attachments"][file_id] for file_id in given["more"]["values"]]
        assert [file["filename"] for file in files] == ["a.png", "b.png"]
        assert [await status_of(bare, file["url"]) for file in files] == [200, 200]
        assert (list(resolved["users"]), list(resolved["channels"])) == ([str(bob)], [str(bare.channel)])
        assert (await bare.respond(sent, 9, MODAL)).error == (400, 50035), "a modal does not follow a modal"
        with pytest.raises(ValueError, match="no modal"):
            await bare.wire.modal_submit(bare.alice, asked.id, values)


async def test_a_modals_ticks(bare: Bare) -> None:
    check_answer(9, TICKS)
    async with listening(bare) as ear:
        await identified(bare, ear)
        asked = await opened(bare, TICKS)
        await heard(ear)
        await bare.wire.modal_submit(bare.alice, asked.id, {"one": "b", "some": ["a", "c"], "sure": True})
        nodes = (await heard(ear))["data"]["components"]
        assert nodes[0]["type"] == 10
        answers = [node["component"] for node in nodes[1:]]
        assert [answer.get("value", answer.get("values")) for answer in answers] == ["b", ["a", "c"], True, []]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"prompt": ""}, "filled in"),
        ({"prompt": "x" * 4001}, "4000 characters"),
        ({"prompt": 7}, "takes text"),
        ({}, "ratio takes 1 to 1"),
        ({"ratio": ["4:3"]}, "offers"),
        ({"ratio": ["1:1", "16:9"]}, "1 to 1"),
        ({"ratio": ["1:1"], "more": [("a.png", b"x")] * 9}, "0 to 8"),
        ({"ratio": ["1:1"], "more": ["a.png"]}, "takes files"),
        ({"ratio": ["1:1"], "member": [1]}, "nobody"),
        ({"ratio": ["1:1"], "colour": "red"}, "no colour"),
    ],
)
async def test_a_modal_is_not_sent_off_wrong(bare: Bare, values: dict[str, Any], why: str) -> None:
    asked = await opened(bare, MODAL)
    with pytest.raises(ValueError, match=why):
        await bare.wire.modal_submit(bare.alice, asked.id, values)
    assert await bare.wire.modal_submit(bare.alice, asked.id, {"ratio": ["1:1"]})


@pytest.mark.parametrize(
    "change",
    [
        {"title": "x" * 46},
        {"custom_id": "x" * 101},
        {"components": [PROMPT] * 6},
        {"components": [{**PROMPT, "label": "x" * 46}]},
        {"components": [label("x", {"type": 4, "custom_id": "a", "style": 1, "max_length": 4001})]},
        {"components": [label("x", {"type": 4, "custom_id": "a", "style": 1, "value": "x" * 4001})]},
        {"components": [label("x", {"type": 4, "custom_id": "a", "style": 1, "value": "xxx", "max_length": 2})]},
        {"components": [label("x", {"type": 3, "custom_id": "a", "options": options(*map(str, range(26)))})]},
        {"components": [label("x", {"type": 19, "custom_id": "a", "max_values": 11})]},
    ],
)
async def test_a_modal_over_the_limits_is_refused(bare: Bare, change: dict[str, Any]) -> None:
    asked = await bare.ask()
    assert (await bare.respond(asked, 9, {**MODAL, **change})).error == (400, 50035)
    assert asked.modal is None
    assert (await bare.respond(asked, 9, MODAL)).status == 204, "a refusal does not use it up"


async def test_a_modal_outlives_the_process_and_a_missed_answer(bare: Bare, clock: TestClock) -> None:
    async with listening(bare) as ear:
        await identified(bare, ear)
        asked = await opened(bare, MODAL)
    clock.advance(1000)
    missed = await bare.wire.modal_submit(bare.alice, asked.id, {"ratio": ["1:1"]})
    with pytest.raises(ValueError, match="no modal"):
        await bare.wire.modal_submit(bare.alice, asked.id, {"ratio": ["1:1"]})
    clock.advance(3)
    async with listening(bare) as ear:
        await identified(bare, ear)
        again = await bare.wire.modal_submit(bare.alice, asked.id, {"ratio": ["16:9"]})
        event = await heard(ear)
        assert (event["id"], again.acknowledged_ms) == (str(again.id), None)
        assert (await bare.respond(missed, 5)).error == (404, 10062)
        assert (await bare.respond(again, 5)).status == 204
