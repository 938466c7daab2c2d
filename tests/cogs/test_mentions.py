"""A mention of the bot with a prompt and pictures, as a member writes it."""

from __future__ import annotations

from typing import Any

import aiohttp
import discord
import pytest
from simcord.backend import serializers
from sqlalchemy import text

from bot.generations.values import Derived
from cogs.mentions import ANSWERS_PER_MINUTE
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def files(*names: str, first: int = 1) -> list[tuple[str, bytes]]:
    return [(name, png(colour=(90, number, 90))) for number, name in enumerate(names, start=first)]


def answers(world: DiscordWorld) -> list[Any]:
    """What the bot has posted in the channel, oldest first."""
    bot_id = world.env.backend.bot_user.id
    return [m for m in world.messages() if world.env.backend.get_message(world.channel.id, m.id).author_id == bot_id]


def words(world: DiscordWorld) -> str:
    (answer,) = answers(world)
    return text_of(answer)


async def view_of(world: DiscordWorld, prompt: str) -> Any:
    await world.idle()
    async with world.database.read() as tx:
        request_id = await tx.scalar(text("SELECT id FROM requests WHERE prompt = :prompt"), {"prompt": prompt})
    return await world.core.generations.view(request_id)


def reference_names(view: Any) -> list[str]:
    return [reference.filename for reference in view.references]


async def nothing_happened(world: DiscordWorld) -> None:
    await world.idle()
    assert answers(world) == []
    assert world.requests("POST", f"/channels/{world.channel.id}/messages") == []


async def test_a_mention_with_pictures_is_a_request(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.say(world.alice, f"{world.mention} the cat on the moon", files=files("cat.png", "moon.png"))
    view = await view_of(world, "the cat on the moon")
    assert reference_names(view) == ["cat.png", "moon.png"]
    assert (view.user_id, view.guild_id, view.private) == (world.alice.id, world.guild.id, False)
    assert view.options["aspect_ratio"] == "auto"
    (answer,) = answers(world)
    assert len(pictures_of(answer)) == 1
    assert "image 1: cat.png · image 2: moon.png" in text_of(answer)
    stored = world.env.backend.get_message(world.channel.id, answer.id)
    assert stored.reference["message_id"] == str(asked.id)
    assert stored.mention_user_ids == [], "the card itself rings for nobody"
    assert len(world.tasks("the cat on the moon")) == 1
    await world.check_books(charged=8)


@pytest.mark.parametrize("form", ["{0} a hat", "a hat {0}", "{1} a hat", "  {0}\n\na   hat  "])
async def test_the_mention_stands_anywhere_and_is_no_part_of_the_prompt(discord_world: DiscordWorld, form: str) -> None:
    world = discord_world
    bot_id = world.env.backend.bot_user.id
    await world.say(world.alice, form.format(f"<@{bot_id}>", f"<@!{bot_id}>"), files=files("hat.png"))
    await world.idle()
    async with world.database.read() as tx:
        prompt = await tx.scalar(
            text("SELECT prompt FROM requests WHERE user_id = :user"), {"user": world.alice.id}
        )  # fmt: skip
    assert prompt == "a hat"


async def test_other_people_and_emoji_are_written_as_one_reads_them(discord_world: DiscordWorld) -> None:
    world = discord_world
    bob = world.member("Bob Builder")
    await world.say(world.alice, f"{world.mention} <@{bob.id}> with <:party_hat:123456>", files=files("hat.png"))
    assert (await view_of(world, "Bob Builder with party_hat")) is not None


async def test_in_a_reply_the_bots_own_result_comes_first_and_is_the_parent(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("a first lighthouse of mentions")
    first = await view_of(world, "a first lighthouse of mentions")
    (result,) = world.messages()
    bob = world.member("bob who replies")
    await world.say(bob, f"{world.mention} make it night", reply_to=result)
    second = await view_of(world, "make it night")
    assert [(r.source_kind, r.source_id) for r in second.references] == [("picture", first.pictures[0].id)]
    assert (second.parent.id, second.parent.position, second.parent.derived_as) == (first.id, 1, Derived.EDIT)
    await world.say(bob, f"{world.mention} put the cat on it", files=files("cat.png"), reply_to=result)
    third = await view_of(world, "put the cat on it")
    assert [r.source_kind for r in third.references] == ["picture", "discord"]
    assert reference_names(third)[1] == "cat.png"
    assert third.parent.derived_as is Derived.REFERENCE


async def test_the_ping_of_a_reply_is_no_mention(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("a result that is liked")
    await world.idle()
    (result,) = world.messages()
    await world.say(world.alice, "nice, and now a hat", reply_to=result, files=files("hat.png"))
    await world.idle()
    assert len(answers(world)) == 1, "the result, and nothing else"


async def test_without_the_intent_a_reply_to_somebody_else_is_answered_with_the_way(
    discord_world: DiscordWorld,
) -> None:
    world = discord_world
    bob = world.member("bob with the pictures")
    posted = await world.say(bob, "my cat", files=files("cat.png"))
    await world.say(world.alice, f"{world.mention} in the style of Klimt", reply_to=posted)
    await world.idle()
    said = words(world)
    assert "I can't see the message that you reply to." in said
    assert "**Apps**, **Use as reference**" in said
    assert world.tasks("in the style of Klimt") == []
    await world.check_books(charged=0)
    assert labels_of(answers(world)[0]) == ["Paint it · 8 credits", "Not now"]


async def test_a_reply_to_a_deleted_message_asks_first(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("a result to be deleted")
    await world.idle()
    (result,) = world.messages()
    asked = await world.say(world.alice, "soon", reply_to=result)
    stored = world.env.backend.get_message(world.channel.id, asked.id)
    world.env.backend.delete_message(world.channel.id, result.id)
    stored.content = f"{world.mention} what was there"
    world.env.backend.emit("MESSAGE_CREATE", {**serializers.message_payload(world.env.backend, stored)})
    await world.env.settle()
    await world.idle()
    assert "Paint this without an image?" in text_of(answers(world)[-1])


@pytest.mark.parametrize("error", [aiohttp.ClientError("lost"), ConnectionResetError(), TimeoutError()], ids=repr)
async def test_where_discord_does_not_say_what_is_replied_to_it_asks_first(
    discord_world: DiscordWorld, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    world = discord_world
    backend = world.env.backend
    prompt = f"out of sight by {error!r}"
    posted = await world.say(world.member("bob out of sight"), "my cat", files=files("cat.png"))
    asked = await world.say(world.alice, "soon", reply_to=posted)
    stored = backend.get_message(world.channel.id, asked.id)
    stored.content = f"{world.mention} {prompt}"
    told = {**serializers.message_payload(backend, stored)}
    del told["referenced_message"]

    async def fetch(_channel: discord.TextChannel, _message_id: int) -> None:
        raise error

    monkeypatch.setattr(discord.TextChannel, "fetch_message", fetch)
    backend.emit("MESSAGE_CREATE", told)
    await world.env.settle()
    assert "I can't see the message that you reply to." in words(world)
    assert labels_of(answers(world)[0]) == ["Paint it · 8 credits", "Not now"]
    assert world.tasks(prompt) == []
    await world.check_books(charged=0)


async def test_without_a_picture_it_asks_first_and_nothing_is_held(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.say(world.alice, f"{world.mention} a lighthouse out of words")
    await world.idle()
    said = words(world)
    assert "Paint this without an image?" in said
    assert "It costs 8 credits; 152 would be left." in said
    assert "a lighthouse out of words" in said
    assert "attach them, or reply to a message that has some" in said
    assert world.tasks("a lighthouse out of words") == []
    await world.check_books(charged=0)

    mallory = world.member("mallory of the mentions")
    refused = await world.click(mallory, answers(world)[0], "Paint it · 8 credits")
    assert refused.ephemeral
    await world.idle()
    assert world.tasks("a lighthouse out of words") == []

    await world.click(world.alice, answers(world)[0], "Paint it · 8 credits")
    await world.idle()
    assert "Paint it · 8 credits" not in [name for answer in answers(world) for name in labels_of(answer)]
    await world.idle()
    assert len(world.tasks("a lighthouse out of words")) == 1
    await world.check_books(charged=8)


async def test_the_question_survives_a_restart(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.say(world.alice, f"{world.mention} after the restart of mentions")
    await world.restart_client()
    await world.click(world.alice, answers(world)[0], "Paint it · 8 credits")
    assert (await view_of(world, "after the restart of mentions")) is not None
    await world.check_books(charged=8)


async def test_what_one_attaches_and_is_no_picture_is_asked_about(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.say(world.alice, f"{world.mention} of my notes", files=[("notes.pdf", b"%PDF-1.7"), *files("cat.png")])
    await world.idle()
    said = words(world)
    assert "Paint this with 1 image only?" in said
    assert "notes.pdf is a PDF." in said
    await world.click(world.alice, answers(world)[0], "Paint it · 8 credits")
    assert reference_names(await view_of(world, "of my notes")) == ["cat.png"]


async def test_nine_images_are_refused_and_the_first_eight_offered(discord_world: DiscordWorld) -> None:
    world = discord_world
    nine = files(*(f"p{number}.png" for number in range(1, 10)))
    await world.say(world.alice, f"{world.mention} a crowd", files=nine)
    await world.idle()
    assert "at most 8 reference images, not 9" in words(world)
    assert "Nothing was charged." in words(world)
    assert world.tasks("a crowd") == []
    (offer, *_) = labels_of(answers(world)[0])
    assert "8" in offer
    await world.click(world.alice, answers(world)[0], offer)
    assert reference_names(await view_of(world, "a crowd")) == [f"p{number}.png" for number in range(1, 9)]


async def test_a_mention_alone_says_how_it_works(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.say(world.alice, world.mention)
    assert "Tell me what to paint." in words(world)
    await world.say(world.alice, world.mention, files=files("cat.png"))
    assert "What should I make of the image?" in text_of(answers(world)[-1])
    await world.check_books(charged=0)


async def test_the_same_event_twice_is_one_request_and_one_answer(discord_world: DiscordWorld) -> None:
    world = discord_world
    backend = world.env.backend
    asked = await world.say(world.alice, f"{world.mention} only once please", files=files("cat.png"))
    stored = backend.get_message(world.channel.id, asked.id)
    for fresh in (False, True):
        if fresh:  # another process, which has heard nothing yet
            await world.restart_client()
        backend.emit("MESSAGE_CREATE", {**serializers.message_payload(backend, stored)})
        await world.env.settle()
    await world.idle()
    assert len(world.tasks("only once please")) == 1
    assert len(answers(world)) == 1
    await world.check_books(charged=8)


async def test_a_question_is_asked_once_though_the_event_comes_twice(discord_world: DiscordWorld) -> None:
    world = discord_world
    backend = world.env.backend
    asked = await world.say(world.alice, f"{world.mention} of words, once")
    stored = backend.get_message(world.channel.id, asked.id)
    backend.emit("MESSAGE_CREATE", {**serializers.message_payload(backend, stored)})
    await world.env.settle()
    assert len(answers(world)) == 1


async def test_edits_bots_webhooks_and_system_messages_are_nothing_to_it(discord_world: DiscordWorld) -> None:
    world = discord_world
    backend = world.env.backend
    said = await world.say(world.alice, "no mention yet", files=files("cat.png"))
    await world.alice.edit(said, f"{world.mention} but now")
    stored = backend.get_message(world.channel.id, said.id)
    payload = {**serializers.message_payload(backend, stored)}
    for number, change in enumerate(
        (
            {"author": {**payload["author"], "bot": True}},
            {"webhook_id": "77"},
            {"type": 7},
            {"type": 18},
            {"content": f"@everyone <@&{world.env.backend.bot_user.id}> <@123> hello"},
            {"content": f"<@{world.env.backend.bot_user.id}1> hello"},
        )
    ):
        backend.emit("MESSAGE_CREATE", {**payload, "id": str(int(payload["id"]) + 1 + number), **change})
        await world.env.settle()
    await nothing_happened(world)


async def test_a_storm_of_mentions_gets_few_answers(discord_world: DiscordWorld) -> None:
    world = discord_world
    for _ in range(ANSWERS_PER_MINUTE + 4):
        await world.say(world.alice, world.mention)
    assert len(answers(world)) == ANSWERS_PER_MINUTE + 1
    assert "That is a lot at once." in text_of(answers(world)[-1])
    bob = world.member("bob in the storm")
    await world.say(bob, world.mention)
    assert len(answers(world)) == ANSWERS_PER_MINUTE + 2, "others are heard meanwhile"
    await world.advance(70)
    await world.say(world.alice, world.mention)
    assert "Tell me what to paint." in text_of(answers(world)[-1])


async def test_who_may_not_use_apps_here_may_not_by_a_mention(discord_world: DiscordWorld) -> None:
    world = discord_world
    everyone = world.guild.default_role
    channel = world.guild.create_text_channel(
        "no apps", overwrites={everyone: discord.PermissionOverwrite(use_application_commands=False)}
    )
    world.channel = channel
    await world.say(world.alice, f"{world.mention} a cat", files=files("cat.png"))
    await world.idle()
    assert "You may not use /imagine in this channel" in words(world)
    assert world.tasks("a cat") == []


@pytest.mark.parametrize("lacking", ["attach_files", "read_message_history"])
async def test_where_the_bot_lacks_rights(discord_world: DiscordWorld, lacking: str) -> None:
    world = discord_world
    world.channel = world.channel_without(lacking)
    prompt = f"a cat without {lacking}"
    await world.say(world.alice, f"{world.mention} {prompt}", files=files("cat.png"))
    await world.idle()
    if lacking == "attach_files":
        assert "I lack Attach Files." in words(world)
        assert world.tasks(prompt) == []
    else:  # it can't reply, but it can answer
        assert len(world.tasks(prompt)) == 1
        assert len(pictures_of(answers(world)[-1])) == 1


async def test_where_it_may_not_speak_nothing_is_charged(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.channel = world.channel_without("send_messages")
    await world.say(world.alice, f"{world.mention} in silence", files=files("cat.png"))
    await world.idle()
    assert (answers(world), world.tasks("in silence")) == ([], [])
    await world.check_books(charged=0)


async def test_a_reply_that_does_not_arrive_costs_nothing(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=400, code=50035, times=None)
    await world.say(world.alice, f"{world.mention} never acknowledged", files=files("cat.png"))
    await world.idle()
    assert world.tasks("never acknowledged") == []
    await world.check_books(charged=0)
