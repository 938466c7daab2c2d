"""/usage: who is turned away, where, and which times are taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.ui import usage_ids as ids
from tests.cogs.conftest import DiscordWorld, labels_of, pictures_of, text_of
from tests.cogs.results import made, newest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_whoever_does_not_manage_the_server_is_turned_away_everywhere(discord_world: DiscordWorld) -> None:
    world = discord_world
    await made(world, "a picture")
    today = datetime.fromtimestamp(world.clock.now_ms() / 1000, UTC).date().toordinal()
    lure = await world.slash(world.alice, "credits")
    moderator = world.moderator("only-a-moderator")
    for who in (world.alice, moderator):
        for custom_id, value in (
            (ids.usage_by(today, today), "channel"),
            (ids.usage_when("day"), "month"),
            (ids.usage_file("csv", today, today), None),
        ):
            answer = await world.forge(who, lure.response, custom_id, *([value] if value else []))
            assert text_of(answer.response) == "**Only those who manage this server can do that.**"
    command = world.client.tree.get_command("usage")
    assert command is not None
    payload = command.to_dict(world.client.tree)
    assert payload["contexts"] == [0]
    assert payload["integration_types"] == [0]
    assert int(payload["default_member_permissions"]) == 1 << 5


async def test_another_servers_charges_are_not_found(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await made(world, "elsewhere")
    request_id = await newest(world)
    other = world.new_guild("Somewhere else")
    channel = other.create_text_channel("admin")
    stranger = world.member("admin-of-another", other, manage_guild=True)
    link = f"https://discord.com/channels/{world.guild.id}/{message.channel_id}/{message.id}"
    for find in (request_id, request_id[-6:], link, "#1", "#999999999999999999", "nonsense", "=1+1", "<@1>"):
        traced = await world.slash(stranger, "usage", channel=channel, find=find)
        assert text_of(traced.response).startswith("**There is no such charge in this server.")
    shown = await world.slash(stranger, "usage", channel=channel)
    assert text_of(shown.response).startswith("**Nothing was used** in Somewhere else")


async def test_times_are_taken_as_they_are_written_or_refused_in_words(discord_world: DiscordWorld) -> None:
    world = discord_world
    admin = world.member("admin-of-times", manage_guild=True)
    today = datetime.fromtimestamp(world.clock.now_ms() / 1000, UTC).date()
    await made(world, "a picture")
    shown = await world.slash(admin, "usage", since=str(today), by="day")
    assert f"{today.day} {today:%B %Y}" in text_of(shown.response)
    long_ago = today - timedelta(days=400)
    for values, words in (
        ({"since": "yesterday"}, "Write days like this: 2026-11-01."),
        ({"since": str(long_ago)}, "401 days. I sum up a year at most."),
        ({"since": str(today), "until": str(long_ago)}, "That time ends before it begins."),
    ):
        answer = await world.slash(admin, "usage", **values)
        assert words in text_of(answer.response)
    for first, last in ((0, 5), (9, 5), (1, 9_999_999), (3_652_059, 3_652_059), (1, 400)):
        answer = await world.forge(admin, shown.response, ids.usage_file("csv", first, last))
        assert "That time can't be shown." in text_of(answer.response)


async def test_without_a_chart_it_is_said_and_all_else_is_there(
    discord_world: DiscordWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = discord_world
    admin = world.member("admin-without-chart", manage_guild=True)
    await made(world, "a picture")
    monkeypatch.setattr("bot.ui.charts.TIMEOUT_S", 0.0)
    shown = await world.slash(admin, "usage")
    assert "The chart could not be drawn just now." in text_of(shown.response)
    assert pictures_of(shown.response) == []
    assert "Every charge as CSV" in labels_of(shown.response)
