"""/privacy: what a member has, and that it goes when they say so."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui import personal_ids as ids
from tests.cogs.conftest import DiscordWorld, labels_of, text_of
from tests.cogs.results import made, more, newest

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = "**bold** <@1> @everyone \u202egnirts \U0001f468\u200d\U0001f469\u200d\U0001f467" + "\U0001f600" * 32


def zips(world: DiscordWorld, message: Any) -> list[zipfile.ZipFile]:
    return [zipfile.ZipFile(io.BytesIO(world.env.backend.cdn.get(file.url))) for file in message.attachments]


async def test_a_member_gets_all_of_it_as_a_file_that_only_they_see(discord_world: DiscordWorld) -> None:
    world = discord_world
    await made(world, HOSTILE)
    shown = await world.slash(world.alice, "privacy export")
    assert shown.ephemeral
    assert text_of(shown.response).startswith("**All that I hold on you**\nThis file holds 1 request")
    (sent,) = shown.followups
    (archive,) = zips(world, sent)
    (asked,) = [json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("requests-")]
    assert [each["prompt"] for each in asked] == [HOSTILE]
    assert any(name.startswith("pictures/") for name in archive.namelist())
    assert not list((world.settings.data_dir / "incoming").iterdir())


async def test_asked_once_then_all_of_it_is_gone_and_the_message_stays(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, HOSTILE)
    request_id = await newest(world)
    asked = await world.slash(world.alice, "privacy delete")
    assert asked.ephemeral
    assert labels_of(asked.response) == ["Delete my data", "Delete my data and messages", "Keep everything"]
    assert "1 request with its prompt" in text_of(asked.response)
    await world.click(world.alice, asked.response, "Keep everything")
    assert (await world.core.generations.view(request_id)).prompt == HOSTILE  # type: ignore[union-attr]

    asked = await world.slash(world.alice, "privacy delete")
    await world.restart_client()
    await world.click(world.alice, asked.response, "Delete my data")
    assert text_of(asked.response).startswith("**Deleted.**")
    view = await world.core.generations.view(request_id)
    assert view is not None
    assert (view.prompt, view.user_id < 0) == ("", True)
    assert [message.id for message in world.messages()] == [source.id]
    await world.check_books(charged=8)

    # The buttons of what stands there say that nothing is kept, to its maker and to all others.
    for who in (world.alice, world.member("somebody")):
        answer = await world.click(who, source, "Again")
        assert "I keep nothing of this picture any more" in text_of(answer.response)
        answer = await more(world, who, source, "Details")
        assert "I keep nothing of this picture any more" in text_of(answer.response)
    shown = await world.slash(world.alice, "show", id=request_id)
    assert "There is no picture of that name" in text_of(shown.response)
    # Who may manage messages can still take it away.
    moderator = world.moderator("mod")
    asked = await more(world, moderator, source, "Delete")
    await world.click(moderator, asked.response, "Delete picture")
    assert world.messages() == []

    again = await world.slash(world.alice, "privacy delete")
    assert "I hold nothing on you" in text_of(again.response)
    twice = await world.forge(world.alice, again.response, ids.forget())
    assert twice.response is None or "**Deleted.**" in text_of(twice.response)
    balance = await world.balance()
    assert balance.used_credits == 8


async def test_messages_go_too_when_that_is_what_was_pressed(discord_world: DiscordWorld) -> None:
    world = discord_world
    source = await made(world, "take it all away")
    kept = await made(world, "bob's", who=world.member("bob-stays"))
    asked = await world.slash(world.alice, "privacy delete")
    await world.click(world.alice, asked.response, "Delete my data and messages")
    assert "go one by one" in text_of(asked.response)
    await world.core.engine._keep_up()
    assert [message.id for message in world.messages()] == [kept.id]
    assert source.id != kept.id


async def test_while_something_is_in_work_nothing_is_deleted(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=300))
    await world.imagine("slowly")
    asked = await world.slash(world.alice, "privacy delete")
    assert "**Not yet: 1 request of yours is in work.**" in text_of(asked.response)
    assert labels_of(asked.response) == ["Look again"]
    forged = await world.forge(world.alice, asked.response, ids.forget())
    assert "Not yet" in text_of(forged.response or asked.response)
    await world.until(lambda: world.tasks("slowly"))  # its time is counted from there
    world.rivya.faults.clear()
    await world.advance(400)
    await world.idle()
    await world.click(world.alice, asked.response, "Look again")
    assert "Delete my data" in labels_of(asked.response)
    assert (await world.core.privacy.standing(world.alice.id)).held.pictures == 1


async def test_one_member_never_deletes_another(discord_world: DiscordWorld) -> None:
    world = discord_world
    await made(world, "mine to keep")
    asked = await world.slash(world.alice, "privacy delete")
    bob = world.member("bob-presses")
    lure = await world.slash(bob, "credits")
    await world.forge(bob, lure.response, ids.forget(with_messages=True))
    assert (await world.core.privacy.standing(world.alice.id)).held.requests == 1
    assert labels_of(asked.response)


async def test_it_is_there_in_direct_messages_also_where_pictures_are_not(discord_world: DiscordWorld) -> None:
    world = discord_world
    person = world.env.create_user("gone-home")
    member = world.guild.add_member(person)
    await made(world, "made in the server", who=member)
    world.catch_up()
    world.guild.remove_member(member)
    world.catch_up()
    shown = await person.slash("privacy export")
    assert "holds 1 request" in text_of(shown.response)
    world.catch_up()
    asked = await person.slash("privacy delete")
    world.catch_up()
    await person.click(asked.response, label="Delete my data")
    assert text_of(asked.response).startswith("**Deleted.**")


async def test_leaving_a_server_and_coming_back_loses_nothing(discord_world: DiscordWorld) -> None:
    world = discord_world
    person = world.env.create_user("to-and-fro")
    member = world.guild.add_member(person)
    source = await made(world, "still here", who=member)
    world.catch_up()
    world.guild.remove_member(member)
    await world.advance(60)
    await world.core.engine._keep_up()
    back = world.guild.add_member(person)
    listed = await world.slash(back, "history")
    assert "still here" in text_of(listed.response)
    answer = await more(world, back, source, "Full size")
    assert len(answer.response.attachments) == 1
    assert (await world.balance(back)).used_credits == 8
