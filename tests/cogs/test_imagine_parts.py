"""/imagine with a picture of one's own, the tray, a style, preferences; and what is offered while somebody types."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Any

import pytest

from bot.generations.preferences import Preferences, PreferencesBook
from bot.generations.values import Attachment, Derived
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, text_of
from tests.ui_limits import units

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = [
    "<@1> @everyone `code` **b** https://evil.example",
    "\u202e\u2067",
    "\u0627" * 3000,
    "Z" + "\u0301" * 500,
    "👨\u200d👩\u200d👧\u200d👦" * 200,
    "%_' OR 1=1 --",
    "\x00\n\r\t",
    "x" * 6000,
]


async def _made(world: DiscordWorld, prompt: str, who: Any = None, **options: Any) -> str:
    """Make pictures, and return the request's id."""
    who = who or world.alice
    await world.imagine(prompt, who=who, **options)
    await world.idle()
    page = await world.core.generations.history(user_id=who.id, guild_id=world.guild.id, page=1)
    (found,) = [view.id for view in page.requests if view.prompt == prompt]
    return found


async def _collect(world: DiscordWorld, name: str, colour: tuple[int, int, int]) -> None:
    message = await world.say(world.member(f"painter of {name}"), files=[(name, png(colour=colour))])
    (file,) = message.attachments
    image = Attachment(url=file.url, filename=file.filename, size_bytes=file.size)
    await world.client.services.tray.add(
        [image], user_id=world.alice.id, guild_id=world.guild.id, channel_id=world.channel.id
    )


def _references(world: DiscordWorld, prompt: str) -> list[str]:
    (task,) = world.tasks(prompt)
    return [item["name"] for item in task.params.get("referenceMediaItems", [])]


async def _refused(world: DiscordWorld, prompt: str, words: str, **options: Any) -> Any:
    charged = (await world.balance()).used_credits
    asked = await world.imagine(prompt, **options)
    assert asked.response.ephemeral
    assert words in re.sub(r"[\\*]", "", text_of(asked.response)).replace("\n", " ")
    assert "Nothing was charged." in text_of(asked.response)
    await world.idle()
    assert world.tasks(prompt) == []
    await world.check_books(charged=charged)
    return asked


# --- parent ---


async def test_parent_attachments_and_tray_come_in_that_order(discord_world: DiscordWorld) -> None:
    world = discord_world
    first = await _made(world, "the first one")
    await _collect(world, "collected.png", (5, 5, 5))
    await world.imagine("all together", parent=f"{first}-1", image_3=("attached.png", png()), use_tray=True)
    await world.idle()
    own, *others = _references(world, "all together")
    assert own.startswith(f"nano-banana-{first[-6:]}-1.")
    assert others == ["attached.png", "collected.png"]
    child = world.messages()[-1]
    assert f"image 1: nano-banana-{first[-6:]}-1." in text_of(child).replace("\\", "")
    assert "image 2: attached.png · image 3: collected.png" in text_of(child).replace("\\", "")
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    parent = page.requests[0].parent
    assert parent is not None
    assert (parent.id, parent.position, parent.derived_as) == (first, 1, Derived.REFERENCE)


async def test_a_picture_alone_is_edited_and_keeps_its_shape(discord_world: DiscordWorld) -> None:
    world = discord_world
    first = await _made(world, "a wide one", aspect_ratio="16:9")
    await world.imagine("now at night", parent=first)
    await world.imagine("now square", parent=first, aspect_ratio="1:1")
    await world.idle()
    assert world.tasks("now at night")[0].params["aspect_ratio"] == "auto"
    assert world.tasks("now square")[0].params["aspect_ratio"] == "1:1"
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    assert [view.parent.derived_as for view in page.requests[:2] if view.parent] == [Derived.EDIT, Derived.EDIT]


async def test_one_of_several_is_chosen_by_its_number(discord_world: DiscordWorld) -> None:
    world = discord_world
    pair = await _made(world, "a pair", count=2)
    await world.imagine("of the second", parent=f"{pair}-2")
    await world.idle()
    assert _references(world, "of the second")[0].startswith(f"nano-banana-{pair[-6:]}-2.")
    await _refused(world, "of the third", "That picture is no longer kept.", parent=f"{pair}-3")


@pytest.mark.parametrize(
    "typed", ["the first one", "0123456789abcdef-1x", "<@1> **x**", "../../etc/passwd", "x" * 3000]
)
async def test_what_is_no_picture_is_told(discord_world: DiscordWorld, typed: str) -> None:
    await _refused(discord_world, "of nothing", "I don't know that picture. Pick one from the list", parent=typed)


async def test_pictures_that_are_not_there_or_not_for_this_person(discord_world: DiscordWorld) -> None:
    world = discord_world
    bob = world.member("bob")
    secret = await _made(world, "bob's secret", bob, private=True)
    shown = await _made(world, "bob's work", bob)
    for parent in ("00000000000000aa-1", f"{secret}-1"):
        refusal = await _refused(world, "of a stranger", "That picture is not here for you.", parent=parent)
        assert labels_of(refusal.response) == []
        assert "bob's secret" not in text_of(refusal.response)
    # What stands here for all to see may be used by all.
    await world.imagine("after bob", parent=f"{shown}-1")
    await world.idle()
    assert len(_references(world, "after bob")) == 1


async def test_the_list_has_ones_own_pictures_here(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _made(world, "bob's own", world.member("bob"))
    pair = await _made(world, "two cats at sea", count=2)
    dog = await _made(world, "a dog with a hat " + "and more " * 40)
    secret = await _made(world, "a secret cat", private=True)
    offered = await world.autocomplete(world.alice, "imagine", "parent", "")
    assert [choice["value"] for choice in offered] == [f"{secret}-1", f"{dog}-1", f"{pair}-1", f"{pair}-2"]
    assert offered[0]["name"].startswith("a secret cat · ")
    assert offered[1]["name"].startswith("a dog with a hat and more")
    assert "two cats at sea · 2 of 2 · " in offered[3]["name"]
    cats = await world.autocomplete(world.alice, "imagine", "parent", "CATS")
    assert [choice["value"] for choice in cats] == [f"{pair}-1", f"{pair}-2"]
    assert await world.autocomplete(world.alice, "imagine", "parent", "no such thing") == []


# --- tray, style, preferences ---


async def test_the_tray_comes_after_what_is_attached(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _collect(world, "one.png", (1, 1, 1))
    await _collect(world, "two.png", (2, 2, 2))
    await world.imagine("from the tray", use_tray=True, image_1=("zero.png", png()))
    await world.imagine("not from the tray", image_1=("zero.png", png()))
    await world.idle()
    assert _references(world, "from the tray") == ["zero.png", "one.png", "two.png"]
    assert _references(world, "not from the tray") == ["zero.png"]


async def test_a_styles_words_go_behind_the_prompt(discord_world: DiscordWorld) -> None:
    world = discord_world
    book = world.client.services.preferences
    await book.put_style(world.alice.id, "Old Film", "grainy, sepia")
    await book.put_style(world.alice.id, "Night", "by night, neon")
    await world.imagine("a bridge", style="old  film")
    await world.idle()
    (task,) = world.tasks("a bridge\n\ngrainy, sepia")
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    assert page.requests[0].style == "Old Film"
    offered = await world.autocomplete(world.alice, "imagine", "style", "")
    assert [choice["name"] for choice in offered] == ["Night: by night, neon", "Old Film: grainy, sepia"]
    assert [c["value"] for c in await world.autocomplete(world.alice, "imagine", "style", "FILM")] == ["Old Film"]
    assert await world.autocomplete(world.member("bob"), "imagine", "style", "") == []
    assert task.model == "nano-banana-pro"


async def test_a_style_that_makes_the_prompt_too_long_is_refused(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.client.services.preferences.put_style(world.alice.id, "long", "y" * 900)
    await _refused(
        world, "x", "takes at most 10,000.", style="long", prompt_file=("prompt.txt", b"x" * 9500), private=True
    )


async def test_preferences_are_taken_where_nothing_was_chosen(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.client.services.preferences.set(
        world.alice.id,
        model="nano-banana-2",
        aspect_ratio="8:1",
        resolution="2K",
        output_format="png",
        private=True,
        notify=True,
    )
    asked = await world.imagine("as usual")
    assert asked.ephemeral
    await world.idle()
    (task,) = world.tasks("as usual")
    assert (task.model, task.params) == (
        "nano-banana-2",
        {"aspect_ratio": "8:1", "resolution": "2K", "output_format": "png"},
    )
    assert world.messages() == []
    assert len(world.direct_messages(world.alice)) == 1
    # What is chosen counts; what the chosen model does not take is left out, and is no reason to refuse.
    asked = await world.imagine("not as usual", model="nano-banana", private=False, notify=False)
    assert not asked.ephemeral
    await world.idle()
    (task,) = world.tasks("not as usual")
    assert (task.model, task.params) == ("nano-banana", {"imageSize": "1:1", "output_format": "png"})
    assert len(pictures_of(world.messages()[0])) == 1
    assert len(world.direct_messages(world.alice)) == 1


async def test_a_usual_model_that_is_closed_now_is_no_reason_to_refuse(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.client.services.preferences.set(world.alice.id, model="gone-long-ago", resolution="4K")
    await world.imagine("all the same")
    await world.idle()
    (task,) = world.tasks("all the same")
    assert (task.model, task.params["resolution"]) == ("nano-banana-pro", "4K")


async def test_preferences_that_can_not_be_read_in_time_are_not_waited_for(
    discord_world: DiscordWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = discord_world

    async def never(_self: Any, _user_id: int) -> Preferences:
        return await asyncio.get_running_loop().create_future()

    with monkeypatch.context() as patched:
        patched.setattr(PreferencesBook, "of", never)
        # Discord's time stands still here.
        patched.setattr(sys.modules["cogs.imagine"], "PREFERENCES_WAIT_S", 0)
        asked = await world.imagine("while the disk is asleep")
    assert asked.ephemeral
    assert "I am very busy at the moment; nothing was charged." in text_of(asked.response)
    await world.idle()
    assert world.tasks("while the disk is asleep") == []
    await world.check_books(charged=0)


# --- prices while somebody types ---


async def _offered(world: DiscordWorld, option: str, typed: str = "", **filled: Any) -> list[str]:
    return [choice["name"] for choice in await world.autocomplete(world.alice, "imagine", option, typed, **filled)]


async def test_every_choice_names_its_price(discord_world: DiscordWorld) -> None:
    world = discord_world
    assert await _offered(world, "resolution") == ["1K · 8 credits", "2K · 8 credits", "4K · 8 credits"]
    assert await _offered(world, "resolution", "2k") == ["2K · 8 credits"]
    assert await _offered(world, "resolution", model="nano-banana-2", count=3) == [
        "1K · 15 credits for 3 pictures",
        "2K · 15 credits for 3 pictures",
        "4K · 15 credits for 3 pictures",
    ]
    assert await _offered(world, "resolution", model="nano-banana") == []
    assert await _offered(world, "model") == [
        "Nano Banana Pro · 8 credits",
        "Nano Banana 2 · 5 credits",
        "Nano Banana · 3 credits",
    ]
    assert await _offered(world, "model", "pro", count=2) == ["Nano Banana Pro · 16 credits for 2 pictures"]
    assert await _offered(world, "count", "") == [
        "1 picture · 8 credits",
        "2 pictures · 16 credits",
        "3 pictures · 24 credits",
        "4 pictures · 32 credits",
    ]
    assert (await _offered(world, "count", "2", model="Nano Banana"))[1] == "2 pictures · 6 credits"


async def test_prices_are_those_of_ones_usual_model(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.client.services.preferences.set(world.alice.id, model="nano-banana-2")
    assert await _offered(world, "resolution", "4") == ["4K · 5 credits"]
    assert await _offered(world, "resolution", "4", model="nano-banana-pro") == ["4K · 8 credits"]


@pytest.mark.parametrize("typed", HOSTILE)
async def test_whatever_is_typed_is_answered_within_discords_limits(discord_world: DiscordWorld, typed: str) -> None:
    world = discord_world
    request = await _made(world, f"{typed[:5000]}.")
    await world.client.services.preferences.put_style(world.alice.id, f"{typed[:40]} s", f"{typed[:900]} s")
    for option in ("model", "resolution", "parent", "style"):
        for text in (typed, ""):
            choices = await world.autocomplete(world.alice, "imagine", option, text, model=typed, resolution=typed)
            assert len(choices) <= 25
            for choice in choices:
                assert 1 <= units(choice["name"]) <= 100
                assert 1 <= units(choice["value"]) <= 100
    offered = await world.autocomplete(world.alice, "imagine", "parent", "")
    assert [choice["value"] for choice in offered] == [f"{request}-1"]
    await world.idle()


async def test_words_are_taken_for_the_values_that_they_mean(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("typed, not picked", model=" nano banana 2 · 5 credits", resolution="2k · 5 credits")
    await world.idle()
    (task,) = world.tasks("typed, not picked")
    assert (task.model, task.params["resolution"]) == ("nano-banana-2", "2K")
