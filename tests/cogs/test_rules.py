"""A server's rules, on every path by which a member can ask for a picture, or have one posted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest
import pytest_asyncio

from bot.ui import ids
from bot.ui.progress import progress_card
from tests.cogs.conftest import DiscordWorld, _alive, labels_of, pictures_of, png, text_of
from tests.cogs.results import made, more, newest, newest_view
from tests.cogs.rules_and_paths import NEVER_ASKED, PATHS, PROMPT, RULES, WANTED, lift, settle
from tests.ui_limits import texts

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DiscordWorld]:
    """A world in which as many pictures can be paid for as there are rules and paths."""
    unlimited = {"account_credits_per_day": "", "guild_credits_per_month": ""}
    async with _alive(tmp_path_factory.mktemp("world"), **unlimited) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def ruled(discord_world: DiscordWorld) -> AsyncIterator[DiscordWorld]:
    await settle(discord_world)
    yield discord_world
    await settle(discord_world)


async def answered(world: DiscordWorld, result: Any) -> str:
    if result is not None:
        answer = result.followups[-1] if result.followups else result.response
        assert result.ephemeral or answer.flags & 64
        return text_of(answer)
    return text_of(world.messages()[-1])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("rule", RULES)
async def test_every_rule_binds_on_every_path(ruled: DiscordWorld, rule: str, path: str) -> None:
    world = ruled
    take = await PATHS[path](world, **WANTED.get(rule, {}))
    before = len(world.rivya.books.tasks)
    words = await RULES[rule](world)
    if (rule, path) == ("term", "mention"):
        words = "The form says which, to you alone."  # others read the reply, too
    try:
        result = await take()
        if (rule, path) in NEVER_ASKED:
            await world.idle()
            assert [task.model for task in world.rivya.books.tasks[before:]] == [NEVER_ASKED[rule, path]]
            return
        said = await answered(world, result)
        await world.idle()
        assert words in said
        assert "Nothing was charged." in said
        assert len(world.rivya.books.tasks) == before
        assert (await world.audit()).findings == ()
    finally:
        await lift(world)


@pytest.mark.parametrize("path", PATHS)
async def test_the_log_tells_of_a_request_whatever_way_it_came(ruled: DiscordWorld, path: str) -> None:
    world = ruled
    take = await PATHS[path](world)
    channel = world.guild.create_text_channel(f"log-{world.channel.id}")
    await world.core.house.change(world.guild.id, by=1, log_channel_id=channel.id)
    await take()
    await world.idle()
    view = await newest_view(world)
    line = f"ref {view.reference}"
    await world.until(lambda: any(line in text_of(message) for message in world.messages(channel)))
    assert "\n".join(map(text_of, world.messages(channel))).count("· ref ") == 1


# --- posting what was made ---

# Which rules bind whoever posts a picture again here, and whoever posts one to the gallery: where that is, admins said.
POSTING = {"channel": {"here"}, **{rule: {"here", "gallery"} for rule in ("age", "term", "role", "denied", "ban")}}


@pytest.mark.parametrize("where", ["here", "gallery"])
@pytest.mark.parametrize("rule", RULES)
async def test_rules_of_places_and_people_bind_whoever_posts(ruled: DiscordWorld, rule: str, where: str) -> None:
    world = ruled
    gallery = world.guild.create_text_channel(f"gallery-{world.channel.id}")
    await world.core.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=gallery.id)
    source = await made(world, PROMPT)
    shown = await world.slash(world.alice, "history")
    opened = await world.choose(world.alice, shown.response, await newest(world))
    words = await RULES[rule](world)
    try:
        if where == "here":
            posted = await world.click(world.alice, opened.response, "Post here")
        else:
            posted = await world.forge(world.alice, source, ids.exhibit(await newest(world), 1))
        told = text_of([*posted.followups, posted.response][0])
        there = world.messages(gallery) if where == "gallery" else world.messages()[1:]
        if where in POSTING.get(rule, ()):
            assert words in told
            assert there == []
        else:
            assert len(there) == 1, "nothing is asked for, and it may stand there"
    finally:
        await world.core.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=None)
        await lift(world)


async def test_what_is_for_adults_stays_where_adults_are(ruled: DiscordWorld) -> None:
    world = ruled
    server = world.client.get_guild(world.guild.id)
    assert server is not None
    plain, adult = world.channel, world.guild.create_text_channel(f"adults-{world.channel.id}")
    gallery = world.guild.create_text_channel(f"gallery-{world.channel.id}")
    for channel in (adult, gallery):
        server.get_channel(channel.id).nsfw = True  # type: ignore[union-attr]  # what simcord can't be told
    await world.core.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=gallery.id)
    try:
        source = await made(world, PROMPT, channel=adult)
        request_id = await newest(world)
        await settle(world, age_restricted_only=True)
        bob = world.member("bob")
        refused = await world.slash(bob, "show", channel=plain, id=request_id)
        assert "I don't show that in this channel." in text_of(refused.response)
        assert pictures_of(refused.response) == []
        for who, where in ((bob, adult), (world.alice, plain)):  # what is one's own one has seen
            shown = await world.slash(who, "show", channel=where, id=request_id)
            assert len(pictures_of(shown.response)) == 1
        server.get_channel(gallery.id).nsfw = False  # type: ignore[union-attr]
        refused = await more(world, world.alice, source, "Post to the gallery")
        assert "in age-restricted channels only, and the gallery is none" in text_of(refused.response)
        assert world.messages(gallery) == []
        server.get_channel(gallery.id).nsfw = True  # type: ignore[union-attr]
        await more(world, world.alice, source, "Post to the gallery")
        assert len(world.messages(gallery)) == 1
    finally:
        await world.core.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=None)


async def test_a_private_picture_with_a_blocked_word_is_not_published(ruled: DiscordWorld) -> None:
    world = ruled
    await made(world, PROMPT, private=True)
    shown = await world.slash(world.alice, "history")
    opened = (await world.choose(world.alice, shown.response, await newest(world))).response
    asked = await world.click(world.alice, opened, "Post here")
    words = await RULES["term"](world)
    refused = await world.click(world.alice, asked.response, "Show it to everyone")
    told = text_of([*refused.followups, refused.response][0])
    assert "It can't be posted in this server." in told
    assert words in told
    assert world.messages() == []


async def test_private_pictures_where_there_are_none_are_offered_for_all(ruled: DiscordWorld) -> None:
    world = ruled
    await settle(world, private_allowed=False)
    refused = await world.imagine(PROMPT, private=True)
    assert refused.ephemeral
    assert "There are no private pictures in this server." in text_of(refused.response)
    assert labels_of(refused.response) == ["Show it to everyone · 8 credits"]
    taken = await world.click(world.alice, refused.response, "Show it to everyone · 8 credits")
    await world.idle()
    assert not taken.ephemeral
    await world.check_books(charged=8)


async def test_a_model_that_is_not_used_here_is_offered_by_another(ruled: DiscordWorld) -> None:
    world = ruled
    await settle(world, models=["nano-banana"])
    refused = await world.imagine(PROMPT, model="nano-banana-pro")
    assert labels_of(refused.response) == ["Make 1 picture with Nano Banana · 3 credits"]
    await world.click(world.alice, refused.response, "Make 1 picture with Nano Banana · 3 credits")
    await world.idle()
    await world.check_books(charged=3)
    choices = await world.autocomplete(world.alice, "imagine", "model", "")
    assert [choice["value"] for choice in choices] == ["nano-banana"]
    await made(world, "without a choice")
    await world.check_books(charged=6)


async def test_nothing_is_offered_that_this_server_does_not_take(ruled: DiscordWorld) -> None:
    world = ruled
    await settle(world, models=["nano-banana-pro"], private_allowed=False)
    await world.core.house.change(world.guild.id, by=1, slow_mode_s=0)
    narrow = world.channel_without("attach_files")
    refused = await world.slash(world.alice, "imagine", channel=narrow, prompt=PROMPT)
    assert "I can't post pictures in this channel." in text_of(refused.response)
    assert labels_of(refused.response) == []


async def test_a_thread_is_as_its_channel(ruled: DiscordWorld) -> None:
    world = ruled
    await settle(world, channels=[world.channel.id])
    place = world.client.get_channel(world.channel.id)
    assert isinstance(place, discord.TextChannel)
    await place.create_thread(name="of the studio", type=discord.ChannelType.public_thread)
    (thread,) = world.channel.threads
    asked = await world.slash(world.alice, "imagine", channel=thread, prompt=PROMPT)
    await world.idle()
    assert pictures_of(asked.response)
    await RULES["channel"](world)
    refused = await world.slash(world.alice, "imagine", channel=thread, prompt=PROMPT)
    assert "I don't paint in this channel." in text_of(refused.response)


async def test_managers_are_bound_as_everyone(ruled: DiscordWorld) -> None:
    world = ruled
    await RULES["role"](world)
    manager = world.member("manager", manage_guild=True)
    refused = await world.imagine(PROMPT, who=manager)
    assert "You may not use me in this server." in text_of(refused.response)


async def test_a_banned_member_posts_nothing_either(ruled: DiscordWorld) -> None:
    world = ruled
    gallery = world.guild.create_text_channel(f"gallery-{world.channel.id}")
    await world.core.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=gallery.id)
    source = await made(world, PROMPT)
    shown = await world.slash(world.alice, "history")
    opened = await world.choose(world.alice, shown.response, await newest(world))
    await RULES["ban"](world)
    try:
        posted = await world.click(world.alice, opened.response, "Post here")
        assert "You are banned" in text_of([*posted.followups, posted.response][0])
        shown = await world.forge(world.alice, source, ids.exhibit(await newest(world), 1))
        assert "You are banned" in text_of(shown.response)
        assert "Reason: too \\*rude\\* \\@everyone" in text_of(shown.response)
        assert world.messages(gallery) == []
        assert [message.id for message in world.messages()] == [source.id]
        looked = await more(world, world.alice, source, "Details")
        assert "**" in text_of(looked.response), "looking is nobody's harm"
    finally:
        await world.core.house.unban(world.guild.id, world.alice.id, by=1)
        await world.core.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=None)


async def test_posting_again_is_bound_to_the_channels(ruled: DiscordWorld) -> None:
    world = ruled
    await made(world, PROMPT)
    shown = await world.slash(world.alice, "history")
    opened = await world.choose(world.alice, shown.response, await newest(world))
    words = await RULES["channel"](world)
    posted = await world.click(world.alice, opened.response, "Post here")
    assert words in text_of([*posted.followups, posted.response][0])
    assert len(world.messages()) == 1


# --- the log ---


async def progress_of(world: DiscordWorld, prompt: str, **options: Any) -> bool:
    """Tell whether the card of a request at work says that moderators see its prompt."""
    asked = await world.imagine(prompt, **options)
    view = await newest_view(world)
    await world.idle()
    assert asked.response is not None
    return "This server's moderators see the prompts of private pictures." in texts(progress_card(view))


async def test_the_log_tells_of_each_request_and_shows_its_words_as_text(ruled: DiscordWorld) -> None:
    world = ruled
    channel = world.guild.create_text_channel(f"log-{world.channel.id}")
    await settle(world, log_channel_id=channel.id)
    hostile = "# **bold** @everyone <@1> [x](https://x.y) \u202eevil"
    source = await made(world, hostile)
    await made(world, "hush, a secret", private=True)

    def lines() -> str:
        return "\n".join(map(text_of, world.messages(channel)))

    await world.until(lambda: "A private picture" in lines())
    said = lines()
    assert "\\*\\*bold\\*\\* \\@everyone" in said
    assert "\u202e" not in said
    assert f"<@{world.alice.id}> in <#{world.channel.id}>" in said
    assert f"/{world.channel.id}/{source.id})" in said
    assert "hush" not in said
    sent = world.requests("POST", f"/channels/{channel.id}/messages")
    assert {str(entry.json["allowed_mentions"]) for entry in sent} == {"{'parse': []}"}
    assert all(entry.json["enforce_nonce"] for entry in sent)
    about = await world.slash(world.alice, "about")
    assert "of a private one only that it was made" in text_of(about.response)
    await world.core.house.change(world.guild.id, by=1, log_private=True)
    about = await world.slash(world.alice, "about")
    assert "the prompts of private ones as well" in text_of(about.response)
    assert await progress_of(world, "seen by them", private=True)
    await world.until(lambda: "seen by them" in lines())
    assert not await progress_of(world, "for all to see")
    await settle(world)
    about = await world.slash(world.alice, "about")
    assert "moderators" not in text_of(about.response)


async def test_a_log_channel_that_is_gone_is_told_to_whoever_chose_it(ruled: DiscordWorld) -> None:
    world = ruled
    admin = world.member("admin", manage_guild=True)
    await world.core.house.change(world.guild.id, by=admin.id, log_channel_id=4242)
    await world.delivery.tell_log_off(admin.id, world.guild.id, 3)
    (message,) = world.direct_messages(admin)
    assert "For a day I could not post to the log channel of Banana Lovers" in message.content
    assert "3 lines could not be shown." in message.content
    await settle(world)


async def test_what_was_typed_is_given_back_where_no_button_keeps_it(discord_world: DiscordWorld) -> None:
    world = discord_world
    silent = discord.PermissionOverwrite(send_messages=False)
    elsewhere = world.guild.create_text_channel("paint-here", overwrites={world.guild.default_role: silent})
    await world.core.house.change(world.guild.id, by=1, channels=(elsewhere.id,))
    try:
        refused = await world.imagine("three hundred words about a _heron_")
        assert refused.ephemeral
        assert "I don't paint in this channel." in text_of(refused.response)
        assert "three hundred words about a" in text_of(refused.response)
        # Said in public by its writer already: once is enough.
        await world.say(world.alice, f"{world.mention} a bittern", files=[("cat.png", png())])
        assert "bittern" not in text_of(world.messages()[-1])
        assert "I don't paint in this channel." in text_of(world.messages()[-1])
    finally:
        await world.core.house.change(world.guild.id, by=1, channels=())
