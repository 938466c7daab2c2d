"""/usage as an admin sees it: in all ways, as files that sum up, and each charge followed both ways."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from bot.ui import usage_ids as ids
from tests.books import used
from tests.cogs.conftest import DiscordWorld, OpenWorld, labels_of, pictures_of, selects_of, text_of
from tests.cogs.results import choose_all, made

HOSTILE = ("=1+1", "**bold** <@1> @everyone", "\u202egnirts", "\U0001f600" * 32)


async def used_in(world: DiscordWorld, guild: Any) -> int:
    return await world.database.look(lambda tx: used(tx, "guild", guild.id, 0))


def content(world: DiscordWorld, message: Any) -> bytes:
    (file,) = message.attachments
    return bytes(world.env.backend.cdn.get(file.url))


async def test_an_admin_sees_it_in_all_ways_and_takes_it_along(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world()
    admin = world.member("the-admin", manage_guild=True)
    members = [world.member(name[:32]) for name in HOSTILE]
    for who in members:
        await made(world, "a picture", who=who)
    await made(world, "two", who=members[0], count=2)
    await made(world, "a secret prompt", who=members[1], private=True)
    total = await used_in(world, world.guild)
    assert total == 56

    shown = await world.slash(admin, "usage")
    assert shown.ephemeral
    said = text_of(shown.response)
    assert said.startswith("**56 credits used** in Banana Lovers, ")
    assert "7 pictures · 4 members" in said
    assert f"1. <@{members[0].id}> · **24** · 3 pictures" in said
    assert len(pictures_of(shown.response)) == 1
    assert pictures_of(shown.response)[0]["description"] == (
        "Bars: credits used by member, the largest first: 24, 16, 8, 8."
    )
    await world.restart_client()
    for by, words in (
        ("channel", f"1. <#{world.channel.id}> · **56** · 7 pictures"),
        ("model", "1. Nano Banana Pro · **56** · 7 pictures"),
        ("day", " · **56** · 7 pictures"),
    ):
        await choose_all(world, admin, shown.response, by, custom_id=selects_of(shown.response)[0]["custom_id"])
        assert words in text_of(shown.response)
        assert len(shown.response.attachments) == 1

    await choose_all(world, admin, shown.response, "last-month", custom_id=ids.usage_when("day"))
    assert text_of(shown.response).startswith("**Nothing was used** in Banana Lovers, ")
    assert labels_of(shown.response) == []
    await choose_all(world, admin, shown.response, "week", custom_id=ids.usage_when("day"))

    answer = await world.click(admin, shown.response, "Every charge as CSV")
    assert answer.ephemeral
    assert text_of(answer.response).startswith("**7 charges, 56 credits used**, ")
    rows = list(csv.DictReader(io.StringIO(content(world, answer.response).decode("utf-8-sig"), newline="")))
    assert sum(int(row["used_credits"]) for row in rows) == total
    assert {row["member"] for row in rows} == {"'=1+1", *(name[:32] for name in HOSTILE[1:])}
    assert {row["channel"] for row in rows} == {world.channel.name}
    assert [row["message"] == "" for row in rows] == [row["private"] == "True" for row in rows]
    assert "secret prompt" not in str(rows)
    answer = await world.click(admin, shown.response, "as JSON")
    loaded = json.loads(content(world, answer.response))
    assert loaded["used_credits"] == total

    # Both ways: from a line of the file to the request, and from its message.
    public = next(row for row in loaded["charges"] if not row["private"])
    for find in (public["message"], f"#{public['hold_entry']}", f"#{public['settlement_entry']}", public["request"],
                 public["picture"], f"ref {public['request'][-6:]}"):  # fmt: skip
        traced = await world.slash(admin, "usage", find=find)
        said = text_of(traced.response)
        assert f"request {public['request']}" in said
        assert f"#{public['hold_entry']} · picture " in said
        assert f"#{public['settlement_entry']} · picture " in said
        assert public["message"] in said
    hidden = next(row for row in loaded["charges"] if row["private"])
    traced = await world.slash(admin, "usage", find=hidden["request"])
    assert "for their eyes only" in text_of(traced.response)
    assert "secret" not in text_of(traced.response)
