"""Quotas and usage against those who may not: in direct messages, after a permission was lost, with hostile names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import discord
import pytest
import pytest_asyncio
from sqlalchemy import text

from bot.credits.quota_rules import Scope
from bot.ui import quota_ids, settings_ids, usage_ids
from tests.cogs.conftest import DiscordWorld, labels_of, text_of
from tests.cogs.results import choose_all
from tests.cogs.test_admin_commands import HOSTILE
from tests.rules import drop_rules, set_rule

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANAGERS_ONLY = "**Only those who manage this server can do that.**"
LIVE = ("\u202e", "\u2067", "**bold**", "[x](", "||s||", "<@1>", "<@&2>", "<#3>", "</a:4>", "<t:0:R>")


@pytest_asyncio.fixture(loop_scope="module")
async def world(discord_world: DiscordWorld) -> Any:
    await drop_rules(discord_world.database, discord_world.guild.id)
    yield discord_world
    await drop_rules(discord_world.database, discord_world.guild.id)


async def state(world: DiscordWorld) -> list[list[Any]]:
    tables = ("quota_log", "quota_rules", "quota_drafts", "guild_settings", "entries")
    async with world.database.read() as tx:
        return [list((await tx.execute(text(f"SELECT * FROM {table}"))).all()) for table in tables]


def admin_for_now(world: DiscordWorld, name: str) -> tuple[Any, Any]:
    """Return somebody who manages the server by a role, and that role."""
    role = world.guild.create_role(f"{name}'s", permissions=discord.Permissions(manage_guild=True))
    return world.guild.add_member(world.env.create_user(name), roles=[role]), role


async def lose(world: DiscordWorld, who: Any, role: Any) -> None:
    world.env.backend.remove_member_role(world.guild.id, who.id, role.id)
    await world.env.settle()


async def test_presses_forged_in_direct_messages(world: DiscordWorld) -> None:
    await set_rule(world.database, world.guild.id, Scope.EVERYONE, day=40)
    today = datetime.fromtimestamp(world.clock.now_ms() / 1000, UTC).date().toordinal()
    person = world.env.create_user("alone")
    world.catch_up()
    lure = await person.slash("privacy export")
    before = await state(world)
    for custom_id, *values in (
        (quota_ids.quota_do("0" * 16),), (quota_ids.quota_leave(),), (quota_ids.quota_rules(1),),
        (quota_ids.quota_log(1),),
        (quota_ids.quota_pick(), "everyone:0"), (settings_ids.setting_choice("credits"), "80"), (settings_ids.zone(),),
        (usage_ids.usage_by(today, today), "channel"), (usage_ids.usage_when("day"), "month"),
        (usage_ids.usage_file("csv", today, today),),
    ):  # fmt: skip
        answer = await world.forge(person, lure.response, custom_id, *values)
        assert text_of(answer.response) == MANAGERS_ONLY, custom_id
        assert answer.modal is None
    assert await state(world) == before


async def test_who_lost_the_permission_does_not_confirm_their_own_change(world: DiscordWorld) -> None:
    fallen, role = admin_for_now(world, "fallen")
    asked = await world.slash(fallen, "quota set", per="none")
    label = labels_of(asked.response)[0]
    assert label == "Set no limit on credits for everyone"
    await lose(world, fallen, role)
    before = await state(world)
    refused = await world.click(fallen, asked.response, label)
    assert text_of(refused.response) == MANAGERS_ONLY
    assert await state(world) == before
    world.env.backend.add_member_role(world.guild.id, fallen.id, role.id)
    await world.env.settle()
    await world.click(fallen, asked.response, label)
    assert "**The rule is set.**" in text_of(asked.response), "the change itself still stood"


async def test_who_lost_the_permission_uses_no_panel_that_is_still_open(world: DiscordWorld) -> None:
    fallen, role = admin_for_now(world, "fallen-too")
    panel = (await world.slash(fallen, "settings")).response
    await choose_all(world, fallen, panel, "credits", custom_id=settings_ids.settings_go())
    form = await world.click(fallen, panel, "Change the time zone")
    await lose(world, fallen, role)
    before = await state(world)
    refused = await choose_all(world, fallen, panel, "80", custom_id=settings_ids.setting_choice("credits"))
    assert text_of(refused.response) == MANAGERS_ONLY
    pressed = await world.click(fallen, panel, "Change the time zone")
    assert pressed.modal is None
    assert text_of(pressed.response) == MANAGERS_ONLY
    sent = await world.submit(fallen, form, zone="Europe/Berlin")
    assert text_of(sent.response) == MANAGERS_ONLY
    assert await state(world) == before


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_names_where_it_succeeds(world: DiscordWorld, kind: str) -> None:
    hostile = HOSTILE[kind]
    guild = world.new_guild(hostile[:100])
    channel = guild.create_text_channel("here")
    admin = world.member(hostile[:32], guild, manage_guild=True)
    role = guild.create_role(hostile[:100])
    said, buttons = [], []

    async def keep(name: str, **options: Any) -> Any:
        answer = await world.slash(admin, name, channel=channel, **options)
        said.append(text_of(answer.response))
        buttons.extend(labels_of(answer.response))
        return answer.response

    await keep("quota set", role=role, credits=100, per="month", reason=hostile[:200])
    await keep("quota list")
    asked = await keep("quota remove", role=role, reason=hostile[:200])
    label = labels_of(asked)[0]
    assert label.startswith("Remove the rule for ")
    await world.click(admin, asked, label)
    said.append(text_of(asked))
    assert "**The rule is removed.**" in said[-1]
    painted = await world.slash(admin, "imagine", channel=channel, prompt=hostile)
    await world.idle()
    await keep("usage")
    assert "8 credits used** in " in said[-1]
    async with world.database.read() as tx:
        query = text("SELECT p.id FROM pictures p JOIN requests r ON r.id = p.request_id WHERE r.guild_id = :guild")
        picture_id = await tx.scalar(query, {"guild": guild.id})
    await keep("quota refund", picture=picture_id, reason=hostile[:200])
    assert "**8 credits** back" in said[-1], painted
    await keep("quota timezone", zone="Europe/Berlin", reason=hostile[:200])
    assert "→ **Europe/Berlin**" in said[-1]
    await keep("quota log")
    for words in said:
        for live in LIVE:
            assert live not in words, f"{live!r} is alive in {words!r}"
        assert "@everyone" not in words.replace("\\@everyone", "").replace("@\u200beveryone", "")
    assert all(1 <= len(one.encode("utf-16-le")) // 2 <= 80 and "\u202e" not in one for one in buttons)
