"""Price before: what costs much is asked about first, and until somebody agrees nothing has happened."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, text_of
from tests.ui_limits import walk

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGREE = "Paint all 4 · 32 credits"
SLOW_S = 1.7
"""Longer than a command waits before it acknowledges first."""


async def _rows(world: DiscordWorld, table: str) -> int:
    """Count the member's rows."""
    async with world.database.read() as tx:
        query = f"SELECT count(*) FROM {table} WHERE user_id = :user_id"
        return int(await tx.scalar(text(query), {"user_id": world.alice.id}) or 0)


async def _nothing_happened(world: DiscordWorld, prompt: str) -> None:
    await world.idle()
    assert world.tasks(prompt) == []
    assert await _rows(world, "requests") == 0
    await world.check_books(charged=0)


async def test_four_pictures_are_asked_about_first(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("four islands", count=4, aspect_ratio="16:9", image_1=("sea.png", png()))
    assert asked.ephemeral
    assert world.messages() == []
    said = text_of(asked.response)
    assert "**This costs 32 credits.** 128 of your 160 would be left; new ones come <t:" in said
    assert "four islands" in said
    assert "Nano Banana Pro · 16:9 · 1 reference · 4 pictures" in said
    assert "Nothing is on hold until you agree." in said
    assert labels_of(asked.response) == [AGREE, "Make 1 picture · 8 credits", "Not now"]
    await _nothing_happened(world, "four islands")

    pressed = await world.click(world.alice, asked.response, AGREE)
    assert not pressed.ephemeral
    await world.idle()
    (message,) = world.messages()
    assert message.id == pressed.response.id
    assert len(pictures_of(message)) == 4
    assert "32 credits · 128 left" in text_of(message)
    assert len(world.tasks("four islands")) == 4
    assert [item["name"] for item in world.tasks("four islands")[0].params["referenceMediaItems"]] == ["sea.png"]
    await world.check_books(charged=32)


async def test_the_cheaper_one_is_taken_instead(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("one will do", count=3)
    await world.click(world.alice, asked.response, "Make 1 picture · 8 credits")
    await world.idle()
    assert len(world.tasks("one will do")) == 1
    await world.check_books(charged=8)


async def test_up_to_the_threshold_nobody_is_asked(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("two of them", count=2)
    assert not asked.ephemeral
    await world.idle()
    await world.check_books(charged=16)


async def test_not_now_leaves_nothing_but_the_prompt(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("rather **not**", count=4)
    answer = await world.click(world.alice, asked.response, "Not now")
    assert answer.followups == []
    assert "**Not painted.** Nothing was charged." in text_of(asked.response)
    assert "rather \\*\\*not\\*\\*" in text_of(asked.response)
    assert labels_of(asked.response) == []
    await _nothing_happened(world, "rather **not**")


async def test_an_unanswered_offer_expires_without_trace(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("never answered", count=4)
    assert await _rows(world, "drafts") == 2
    await world.advance(16 * 60)
    for label in (AGREE, "Make 1 picture · 8 credits", "Not now"):
        late = await world.click(world.alice, asked.response, label)
        assert late.ephemeral
        assert text_of(late.response) == "**This offer is over; nothing was charged. Please ask again.**"
    await _nothing_happened(world, "never answered")
    await world.advance(3 * 24 * 3600)

    async def forgotten() -> bool:
        return await _rows(world, "drafts") == 0

    while not await forgotten():
        await world.advance(600)
    late = await world.click(world.alice, asked.response, AGREE)
    assert text_of(late.response).startswith("**This offer is over. /history shows if it was taken")
    await _nothing_happened(world, "never answered")


async def test_a_double_click_is_one_request(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("clicked twice", count=4)
    first = await world.click(world.alice, asked.response, AGREE)
    second = await world.click(world.alice, asked.response, AGREE)
    left = await world.click(world.alice, asked.response, "Not now")
    await world.idle()
    assert len(pictures_of(first.response)) == 4
    assert second.acknowledged
    assert second.response.id == asked.response.id
    assert second.followups == []
    assert len(world.messages()) == 1
    assert "This is taken already." in text_of(left.response)
    assert len(world.tasks("clicked twice")) == 4
    await world.check_books(charged=32)


async def test_the_same_event_twice_is_asked_about_once(discord_world: DiscordWorld) -> None:
    world = discord_world
    seen: list[str] = []

    def repeat(event: str, payload: Any) -> None:
        if event == "INTERACTION_CREATE" and len(seen) < 2 and payload["id"] not in seen:
            seen.append(payload["id"])
            world.env.backend.emit(event, payload)

    world.env.backend.subscribers.append(repeat)
    try:
        asked = await world.imagine("asked once", count=4)
        assert asked.followups == []
        await world.click(world.alice, asked.response, AGREE)
    finally:
        world.env.backend.subscribers.remove(repeat)
    await world.idle()
    assert len(seen) == 2
    assert len(world.tasks("asked once")) == 4
    (message,) = world.messages()
    assert len(pictures_of(message)) == 4
    await world.check_books(charged=32)


async def test_an_offer_survives_a_restart(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("from another life", count=4, image_1=("a.png", png()))
    await world.restart_client()
    await world.click(world.alice, asked.response, AGREE)
    await world.idle()
    assert len(world.tasks("from another life")) == 4
    await world.check_books(charged=32)


async def test_an_offer_that_could_not_be_acknowledged_can_be_pressed_again(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("pressed again", count=4)
    world.env.inject_error("POST", "/interactions/*/callback", status=404, code=10062)
    await world.click(world.alice, asked.response, AGREE)
    await world.check_books(charged=0)
    await world.click(world.alice, asked.response, AGREE)
    await world.idle()
    assert len(world.tasks("pressed again")) == 4
    await world.check_books(charged=32)


async def test_a_private_request_is_asked_about_and_shown_privately(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("for me alone", count=4, private=True)
    assert asked.ephemeral
    pressed = await world.click(world.alice, asked.response, AGREE)
    assert pressed.ephemeral
    await world.idle()
    assert len(pictures_of(pressed.response)) == 4
    assert world.messages() == []
    await world.check_books(charged=32)


async def test_slow_to_prepare_is_asked_about_where_the_acknowledgement_stands(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.fetcher.delay_s = SLOW_S
    asked = await world.imagine(None, prompt_file=("prompt.txt", b"slow and dear"), count=4)
    (offer,) = world.messages()
    assert offer.id == asked.response.id
    assert labels_of(offer) == [AGREE, "Make 1 picture · 8 credits", "Not now"]
    await _nothing_happened(world, "slow and dear")

    # It is public now: the buttons are still for whoever asked.
    for label in labels_of(offer):
        stranger = await world.click(world.member(f"stranger {label}"), offer, label)
        assert stranger.ephemeral
        assert text_of(stranger.response) == "**Only whoever asked for this can use the button.**"
    await _nothing_happened(world, "slow and dear")

    pressed = await world.click(world.alice, offer, AGREE)
    await world.idle()
    (message,) = world.messages()  # the offer is gone
    assert message.id == pressed.response.id
    assert len(pictures_of(message)) == 4
    await world.check_books(charged=32)


async def test_slow_to_prepare_a_private_one(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.fetcher.delay_s = SLOW_S
    asked = await world.imagine(None, prompt_file=("prompt.txt", b"slow, dear, mine"), count=4, private=True)
    assert asked.ephemeral
    assert labels_of(asked.response)[0] == AGREE
    assert world.messages() == []
    await _nothing_happened(world, "slow, dear, mine")


async def test_of_an_offer_that_is_forgotten_nothing_untrue_is_said(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("paid for", count=4)
    buttons = [part for part in walk(asked.response.components) if part.get("label", "").startswith("Paint all")]
    agree = buttons[0]["custom_id"]
    await world.forge(world.alice, asked.response, agree)
    await world.idle()
    await world.check_books(charged=32)
    await world.advance(2 * 24 * 3600)
    await world.core.engine._upkeep.forget_drafts()
    again = await world.forge(world.alice, world.messages()[-1], agree)
    said = text_of([*again.followups, again.response][0])
    assert said == "**This offer is over. /history shows if it was taken; else nothing was charged.**"
    await world.idle()
    assert len(world.tasks("paid for")) == 4
