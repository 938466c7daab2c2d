"""What a person hears of an error of our own: that nothing was charged wherever that is sure, and only there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock, patch

import aiohttp
import discord
import pytest
from structlog.testing import capture_logs

from bot.errors import StorageDown
from bot.generations.preferences import PreferencesBook
from bot.generations.refusals import Restarting
from bot.generations.service import Generations
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui import ids
from tests.cogs.conftest import PATIENCE_S, DiscordWorld, NobodyThoughtOfThis, labels_of, pictures_of, png, text_of
from tests.cogs.results import filled_in, made, more, newest

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = "**Something went wrong on my side.**"
FREE = "Nothing was charged."


@contextmanager
def failing(error: Exception, *, of: type = Generations, at: str = "view", after: bool = False) -> Iterator[None]:
    """Let a method fail, with ``after`` once it has done its work."""
    method = getattr(of, at)

    async def fails(*arguments: Any, **values: Any) -> None:
        if after:
            await method(*arguments, **values)
        raise error

    with patch.object(of, at, fails):
        yield


@contextmanager
def nothing_of_him() -> Iterator[None]:
    """Let neither results, drafts nor preferences be read, for a reason that nobody thought of."""
    with (
        failing(NobodyThoughtOfThis()),
        failing(NobodyThoughtOfThis(), at="draft"),
        failing(NobodyThoughtOfThis(), of=PreferencesBook, at="of"),
    ):
        yield


Press = Callable[[], Awaitable[Any]]


async def _ways(world: DiscordWorld) -> dict[str, Press]:
    """Everything that asks for a picture, up to its last press."""
    source = await made(world, "where they start", resolution="1K")
    bob = world.member("bob")
    posted = await world.say(bob, "look", files=[("cat.png", png())])
    edit, remix = [await world.click(world.alice, source, label) for label in ("Edit", "Remix")]
    reference = await more(world, world.alice, source, "Use as reference")
    taken = await world.menu(world.alice, "Use as reference", posted)
    dear = (await world.imagine("four at once", count=4)).response

    def send(form: Any) -> Press:
        return lambda: world.submit(world.alice, form, **{**filled_in(form), "prompt": "never painted"})

    return {
        "command": lambda: world.imagine("never painted"),
        "again": lambda: world.click(world.alice, source, "Again"),
        "edit": lambda: world.click(world.alice, source, "Edit"),
        "remix": lambda: world.click(world.alice, source, "Remix"),
        "larger": lambda: more(world, world.alice, source, "4K"),
        "variations": lambda: more(world, world.alice, source, "Variations"),
        "reference": lambda: more(world, world.alice, source, "Use as reference"),
        "menu": lambda: world.menu(world.alice, "Use as reference", posted),
        "edit sent": send(edit),
        "remix sent": send(remix),
        "reference sent": send(reference),
        "menu sent": send(taken),
        "offer": lambda: world.click(world.alice, dear, labels_of(dear)[0]),
    }


async def test_before_a_request_is_taken_it_is_sure_that_nothing_was_charged(discord_world: DiscordWorld) -> None:
    world = discord_world
    ways = await _ways(world)
    before = len(world.rivya.books.tasks)
    for name, press in ways.items():
        with nothing_of_him():
            asked = await press()
        said = text_of(asked.response)
        assert OURS in said, name
        assert FREE in said, name
        assert asked.ephemeral, name
    await world.idle()
    assert len(world.rivya.books.tasks) == before
    await world.check_books(charged=8)


def _refused(status: int, code: int = 0) -> discord.HTTPException:
    response = Mock(spec=aiohttp.ClientResponse, status=status, reason="")
    return discord.HTTPException(response, {"code": code, "message": ""})


LOST_ANSWERS = [
    aiohttp.ClientOSError(104, "reset"),
    TimeoutError(),
    discord.DiscordServerError(Mock(status=500, reason=""), ""),
    _refused(404, 10062),
    _refused(400, 40060),
]


@pytest.mark.parametrize("error", LOST_ANSWERS, ids=repr)
async def test_a_form_that_discord_did_not_open_is_no_error_of_ours(
    discord_world: DiscordWorld, error: Exception
) -> None:
    world = discord_world
    source = await made(world, f"its form, lost by {error!r}")
    with failing(error, of=discord.InteractionResponse, at="send_modal"), capture_logs() as logs:
        pressed = await world.click(world.alice, source, "Edit")
    said = text_of(pressed.response)
    assert "My answer did not get through to Discord." in said
    assert FREE in said
    assert OURS not in said
    assert pressed.ephemeral
    assert "interaction.failed" not in [line["event"] for line in logs]
    opened = await world.click(world.alice, source, "Edit")
    assert opened.modal
    await world.check_books(charged=8)


async def test_a_form_that_discord_refuses_is(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "a form that can't be")
    with failing(_refused(400, 50035), of=discord.InteractionResponse, at="send_modal"), capture_logs() as logs:
        pressed = await world.click(world.alice, source, "Edit")
    assert OURS in text_of(pressed.response)
    assert "interaction.failed" in [line["event"] for line in logs]


async def test_the_same_by_a_mention(discord_world: DiscordWorld) -> None:
    world = discord_world
    with nothing_of_him():
        await world.say(world.alice, f"{world.mention} a cat in vain", files=[("cat.png", png())])
    said = text_of(world.messages()[-1])
    assert OURS in said
    assert FREE in said
    with failing(StorageDown("the disk is full"), of=PreferencesBook, at="of"):
        await world.say(world.alice, f"{world.mention} a cat in vain", files=[("cat.png", png())])
    said = text_of(world.messages()[-1])
    assert "I can't write anything down at the moment, so I don't take requests." in said
    assert FREE in said
    assert world.tasks("a cat in vain") == []
    await world.check_books(charged=0)


async def test_what_asks_for_no_picture_does_not_speak_of_charging(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=1000))
    await world.imagine("cancelled in vain")
    (card,) = await world.until(world.messages)
    cancel = ids.cancel(await newest(world))
    with failing(NobodyThoughtOfThis(), at="cancel"):
        said = text_of((await world.forge(world.alice, card, cancel)).response)
    assert OURS in said
    assert "charged" not in said
    assert "what is made waits in /history" in said
    with failing(StorageDown("the disk is full"), at="cancel"):
        said = text_of((await world.forge(world.alice, card, cancel)).response)
    assert "Nothing was changed by this." in said
    assert "charged" not in said
    with failing(ConnectionResetError(), at="cancel"):
        said = text_of((await world.forge(world.alice, card, cancel)).response)
    assert "Please look whether it was done before you try again." in said
    assert "charged" not in said
    await world.until(lambda: world.tasks("cancelled in vain"))  # its time is counted from there
    await world.advance(1100)
    await world.idle()
    await world.check_books(charged=8)


@pytest.mark.parametrize("error", [Restarting(), NobodyThoughtOfThis(), aiohttp.ClientError("lost")])
async def test_once_it_runs_nobody_is_told_that_nothing_was_charged(
    discord_world: DiscordWorld, error: Exception
) -> None:
    world = discord_world
    prompt = f"it runs in spite of {type(error).__name__}"
    with failing(error, at="acknowledged", after=True):
        asked = await world.imagine(prompt)
        await world.idle()
    every = [text_of(message) for message in (asked.response, *asked.followups)]
    assert not any(FREE in said or "Please ask again" in said for said in every), every
    assert len(pictures_of(asked.response)) == 1
    assert len(world.tasks(prompt)) == 1
    await world.check_books(charged=8)


async def test_what_can_not_be_voided_for_now_is_void_all_the_same(discord_world: DiscordWorld) -> None:
    world = discord_world
    down = StorageDown("the disk is full")
    with failing(down, at="acknowledged"), failing(down, at="not_acknowledged"):
        asked = await world.imagine("neither taken nor given back")
    said = text_of(asked.response)
    assert "I can't write anything down at the moment" in said
    assert FREE in said
    async with asyncio.timeout(PATIENCE_S):
        while (await world.balance()).on_hold_credits:
            await world.advance(10)
    assert world.tasks("neither taken nor given back") == []
