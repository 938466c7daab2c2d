"""/quota: rules, what comes of them, extra credits, refunds, the log; for those who manage the server alone."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from bot.credits.quota_rules import Scope
from bot.generations.quota_changes import MOST_RULES
from bot.ui import quota_ids, settings_ids
from tests.cogs.conftest import DiscordWorld, labels_of, text_of
from tests.cogs.results import choose_all, made, newest
from tests.rules import drop_rules, set_rule
from tests.ui_limits import walk

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANAGERS_ONLY = "**Only those who manage this server can do that.**"
HOSTILE = [
    "**bold** `x` <@1> @everyone",
    "مرحبا بالعالم \u202e abc",
    "🍌" * 32,
    "a\u200b\u0301\u0301\u0301 [x](https://a.b)",
]


@pytest_asyncio.fixture(loop_scope="module")
async def world(discord_world: DiscordWorld) -> Any:
    await drop_rules(discord_world.database, discord_world.guild.id)
    yield discord_world
    await drop_rules(discord_world.database, discord_world.guild.id)


@pytest_asyncio.fixture(loop_scope="module")
async def admin(world: DiscordWorld) -> Any:
    return world.member("admin", manage_guild=True)


async def rows(world: DiscordWorld, table: str) -> list[Any]:
    async with world.database.read() as tx:
        query = text(f"SELECT * FROM {table} WHERE guild_id = :guild ORDER BY id")
        return list(await tx.execute(query, {"guild": world.guild.id}))


def command_of(world: DiscordWorld) -> int:
    return int(world.env.backend.find_command("quota", world.guild.id, type=1)["id"])


async def quota(world: DiscordWorld, who: Any, name: str, **options: Any) -> Any:
    world.catch_up()
    return await who.slash(world.channel, f"quota {name}", **options)


async def said(world: DiscordWorld, who: Any, name: str, **options: Any) -> str:
    answer = await quota(world, who, name, **options)
    assert answer.ephemeral
    return text_of(answer.response)


# --- set, list, remove ---


async def test_a_small_rule_is_set_at_once_listed_and_logged(world: DiscordWorld, admin: Any) -> None:
    before = len(await rows(world, "quota_log"))
    assert "Everyone has 160 credits a month." in await said(world, admin, "list")
    words = await said(world, admin, "set", credits=100, per="month", resolution="2K", reason="a start")
    assert words.startswith("**The rule is set.**\nEveryone: no rule → **100 credits a month, up to 2K**")
    listed = await said(world, admin, "list")
    assert "**Everyone** · 100 credits a month · up to 2K" in listed
    assert f"by <@{admin.id}>: a start" in listed
    (line,) = (await rows(world, "quota_log"))[before:]
    assert (line.actor_id, line.action, line.scope, line.reason) == (admin.id, "set", "everyone", "a start")
    log = await said(world, admin, "log")
    assert "Everyone: no rule → **100 credits a month, up to 2K**" in log
    assert f"<@{admin.id}>" in log
    assert "a start" in log


async def test_what_is_not_said_stays(world: DiscordWorld, admin: Any) -> None:
    await said(world, admin, "set", credits=100, per="week", models="nano-banana-2, nano-banana")
    await said(world, admin, "set", credits=80)
    await said(world, admin, "set", running=2, count=1)
    assert (
        "80 credits a week · 2 requests at a time · only Nano Banana and Nano Banana 2 · 1 picture a request"
        in await said(world, admin, "list")
    )
    await said(world, admin, "set", models="all")
    assert "all models" in await said(world, admin, "list")


@pytest.mark.parametrize(
    ("option", "scope", "whom"),
    [
        ("role", Scope.ROLE, "<@&{}>"),
        ("member", Scope.MEMBER, "<@{}>"),
        ("channel", Scope.CHANNEL, "<#{}>"),
        ("newer_than_days", Scope.NEWCOMER, "Members of less than 7 days"),
        ("whole_server", Scope.SERVER, "The whole server"),
    ],
)
async def test_for_whom(world: DiscordWorld, admin: Any, option: str, scope: Scope, whom: str) -> None:
    subject = {
        "role": world.guild.create_role("Artists"),
        "member": world.alice,
        "channel": world.channel,
        "newer_than_days": 7,
        "whole_server": True,
    }[option]
    words = await said(world, admin, "set", credits=20, per="day", **{option: subject})
    whom = whom.format(getattr(subject, "id", ""))
    if scope is Scope.SERVER:
        assert f"{whom}: no rule → **20 credits a day**" in words
    assert whom in await said(world, admin, "list")
    (rule,) = await rows(world, "quota_rules")
    assert (rule.scope, rule.period, rule.credits) == (scope, "day", 20)
    removing = await quota(world, admin, "remove", **{option: subject}, reason="not needed")
    assert "Remove the rule for" in labels_of(removing.response)[0]
    assert len(await rows(world, "quota_rules")) == 1
    await world.click(admin, removing.response, labels_of(removing.response)[0])
    assert "**The rule is removed.**" in text_of(removing.response)
    assert await rows(world, "quota_rules") == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "Say what is allowed"),
        ({"per": "day"}, "Say how many credits, too."),
        ({"per": "none", "credits": 5}, "not both"),
        ({"credits": 5, "whole_server": True, "newer_than_days": 3}, "A rule is for one of them"),
        ({"models": "dall-e"}, "I don't know the model dall-e"),
    ],
)
async def test_what_makes_no_rule(world: DiscordWorld, admin: Any, options: dict[str, Any], words: str) -> None:
    assert words in await said(world, admin, "set", **options)
    assert await rows(world, "quota_rules") == []


async def test_the_rule_binds_at_once(world: DiscordWorld, admin: Any) -> None:
    asked = await world.slash(admin, "quota set", credits=0, per="month", member=world.alice)
    assert labels_of(asked.response) == [f"Set no credits a month for {world.alice.name}", "Leave it as it is"]
    await world.click(admin, asked.response, labels_of(asked.response)[0])
    refused = await world.imagine("not any more")
    assert "You have no credits" in text_of(refused.response)


# --- large changes are asked about ---


async def test_a_large_change_says_so_in_its_button_and_happens_once(world: DiscordWorld, admin: Any) -> None:
    asked = await world.slash(admin, "quota set", credits=5000, per="month", reason="the contest")
    assert labels_of(asked.response) == ["Set 5,000 credits a month for everyone", "Leave it as it is"]
    assert "Nothing has been changed yet." in text_of(asked.response)
    assert await rows(world, "quota_rules") == []
    stranger = world.member("another-admin", manage_guild=True)
    button = quota_ids.quota_do(draft_of(asked.response))
    other = await world.forge(stranger, asked.response, button)
    assert "Only whoever asked for this change can confirm it." in text_of(other.response)
    await world.click(admin, asked.response, labels_of(asked.response)[0])
    assert "**The rule is set.**" in text_of(asked.response)
    lines = len(await rows(world, "quota_log"))
    await world.forge(admin, asked.response, button)
    assert "**This was done already.**" in text_of(asked.response)
    assert len(await rows(world, "quota_log")) == lines


async def test_a_change_that_was_left_or_has_expired_is_none(world: DiscordWorld, admin: Any) -> None:
    asked = await world.slash(admin, "quota set", per="none")
    assert labels_of(asked.response)[0] == "Set no limit on credits for everyone"
    await world.click(admin, asked.response, "Leave it as it is")
    assert "Nothing was changed." in text_of(asked.response)
    asked = await world.slash(admin, "quota set", per="none")
    await world.advance(16 * 60)
    late = await world.click(admin, asked.response, "Set no limit on credits for everyone")
    assert "This is no longer open; nothing was changed." in text_of(late.response)
    assert await rows(world, "quota_rules") == []


async def test_what_somebody_else_has_changed_meanwhile_is_left(world: DiscordWorld, admin: Any) -> None:
    asked = await world.slash(admin, "quota set", credits=5000, per="month")
    await set_rule(world.database, world.guild.id, Scope.EVERYONE, day=5)
    refused = await world.click(admin, asked.response, labels_of(asked.response)[0])
    assert "Somebody has changed this rule meanwhile" in text_of(refused.response)
    (rule,) = await rows(world, "quota_rules")
    assert (rule.period, rule.credits) == ("day", 5)


def draft_of(message: Any) -> str:
    ids_there = [part.get("custom_id", "") for part in walk(message.components)]
    (match,) = [match for custom_id in ids_there if (match := quota_ids.QUOTA_DO.fullmatch(custom_id))]
    return match["draft_id"]


# --- explain and preview ---


async def test_explain_lists_each_rule_and_which_binds(world: DiscordWorld, admin: Any) -> None:
    await made(world, "one")
    role = world.guild.create_role("Artists")
    artist = world.guild.add_member(world.env.create_user("artist"), roles=[role])
    await said(world, admin, "set", credits=100, per="month", resolution="2K")
    await said(world, admin, "set", credits=120, per="week", role=role)
    await said(world, admin, "set", credits=50, per="day", channel=world.channel)
    words = await said(world, admin, "explain", member=world.alice)
    assert words.startswith(f"**<@{world.alice.id}> has 42 credits left here.**")
    assert f"The limit of <#{world.channel.id}> binds: 8 of 50 credits used today, 42 left, resets <t:" in words
    assert "· Everyone: 8 of 100 credits used this month, 92 left" in words
    assert "· ~~Without a rule: 160 credits a month~~" in words
    assert "The bot's operator, for this server: " in words
    assert "up to 2K" in words
    words = await said(world, admin, "explain", member=artist)
    assert f"· <@&{role.id}>: 0 of 120 credits used this week, 120 left" in words
    assert "· Everyone: ~~100 credits a month~~ (0 used this month, 100 left, resets <t:" in words
    assert ":R>) · up to 2K" in words
    assert (
        "· In work now: 0 requests of theirs; 0 of the 4 pictures that the bot's operator allows each member" in words
    )


async def test_explain_says_what_shuts_somebody_out(world: DiscordWorld, admin: Any) -> None:
    guild_id, bob = world.guild.id, world.member("banned-bob")
    await world.core.house.ban(guild_id, bob.id, by=admin.id, reason="spam [x](https://a.b)")
    await world.core.operator.pause(guild_id, by=1, reason="", event_id="explain-pause")
    words = await said(world, admin, "explain", member=bob)
    assert words.startswith("**The bot's operator has paused this server.**")
    assert f"**<@{bob.id}> is banned from the bot here**, for good: spam " in words
    assert "[x](" not in words
    await world.core.operator.resume(guild_id, by=1, reason="", event_id="explain-resume")
    await world.core.house.unban(guild_id, bob.id, by=admin.id)
    assert (await said(world, admin, "explain", member=bob)).startswith(f"**<@{bob.id}> has ")


async def test_preview_changes_nothing_until_its_button(world: DiscordWorld, admin: Any) -> None:
    await made(world, "one")
    shown = await world.slash(admin, "quota preview", credits=5, per="month", check=world.alice)
    words = text_of(shown.response)
    assert "Now: no rule" in words
    assert "Then: 5 credits a month" in words
    assert "used more than that this month" in words
    assert f"<@{world.alice.id}> has 152 credits left now, and would have **no credits left**." in words
    assert "This is a preview; nothing has been changed." in words
    assert await rows(world, "quota_rules") == []
    await world.click(admin, shown.response, "Set 5 credits a month for everyone")
    assert len(await rows(world, "quota_rules")) == 1


# --- grants and refunds ---


async def test_a_grant_is_used_after_the_allowance(world: DiscordWorld, admin: Any) -> None:
    words = await said(world, admin, "grant", member=world.alice, amount=40, reason="thanks", expires_in_days=3)
    assert f"**40 credits** extra for <@{world.alice.id}>, until <t:" in words
    assert (await world.balance()).granted_credits == 40
    explained = await said(world, admin, "explain", member=world.alice)
    assert explained.startswith(f"**<@{world.alice.id}> has 200 credits left here, 40 of them extra.**")
    (grant,) = [line for line in await rows(world, "quota_log") if line.subject_id == world.alice.id]
    async with world.database.read() as tx:
        entry = (await tx.execute(text("SELECT * FROM entries WHERE id = :id"), {"id": grant.entry_id})).one()
    assert (entry.kind, entry.amount_credits, entry.reason) == ("grant", 40, "thanks")
    await world.check_books(charged=0)


async def test_a_large_grant_is_asked_about(world: DiscordWorld, admin: Any) -> None:
    asked = await world.slash(admin, "quota grant", member=world.alice, amount=100_000)
    assert labels_of(asked.response)[0] == f"Grant 100,000 credits to {world.alice.name}"
    assert (await world.balance()).granted_credits == 0
    await world.click(admin, asked.response, labels_of(asked.response)[0])
    assert (await world.balance()).granted_credits == 100_000


async def test_a_refund_of_a_picture_that_was_offered(world: DiscordWorld, admin: Any) -> None:
    await made(world, "six fingers")
    choices = await world.autocomplete(admin, "quota refund", "picture", "six fingers")
    assert choices[0]["name"].startswith("six fingers · 8 credits · ")
    picture = choices[0]["value"]
    words = await said(world, admin, "refund", picture=picture, reason="ugly", amount=3)
    assert f"**3 credits** back to <@{world.alice.id}> for a picture" in words
    assert "the image service keeps its credits" in words
    await said(world, admin, "refund", picture=picture, reason="ugly")
    assert (await world.balance()).used_credits == 0
    assert "was given back already" in await said(world, admin, "refund", picture=picture, reason="ugly")
    assert await world.autocomplete(admin, "quota refund", "picture", "six fingers") == []
    assert (await world.audit()).findings == ()


async def test_a_refund_by_the_link_to_the_message(world: DiscordWorld, admin: Any) -> None:
    message = await made(world, "by its link")
    link = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{message.id}"
    assert "**8 credits** back" in await said(world, admin, "refund", picture=link, reason="ugly")
    assert "I find no picture of this server there" in await said(
        world, admin, "refund", picture=link.replace(str(message.id), "1"), reason="ugly"
    )


async def test_a_private_prompt_is_not_told_to_admins(world: DiscordWorld, admin: Any) -> None:
    await made(world, "a great secret", private=True)
    assert await world.autocomplete(admin, "quota refund", "picture", "secret") == []
    choices = await world.autocomplete(admin, "quota refund", "picture", "private", member=world.alice)
    assert [choice["name"].split(" · ")[0] for choice in choices] == ["a private picture"]


async def test_a_picture_of_another_server_is_none_of_theirs(world: DiscordWorld) -> None:
    await made(world, "of this server")
    picture = f"{await newest(world)}-1"
    elsewhere = world.new_guild("Elsewhere")
    channel = elsewhere.create_text_channel("general")
    boss = world.member("boss", elsewhere, manage_guild=True)
    refused = await world.slash(boss, "quota refund", channel=channel, picture=picture, reason="mine")
    assert "I find no picture of this server there" in text_of(refused.response)
    assert (await world.balance()).used_credits == 8


# --- the clocks ---


async def test_the_time_zone(world: DiscordWorld, admin: Any) -> None:
    choices = await world.autocomplete(admin, "quota timezone", "zone", "berl")
    assert [choice["value"] for choice in choices] == ["Europe/Berlin"]
    assert "Time zone: UTC → **Europe/Berlin**" in await said(world, admin, "timezone", zone="Europe/Berlin")
    assert "by the clocks of Europe/Berlin" in await said(world, admin, "list")
    assert "the time zone “Mars/Olympus”." in await said(world, admin, "timezone", zone="Mars/Olympus")


# --- lists that page ---


async def test_rules_and_log_are_paged(world: DiscordWorld, admin: Any) -> None:
    for number in range(1, 14):
        await set_rule(world.database, world.guild.id, Scope.ROLE, number, day=number)
    shown = await world.slash(admin, "quota list")
    assert "13 rules" in text_of(shown.response)
    assert labels_of(shown.response) == ["Back", "1 of 3", "More"]
    await world.click(admin, shown.response, "More")
    assert "<@&7>" in text_of(shown.response)
    for number in range(6):
        await said(world, admin, "grant", member=world.alice, amount=number + 1)
    log = await world.slash(admin, "quota log")
    assert "**6 credits** extra" in text_of(log.response)
    await world.click(admin, log.response, "Older")
    assert "**1 credit** extra" in text_of(log.response)


async def test_what_is_gone_is_marked_in_the_list_and_its_rule_can_be_removed(world: DiscordWorld, admin: Any) -> None:
    guild, left = world.guild, world.member("left")
    role, channel = guild.create_role("Painters"), guild.create_text_channel("easels")
    there = guild.create_role("Still here")
    for scope, subject in (
        (Scope.ROLE, role), (Scope.ROLE, there), (Scope.MEMBER, left), (Scope.MEMBER, world.alice),
        (Scope.CHANNEL, channel),
    ):  # fmt: skip
        await set_rule(world.database, guild.id, scope, subject.id, day=5)
    guild.remove_member(left)
    world.env.backend.delete_role(guild.id, role.id)
    world.env.backend.delete_channel(channel.id)
    await world.env.settle()
    shown = await quota(world, admin, "list")
    words = text_of(shown.response)
    assert f"**<@&{role.id}>** · a role that is gone · 5 credits a day" in words
    assert f"**<@{left.id}>** · a member who has left · 5 credits a day" in words
    assert f"**<#{channel.id}>** · a channel that is gone, or that I can't see · 5 credits a day" in words
    assert f"**<@&{there.id}>** · 5 credits a day" in words
    assert f"**<@{world.alice.id}>** · 5 credits a day" in words
    for value, name in (
        (f"role:{role.id}", "a role that is gone…"),
        (f"member:{left.id}", "a member who has left…"),
        (f"channel:{channel.id}", "a channel that is gone, or…"),
        (f"role:{there.id}", "Still here"),
    ):
        shown = await quota(world, admin, "list")
        asked = await world.choose(admin, shown.response, value)
        label = labels_of(asked.response)[0]
        assert label == f"Remove the rule for {name}"
        await world.click(admin, asked.response, label)
        assert "**The rule is removed.**" in text_of(asked.response)
        again = await world.forge(admin, shown.response, quota_ids.quota_pick(), value)
        assert "There is no such rule any more." in text_of(again.response)
    assert [rule.subject_id for rule in await rows(world, "quota_rules")] == [world.alice.id]
    wrong = await world.forge(admin, shown.response, quota_ids.quota_pick(), "nobody:x")
    assert "There is no such rule any more." in text_of(wrong.response)


async def test_a_server_has_so_many_rules(world: DiscordWorld, admin: Any) -> None:
    for number in range(1, MOST_RULES + 1):
        await set_rule(world.database, world.guild.id, Scope.ROLE, number, day=5)
    assert f"at most {MOST_RULES} rules" in await said(world, admin, "set", credits=90)


# --- nobody else ---


async def test_a_member_without_permission_at_buttons_and_while_typing(world: DiscordWorld, admin: Any) -> None:
    bob = world.member("bob")
    await made(world, "not to be told")
    asked = await world.slash(admin, "quota set", per="none")
    for custom_id in (
        quota_ids.quota_do(draft_of(asked.response)),
        quota_ids.quota_leave(),
        quota_ids.quota_pick(),
        quota_ids.quota_rules(1),
        quota_ids.quota_log(1),
    ):
        refused = await world.forge(bob, asked.response, custom_id)
        assert text_of(refused.response) == MANAGERS_ONLY
    world.guild.set_command_permissions(command_of(world), {bob: True})
    assert await world.autocomplete(bob, "quota refund", "picture", "") == []
    assert await rows(world, "quota_rules") == []


async def test_a_model_needs_both_words_and_explain_shows_both(world: DiscordWorld, admin: Any) -> None:
    guild_id = world.guild.id
    await set_rule(world.database, guild_id, Scope.EVERYONE, models=("nano-banana-2", "nano-banana"))
    await world.core.house.change(guild_id, by=1, models=["nano-banana-pro", "nano-banana-2"])
    words = await said(world, admin, "explain", member=world.alice)
    assert "· only Nano Banana 2 ·" in words
    assert "Models: /settings allows everyone only Nano Banana 2 and Nano Banana Pro; /quota allows them only" in words
    settings = (await world.slash(admin, "settings")).response
    await choose_all(world, admin, settings, "models", custom_id=settings_ids.settings_go())
    assert "1 rule of /quota says which of these whom; both must allow it." in text_of(settings)
    by_settings = await world.imagine("a heron", model="nano-banana")
    assert "Its admins choose the models in /settings." in text_of(by_settings.response)
    by_quota = await world.imagine("a heron", model="nano-banana-pro")
    assert "By this server's quotas you can't use Nano Banana Pro here." in text_of(by_quota.response)
    assert "\nYou can use Nano Banana 2. Admins see why in /quota explain." in text_of(by_quota.response)
    await world.core.house.change(guild_id, by=1, models=[])


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names(world: DiscordWorld, admin: Any, name: str) -> None:
    role = world.guild.create_role(name[:100])
    member = world.guild.add_member(world.env.create_user(name[:32]), roles=[role])
    asked = await world.slash(admin, "quota set", per="none", role=role, reason=name)
    label = labels_of(asked.response)[0]
    assert 1 <= len(label) <= 80
    assert "\u202e" not in label
    assert label.startswith("Set no limit on credits for ")
    assert "@everyone" not in text_of(asked.response).replace("\\@everyone", "")
    await world.click(admin, asked.response, label)
    grant = await world.slash(admin, "quota grant", member=member, amount=2000, reason=name)
    await world.click(admin, grant.response, labels_of(grant.response)[0])
    for shown in ("list", "log"):
        words = await said(world, admin, shown)
        assert "\u202e" not in words
        assert "@everyone" not in words.replace("\\@everyone", "")
        assert "[x](" not in words
    assert f"<@{member.id}> has" in await said(world, admin, "explain", member=member)
