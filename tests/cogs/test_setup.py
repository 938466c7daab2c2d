"""/setup: three questions, answered in a minute; and the one message to a server that the bot has joined."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.credits.quota_repository import QuotaRepository
from bot.credits.quota_rules import Rule, Scope
from bot.credits.windows import Period
from bot.generations.house_rules import HouseRules
from bot.generations.quota_changes import ZoneChange
from bot.ui import settings_ids as ids
from tests.cogs.conftest import DiscordWorld, labels_of, selects_of, text_of
from tests.cogs.results import choose_all, made

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONLY_MANAGERS = "**Only those who manage this server can do that.**"


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(discord_world: DiscordWorld) -> AsyncIterator[DiscordWorld]:
    """The module's world, where nothing is set."""
    yield discord_world
    world = discord_world
    none = {name: getattr(HouseRules(), name) for name in HouseRules.__slots__}
    await world.core.house.change(world.guild.id, by=1, **none)
    await world.database.write(lambda tx: QuotaRepository(tx).remove(world.guild.id, Scope.EVERYONE, 0))


def admin_of(world: DiscordWorld) -> Any:
    return world.member("admin", manage_guild=True)


async def pick(world: DiscordWorld, who: Any, panel: Any, name: str, *values: Any) -> Any:
    return await choose_all(world, who, panel, *values, custom_id=ids.setup_choice(name))


async def test_three_answers_and_it_is_set_up(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    shown = await world.slash(admin, "setup")
    assert shown.ephemeral
    panel = shown.response
    for words in (
        "**Set up Banana Lovers**", "Now: everywhere.", "as the bot's operator set it.", "picture costs 8 credits.",
        "Now: none.",
    ):  # fmt: skip
        assert words in text_of(panel), words
    assert len(selects_of(panel)) == 1
    options = selects_of(panel)[0]["options"]
    assert options[1]["label"] == "40 credits a month"
    assert options[1]["description"] == "about 5 pictures"

    await pick(world, admin, panel, "channels", world.channel)
    assert f"Now: <#{world.channel.id}>." in text_of(panel)
    await pick(world, admin, panel, "credits", "80")
    assert "Each member may spend 80 credits a month now." in text_of(panel)
    assert "Now: 80 credits a month for each member. A usual picture" in text_of(panel)
    log = world.guild.create_text_channel("log")
    await pick(world, admin, panel, "log", log)
    assert f"Now: <#{log.id}>, without the prompts of private pictures." in text_of(panel)

    rules = await world.core.house.rules(world.guild.id)
    assert (rules.channels, rules.log_channel_id) == ((world.channel.id,), log.id)
    source = await made(world, "the first one")
    assert "8 credits · 72 left" in text_of(source)
    await world.until(lambda: world.messages(log))
    await world.click(admin, panel, "Everywhere")
    await world.click(admin, panel, "No log")
    assert labels_of(panel) == ["All settings"]
    await world.click(admin, panel, "All settings")
    assert "**Where** everywhere" in text_of(panel)


async def test_what_members_may_spend_is_one_rule_of_the_quotas(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = (await world.slash(admin, "setup")).response
    await pick(world, admin, panel, "credits", "80")
    await pick(world, admin, panel, "credits", "320")
    async with world.database.read() as tx:
        rows = QuotaRepository(tx)
        rule = await rows.rule(world.guild.id, Scope.EVERYONE, 0)
        lines, _ = await rows.latest(world.guild.id, limit=2, offset=0)
    assert rule is not None
    assert (rule.rule.period, rule.rule.credits, rule.set_by) == (Period.MONTH, 320, admin.id)
    assert [(line.action, line.before and line.before["credits"], line.after and line.after["credits"])
            for line in lines] == [("set", 80, 320), ("set", None, 80)]  # fmt: skip


async def test_much_more_is_asked_about_first_as_in_quota(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = (await world.slash(admin, "setup")).response
    await pick(world, admin, panel, "credits", "80")
    asked = await pick(world, admin, panel, "credits", "1600")
    assert asked.ephemeral
    assert "Now: 80 credits a month" in text_of(asked.response)
    assert (await world.core.quotas.overview(world.guild.id)).allowance.credits == 80
    await world.click(admin, asked.response, "Set 1,600 credits a month for everyone")
    assert (await world.core.quotas.overview(world.guild.id)).allowance.credits == 1600
    asked = await pick(world, admin, panel, "credits", "16")  # closing is asked about, too
    await world.click(admin, asked.response, "Leave it as it is")
    assert (await world.core.quotas.overview(world.guild.id)).allowance.credits == 1600


async def test_no_limit_and_back_to_what_the_operator_set(fresh: DiscordWorld) -> None:
    world = fresh
    admin, quotas = admin_of(world), world.core.quotas
    usual = await quotas.overview(world.guild.id)
    panel = (await world.slash(admin, "setup")).response
    chosen = [option["label"] for option in selects_of(panel)[0]["options"] if option.get("default")]
    assert chosen == ["What the bot's operator set"]
    await pick(world, admin, panel, "credits", "usual")
    assert "What the bot's operator set holds for each member." in text_of(panel)
    assert await quotas.overview(world.guild.id) == usual
    asked = await pick(world, admin, panel, "credits", "any")
    await world.click(admin, asked.response, "Set no limit on credits for everyone")
    panel = (await world.slash(admin, "setup")).response
    assert "Now: no limit for each member." in text_of(panel)
    chosen = [option["label"] for option in selects_of(panel)[0]["options"] if option.get("default")]
    assert chosen == ["No limit"]
    asked = await pick(world, admin, panel, "credits", "usual")
    await world.click(admin, asked.response, "Remove the rule for everyone")
    assert await quotas.overview(world.guild.id) == usual


async def test_settings_set_the_same_rule_and_the_clocks(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = (await world.slash(admin, "settings")).response
    assert "**Credits** 160 credits a month for each member, as the bot's operator set it" in text_of(panel)
    assert "**Clocks** UTC" in text_of(panel)
    await choose_all(world, admin, panel, "credits", custom_id=ids.settings_go())
    await choose_all(world, admin, panel, "80", custom_id=ids.setting_choice("credits"))
    assert "Each member may spend 80 credits a month now." in text_of(panel)
    asked = await choose_all(world, admin, panel, "1600", custom_id=ids.setting_choice("credits"))
    assert "Nothing has been changed yet." in text_of(asked.response)

    form = await world.click(admin, panel, "Change the time zone")
    refused = await world.submit(admin, form, zone="Berlinn")
    said = text_of(refused.response)
    assert "I don't know the time zone “Berlinn”. Did you mean Europe/Berlin" in said
    assert "You wrote: Berlinn" in said
    form = await world.click(admin, panel, "Change the time zone")
    await world.submit(admin, form, zone="berlin")
    assert "The clocks of Europe/Berlin count now." in text_of(panel)
    async with world.database.read() as tx:
        rows = QuotaRepository(tx)
        assert await rows.time_zone(world.guild.id) == "Europe/Berlin"
        lines, _ = await rows.latest(world.guild.id, limit=1, offset=0)
    assert (lines[0].action, lines[0].after) == ("time_zone", {"time_zone": "Europe/Berlin"})
    await world.core.quotas.change(world.guild.id, ZoneChange(name="UTC"), by=1, event_id="back")


@pytest.mark.parametrize("values", [[], ["0"], ["many"], ["41"], ["40", "80"]])
async def test_only_an_amount_that_was_offered_is_taken(discord_world: DiscordWorld, values: list[str]) -> None:
    world = discord_world
    admin = admin_of(world)
    panel = (await world.slash(admin, "setup")).response
    before = (await world.core.quotas.overview(world.guild.id)).allowance
    for custom_id in (ids.setup_choice("credits"), ids.setting_choice("credits")):
        forged = await world.forge(admin, panel, custom_id, *values)
        said = text_of([*forged.followups, forged.response][0])
        assert "That is none of the amounts on offer. Nothing was changed." in said
    assert (await world.core.quotas.overview(world.guild.id)).allowance == before


async def test_the_same_event_sets_it_once_and_other_limits_of_the_rule_stay(fresh: DiscordWorld) -> None:
    world = fresh

    other = Rule(Scope.EVERYONE, count=2)
    await world.database.write(lambda tx: QuotaRepository(tx).put(world.guild.id, other, reason="", set_by=1, now_ms=1))
    quotas, guild_id = world.core.quotas, world.guild.id
    assert not (await quotas.overview(guild_id)).allowance.own
    for amount in (40, 80):
        change = await quotas.for_everyone(guild_id, amount, reason="")
        await quotas.change(guild_id, change, by=5, event_id="e1")
    assert (await quotas.overview(guild_id)).allowance.credits == 40
    async with world.database.read() as tx:
        rule = await QuotaRepository(tx).rule(world.guild.id, Scope.EVERYONE, 0)
    assert rule is not None
    assert (rule.rule.count, rule.rule.credits) == (2, 40)


@pytest.mark.parametrize(
    ("custom_id", "values"),
    [
        (ids.setup(), []),
        (ids.setup_choice("channels"), ["1"]),
        (ids.setup_choice("credits"), ["1600"]),
        (ids.setup_choice("credits"), ["usual"]),
        (ids.setting_choice("credits"), ["80"]),
        (ids.setting_choice("credits"), ["any"]),
        (ids.zone(), []),
        (ids.setup_choice("log"), ["1"]),
        (ids.setup_clear("channels"), []),
        (ids.setup_clear("log"), []),
    ],
)
async def test_without_permission_nothing_is_set_up(fresh: DiscordWorld, custom_id: str, values: list[str]) -> None:
    world = fresh
    source = await made(world, "any message")
    before = await world.core.quotas.overview(world.guild.id)
    refused = await world.forge(world.moderator("moderator"), source, custom_id, *values)
    assert refused.ephemeral
    assert text_of(refused.response) == ONLY_MANAGERS
    assert await world.core.quotas.overview(world.guild.id) == before
    assert await world.core.house.rules(world.guild.id) == HouseRules()


async def test_a_log_that_can_not_be_posted_to_is_not_taken(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = (await world.slash(admin, "setup")).response
    narrow = world.channel_without("send_messages")
    refused = await pick(world, admin, panel, "log", narrow)
    assert "Nothing was changed." in text_of(refused.response)
