"""/operator asks before a pause or a cut, says what comes of it, and does it once, for who asked, within 15 minutes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui import operator_ids as ids
from bot.ui import quota_ids as other_ids
from tests.cogs.conftest import DiscordWorld, labels_of, png, text_of
from tests.cogs.test_operator import logged, operate

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNTOUCHED = "Nothing has been changed yet. This stands for 15 minutes."


@pytest_asyncio.fixture(loop_scope="module")
async def world(discord_world: DiscordWorld) -> Any:
    """Give a world in which every server is as the settings say, again after the test."""
    yield discord_world

    async def forget(tx: Any) -> None:
        await tx.execute(text("DELETE FROM guild_limits"))
        await tx.execute(text("DELETE FROM quota_drafts"))

    await discord_world.database.write(forget)


@pytest_asyncio.fixture(loop_scope="module")
async def operators(world: DiscordWorld) -> Any:
    """Give two who run the bot."""
    people = [world.member(name, administrator=True) for name in ("operator", "other operator")]
    settings = world.settings.model_copy(update={"operator_ids": frozenset(one.id for one in people)})
    world.client.services = replace(world.client.services, settings=settings)
    return people


async def limits(world: DiscordWorld) -> list[Any]:
    async with world.database.read() as tx:
        rows = await tx.execute(
            text("SELECT own_allowance, allowance_credits, paused_at_ms IS NOT NULL FROM guild_limits")
        )
        return [tuple(row) for row in rows]


async def test_a_pause_says_what_it_gives_back_and_does_it_when_it_is_confirmed(
    world: DiscordWorld, operators: Any
) -> None:
    operator, bob = operators[0], world.member("bob-waits")
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=1000))
    painting = await world.imagine("at the service")
    await world.until(lambda: "Painting" in text_of(painting.response))
    world.fetcher.doors.clear()
    waiting = [
        await world.imagine(f"waits {count}", who=bob, count=count, image_1=("a.png", png())) for count in (1, 2)
    ]
    elsewhere = world.new_guild("Elsewhere")
    far = await world.imagine(
        "far", who=world.member("carol-far", elsewhere), channel=elsewhere.create_text_channel("art"),
        image_1=("a.png", png()),
    )  # fmt: skip
    before = await logged(world)
    asked = await operate(world, operator, "pause", server="here", reason="a wave")
    words = text_of(asked.response)
    assert asked.ephemeral
    assert words.startswith("**Pause Banana Lovers?**\nNew requests are refused from then on")
    assert "2 requests that wait (3 pictures) will be given back: 24 credits, and their people are told." in words
    assert "1 picture at the image service is paid for: it goes on and is posted." in words
    assert "Why: a wave" in words
    assert UNTOUCHED in words
    assert labels_of(asked.response) == ["Pause Banana Lovers", "Leave it as it is"]
    assert await logged(world) == before
    assert await limits(world) == []

    await world.click(operator, asked.response, "Pause Banana Lovers")
    assert "**Paused** " in text_of(asked.response)
    assert "a wave" in text_of(asked.response)
    for one in waiting:
        await world.until(lambda one=one: "credits are back" in text_of(one.response))
    assert "back" not in text_of(far.response)
    world.fetcher.doors.set()
    await world.advance(1100)
    await world.idle()
    assert world.tasks("far")
    assert world.tasks("waits 1") == world.tasks("waits 2") == []
    await world.check_books(charged=8)


async def test_a_pause_where_nothing_waits(world: DiscordWorld, operators: Any) -> None:
    asked = await operate(world, operators[0], "pause", server="here")
    assert "Nothing waits that would have to be given back." in text_of(asked.response)
    await world.click(operators[0], asked.response, "Leave it as it is")
    assert "Left as it was. Nothing was changed." in text_of(asked.response)
    assert "**Not paused**" in text_of(asked.response)
    assert await limits(world) == []


@pytest.mark.parametrize(
    ("before", "then", "arrow"),
    [
        ("default", "100", "4,000 credits a month, as GUILD_CREDITS_PER_MONTH says → **100 credits a month, its own**"),
        ("unlimited", "default", "no limit, its own → **4,000 credits a month, as GUILD_CREDITS_PER_MONTH says**"),
        ("5000", "4999", "5,000 credits a month, its own → **4,999 credits a month, its own**"),
        ("4000", "0", "4,000 credits a month, its own → **0 credits a month, its own**"),
    ],
)
async def test_a_cut_is_asked_about(world: DiscordWorld, operators: Any, before: str, then: str, arrow: str) -> None:
    operator = operators[0]
    if before != "default":
        await operate(world, operator, "allowance", server="here", credits=before)
    stands, lines = await limits(world), await logged(world)
    asked = await operate(world, operator, "allowance", server="here", credits=then, reason="too much")
    words = text_of(asked.response)
    assert asked.ephemeral
    assert words.startswith("**Lower what Banana Lovers may spend?**")
    assert arrow in words
    assert UNTOUCHED in words
    assert (await limits(world), await logged(world)) == (stands, lines)
    await world.click(operator, asked.response, labels_of(asked.response)[0])
    assert "The allowance is set." in text_of(asked.response)
    assert len(await logged(world)) == len(lines) + 1
    assert (await logged(world))[-1].reason == "too much"


@pytest.mark.parametrize("typed", ["4000", "4001", "unlimited", "default"])
async def test_what_takes_nothing_away_is_done_at_once(world: DiscordWorld, operators: Any, typed: str) -> None:
    answer = await operate(world, operators[0], "allowance", server="here", credits=typed)
    assert "The allowance is set." in text_of(answer.response)


async def test_it_is_asked_after_a_form_too(world: DiscordWorld, operators: Any) -> None:
    card = await operate(world, operators[0], "server", server="here")
    form = await world.click(operators[0], card.response, "Set allowance")
    await world.submit(operators[0], form, credits="10", reason="")
    assert labels_of(card.response) == ["Lower it to 10 credits", "Leave it as it is"]
    await world.click(operators[0], card.response, "Lower it to 10 credits")
    assert await limits(world) == [(1, 10, False)]


async def test_only_who_asked_and_once_also_after_a_restart(world: DiscordWorld, operators: Any) -> None:
    operator, other = operators
    asked = await operate(world, operator, "allowance", server="here", credits="50")
    custom_id = _first_id(asked)
    refused = await world.forge(other, asked.response, custom_id)
    assert "Only whoever asked for this change can confirm it." in text_of(refused.response)
    services = world.client.services
    await world.restart_client()
    world.client.services = services
    lines = len(await logged(world))
    await world.click(operator, asked.response, "Lower it to 50 credits")
    assert await limits(world) == [(1, 50, False)]
    await operate(world, operator, "allowance", server="here", credits="60")
    again = await world.forge(operator, asked.response, custom_id)
    assert "This was done already." in text_of(again.response)
    assert await limits(world) == [(1, 60, False)]
    assert len(await logged(world)) == lines + 2


async def test_what_was_changed_meanwhile_or_has_expired_is_left(world: DiscordWorld, operators: Any) -> None:
    operator, other = operators
    asked = await operate(world, operator, "allowance", server="here", credits="50")
    await operate(world, other, "allowance", server="here", credits="9000")
    refused = await world.click(operator, asked.response, "Lower it to 50 credits")
    assert "Its allowance was changed meanwhile" in text_of(refused.response)
    paused = [await operate(world, one, "pause", server="here") for one in operators]
    await world.click(operator, paused[0].response, "Pause Banana Lovers")
    refused = await world.click(other, paused[1].response, "Pause Banana Lovers")
    assert "This server is paused already." in text_of(refused.response)
    late = await operate(world, operator, "allowance", server="here", credits="70")
    world.clock.advance(15 * 60 + 1)
    world.catch_up()
    refused = await world.click(operator, late.response, "Lower it to 70 credits")
    assert "This is no longer open; nothing was changed." in text_of(refused.response)
    assert await limits(world) == [(1, 9000, True)]


async def test_neither_desk_makes_the_others_changes(world: DiscordWorld, operators: Any) -> None:
    """An operator who manages the server keeps changes at both; their buttons know them apart."""
    operator = operators[0]
    mine = await operate(world, operator, "allowance", server="here", credits="50")
    quotas = await world.slash(operator, "quota grant", member=world.alice, amount=50_000)
    for draft_id, made_of in ((_draft_id(mine), other_ids.quota_do), (_draft_id(quotas), ids.do)):
        refused = await world.forge(operator, mine.response, made_of(draft_id))
        assert "This is no longer open; nothing was changed." in text_of(refused.response)
    assert await limits(world) == []


def _first_id(answer: Any) -> str:
    return str(answer.response.components[0]["components"][-1]["components"][0]["custom_id"])


def _draft_id(answer: Any) -> str:
    return _first_id(answer).rsplit(":", 1)[-1]
