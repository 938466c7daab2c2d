"""A server's rules, on every path by which a member can ask for a picture, or have one posted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import discord
import pytest
import pytest_asyncio

from bot.generations.house_rules import HouseRules
from bot.ui import ids
from bot.ui.progress import progress_card
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, png, text_of
from tests.cogs.results import filled_in, made, more, newest, newest_view, words_of
from tests.ui_limits import texts

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT = "a quiet harbour"
ROLE_NAMES = iter(range(10_000))


async def settle(world: DiscordWorld, **values: Any) -> None:
    """Make these the server's only rules."""
    none = {name: getattr(HouseRules(), name) for name in HouseRules.__slots__}
    await world.core.house.change(world.guild.id, by=1, **{**none, **values})


@pytest_asyncio.fixture(loop_scope="module")
async def ruled(discord_world: DiscordWorld) -> AsyncIterator[DiscordWorld]:
    await settle(discord_world)
    yield discord_world
    await settle(discord_world)


# --- the rules: each is set for a member who has a picture here already, and each refuses in these words ---

Rule = Callable[[DiscordWorld], Awaitable[str]]


async def _channel(world: DiscordWorld) -> str:
    other = world.guild.create_text_channel(f"studio-{world.channel.id}")
    await settle(world, channels=[other.id])
    return f"In this server I do so in <#{other.id}>."


async def _age(world: DiscordWorld) -> str:
    await settle(world, age_restricted_only=True)
    return "in age-restricted channels only"


async def _role(world: DiscordWorld) -> str:
    role = world.guild.create_role(f"painter {next(ROLE_NAMES)}")
    await settle(world, roles_allowed=[role.id])
    return f"That takes the role <@&{role.id}>."


async def _denied(world: DiscordWorld) -> str:
    await settle(world, roles_denied=[world.guild.id])
    return "A role of yours is excluded."


async def _term(world: DiscordWorld) -> str:
    await settle(world, terms=["hárbour"])
    return "It is ||hárbour||."


async def _model(world: DiscordWorld) -> str:
    await settle(world, models=["nano-banana"])
    return "Nano Banana Pro is not used in this server."


async def _slow(world: DiscordWorld) -> str:
    await settle(world, slow_mode_s=24 * 3600)
    return "This server wants 24 h between two of your requests."


async def _ban(world: DiscordWorld) -> str:
    await world.core.house.ban(world.guild.id, world.alice.id, by=1, reason="too *rude* @everyone")
    return "You are banned from using me in this server."


RULES: dict[str, Rule] = {
    "channel": _channel, "age": _age, "role": _role, "denied": _denied, "term": _term, "model": _model, "slow": _slow,
    "ban": _ban,
}  # fmt: skip


# --- the paths: each is prepared while nothing is forbidden, then taken; gives what was answered ---

Path = Callable[[DiscordWorld], Awaitable[Callable[[], Awaitable[Any]]]]


async def _command(world: DiscordWorld) -> Callable[[], Awaitable[Any]]:
    await made(world, "the first one")

    async def take() -> Any:
        return await world.imagine(PROMPT, model="nano-banana-pro")

    return take


async def _mention(world: DiscordWorld) -> Callable[[], Awaitable[Any]]:
    await made(world, "the first one")

    async def take() -> Any:
        await world.core.preferences.set(world.alice.id, model="nano-banana-pro")
        # The server's usual model would be taken for a model that may not be used: a mention chooses none.
        await world.say(world.alice, f"{world.mention} {PROMPT}", files=[("cat.png", png())])
        return None

    return take


async def _offer(world: DiscordWorld) -> Callable[[], Awaitable[Any]]:
    await made(world, "the first one")
    asked = await world.imagine(PROMPT, count=4, model="nano-banana-pro")
    return lambda: world.click(world.alice, asked.response, "Paint all 4 · 32 credits")


async def _again(world: DiscordWorld) -> Callable[[], Awaitable[Any]]:
    source = await made(world, PROMPT)
    return lambda: world.click(world.alice, source, "Again")


async def _variations(world: DiscordWorld) -> Callable[[], Awaitable[Any]]:
    source = await made(world, PROMPT)
    return lambda: more(world, world.alice, source, "Variations")


async def _larger(world: DiscordWorld) -> Callable[[], Awaitable[Any]]:
    source = await made(world, PROMPT)
    return lambda: more(world, world.alice, source, next(word for word in words_of(source) if "4K" in word))


async def _edit(world: DiscordWorld) -> Callable[[], Awaitable[Any]]:
    source = await made(world, "the first one")
    shown = await world.click(world.alice, source, "Edit")
    return lambda: world.submit(world.alice, shown, prompt=PROMPT, aspect_ratio=["auto"], resolution=["1K@8"])


async def _remix(world: DiscordWorld) -> Callable[[], Awaitable[Any]]:
    source = await made(world, "the first one")
    shown = await world.click(world.alice, source, "Remix")
    return lambda: world.submit(world.alice, shown, **(filled_in(shown) | {"prompt": PROMPT}))


async def _menu(world: DiscordWorld) -> Callable[[], Awaitable[Any]]:
    await made(world, "the first one")
    await world.core.preferences.set(world.alice.id, model="nano-banana-pro")
    message = await world.say(world.alice, "look", files=[("cat.png", png())])
    shown = await world.menu(world.alice, "Use as reference", message)
    return lambda: world.submit(world.alice, shown, prompt=PROMPT, aspect_ratio=["auto"], resolution=["1K@8"])


PATHS: dict[str, Path] = {
    "command": _command, "mention": _mention, "offer": _offer, "again": _again, "variations": _variations,
    "larger": _larger, "edit form": _edit, "remix form": _remix, "menu and form": _menu,
}  # fmt: skip


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
    take = await PATHS[path](world)
    before = len(world.rivya.books.tasks)
    words = await RULES[rule](world)
    if (rule, path) == ("model", "mention"):
        words = ""  # a mention chooses no model: it is made by one that may be used
    if (rule, path) == ("term", "mention"):
        words = "The form says which, to you alone."  # others read the reply, too
    try:
        said = await answered(world, await take())
        await world.idle()
        made_now = len(world.rivya.books.tasks) - before
        if not words:
            assert [task.model for task in world.rivya.books.tasks[before:]] == ["nano-banana"]
            return
        assert words in said
        assert "Nothing was charged." in said
        assert made_now == 0
        assert (await world.audit()).findings == ()
    finally:
        await world.core.house.unban(world.guild.id, world.alice.id, by=1)


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
    await _channel(world)
    refused = await world.slash(world.alice, "imagine", channel=thread, prompt=PROMPT)
    assert "I don't paint in this channel." in text_of(refused.response)


async def test_managers_are_bound_as_everyone(ruled: DiscordWorld) -> None:
    world = ruled
    await _role(world)
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
    await _ban(world)
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
    words = await _channel(world)
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
    elsewhere = world.guild.create_text_channel("paint-here")
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
