"""What is asked about first, and what is refused, under other settings and prices."""

from __future__ import annotations

from tests.cogs.conftest import OpenWorld, labels_of, text_of

AGREE = "Paint all 4 · 32 credits"


async def test_what_can_not_be_paid_is_refused_and_not_asked_about(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(member_credits_per_month=20)
    refusal = await world.imagine("beyond my means", count=4)
    assert "**That is more than you have left.**" in text_of(refusal.response)
    assert labels_of(refusal.response) == [
        "Make 2 pictures · 16 credits",
        "Make 4 pictures with Nano Banana 2 · 20 credits",
    ]
    # Its price was named on the button, so nobody is asked again.
    await world.click(world.alice, refusal.response, "Make 4 pictures with Nano Banana 2 · 20 credits")
    await world.idle()
    assert [task.model for task in world.tasks("beyond my means")] == ["nano-banana-2"] * 4
    await world.check_books(charged=20)


async def test_credits_that_went_elsewhere_meanwhile_are_refused_with_an_offer(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(member_credits_per_month=40)
    asked = await world.imagine("too late", count=4)
    assert "8 of your 40" in text_of(asked.response)
    await world.imagine("something else", count=2)
    await world.idle()
    pressed = await world.click(world.alice, asked.response, AGREE)
    assert pressed.ephemeral
    assert "**That is more than you have left.** This costs 32 credits, you have 24" in text_of(
        pressed.response
    ).replace("\n", " ")
    assert "Nothing was charged." in text_of(pressed.response)
    await world.check_books(charged=16)
    await world.click(world.alice, pressed.response, "Make 3 pictures · 24 credits")
    await world.idle()
    assert len(world.tasks("too late")) == 3
    await world.check_books(charged=40)


async def test_nobody_pays_more_than_the_button_said(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(variants={"price_credits": {("nano-banana-pro", "1K"): 10}})
    asked = await world.imagine("dearer by now", count=4)
    assert world.core.catalogue.learn_price("nano-banana-pro", "1K", 10)  # as the next answer would say
    again = await world.click(world.alice, asked.response, AGREE)
    assert again.ephemeral
    assert "**The price has changed: this costs 40 credits now**, not 32. 120 of your 160" in text_of(again.response)
    assert world.tasks("dearer by now") == []
    await world.check_books(charged=0)
    await world.click(world.alice, again.response, "Paint all 4 · 40 credits")
    await world.idle()
    assert len(world.tasks("dearer by now")) == 4
    await world.check_books(charged=40)


async def test_a_threshold_of_nought_asks_always(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(confirm_above_credits=0)
    asked = await world.imagine("just one")
    assert labels_of(asked.response) == [
        "Paint it · 8 credits",
        "Make 1 picture with Nano Banana 2 · 5 credits",
        "Not now",
    ]
    assert world.tasks("just one") == []
    await world.check_books(charged=0)


async def test_without_a_threshold_nobody_is_asked(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(confirm_above_credits="", member_credits_per_month="")
    asked = await world.imagine("no questions", count=4)
    assert not asked.ephemeral
    await world.idle()
    assert len(world.tasks("no questions")) == 4


async def test_without_a_limit_the_question_says_so(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(member_credits_per_month="", guild_credits_per_month="")
    asked = await world.imagine("as many as I like", count=4)
    assert "**This costs 32 credits.** You have no limit." in text_of(asked.response)


async def test_what_all_have_together_is_told_as_such(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(member_credits_per_month="", guild_credits_per_month=100)
    asked = await world.imagine("as many as we like", count=4)
    assert "68 of the 100 that all have together here would be left; new ones come <t:" in text_of(asked.response)
    shown = await world.slash(world.alice, "credits")
    assert text_of(shown.response).startswith("**100 credits left in this server**, for all together")
