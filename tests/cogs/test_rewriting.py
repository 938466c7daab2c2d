"""A prompt that a server's rules turn down is not lost: its form opens with everything in it, to be changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.generations.values import Derived
from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, text_of
from tests.cogs.results import chosen, field, filled_in, made, newest_view, pick

pytestmark = pytest.mark.asyncio(loop_scope="module")

BLOCKED = "a quiet harbour with a great many boats"
BUTTON = "Change the prompt"


@pytest_asyncio.fixture(loop_scope="module")
async def strict(discord_world: DiscordWorld) -> AsyncIterator[DiscordWorld]:
    await discord_world.core.house.change(discord_world.guild.id, by=1, terms=["harbour"])
    yield discord_world
    await discord_world.core.house.change(discord_world.guild.id, by=1, terms=[])


async def test_what_was_typed_is_in_the_form_and_what_was_attached_goes_along(strict: DiscordWorld) -> None:
    world = strict
    options = {"aspect_ratio": "21:9", "resolution": "4K", "private": True, "image_1": ("cat.png", png())}
    refused = await world.imagine(BLOCKED, **options)
    assert refused.ephemeral
    assert "It is ||harbour||." in text_of(refused.response)
    assert labels_of(refused.response) == [BUTTON]
    await world.restart_client()
    shown = await world.click(world.alice, refused.response, BUTTON)
    assert field(shown, "prompt")["value"] == BLOCKED
    assert (chosen(shown, "aspect_ratio"), chosen(shown, "resolution")) == ("21:9", "4K@8")
    assert shown.modal["components"][0]["description"] == "This server blocks “harbour”."
    values = filled_in(shown) | {"prompt": "a quiet port", "count": pick(shown, "count", "2 pictures")}
    taken = await world.submit(world.alice, shown, **values)
    await world.idle()
    assert taken.ephemeral
    assert len(pictures_of(taken.response)) == 2
    for task in world.tasks("a quiet port"):
        assert (task.params["aspect_ratio"], task.params["resolution"]) == ("21:9", "4K")
        assert len(task.reference_ids) == 1
    assert world.tasks(BLOCKED) == []
    await world.check_books(charged=16)
    draft_id = str(shown.modal["custom_id"]).rpartition(":")[2]
    again = await world.forge(world.alice, taken.response, ids.rewrite(draft_id))
    assert "You have changed this prompt already" in text_of(again.response)


async def test_a_form_with_the_word_still_in_it_is_refused_with_what_it_has_now(strict: DiscordWorld) -> None:
    world = strict
    refused = await world.imagine(BLOCKED)
    shown = await world.click(world.alice, refused.response, BUTTON)
    still = await world.submit(world.alice, shown, **filled_in(shown) | {"prompt": "another hárbour"})
    assert labels_of(still.response) == [BUTTON]
    shown = await world.click(world.alice, still.response, BUTTON)
    assert field(shown, "prompt")["value"] == "another hárbour"
    await world.submit(world.alice, shown, **filled_in(shown) | {"prompt": "another port"})
    await world.idle()
    assert len(world.tasks("another port")) == 1
    await world.check_books(charged=8)


@pytest.mark.parametrize("what", ["Edit", "Remix", "menu"])
async def test_forms_are_given_back_too(strict: DiscordWorld, what: str) -> None:
    world = strict
    source = await made(world, f"before {what}")
    if what == "menu":
        message = await world.say(world.alice, "look", files=[("cat.png", png())])
        shown = await world.menu(world.alice, "Use as reference", message)
    else:
        shown = await world.click(world.alice, source, what)
    refused = await world.submit(world.alice, shown, **filled_in(shown) | {"prompt": BLOCKED})
    assert labels_of(refused.response) == [BUTTON]
    form = await world.click(world.alice, refused.response, BUTTON)
    await world.submit(world.alice, form, **filled_in(form) | {"prompt": f"{what}: a port"})
    await world.idle()
    (task,) = world.tasks(f"{what}: a port")
    assert len(task.reference_ids) == (0 if what == "Remix" else 1)
    await world.check_books(charged=16)


async def test_again_with_other_words_is_a_remix_and_a_larger_one_has_no_words_to_change(
    discord_world: DiscordWorld,
) -> None:
    world = discord_world
    source = await made(world, BLOCKED)
    await world.core.house.change(world.guild.id, by=1, terms=["harbour"])
    try:
        refused = await world.click(world.alice, source, "Again")
        form = await world.click(world.alice, refused.response, BUTTON)
        await world.submit(world.alice, form, **filled_in(form) | {"prompt": "a port instead"})
        await world.idle()
        view = await newest_view(world)
        assert view.parent is not None
        assert view.parent.derived_as is Derived.REMIX
        larger = await world.choose(world.alice, source, "larger.4K.8")
        assert "blocks a word" in text_of(larger.response)
        assert labels_of(larger.response) == []
    finally:
        await world.core.house.change(world.guild.id, by=1, terms=[])


@pytest.mark.parametrize("images", [1, 0])
async def test_in_public_the_word_is_not_said_and_only_its_writer_gets_the_form(
    strict: DiscordWorld, images: int
) -> None:
    world = strict
    await world.say(world.alice, f"{world.mention} {BLOCKED}", files=[("cat.png", png())] * images)
    (refused,) = [message for message in world.messages() if BUTTON in labels_of(message)]
    assert "blocks a word of that prompt" in text_of(refused)
    assert "harbour" not in text_of(refused)
    stranger = await world.click(world.member("bob"), refused, BUTTON)
    assert stranger.modal is None
    assert text_of(stranger.response) == "**Only whoever asked for this can use the button.**"
    shown = await world.click(world.alice, refused, BUTTON)
    assert field(shown, "prompt")["value"] == BLOCKED
    await world.submit(world.alice, shown, **filled_in(shown) | {"prompt": f"a port, {images}"})
    await world.idle()
    (task,) = world.tasks(f"a port, {images}")
    assert len(task.reference_ids) == images
    assert not _stands(world, refused), "the refusal is answered"
    await world.check_books(charged=8)


async def test_a_prompt_that_no_form_has_room_for_comes_back_as_a_file(strict: DiscordWorld) -> None:
    world = strict
    long = f"{BLOCKED}. " * 120
    refused = await world.imagine(long.strip())
    given = await world.click(world.alice, refused.response, BUTTON)
    assert given.modal is None
    assert given.ephemeral
    assert "too many for a form" in text_of(given.response)
    (file,) = given.response.attachments
    assert file.filename == "prompt.txt"
    await world.check_books(charged=0)


def _stands(world: DiscordWorld, message: Any) -> bool:
    return message.id in {one.id for one in world.messages()}
