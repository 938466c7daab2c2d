"""Right-click on a message: its images as references, or into the tray; and the tray itself."""

from __future__ import annotations

from typing import Any

import pytest

from bot.generations.tray import MAX_IMAGES
from tests.cogs.conftest import DiscordWorld, gif, labels_of, noise, pictures_of, png, text_of
from tests.ui_limits import walk

pytestmark = pytest.mark.asyncio(loop_scope="module")

USE, ADD = "Use as reference", "Add to my tray"


def files(*names: str, first: int = 1) -> list[tuple[str, bytes]]:
    return [(name, png(colour=(number, 90, 90))) for number, name in enumerate(names, start=first)]


def said(result: Any) -> str:
    assert result.ephemeral
    return text_of(result.response)


def modal_words(shown: Any) -> str:
    """Everything that a modal says."""
    parts = [str(part.get(name)) for part in _parts(shown.modal) for name in ("label", "description", "content")]
    return "\n".join(part for part in parts if part != "None")


def _parts(part: Any) -> list[Any]:
    if isinstance(part, list):
        return [found for item in part for found in _parts(item)]
    if not isinstance(part, dict):
        return []
    return [part, *(found for value in part.values() for found in _parts(value))]


def upload_of(shown: Any) -> list[Any]:
    return [part for part in _parts(shown.modal) if part.get("type") == 19]


async def fill(world: DiscordWorld, shown: Any, prompt: str, *, who: Any = None, **values: Any) -> Any:
    chosen = {"prompt": prompt, "aspect_ratio": ["auto"], "resolution": ["1K@8"], **values}
    return await world.submit(who or world.alice, shown, **chosen)


async def painted(world: DiscordWorld, prompt: str) -> Any:
    """The one request of a prompt, when it is done."""
    await world.idle()
    (task,) = world.tasks(prompt)
    async with world.database.read() as tx:
        from sqlalchemy import text

        request_id = await tx.scalar(text("SELECT id FROM requests WHERE prompt = :prompt"), {"prompt": prompt})
    view = await world.core.generations.view(request_id)
    assert view is not None
    return task, view


# --- Use as reference ---


async def test_all_images_of_a_message_become_references(discord_world: DiscordWorld) -> None:
    world = discord_world
    bob = world.member("bob of the cats")
    posted = await world.say(bob, "look", files=files("cat.png", "dog.png"))
    shown = await world.menu(world.alice, USE, posted)
    assert "image 1: cat.png · image 2: dog.png" in modal_words(shown)
    assert "8 credits" in str(shown.modal), "every size names its price"
    prompt = "the cat of image 1 riding the dog of image 2"
    done = await fill(world, shown, prompt, resolution=["2K@8"], files=files("hat.png", first=9))
    assert not done.ephemeral
    task, view = await painted(world, prompt)
    assert [reference.filename for reference in view.references] == ["cat.png", "dog.png", "hat.png"]
    assert len(task.reference_ids) == 3
    assert (view.options["resolution"], view.options["aspect_ratio"]) == ("2K", "auto")
    (message,) = [message for message in world.messages() if pictures_of(message)]
    assert "image 1: cat.png · image 2: dog.png · image 3: hat.png" in text_of(message)
    await world.check_books(charged=8)


async def test_forwarded_images_and_links_count_too(discord_world: DiscordWorld) -> None:
    world = discord_world
    original = await world.say(world.alice, files=files("far.png"))
    forwarded = await world.say(world.alice, forward=original)
    assert "image 1: far.png" in modal_words(await world.menu(world.alice, USE, forwarded))
    (attached,) = world.env.backend.store_attachments(world.channel.id, files("linked.png", first=5))
    link = {"type": "image", "url": "https://pictures.example/linked.png"}
    link["thumbnail"] = {"url": "https://pictures.example/linked.png", "proxy_url": attached["url"]}  # type: ignore[assignment]
    posted = await world.say(world.alice, "https://pictures.example/linked.png", embeds=[link])
    shown = await world.menu(world.alice, USE, posted)
    assert "image 1: linked.png" in modal_words(shown)
    await fill(world, shown, "what a link shows")
    await painted(world, "what a link shows")
    await world.check_books(charged=8)


async def test_the_bots_own_result_is_taken_whole_and_is_the_parent(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("a first lighthouse")
    _, first = await painted(world, "a first lighthouse")
    (result,) = world.messages()
    shown = await world.menu(world.member("admirer"), USE, result)
    other = world.member("another admirer")
    shown = await world.menu(other, USE, result)
    await fill(world, shown, "the same lighthouse in snow", who=other)
    _, second = await painted(world, "the same lighthouse in snow")
    (reference,) = second.references
    assert (reference.source_kind, reference.source_id) == ("picture", first.pictures[0].id)
    assert second.parent is not None
    assert (second.parent.id, second.parent.position) == (first.id, 1)


async def test_a_result_whose_bytes_are_gone_is_taken_as_it_is_shown(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("a sunken lighthouse")
    _, first = await painted(world, "a sunken lighthouse")
    from bot.generations.repository import GenerationsRepository

    await world.database.write(
        lambda tx: GenerationsRepository(tx).pictures.change(first.pictures[0].id, path=None, bytes_dropped_at_ms=1)
    )
    (result,) = world.messages()
    shown = await world.menu(world.alice, USE, result)
    await fill(world, shown, "it comes up again")
    _, second = await painted(world, "it comes up again")
    assert [reference.source_kind for reference in second.references] == ["discord"]


async def test_somebody_elses_private_result_can_not_be_used(discord_world: DiscordWorld) -> None:
    world = discord_world
    shown = await world.imagine("a secret lighthouse", private=True)
    await world.idle()
    secret = world.env.backend.get_message(world.channel.id, shown.response.id)
    assert secret.flags & 64
    opened = await world.menu(world.alice, USE, shown.response)
    assert opened.modal is not None, "one's own may be"
    # No client shows this message to anyone else. The event is made by hand, as a forger would.
    from simcord.actors import _dispatch_actor_interaction
    from simcord.backend import serializers
    from simcord.builders import ChannelHandle

    mallory = world.member("mallory")
    for menu in (USE, ADD):
        root = mallory._resolve_root(menu, 3, world.channel.id)
        data = {
            "id": root["id"],
            "name": root["name"],
            "type": 3,
            "target_id": str(secret.id),
            "resolved": {"messages": {str(secret.id): dict(serializers.message_payload(world.env.backend, secret))}},
        }
        channel = ChannelHandle(world.env, mallory.guild, world.env.backend.get_channel(world.channel.id))
        forged = await _dispatch_actor_interaction(mallory, 2, channel, data)
        assert forged.modal is None
        assert "is somebody else's private picture" in said(forged)
        assert "There is no picture in that message that I can use" in said(forged)


@pytest.mark.parametrize(
    ("content", "named"),
    [([], None), ([("notes.pdf", b"%PDF-1.7")], "notes.pdf is a PDF"), ([("dance.gif", gif())], "dance.gif is a GIF")],
)
async def test_a_message_without_images_is_told_what_to_do(
    discord_world: DiscordWorld, content: list[tuple[str, bytes]], named: str | None
) -> None:
    world = discord_world
    posted = await world.say(world.alice, "only words", files=content)
    for menu in (USE, ADD):
        answer = said(await world.menu(world.alice, menu, posted))
        assert "There is no picture in that message that I can use." in answer
        assert "JPEG, PNG and WebP" in answer
        assert named is None or named in answer
    assert world.tasks("only words") == []


async def test_more_images_than_the_model_takes_are_named_and_the_first_eight_taken(
    discord_world: DiscordWorld,
) -> None:
    world = discord_world
    nine = files(*(f"p{number}.png" for number in range(1, 10)))
    posted = await world.say(world.alice, files=[*nine, ("notes.pdf", b"%PDF-1.7")])
    shown = await world.menu(world.alice, USE, posted)
    words = modal_words(shown)
    assert "p9.png is one too many." in words
    assert "notes.pdf is a PDF." in words
    assert upload_of(shown) == [], "there is no room for more"
    await fill(world, shown, "eight of nine")
    task, view = await painted(world, "eight of nine")
    assert len(task.reference_ids) == 8
    assert [reference.filename for reference in view.references] == [f"p{number}.png" for number in range(1, 9)]


async def test_the_form_leaves_room_for_what_the_model_can_still_take(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=files("1.png", "2.png", "3.png", "4.png", "5.png", "6.png"))
    (upload,) = upload_of(await world.menu(world.alice, USE, posted))
    assert upload["max_values"] == 2


async def test_a_message_that_was_deleted_meanwhile_costs_nothing(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=files("cat.png"))
    shown = await world.menu(world.alice, USE, posted)
    await world.alice.delete(posted)
    world.env.backend.cdn._blobs.clear()
    await fill(world, shown, "of a deleted message")
    await world.idle()
    assert world.tasks("of a deleted message") == []
    (message,) = world.messages()
    assert "cat.png can't be fetched from Discord any more." in text_of(message)
    assert "8 credits are back" in text_of(message)
    await world.check_books(charged=0)


async def test_a_form_sent_twice_is_one_picture(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=files("cat.png"))
    shown = await world.menu(world.alice, USE, posted)
    await fill(world, shown, "only once")
    shown._interaction.modal_consumed = False  # no client sends it again; Discord might
    await fill(world, shown, "only once")
    await world.idle()
    assert len(world.tasks("only once")) == 1
    await world.check_books(charged=8)


async def test_a_form_that_was_open_over_a_restart_is_answered_after_it(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=files("cat.png"))
    shown = await world.menu(world.alice, USE, posted)
    await world.restart_client()
    await fill(world, shown, "after the restart")
    await painted(world, "after the restart")
    await world.check_books(charged=8)


async def test_a_form_that_was_open_for_a_day_says_so(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=files("cat.png"))
    shown = await world.menu(world.alice, USE, posted)
    await world.advance(21 * 3600)
    answer = said(await fill(world, shown, "far too late"))
    assert "This form was open for too long" in answer
    assert world.tasks("far too late") == []


async def test_nobody_sends_anothers_form(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=files("cat.png"))
    shown = await world.menu(world.alice, USE, posted)
    custom_id = shown.modal["custom_id"]
    mallory = world.member("mallory the second")
    theirs = await world.menu(mallory, USE, posted)
    theirs._interaction.modal["custom_id"] = custom_id
    answer = said(await fill(world, theirs, "on somebody else's images", who=mallory))
    assert "Only whoever opened this form can send it." in answer
    assert world.tasks("on somebody else's images") == []


async def test_what_is_too_large_or_no_picture_after_all_is_refused_by_name(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=[("lies.png", b"%PDF-1.7 this is no picture")])
    shown = await world.menu(world.alice, USE, posted)
    await fill(world, shown, "of a pdf in disguise")
    await world.idle()
    assert "lies.png is a PDF." in text_of(world.messages()[-1])
    huge = await world.say(world.alice, files=[("huge.png", png())])
    stored = world.env.backend.get_message(world.channel.id, huge.id)
    stored.attachments[0]["size"] = 31_000_000
    shown = await world.menu(world.alice, USE, huge)
    answer = said(await fill(world, shown, "of 31 MB"))
    assert "huge.png is 31 MB; Nano Banana Pro takes at most 30 MB each." in answer
    assert "Nothing was charged." in answer
    assert [task for name in ("of a pdf in disguise", "of 31 MB") for task in world.tasks(name)] == []
    await world.check_books(charged=0)


# --- the tray ---


def thumbnails(message: Any) -> list[dict[str, Any]]:
    return [part for part in walk(message.components) if part["type"] == 11]


async def test_the_tray_collects_from_several_messages_and_is_shown_with_its_pictures(
    discord_world: DiscordWorld,
) -> None:
    world = discord_world
    bob = world.member("bob the collector's friend")
    first = await world.say(bob, files=files("cat.png", "dog.png"))
    second = await world.say(world.alice, files=[*files("house.png", first=7), ("notes.pdf", b"%PDF-1.7")])
    assert "2 images added to your tray. It holds 2 of 8 images." in _bare(
        said(await world.menu(world.alice, ADD, first))
    )
    answer = await world.menu(world.alice, ADD, second)
    assert "1 image added to your tray. It holds 3 of 8 images." in _bare(said(answer))
    assert "notes.pdf is a PDF." in said(answer)
    await bob.delete(first)
    world.env.backend.cdn._blobs.clear()

    shown = await world.slash(world.alice, "tray")
    assert shown.ephemeral
    words = text_of(shown.response)
    assert "3 of 8 images" in words
    assert [line.split(" · ")[1] for line in words.splitlines() if line.startswith("**") and " · " in line][1:] == [
        "cat.png", "dog.png", "house.png",
    ]  # fmt: skip
    assert [part["description"] for part in thumbnails(shown.response)] == [
        "Image 1 of your tray: cat.png", "Image 2 of your tray: dog.png", "Image 3 of your tray: house.png",
    ]  # fmt: skip
    assert (
        all(file.get("description") for file in shown.response.attachments_raw)
        if hasattr(shown.response, "attachments_raw")
        else True
    )
    assert "use_tray" in words
    assert labels_of(shown.response) == ["Paint with all 3 · 8 credits", "Empty", "Remove 1", "Remove 2", "Remove 3"]
    assert world.messages()[-1].id == second.id, "nobody else sees any of it"


def _bare(text: str) -> str:
    return text.replace("**", "")


async def test_removing_and_emptying(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=files("a.png", "b.png", "c.png"))
    await world.menu(world.alice, ADD, posted)
    shown = await world.slash(world.alice, "tray")
    after = await world.click(world.alice, shown.response, "Remove 2")
    message = _message(world, shown)
    assert "2 of 8 images" in text_of(message)
    assert "b.png" not in text_of(message)
    assert len(thumbnails(message)) == 2
    await world.click(world.alice, message, "Empty")
    message = _message(world, shown)
    assert labels_of(message) == ["Remove all 2 images", "Keep them"]
    await world.click(world.alice, message, "Keep them")
    message = _message(world, shown)
    assert "2 of 8 images" in text_of(message)
    await world.click(world.alice, message, "Empty")
    await world.click(world.alice, _message(world, shown), "Remove all 2 images")
    assert "Your tray is empty." in text_of(_message(world, shown))
    assert after is not None
    assert await world.core.tray.images(world.alice.id) == []


def _message(world: DiscordWorld, shown: Any) -> Any:
    from simcord.results import ResponseMessage

    return ResponseMessage(world.env, world.env.backend.get_message(world.channel.id, shown.response.id))


async def test_a_button_of_a_tray_touches_only_the_tray_of_who_presses(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=files("mine.png"))
    await world.menu(world.alice, ADD, posted)
    (kept,) = await world.core.tray.contents(world.alice.id)
    mallory = world.member("mallory of the trays")
    (posted,) = world.messages()
    for custom_id in (f"nbb:tray:remove:{kept.id}", "nbb:tray:clear"):
        await world.forge(mallory, posted, custom_id)
    assert len(await world.core.tray.contents(world.alice.id)) == 1
    forged = await world.forge(mallory, posted, "nbb:tray:use")
    assert "Your tray is empty by now" in said(forged)
    assert text_of(world.messages()[0]) == "", "and a message for all to see is not written over"


async def test_the_tray_after_a_restart_and_a_picture_from_it(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=files("cat.png", "dog.png"))
    added = await world.menu(world.alice, ADD, posted)
    await world.alice.delete(posted)
    world.env.backend.cdn._blobs.clear()
    await world.restart_client()
    await world.click(world.alice, added.response, "Show my tray")
    message = _message(world, added)
    assert "2 of 8 images" in text_of(message)
    form = await world.click(world.alice, message, "Paint with all 2 · 8 credits")
    assert "image 1: cat.png · image 2: dog.png" in modal_words(form)
    await fill(world, form, "both of my tray", files=files("hat.png", first=50))
    _, view = await painted(world, "both of my tray")
    assert [reference.filename for reference in view.references] == ["cat.png", "dog.png", "hat.png"]
    assert [reference.source_kind for reference in view.references] == ["tray", "tray", "discord"]
    await world.check_books(charged=8)


async def test_adding_says_what_did_not_come_in(discord_world: DiscordWorld) -> None:
    world = discord_world
    seven = await world.say(world.alice, files=files(*(f"p{number}.png" for number in range(1, 8))))
    await world.menu(world.alice, ADD, seven)
    four = await world.say(
        world.alice,
        files=[*files("p1.png"), ("lies.png", b"%PDF-1.7"), *files("p8.png", "p9.png", first=8)],
    )
    answer = _bare(said(await world.menu(world.alice, ADD, four)))
    assert f"1 image added to your tray. It holds {MAX_IMAGES} of 8 images." in answer
    assert "lies.png is a PDF. JPEG, PNG and WebP images work." in answer
    assert "p1.png is in it already." in answer
    assert "p9.png did not fit: a tray holds 8 images. Remove one first." in answer
    full = await world.say(world.alice, files=files("p10.png", first=10))
    answer = said(await world.menu(world.alice, ADD, full))
    assert "Nothing was added to your tray." in answer
    assert "p10.png did not fit" in answer
    shown = await world.slash(world.alice, "tray")
    assert [label for label in labels_of(shown.response) if label.startswith("Remove")] == [
        f"Remove {number}" for number in range(1, 9)
    ]
    assert len(thumbnails(shown.response)) == 8


async def test_an_expired_attachment_is_named(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=files("old.png"))
    world.env.backend.cdn._blobs.clear()
    answer = said(await world.menu(world.alice, ADD, posted))
    assert "Nothing was added to your tray. It is empty." in _bare(answer)
    assert "old.png can't be fetched from Discord any more. Post it again, please." in answer
    assert labels_of((await world.slash(world.alice, "tray")).response) == []


async def test_an_empty_tray_says_how_it_is_filled(discord_world: DiscordWorld) -> None:
    shown = await discord_world.slash(discord_world.alice, "tray")
    assert "Your tray is empty." in said(shown)
    assert "Add to my tray" in said(shown)


async def test_it_empties_itself_after_a_day(discord_world: DiscordWorld) -> None:
    world = discord_world
    posted = await world.say(world.alice, files=[("noise.png", noise(300))])
    await world.menu(world.alice, ADD, posted)
    shown = await world.slash(world.alice, "tray")
    assert "1 of 8 images" in text_of(shown.response)
    await world.advance(25 * 3600)
    form = await world.click(world.alice, shown.response, "Paint with it · 8 credits")
    assert form.modal is None
    assert "Your tray is empty by now" in said(form)
    await world.click(world.alice, shown.response, "Remove 1")
    assert "Your tray is empty." in text_of(_message(world, shown))
