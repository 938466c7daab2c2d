"""A message that asks for a picture: one reply acknowledges it, replies refuse and ask back; in doubt it is void."""

from __future__ import annotations

from typing import Any

import pytest

from bot.asks import MessageAsk
from bot.generations.values import GenerationRequest
from bot.intake import Intake
from bot.rivya import BadOption
from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _asks(world: DiscordWorld, prompt: str, message: Any = None, **values: Any) -> bool:
    """Take a request out of a message, as the one who listens to messages does."""
    message = message or await world.say(world.alice, prompt)

    async def prepare() -> GenerationRequest:
        return GenerationRequest(prompt=prompt, **values)

    with world.env.time_context():
        ask = MessageAsk(message, application_id=world.env.backend.application_id)
        return await Intake(world.client).take(ask, prepare, private=False)


def _replies(world: DiscordWorld) -> list[Any]:
    return [m for m in world.messages() if m.message.author.id == world.client.user.id]  # type: ignore[union-attr]


async def test_a_message_is_answered_by_one_reply_that_becomes_the_picture(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await world.say(world.alice, "a cat by mention")
    assert await _asks(world, "a cat by mention", message)
    (sent,) = world.requests("POST", f"/channels/{world.channel.id}/messages")
    assert len(sent.json["nonce"]) <= 25
    assert sent.json["enforce_nonce"] is True
    assert int(sent.json["message_reference"]["message_id"]) == message.id
    assert sent.json["message_reference"]["fail_if_not_exists"] is False
    assert sent.json["allowed_mentions"] == {"parse": []}
    await world.idle()
    (reply,) = _replies(world)
    assert len(pictures_of(reply)) == 1
    assert "8 credits · 152 left" in text_of(reply)
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    assert sent.json["nonce"] == ids.acknowledgement_nonce(page.requests[0].id)
    assert page.requests[0].message_id == reply.id
    await world.check_books(charged=8)


async def test_the_same_message_twice_is_one_request(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await world.say(world.alice, "only once")
    assert await _asks(world, "only once", message)
    assert await _asks(world, "only once", message)
    await world.idle()
    assert len(_replies(world)) == 1
    assert len(world.tasks("only once")) == 1
    await world.check_books(charged=8)


async def test_a_refusal_is_a_reply_with_an_offer(discord_world: DiscordWorld) -> None:
    world = discord_world
    assert not await _asks(world, "not like this", model="nano-banana", options={"resolution": "4K"})
    (reply,) = _replies(world)
    assert "Nano Banana has no resolution to choose." in text_of(reply)
    assert "Nothing was charged." in text_of(reply)
    assert reply.message.reference is not None
    stranger = await world.click(world.member("stranger"), reply, "Use the usual resolution · 3 credits")
    assert text_of(stranger.response) == "**Only whoever asked for this can use the button.**"
    pressed = await world.click(world.alice, reply, "Use the usual resolution · 3 credits")
    assert not pressed.ephemeral
    await world.idle()
    (result,) = _replies(world)  # the refusal is gone
    assert result.id == pressed.response.id
    assert len(pictures_of(result)) == 1
    await world.check_books(charged=3)


async def test_much_is_asked_about_by_a_reply(discord_world: DiscordWorld) -> None:
    world = discord_world
    assert not await _asks(world, "four by mention", count=4)
    (reply,) = _replies(world)
    assert labels_of(reply) == ["Paint all 4 · 32 credits", "Make 1 picture · 8 credits", "Not now"]
    await world.check_books(charged=0)
    await world.click(world.alice, reply, "Paint all 4 · 32 credits")
    await world.idle()
    assert len(world.tasks("four by mention")) == 4
    await world.check_books(charged=32)


async def test_a_message_that_was_deleted_meanwhile_is_still_answered(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await world.say(world.alice, "gone by now")
    await world.alice.delete(message)
    await _asks(world, "gone by now", message)
    await world.idle()
    (reply,) = _replies(world)
    assert len(pictures_of(reply)) == 1


async def test_a_reply_that_can_not_be_posted_voids_the_request_and_says_so(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.env.inject_error("POST", "/channels/*/messages", status=400, code=50035, times=2)
    assert not await _asks(world, "not posted")
    await world.idle()
    assert world.tasks("not posted") == []
    (reply,) = _replies(world)
    assert "Nothing was charged." in text_of(reply)
    assert "Please ask again." in text_of(reply)
    first, *_, last = world.requests("POST", f"/channels/{world.channel.id}/messages")
    assert first.json["nonce"] == last.json["nonce"], "a reply that did arrive would have been found by it"
    await world.check_books(charged=0)


async def test_without_the_right_to_reply_it_is_said_by_itself(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.env.inject_error("POST", "/channels/*/messages", status=400, code=160002)
    assert await _asks(world, "no reply")
    await world.idle()
    (message,) = _replies(world)
    assert message.message.reference is None
    assert len(pictures_of(message)) == 1


async def test_what_can_not_be_prepared_is_told(discord_world: DiscordWorld) -> None:
    world = discord_world
    told = {
        BadOption("prompt", "", [], "The prompt is empty. Say what to paint."): "The prompt is empty.",
        RuntimeError("nobody thought of this"): "**Something went wrong on my side.**\nNothing was charged.",
        OSError(28, "no space for what was attached"): "**Something went wrong on my side.**\nNothing was charged.",
    }
    for error, words in told.items():
        message = await world.say(world.alice, "broken")

        async def fails(error: Exception = error) -> GenerationRequest:
            raise error

        with world.env.time_context():
            ask = MessageAsk(message, application_id=world.env.backend.application_id)
            assert not await Intake(world.client).take(ask, fails, private=False)
        said = text_of(_replies(world)[-1])
        assert words in said
        assert "nobody thought" not in said
        assert "no space" not in said
    assert len(_replies(world)) == len(told)
    await world.check_books(charged=0)
