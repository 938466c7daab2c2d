"""/show: by the list, an id, a short id, a link; and only what one may see."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.rivya_faults import Fault, FaultKind
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, selects_of, text_of
from tests.cogs.results import made, newest

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_HERE = (
    "**There is no picture of that name here for you. Pick one from the list, or paste its id or the link of its "
    "message.**"
)


def link_to(world: DiscordWorld, message: Any, *, host: str = "discord.com") -> str:
    return f"https://{host}/channels/{world.guild.id}/{world.channel.id}/{message.id}"


async def test_ones_own_by_every_name(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await made(world, "a red panda", count=2)
    request_id = await newest(world)
    offered = await world.autocomplete(world.alice, "show", "id", "PANDA red")
    assert [choice["value"] for choice in offered] == [request_id]
    assert offered[0]["name"].startswith("a red panda · 2 pictures · 20")
    assert await world.autocomplete(world.alice, "show", "id", "whale") == []
    assert await world.autocomplete(world.member("nosy"), "show", "id", "") == []
    link = link_to(world, message)
    names = [request_id, f" {request_id.upper()} ", f"{request_id}-2", request_id[-6:], f"ref {request_id[-6:]}"]
    for said in [*names, link, f"<{link}>", link_to(world, message, host="canary.discord.com")]:
        shown = await world.slash(world.alice, "show", id=said)
        assert shown.ephemeral
        assert "**a red panda**" in text_of(shown.response), said
        assert len(pictures_of(shown.response)) == 2
        assert pictures_of(shown.response)[1]["description"] == "Picture 2 of 2: a red panda"
        assert labels_of(shown.response) == ["Again", "Edit", "Remix", "Post here"]
    await world.check_books(charged=16)


async def test_what_stands_here_is_shown_to_others_without_post_here(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await made(world, "for all to see")
    bob = world.member("bob-shows")
    for said in (await newest(world), link_to(world, message)):
        shown = await world.slash(bob, "show", id=said)
        assert shown.ephemeral
        assert len(pictures_of(shown.response)) == 1
        assert labels_of(shown.response) == ["Again", "Edit", "Remix"]
    short = await world.slash(bob, "show", id=(await newest(world))[-6:])
    assert text_of(short.response) == NOT_HERE, "short ids are of one's own"


async def test_what_one_may_not_see_is_as_if_it_was_not(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("a secret", private=True)
    await world.idle()
    secret = await newest(world)
    message = await made(world, "removed later")
    removed = await newest(world)
    await world.core.moderation.remove(removed, user_id=world.alice.id, guild_id=world.guild.id, moderator=False)
    bob = world.member("bob-pries")
    answers = {
        text_of((await world.slash(bob, "show", id=said)).response)
        for said in (secret, f"{secret}-1", removed, link_to(world, message), "0123456789abcdef", "abcdef", "what", "7")
    }
    assert answers == {NOT_HERE}
    assert "a secret" in text_of((await world.slash(world.alice, "show", id=secret)).response)

    elsewhere = world.new_guild("Elsewhere")
    carol = world.member("carol", elsewhere)
    channel = elsewhere.create_text_channel("pictures")
    public = await made(world, "of this server only")
    for said in (await newest(world), link_to(world, public)):
        there = await world.slash(carol, "show", channel=channel, id=said)
        assert text_of(there.response) == NOT_HERE


async def test_the_actions_under_it_work(discord_world: DiscordWorld) -> None:
    world = discord_world
    await made(world, "once more")
    shown = await world.slash(world.alice, "show", id=await newest(world))
    await world.click(world.alice, shown.response, "Again")
    await world.idle()
    assert len(world.tasks("once more")) == 2
    assert selects_of(shown.response)
    await world.check_books(charged=16)


async def test_a_request_in_work_can_be_cancelled_from_it(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=1000))
    await world.imagine("still being painted")
    await world.until(lambda: world.tasks("still being painted"))
    shown = await world.slash(world.alice, "show", id=await newest(world))
    assert "In work." in text_of(shown.response)
    assert "Cancel" in labels_of(shown.response)
    stranger = await world.slash(world.member("stranger-shows"), "show", id=await newest(world))
    assert "Cancel" not in labels_of(stranger.response)
    await world.advance(1100)
    await world.idle()
