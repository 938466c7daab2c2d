"""What a person typed is never lost: a refusal offers the same request, changed by one thing, in one press."""

from __future__ import annotations

from typing import Any

import pytest

from bot.generations.values import Attachment
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _refused(world: DiscordWorld, *words: str, **options: Any) -> Any:
    """Ask, and check that it was turned down privately at no cost."""
    before = len(world.rivya.books.tasks)
    asked = await world.imagine(options.pop("prompt", "a red panda"), **options)
    assert asked.response.ephemeral
    said = text_of(asked.response).replace("\\", "")
    for part in (*words, "Nothing was charged."):
        assert part in said
    await world.idle()
    assert len(world.rivya.books.tasks) == before
    assert world.messages() == []
    await world.check_books(charged=0)
    return asked


def _names(world: DiscordWorld, prompt: str) -> list[str]:
    (task,) = world.tasks(prompt)
    return [item["name"] for item in task.params["referenceMediaItems"]]


async def _fill_tray(world: DiscordWorld, *names: str) -> None:
    """Put pictures into the member's tray, as the menu does."""
    for number, name in enumerate(names):
        content = png(colour=(9 * number, 200, 7))
        message = await world.say(world.member(f"painter of {name}"), files=[(name, content)])
        (file,) = message.attachments
        image = Attachment(url=file.url, filename=file.filename, size_bytes=file.size)
        added = await world.client.services.tray.add(
            [image], user_id=world.alice.id, guild_id=world.guild.id, channel_id=world.channel.id
        )
        assert added.added == (name,)


async def test_nine_images_the_first_eight_are_offered(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _fill_tray(world, "ninth.png")
    images = {f"image_{n}": (f"{n}.png", png(colour=(n, 2 * n, 99))) for n in range(1, 9)}
    asked = await world.imagine("nine of them", use_tray=True, **images)
    assert "Nano Banana Pro takes at most 8 reference images, not 9." in text_of(asked.response)
    assert "Nothing was charged." in text_of(asked.response)
    assert labels_of(asked.response) == [
        "Use the first 8 images · 8 credits",
        "Make 1 picture with Nano Banana 2 · 5 credits",
    ]
    await world.check_books(charged=0)
    await world.click(world.alice, asked.response, "Use the first 8 images · 8 credits")
    await world.idle()
    assert _names(world, "nine of them") == [f"{n}.png" for n in range(1, 9)]
    await world.check_books(charged=8)


async def test_a_model_that_takes_nine_images_takes_them_all(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _fill_tray(world, "ninth.png")
    images = {f"image_{n}": (f"{n}.png", png(colour=(n, 2 * n, 99))) for n in range(1, 9)}
    asked = await world.imagine("all nine", use_tray=True, **images)
    await world.click(world.alice, asked.response, "Make 1 picture with Nano Banana 2 · 5 credits")
    await world.idle()
    assert _names(world, "all nine") == [*(f"{n}.png" for n in range(1, 9)), "ninth.png"]
    await world.check_books(charged=5)


async def test_without_the_image_that_is_too_large(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await _refused(
        world,
        "huge @here.png is 31 MB; Nano Banana Pro takes at most 30 MB each.",
        prompt="without it",
        image_1=("fine.png", png()),
        image_2=("huge @here.png", bytes(31_000_000)),
        image_3=("also fine.png", png(colour=(1, 2, 3))),
    )
    assert labels_of(asked.response) == ["Go without huge @here.png · 8 credits"]
    await world.click(world.alice, asked.response, "Go without huge @here.png · 8 credits")
    await world.idle()
    assert _names(world, "without it") == ["fine.png", "also fine.png"]
    await world.check_books(charged=8)


async def test_without_all_images_that_are_too_large(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await _refused(
        world,
        "is 12 MB; Nano Banana takes at most 10 MB each.",
        prompt="small ones only",
        model="nano-banana",
        image_1=("one.png", bytes(12_000_000)),
        image_2=("two.png", bytes(11_000_000)),
        image_3=("three.png", png()),
    )
    await world.click(world.alice, asked.response, "Go without those 2 images · 3 credits")
    await world.idle()
    assert _names(world, "small ones only") == ["three.png"]
    await world.check_books(charged=3)


async def test_a_prompt_that_is_too_long_for_the_model_goes_to_one_that_takes_it(discord_world: DiscordWorld) -> None:
    world = discord_world
    long = "leaf " * 2400
    asked = await _refused(
        world,
        "takes at most 10,000.",
        prompt=None,
        prompt_file=("prompt.txt", long.encode()),
        resolution="2K",
        output_format="png",
    )
    assert labels_of(asked.response) == ["Make 1 picture with Nano Banana 2 · 5 credits"]
    await world.click(world.alice, asked.response, "Make 1 picture with Nano Banana 2 · 5 credits")
    await world.idle()
    (task,) = world.tasks(long.strip())
    assert (task.model, task.params["resolution"], task.params["output_format"]) == ("nano-banana-2", "2K", "png")


async def test_a_prompt_that_no_model_takes_is_told_without_an_offer(discord_world: DiscordWorld) -> None:
    asked = await _refused(
        discord_world, "The prompt has 20,001 characters.", prompt=None, prompt_file=("prompt.txt", b"x" * 20_001)
    )
    assert labels_of(asked.response) == []


async def test_an_unknown_model_offers_those_that_there_are(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await _refused(
        world, "I don't know the model <@1> *gpt*.", prompt="by anyone", model="<@1> *gpt*", resolution="4K"
    )
    assert labels_of(asked.response) == [
        "Make 1 picture with Nano Banana Pro · 8 credits",
        "Make 1 picture with Nano Banana 2 · 5 credits",
    ]
    await world.click(world.alice, asked.response, "Make 1 picture with Nano Banana Pro · 8 credits")
    await world.idle()
    (task,) = world.tasks("by anyone")
    assert task.params["resolution"] == "4K"


async def test_where_the_bot_may_not_post_it_is_offered_privately(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.channel = world.channel_without("attach_files")
    asked = await _refused(world, "I can't post pictures in this channel.", prompt="a quiet one")
    assert labels_of(asked.response) == ["Show it only to me · 8 credits"]
    pressed = await world.click(world.alice, asked.response, "Show it only to me · 8 credits")
    assert pressed.ephemeral
    await world.idle()
    assert len(pictures_of(pressed.response)) == 1
    assert world.messages() == []
    await world.check_books(charged=8)


async def test_an_empty_tray_is_told_and_gone_without(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await _refused(world, "Your tray is empty.", "Add to my tray", prompt="no tray", use_tray=True)
    await world.click(world.alice, asked.response, "Go without the tray · 8 credits")
    await world.idle()
    (task,) = world.tasks("no tray")
    assert "referenceMediaItems" not in task.params


async def test_an_unknown_style_is_told_and_gone_without(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await _refused(world, "You have no style called **noir** @here.", prompt="no style", style="**noir** @here")
    await world.click(world.alice, asked.response, "Go without a style · 8 credits")
    await world.idle()
    assert len(world.tasks("no style")) == 1


async def test_the_offer_is_for_its_person_alone(discord_world: DiscordWorld) -> None:
    """Nobody else sees a private message, but whoever knows its button's id can't use it either."""
    world = discord_world
    asked = await world.imagine("not for you", model="nano-banana", resolution="4K")
    await world.imagine("a place to press", who=(bob := world.member("bob")))
    await world.idle()
    (message,) = world.messages()
    (button,) = [
        part["custom_id"]
        for container in asked.response.components
        for row in container["components"]
        for part in row.get("components", [])
    ]
    stranger = await world.forge(bob, message, button)
    assert stranger.ephemeral
    assert text_of(stranger.response) == "**Only whoever asked for this can use the button.**"
    unknown = await world.forge(bob, message, "nbb:paint:00000000000000aa:1")
    assert text_of(unknown.response).startswith("**This offer is over. /history shows if it was taken")
    await world.idle()
    assert world.tasks("not for you") == []
    await world.check_books(charged=0)
