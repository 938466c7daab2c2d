"""What can be made of a result: Again, Edit, Remix, what stands under More; by whom; after a restart too."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.generations.lineage import LARGER_PROMPT
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, selects_of, text_of
from tests.cogs.results import (
    choose_all,
    chosen,
    field,
    filled_in,
    made,
    more,
    newest,
    newest_view,
    pick,
    result_of,
    words_of,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

PDF = ("paper.pdf", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n")


async def test_three_buttons_and_the_rest_under_more(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await made(world, "the first of many")
    assert labels_of(message) == ["Again", "Edit", "Remix"]
    assert selects_of(message)[0]["placeholder"] == "More"
    assert words_of(message) == [
        "Full size", "2K · 8 credits", "4K · 8 credits", "Variations ×4 · 32 credits", "Use as reference",
        "Add to my tray", "Details", "Who made this", "Report to the moderators", "Delete",
    ]  # fmt: skip
    large = await made(world, "large already", resolution="4K")
    assert not [words for words in words_of(large) if words.startswith(("2K", "4K"))]
    first = await made(world, "of the first model", model="nano-banana")
    assert not [words for words in words_of(first) if words.startswith(("2K", "4K"))], "it has no sizes"
    assert "Variations ×4 · 12 credits" in words_of(first)


async def test_a_private_card_has_what_makes_sense_there(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await made(world, "for me alone", private=True)
    assert message.ephemeral
    assert labels_of(message) == ["Again", "Edit", "Remix"]
    assert not {"Who made this", "Report to the moderators", "Post to the gallery"} & set(words_of(message))
    assert {"Details", "Use as reference", "Add to my tray", "Delete"} <= set(words_of(message))
    again = await world.click(world.alice, message, "Again")
    await world.idle()
    assert again.response.ephemeral
    assert len(pictures_of(again.response)) == 1
    assert world.messages() == []
    await world.check_books(charged=16)


# --- Again ---


async def test_again_is_a_new_message_that_leads_back_to_its_source(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "once more", resolution="2K", image_1=("cat.png", png()))
    before = text_of(source)
    again = await world.click(world.alice, source, "Again")
    await world.idle()
    assert [message.id for message in world.messages()] == [source.id, again.response.id]
    assert text_of(source) == before
    assert len(pictures_of(source)) == 1
    first, second = world.tasks("once more")
    assert second.params["resolution"] == "2K"
    assert len(second.reference_ids) == len(first.reference_ids) == 1
    assert "image 1: cat.png" in text_of(again.response)
    url = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{source.id}"
    assert f"from [↗\ufe0e]({url})" in text_of(again.response)
    await world.check_books(charged=16)


async def test_a_stranger_makes_and_pays_their_own(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "hers", notify=True)
    pings = len(world.messages())
    bob = world.member("bob")
    again = await world.click(bob, source, "Again")
    await world.idle()
    assert len(pictures_of(again.response)) == 1
    assert (await world.balance(bob)).used_credits == 8
    await world.check_books(charged=8)
    assert (await newest_view(world, bob)).user_id == bob.id
    assert len(world.messages()) == pings + 1, "a ping that she wanted is none for him"


async def test_a_press_twice_on_again_is_two_requests_but_one_event_is_one(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "twice please")
    await world.click(world.alice, source, "Again")
    await world.click(world.alice, source, "Again")
    await world.idle()
    assert len(world.tasks("twice please")) == 3
    await world.check_books(charged=24)


@pytest.mark.parametrize("what", ["again", "edit", "remix", "variations", "larger", "reference", "tray", "details"])
async def test_nobody_makes_anything_of_a_private_picture_of_others(discord_world: DiscordWorld, what: str) -> None:
    world = discord_world
    await made(world, f"her secret {what}", private=True)
    bob = world.member("bob")
    own = await made(world, "his own", who=bob)
    refused = await _forged(world, bob, own, await newest(world), what)
    assert refused.modal is None
    assert refused.ephemeral
    assert text_of(refused.response) == "**This picture is not here for you.**"
    await world.idle()
    assert len(world.tasks(f"her secret {what}")) == 1
    assert (await world.balance(bob)).used_credits == 8


@pytest.mark.parametrize("what", ["again", "remix", "variations", "details"])
async def test_nobody_makes_anything_of_a_picture_from_elsewhere(discord_world: DiscordWorld, what: str) -> None:
    world = discord_world
    await made(world, f"of this server {what}")
    elsewhere = world.new_guild("Elsewhere")
    channel = elsewhere.create_text_channel("general")
    carol = world.member("carol", elsewhere)
    await world.imagine("of that server", who=carol, channel=channel)
    await world.idle()
    refused = await _forged(world, carol, world.messages(channel)[0], await newest(world), what)
    assert text_of(refused.response) == "**This picture is not here for you.**"
    assert len(world.tasks(f"of this server {what}")) == 1


async def test_a_form_can_not_do_what_its_button_would_refuse(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "soon taken away")
    bob = world.member("bob")
    shown = await world.click(bob, source, "Edit")
    remix = await world.click(bob, source, "Remix")
    asked = await more(world, world.alice, source, "Delete")
    world.env.inject_error("DELETE", "*/messages/*", status=403, code=50001, times=1)
    await world.click(world.alice, asked.response, "Delete picture")
    for form, values in [(shown, {**filled_in(shown), "prompt": "with a hat"}), (remix, filled_in(remix))]:
        refused = await world.submit(bob, form, **values)
        assert text_of(refused.response) == "**This picture is not here for you.**"
    await world.idle()
    assert world.tasks("with a hat") == []
    assert (await world.balance(bob)).used_credits == 0


async def _forged(world: DiscordWorld, who: Any, message: Any, request_id: str, what: str) -> Any:
    presses = {"again": ids.redo(request_id), "edit": ids.edit(request_id), "remix": ids.remix(request_id)}
    if what in presses:
        return await world.forge(who, message, presses[what])
    choice = {"variations": "variations.32", "larger": "larger.4K.8"}.get(what, what)
    return await world.forge(who, message, ids.more(request_id), choice)


# --- Edit ---


async def test_edit_makes_the_picture_image_1(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "a house", aspect_ratio="16:9", resolution="2K")
    shown = await world.click(world.alice, source, "Edit")
    assert (field(shown, "prompt").get("value") or "") == ""
    assert chosen(shown, "aspect_ratio") == "16:9"
    labels = [option["label"] for option in field(shown, "resolution")["options"]]
    assert labels == ["1K · 8 credits a picture", "2K · 8 credits a picture", "4K · 8 credits a picture"]
    values = filled_in(shown) | {
        "prompt": "make it night",
        "resolution": pick(shown, "resolution", "1K"),
        "files": [("moon.png", png()), ("owl.png", png(colour=(1, 2, 3)))],
    }
    edited = await world.submit(world.alice, shown, **values)
    await world.idle()
    (task,) = world.tasks("make it night")
    assert task.params["aspect_ratio"] == "16:9"
    assert task.params["resolution"] == "1K"
    source_id = (await world.core.generations.relatives(await newest(world))).parent.id
    name = f"nano-banana-{source_id[-6:]}-1.png"
    assert f"image 1: {name} · image 2: moon.png · image 3: owl.png" in text_of(edited.response).replace("\\", "")
    original = await asyncio.to_thread(result_of(world, source_id, 1).read_bytes)
    assert len(task.reference_ids) == 3
    assert len(original) > 0
    assert text_of(source).startswith("**a house**")
    await world.check_books(charged=16)


async def test_edit_asks_which_of_several(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "two houses", count=2)
    shown = await world.click(world.alice, source, "Edit")
    assert [option["label"] for option in field(shown, "picture")["options"]] == ["Picture 1", "Picture 2"]
    await world.submit(world.alice, shown, **filled_in(shown) | {"prompt": "the second, burning", "picture": ["2"]})
    await world.idle()
    view = await newest_view(world)
    assert view.parent is not None
    assert view.parent.position == 2
    assert view.references[0].filename.endswith("-2.png")
    assert "(picture 2)" in text_of(world.messages()[-1])


async def test_an_edit_with_what_is_no_image_costs_nothing(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "a plain one")
    shown = await world.click(world.alice, source, "Edit")
    sent = await world.submit(world.alice, shown, **filled_in(shown) | {"prompt": "with that paper", "files": [PDF]})
    await world.idle()
    assert "paper.pdf is a PDF" in text_of(sent.response)
    assert "Nothing was charged" in text_of(sent.response)
    assert world.tasks("with that paper") == []
    await world.check_books(charged=8)


async def test_editing_a_picture_whose_bytes_are_gone(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "gone tomorrow")
    shown = await world.click(world.alice, source, "Edit")
    request_id = await newest(world)
    await asyncio.to_thread(result_of(world, request_id, 1).unlink)
    refused = await world.click(world.alice, source, "Edit")
    assert text_of(refused.response) == "**This picture is no longer kept.**"
    await world.submit(world.alice, shown, **filled_in(shown) | {"prompt": "too late"})
    await world.idle()
    assert world.tasks("too late") == []
    await world.check_books(charged=8)


# --- Remix ---


async def test_remix_is_filled_in_and_keeps_the_references(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "a cat", aspect_ratio="3:2", output_format="jpg", image_1=("cat.png", png()))
    shown = await world.click(world.member("bob"), source, "Remix")
    assert field(shown, "prompt")["value"] == "a cat"
    assert chosen(shown, "aspect_ratio") == "3:2"
    assert chosen(shown, "output_format") == "jpg"
    mine = await world.click(world.alice, source, "Remix")
    values = filled_in(mine) | {"prompt": "a cat, asleep", "resolution": pick(mine, "resolution", "4K")}
    remixed = await world.submit(world.alice, mine, **values)
    await world.idle()
    (task,) = world.tasks("a cat, asleep")
    assert [task.params[name] for name in ("aspect_ratio", "resolution", "output_format")] == ["3:2", "4K", "jpg"]
    assert len(task.reference_ids) == 1
    assert "image 1: cat.png" in text_of(remixed.response)
    assert len(pictures_of(remixed.response)) == 1


async def test_a_prompt_too_long_for_the_form_is_kept_unless_replaced(discord_world: DiscordWorld) -> None:
    world = discord_world
    long = "a very long story about a lighthouse " * 160
    source = await made(world, long.strip())
    shown = await world.click(world.alice, source, "Remix")
    assert (field(shown, "prompt").get("value") or "") == ""
    assert not field(shown, "prompt")["required"]
    await world.submit(world.alice, shown, **filled_in(shown))
    await world.idle()
    assert len(world.tasks(long.strip())) == 2
    again = await world.click(world.alice, source, "Remix")
    await world.submit(world.alice, again, **filled_in(again) | {"prompt": "a short one"})
    await world.idle()
    assert len(world.tasks("a short one")) == 1
    await world.check_books(charged=24)


async def test_a_form_is_no_answer_to_what_is_asked_above_the_threshold(discord_world: DiscordWorld) -> None:
    """It names a price, but not what would be left; that of several larger ones it does not name at all."""
    world = discord_world
    source = await made(world, "many of it")
    shown = await world.click(world.alice, source, "Remix")
    assert [option["label"] for option in field(shown, "count")["options"]][3] == "4 pictures · 32 credits"
    remixed = await world.submit(world.alice, shown, **filled_in(shown) | {"count": pick(shown, "count", "4 pictures")})
    assert remixed.ephemeral
    assert text_of(remixed.response).startswith("**This costs 32 credits.**")
    assert "would be left" in text_of(remixed.response)
    await world.check_books(charged=8)
    done = await world.click(world.alice, remixed.response, "Paint all 4 · 32 credits")
    await world.idle()
    assert len(pictures_of(done.response)) == 4
    await world.check_books(charged=40)


async def test_four_of_a_dear_size_are_asked_about(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "a dear one")
    world.core.catalogue.learn_price("nano-banana-pro", "4K", 24)
    try:
        shown = await world.click(world.alice, source, "Remix")
        values = {"resolution": pick(shown, "resolution", "4K"), "count": pick(shown, "count", "4")}
        asked = await world.submit(world.alice, shown, **filled_in(shown) | values)
        assert text_of(asked.response).startswith("**This costs 96 credits.**")
        larger = await more(world, world.alice, source, "4K")
        assert text_of(larger.response).startswith("**The price has changed: this costs 24 credits now**, not 8.")
        edit = await world.click(world.alice, source, "Edit")
        values = {"prompt": "at night", "resolution": pick(edit, "resolution", "4K")}
        asked = await world.submit(world.alice, edit, **filled_in(edit) | values)
        assert text_of(asked.response).startswith("**This costs 24 credits.**")
        await world.check_books(charged=8)
    finally:
        world.core.catalogue.learn_price("nano-banana-pro", "4K", 8)


# --- larger, variations, as a reference, tray ---


async def test_a_larger_one_is_painted_from_the_picture_and_keeps_its_words(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "a tiny door", aspect_ratio="9:16")
    larger = await more(world, world.alice, source, "2K")
    await world.idle()
    assert text_of(larger.response).startswith("**At 2K: a tiny door**")
    assert pictures_of(larger.response)[0]["description"] == "a tiny door"
    (task,) = [task for task in world.rivya.books.tasks if task.prompt.endswith("a tiny door") and task.reference_ids]
    assert task.prompt.startswith(LARGER_PROMPT)
    assert (task.params["resolution"], task.params["aspect_ratio"]) == ("2K", "9:16")
    assert [words for words in words_of(larger.response) if words.startswith(("2K", "4K"))] == ["4K · 8 credits"]
    largest = await more(world, world.alice, larger.response, "4K")
    await world.idle()
    assert text_of(largest.response).startswith("**At 4K: a tiny door**")
    await world.check_books(charged=24)


async def test_a_larger_one_of_several_asks_which(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "two doors", count=2)
    asked = await more(world, world.alice, source, "4K")
    assert asked.ephemeral
    assert text_of(asked.response) == "**Which picture at 4K? It costs 8 credits.**"
    await world.choose(world.alice, asked.response, "2")
    await world.idle()
    view = await newest_view(world)
    assert view.parent is not None
    assert (view.parent.position, view.options["resolution"]) == (2, "4K")
    assert len(world.messages()) == 2


async def test_variations_cost_what_the_option_named(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "vary me")
    asked = await more(world, world.alice, source, "Variations ×4 · 32 credits")
    assert text_of(asked.response).startswith("**This costs 32 credits.**")
    varied = await world.click(world.alice, asked.response, "Paint all 4 · 32 credits")
    await world.idle()
    assert len(pictures_of(varied.response)) == 4
    assert len(world.tasks("vary me")) == 5
    await world.check_books(charged=40)


async def test_a_price_that_rose_since_is_asked_for_first(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "dearer by now")
    world.core.catalogue.learn_price("nano-banana-pro", "4K", 24)
    try:
        asked = await more(world, world.alice, source, "4K · 8 credits")
        assert asked.ephemeral
        assert "24 credits" in text_of(asked.response)
        await world.idle()
        await world.check_books(charged=8)
    finally:
        world.core.catalogue.learn_price("nano-banana-pro", "4K", 8)


async def test_use_as_reference(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "a bicycle", count=2)
    shown = await more(world, world.alice, source, "Use as reference")
    values = filled_in(shown) | {
        "prompt": "image 2 on image 1",
        "picture": ["1", "2"],
        "files": ("cat.png", png()),
    }
    used = await world.submit(world.alice, shown, **values)
    await world.idle()
    (task,) = world.tasks("image 2 on image 1")
    assert len(task.reference_ids) == 3
    view = await newest_view(world)
    assert [image.filename.rpartition("-")[2] for image in view.references] == ["1.png", "2.png", "cat.png"]
    assert view.parent is not None
    assert view.parent.derived_as == "reference"
    assert len(pictures_of(used.response)) == 1


async def test_nine_images_are_one_too_many(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "crowded")
    shown = await world.click(world.alice, source, "Edit")
    assert field(shown, "files")["max_values"] == 7, "the picture itself is the first of eight"
    two = await made(world, "crowded twice", count=2)
    wide = await more(world, world.alice, two, "Use as reference")
    files = [(f"{number}.png", png(colour=(number, 0, 0))) for number in range(7)]
    refused = await world.submit(
        world.alice, wide, **filled_in(wide) | {"prompt": "nine of them", "picture": ["1", "2"], "files": files}
    )
    assert refused.ephemeral
    assert "at most 8 reference images, not 9" in text_of(refused.response)
    assert "Nothing was charged." in text_of(refused.response)
    await world.idle()
    assert world.tasks("nine of them") == []


async def test_add_to_my_tray(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "for the tray", count=2)
    bob = world.member("bob")
    asked = await more(world, bob, source, "Add to my tray")
    added = await choose_all(world, bob, asked.response, "1", "2")
    assert added.ephemeral
    assert len(await world.client.services.tray.images(bob.id)) == 2
    assert await world.client.services.tray.images(world.alice.id) == []


# --- what did not come, what can't be had ---


async def test_a_failed_one_can_be_tried_again_and_changed(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS))
    failed = await made(world, "not at first")
    assert labels_of(failed) == ["Change the prompt", "Try again"]
    again = await world.click(world.alice, failed, "Try again")
    await world.idle()
    assert len(pictures_of(again.response)) == 1
    shown = await world.click(world.alice, failed, "Change the prompt")
    assert field(shown, "prompt")["value"] == "not at first"
    await world.check_books(charged=8)


async def test_a_choice_that_makes_no_sense_is_told(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "a sensible one", resolution="4K")
    request_id = await newest(world)
    for value in ("larger.1K.8", "larger.9K.8", "larger", "nothing", "full.1.2.3"):
        refused = await world.forge(world.alice, source, ids.more(request_id), value)
        assert refused.ephemeral
        assert text_of(refused.response)
        refused = await world.forge(world.alice, source, ids.pick(request_id, value), "1")
        assert refused.ephemeral
    refused = await world.forge(world.alice, source, ids.pick(request_id, "full"), "4")
    assert text_of(refused.response) == "**This picture is no longer kept.**"
    await world.idle()
    await world.check_books(charged=8)


# --- after a restart ---


async def test_everything_works_after_a_restart(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "from before the restart")
    edit = await world.click(world.alice, source, "Edit")
    remix = await world.click(world.alice, source, "Remix")
    reference = await more(world, world.alice, source, "Use as reference")
    offered = words_of(source)
    await world.restart_client()
    await world.click(world.alice, source, "Again")
    await world.idle()
    for shown, words in [(edit, "edited later"), (remix, "remixed later"), (reference, "used later")]:
        await world.submit(world.alice, shown, **filled_in(shown) | {"prompt": words})
        await world.idle()
        assert len(world.tasks(words)) == 1
    for button in ("Edit", "Remix"):
        assert (await world.click(world.alice, source, button)).modal is not None
    bob = world.member("bob")
    answers = {}
    for words in offered:
        answers[words.partition(" · ")[0]] = await more(world, bob, source, words)
        await world.idle()
    said = {words: text_of(press.response) for words, press in answers.items() if press.modal is None}
    assert said["Details"].startswith("**Details**")
    assert said["Who made this"].startswith(f"<@{world.alice.id}> made this")
    assert said["Add to my tray"].startswith("**1 image added to your tray.**")
    assert said["Delete"].startswith("**Only whoever made this")
    agreed = await world.click(bob, answers["Variations ×4"].response, "Paint all 4 · 32 credits")
    await world.idle()
    assert len(pictures_of(agreed.response)) == 4
    for words, pictures in [("Full size", 1), ("2K", 1), ("4K", 1)]:
        assert len(pictures_of(answers[words].response)) == pictures
    assert answers["Use as reference"].modal is not None
    told = await world.submit(bob, answers["Report to the moderators"], reason="not what it says")
    assert text_of(told.response).startswith("**Reported.**")
    asked = await more(world, world.alice, source, "Delete")
    await world.click(world.alice, asked.response, "Delete picture")
    assert source.id not in {message.id for message in world.messages()}
    assert len(world.tasks("from before the restart")) == 2 + 4
    assert len(offered) == 10
    await world.check_books(charged=5 * 8)
    assert (await world.balance(bob)).used_credits == 6 * 8
