"""/preferences: chosen, taken back, used; and styles, added, changed and removed."""

from __future__ import annotations

from typing import Any

import pytest

from bot.generations.preferences import Preferences
from bot.ui import personal_ids as ids
from tests.cogs.conftest import DiscordWorld, labels_of, png, selects_of, text_of
from tests.cogs.results import chosen, filled_in, newest_view

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def choose(world: DiscordWorld, who: Any, message: Any, name: str, value: str) -> Any:
    world.catch_up()
    return await who.select(message, [value], custom_id=ids.prefer(name))


def offered(message: Any, name: str) -> dict[str, str]:
    (select,) = [select for select in selects_of(message) if select["custom_id"] == ids.prefer(name)]
    return {option["value"]: option["label"] for option in select["options"]}


async def test_the_panel_says_how_it_stands_and_changes_in_place(discord_world: DiscordWorld) -> None:
    world = discord_world
    shown = await world.slash(world.alice, "preferences")
    assert shown.ephemeral
    assert "Model: the bot's usual, Nano Banana Pro" in text_of(shown.response)
    assert "Who sees my pictures: the bot's usual, everyone in the channel" in text_of(shown.response)
    assert offered(shown.response, "resolution") == {
        "usual": "The bot's usual · 1K · 8 credits a picture",
        "1K": "1K · 8 credits a picture",
        "2K": "2K · 8 credits a picture",
        "4K": "4K · 8 credits a picture",
    }
    for name, value in (
        ("model", "nano-banana-2"), ("aspect_ratio", "8:1"), ("resolution", "2K"), ("output_format", "png"),
        ("private", "yes"), ("notify", "no"),
    ):  # fmt: skip
        changed = await choose(world, world.alice, shown.response, name, value)
        assert changed.response is None or changed.response.id == shown.response.id
    said = text_of(shown.response)
    for words in (
        "Model: **Nano Banana 2**", "Aspect ratio: **8:1**", "Resolution: **2K** · 5 credits a picture",
        "Format: **png**", "Who sees my pictures: **only you**", "Ping when they are there: **no**",
    ):  # fmt: skip
        assert words in said
    wanted = Preferences("nano-banana-2", "8:1", "2K", "png", private=True, notify=False)
    assert await world.core.preferences.of(world.alice.id) == wanted
    assert await world.core.preferences.of(world.member("bob-prefers").id) == Preferences()

    # What another model can't take is kept, and said; the request is not refused for it.
    await world.restart_client()
    await choose(world, world.alice, shown.response, "model", "nano-banana")
    assert "Aspect ratio: **8:1**, which Nano Banana does not take; 1:1 then" in text_of(shown.response)
    assert "Resolution: Nano Banana has none to choose; **2K** with the others" in text_of(shown.response)
    assert ids.prefer("resolution") not in [select["custom_id"] for select in selects_of(shown.response)]
    asked = await world.imagine("as usual")
    await world.idle()
    assert asked.ephemeral
    view = await newest_view(world)
    assert (view.model, view.options["aspect_ratio"]) == ("nano-banana", "1:1")

    for name in ("model", "aspect_ratio", "output_format", "private", "notify"):
        await choose(world, world.alice, shown.response, name, "usual")
    assert await world.core.preferences.of(world.alice.id) == Preferences(resolution="2K")
    await world.check_books(charged=3)


async def test_what_is_chosen_is_what_imagine_takes_unless_it_says_otherwise(discord_world: DiscordWorld) -> None:
    world = discord_world
    shown = await world.slash(world.alice, "preferences")
    await choose(world, world.alice, shown.response, "aspect_ratio", "21:9")
    await choose(world, world.alice, shown.response, "private", "yes")
    asked = await world.imagine("wide", private=False, resolution="2K")
    await world.idle()
    assert not asked.ephemeral
    view = await newest_view(world)
    assert (view.options["aspect_ratio"], view.options["resolution"]) == ("21:9", "2K")


async def test_a_value_that_is_none_is_not_taken(discord_world: DiscordWorld) -> None:
    world = discord_world
    shown = await world.slash(world.alice, "preferences")
    for name, value in (("model", "gpt"), ("resolution", "8K"), ("private", "true"), ("notify", "")):
        answer = await world.forge(world.alice, shown.response, ids.prefer(name), value or "x")
        assert "This can't be chosen any more." in text_of(answer.response)
    assert await world.core.preferences.of(world.alice.id) == Preferences()


async def test_styles_are_added_changed_used_and_removed(discord_world: DiscordWorld) -> None:
    world = discord_world
    shown = await world.slash(world.alice, "preferences")
    await world.click(world.alice, shown.response, "My styles")
    assert "**You have no styles yet.**" in text_of(shown.response)
    form = await world.click(world.alice, shown.response, "Add a style")
    await world.restart_client()
    await world.submit(world.alice, form, name=" Film  noir ", suffix="black and **white**\n1947 ")
    assert "**Your styles** · 1 of 25" in text_of(shown.response)
    assert r"**Film noir** · black and \*\*white\*\* 1947" in text_of(shown.response)
    (style,) = await world.core.preferences.styles(world.alice.id)
    assert style.suffix == "black and **white**\n1947"

    choices = await world.autocomplete(world.alice, "imagine", "style", "film")
    assert [choice["value"] for choice in choices] == ["Film noir"]
    await world.imagine("a cat", style="film NOIR")
    await world.idle()
    assert (await newest_view(world)).prompt == "a cat\n\nblack and **white**\n1947"

    await world.choose(world.alice, shown.response, str(style.id))
    assert text_of(shown.response).startswith("**Film noir**\n")
    form = await world.click(world.alice, shown.response, "Change")
    assert form.modal["custom_id"] == ids.style_form(style.id)
    await world.submit(world.alice, form, name="noir", suffix="rain at night")
    (changed,) = await world.core.preferences.styles(world.alice.id)
    assert (changed.id, changed.name, changed.suffix) == (style.id, "noir", "rain at night")

    await world.choose(world.alice, shown.response, str(style.id))
    await world.click(world.alice, shown.response, "Remove")
    assert "**Remove the style “noir”?**" in text_of(shown.response)
    assert labels_of(shown.response) == ["Remove style", "Keep it"]
    await world.click(world.alice, shown.response, "Keep it")
    assert len(await world.core.preferences.styles(world.alice.id)) == 1
    await world.choose(world.alice, shown.response, str(style.id))
    await world.click(world.alice, shown.response, "Remove")
    await world.click(world.alice, shown.response, "Remove style")
    assert "**You have no styles yet.**" in text_of(shown.response)
    assert await world.core.preferences.styles(world.alice.id) == []
    twice = await world.forge(world.alice, shown.response, ids.style_gone(style.id))
    assert twice.response is None or "You have no styles yet." in text_of(shown.response)
    again = await world.forge(world.alice, shown.response, ids.style_edit(style.id))
    assert "This style is gone already." in text_of(again.response)


async def test_a_style_never_writes_over_another_and_what_was_typed_is_not_lost(discord_world: DiscordWorld) -> None:
    world = discord_world
    book = world.core.preferences
    first = await book.add_style(world.alice.id, "noir", "the first")
    second = await book.add_style(world.alice.id, "pastel", "the second")
    shown = await world.slash(world.alice, "preferences")
    await world.click(world.alice, shown.response, "My styles · 2")
    form = await world.click(world.alice, shown.response, "Add a style")
    refused = await world.submit(world.alice, form, name="NOIR", suffix="long <@1> words that I typed")
    assert refused.ephemeral
    said = text_of(refused.response)
    assert said.startswith("**You have a style of that name already.**\nChoose another name.")
    assert r"long \<\@1\> words that I typed" in said
    world.catch_up()
    form = await world.forge(world.alice, shown.response, ids.style_edit(second.id))
    refused = await world.submit(world.alice, form, name="noir", suffix="the third")
    assert "You have a style of that name already." in text_of(refused.response)
    assert {style.name: style.suffix for style in await book.styles(world.alice.id)} == {
        "noir": "the first",
        "pastel": "the second",
    }
    blank = await world.forge(world.alice, shown.response, ids.style_edit(first.id))
    answer = await world.submit(world.alice, blank, name="noir", suffix="  ")
    assert "**A style needs a name and words.**" in text_of(answer.response)


async def test_styles_of_others_are_not_there(discord_world: DiscordWorld) -> None:
    world = discord_world
    style = await world.core.preferences.add_style(world.alice.id, "mine", "words of mine")
    bob = world.member("bob-styles")
    lure = await world.slash(bob, "preferences")
    for custom_id in (ids.style_edit(style.id), ids.style_remove(style.id)):
        answer = await world.forge(bob, lure.response, custom_id)
        assert "This style is gone already." in text_of(answer.response)
    answer = await world.forge(bob, lure.response, ids.style_open(), str(style.id))
    assert "This style is gone already." in text_of(answer.response)
    await world.forge(bob, lure.response, ids.style_gone(style.id))
    assert [style.name for style in await world.core.preferences.styles(world.alice.id)] == ["mine"]


async def test_twenty_five_are_the_most(discord_world: DiscordWorld) -> None:
    world = discord_world
    for number in range(25):
        await world.core.preferences.add_style(world.alice.id, f"{number} " + "x" * 40, "w" * 1000)
    shown = await world.slash(world.alice, "preferences")
    await world.click(world.alice, shown.response, "My styles · 25")
    assert "Add a style" not in labels_of(shown.response)
    form = await world.forge(world.alice, shown.response, ids.style_add())
    refused = await world.submit(world.alice, form, name="one more", suffix="kept")
    assert "**You have 25 styles already.**\nRemove one first." in text_of(refused.response)
    assert "kept" in text_of(refused.response)


async def test_they_hold_for_mentions_and_menus_too(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.core.preferences.set(
        world.alice.id, model="nano-banana-2", aspect_ratio="3:2", resolution="2K", output_format="png", private=True
    )
    said = await world.say(world.alice, f"{world.mention} a fox like this", files=[("fox.png", png())])
    await world.idle()
    view = await newest_view(world)
    assert view.prompt == "a fox like this"
    assert view.model == "nano-banana-2"
    assert view.options == {"aspect_ratio": "3:2", "resolution": "2K", "output_format": "png"}
    assert not view.private, "what is said in the channel is answered there"

    form = await world.menu(world.alice, "Use as reference", said)
    assert chosen(form, "aspect_ratio") == "3:2"
    assert chosen(form, "resolution") == "2K@5"
    await world.submit(world.alice, form, **{**filled_in(form), "prompt": "a fox from a menu"})
    await world.idle()
    view = await newest_view(world)
    assert (view.prompt, view.model, view.private) == ("a fox from a menu", "nano-banana-2", True)
    assert view.options == {"aspect_ratio": "3:2", "resolution": "2K", "output_format": "png"}
    await world.check_books(charged=10)
