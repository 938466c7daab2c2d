"""Details, the tree of what came of what, and who made it."""

from __future__ import annotations

import pytest

from bot.ui import ids
from bot.ui.words import BOOKED
from tests.cogs.conftest import DiscordWorld, labels_of, selects_of, text_of
from tests.cogs.results import filled_in, made, more, newest, newest_view, options_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_details_say_all_there_is(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "a detailed one", aspect_ratio="3:2", resolution="2K", output_format="jpg")
    bob = world.member("bob")
    details = await more(world, bob, source, "Details")
    assert details.ephemeral
    said = text_of(details.response)
    request_id = await newest(world)
    for words in (
        "a detailed one", "Nano Banana Pro", "aspect ratio 3:2", "resolution 2K", "output format jpg", "1 picture",
        f"<@{world.alice.id}>", "8 credits charged", f"id {request_id}", "took ",
        f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{source.id}",
    ):  # fmt: skip
        assert words in said
    assert labels_of(details.response) == ["Again", "Edit", "Remix"]
    assert selects_of(details.response) == [], "nothing came of it yet"
    (shown,) = details.response.attachments
    assert shown.filename == f"{request_id}-1.webp"
    assert shown.description == "a detailed one"


async def test_whoever_paid_finds_the_entries_of_the_ledger_and_nobody_else(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "booked twice", count=2)
    view = await newest_view(world)
    entries = {entry.id: entry for entry in await world.core.generations.booked(view.id)}
    assert sorted(entry.kind for entry in entries.values()) == ["capture", "capture", "hold", "hold"]
    details = await more(world, world.alice, source, "Details")
    (said,) = [line for line in text_of(details.response).splitlines() if line.startswith("-# ledger: ")]
    for position, part in enumerate(said.removeprefix("-# ledger: ").split(" · "), start=1):
        of_picture = [entry for entry in entries.values() if entry.picture_id == f"{view.id}-{position}"]
        assert part == f"picture {position}: " + ", ".join(f"#{entry.id} {BOOKED[entry.kind]}" for entry in of_picture)
    statement, _ = await world.core.generations.statement(user_id=world.alice.id, guild_id=world.guild.id)
    charges = {entry.id for entry in entries.values() if entry.kind == "capture"}
    assert {entry.id for entry in statement} == charges, "the same numbers as in her statement"
    theirs = await more(world, world.member("bob"), source, "Details")
    assert "ledger" not in text_of(theirs.response)


async def test_a_long_prompt_is_attached_whole(discord_world: DiscordWorld) -> None:
    world = discord_world
    long = ("every word of a long prompt counts, *stars* too " * 120).strip()
    source = await made(world, long)
    details = await more(world, world.alice, source, "Details")
    file, _picture = details.response.attachments
    assert file.filename == "prompt.txt"
    assert world.env.backend.cdn.get(file.url).decode() == long


async def test_the_tree_is_walked_both_ways(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "the root", count=2)
    root_id = await newest(world)
    shown = await world.click(world.alice, source, "Edit")
    await world.submit(world.alice, shown, **filled_in(shown) | {"prompt": "a branch", "picture": ["2"]})
    await world.idle()
    branch = world.messages()[-1]
    branch_id = await newest(world)
    await world.click(world.alice, branch, "Again")
    await world.idle()

    details = await more(world, world.alice, source, "Details")
    assert "One came of it" in text_of(details.response)
    assert "an edit of picture 2: “a branch”" in text_of(details.response)
    assert f"/{branch.id})" in text_of(details.response)
    walked = await world.choose(world.alice, details.response, branch_id)
    assert walked.followups == []
    said = text_of(details.response)
    assert "Came of** “the root”" in said
    assert "the same again: “a branch”" in said
    assert {option["value"] for option in options_of(details.response)} >= {root_id}
    await world.choose(world.alice, details.response, root_id)
    assert "an edit of picture 2" in text_of(details.response)


async def test_a_relative_that_is_private_is_only_said_to_be(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "public parent")
    parent = await newest(world)
    bob = world.member("bob")
    await made(world, "bob's secret child", who=bob, private=True, parent=parent)
    secret = await newest_view(world, bob)
    assert secret.parent is not None

    details = await more(world, world.alice, source, "Details")
    assert "a picture you can't see here" in text_of(details.response)
    assert "secret" not in text_of(details.response)
    assert str(bob.id) not in text_of(details.response)
    assert selects_of(details.response) == []
    refused = await world.forge(world.alice, source, ids.tree(), secret.id)
    assert text_of(refused.response) == "**This picture is not here for you.**"
    his = await more(world, bob, source, "Details")
    assert "bob's secret child" in text_of(his.response)


async def test_who_made_this(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "whose is it")
    told = await more(world, world.member("bob"), source, "Who made this")
    assert told.ephemeral
    assert f"<@{world.alice.id}> made this" in text_of(told.response)
    sent = world.requests("POST", "/callback")[-1].json
    assert sent["data"]["allowed_mentions"] == {"parse": []}, "nobody is rung"


async def test_details_of_what_is_gone_or_never_was(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "here")
    refused = await world.forge(world.alice, source, ids.more("0123456789abcdef"), "details")
    assert text_of(refused.response) == "**This picture is not here for you.**"
    refused = await world.forge(world.alice, source, ids.tree(), "no id at all")
    assert text_of(refused.response) == "**This picture is not here for you.**"
