"""Refusals that depend on the operator's settings, and the offers that go with them."""

from __future__ import annotations

from bot.credits.quota_rules import Scope
from tests.cogs.conftest import DiscordWorld, OpenWorld, labels_of, pictures_of, png, text_of
from tests.rules import set_rule


async def test_too_dear_offers_as_many_as_are_left(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(member_credits_per_month=20, max_running_per_member=3)
    refusal = await world.imagine("four in a row", count=3)
    assert refusal.ephemeral
    assert "**That is more than you have left.**" in text_of(refusal.response)
    assert "This costs 24 credits, you have 20" in text_of(refusal.response)
    assert labels_of(refusal.response) == [
        "Make 2 pictures · 16 credits",
        "Make 3 pictures with Nano Banana 2 · 15 credits",
    ]
    pressed = await world.click(world.alice, refusal.response, "Make 2 pictures · 16 credits")
    await world.idle()
    assert len(pictures_of(pressed.response)) == 2
    await world.check_books(charged=16)

    # Too little is left for one more of these, but not for one by a cheaper model.
    broke = await world.imagine("one more")
    assert "you have 4" in text_of(broke.response)
    assert labels_of(broke.response) == ["Make 1 picture with Nano Banana · 3 credits"]
    await world.click(world.alice, broke.response, "Make 1 picture with Nano Banana · 3 credits")
    await world.idle()
    await world.check_books(charged=19)
    broke = await world.imagine("and one more")
    assert labels_of(broke.response) == []

    # Another member has an allowance of their own.
    await world.imagine("by bob", who=world.member("bob"), count=2)
    await world.idle()
    assert len(world.tasks("by bob")) == 2


async def test_too_many_at_once_offers_what_there_is_room_for(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(max_running_per_member=3)
    world.fetcher.doors.clear()
    await world.imagine("two first", count=2, image_1=("a.png", png()))
    refusal = await world.imagine("two more", count=2)
    assert refusal.ephemeral
    assert "At most 3 of your pictures may be in work at the same time; 2 are now." in text_of(refusal.response)
    assert labels_of(refusal.response) == ["Make 1 picture · 8 credits"]
    await world.click(world.alice, refusal.response, "Make 1 picture · 8 credits")
    full = await world.imagine("no room at all")
    assert labels_of(full.response) == ["Try again · 8 credits"]
    world.fetcher.doors.set()
    await world.idle()
    assert len(world.tasks("two more")) == 1
    await world.check_books(charged=24)
    await world.click(world.alice, full.response, "Try again · 8 credits")
    await world.idle()
    assert len(world.tasks("no room at all")) == 1


async def test_a_server_that_is_not_on_the_list(open_discord_world: OpenWorld) -> None:
    world: DiscordWorld = await open_discord_world(allowed_guilds="123,456")
    refusal = await world.imagine("let me in")
    assert refusal.ephemeral
    assert "I am not switched on in this server." in text_of(refusal.response)
    assert labels_of(refusal.response) == []
    assert world.tasks("let me in") == []
    await world.check_books(charged=0)


async def test_by_an_offer_that_was_made_before_the_rule(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(confirm_above_credits=4)
    offer = await world.imagine("dear")
    await set_rule(world.database, world.guild.id, Scope.EVERYONE, month=0)
    refused = await world.click(world.alice, offer.response, "Paint it · 8 credits")
    assert "You have no credits" in text_of(refused.response)
    await world.check_books(charged=0)
