"""/settings: one panel, for those who manage the server, checked with every press."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.generations.house_rules import HouseRules
from bot.generations.terms import MAX_TERMS
from bot.ui import settings_ids as ids
from bot.ui.settings_parts import Page
from tests.cogs.conftest import DiscordWorld, labels_of, selects_of, text_of
from tests.cogs.results import choose_all, field, made, words_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONLY_MANAGERS = "**Only those who manage this server can do that.**"
HOSTILE = "# **x** @everyone \u202e<@1> " + "\U0001f9d1\u200d\U0001f680" * 32


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(discord_world: DiscordWorld) -> AsyncIterator[DiscordWorld]:
    """The module's world, where nothing is set."""
    await settle(discord_world)
    yield discord_world
    await settle(discord_world)


async def settle(world: DiscordWorld) -> None:
    none = {name: getattr(HouseRules(), name) for name in HouseRules.__slots__}
    await world.core.house.change(world.guild.id, by=1, **none)
    await world.core.moderation.set_channels(world.guild.id, by=1, gallery_channel_id=None, reports_channel_id=None)


def admin_of(world: DiscordWorld) -> Any:
    return world.member("admin", manage_guild=True)


async def opened(world: DiscordWorld, who: Any, page: Page | None = None) -> Any:
    shown = await world.slash(who, "settings")
    assert shown.ephemeral
    if page is not None:
        await choose_all(world, who, shown.response, page.value, custom_id=ids.settings_go())
    return shown.response


async def rules_of(world: DiscordWorld) -> HouseRules:
    return await world.core.house.rules(world.guild.id)


async def pick(world: DiscordWorld, who: Any, panel: Any, name: str, *values: Any) -> Any:
    return await choose_all(world, who, panel, *values, custom_id=ids.setting_choice(name))


async def test_it_opens_with_how_it_stands(fresh: DiscordWorld) -> None:
    world = fresh
    panel = await opened(world, admin_of(world))
    said = text_of(panel)
    for words in (
        "**Banana Lovers**", "**Credits** 160 credits a month", "**Clocks** UTC",
        "**Where** everywhere", "**Who** everyone", "**Models** all; usual: Nano Banana Pro",
        "**Private pictures** allowed", "**Blocked words** none", "**Slow mode** none", "**Log** none",
        "**Reports** no channel yet", "**Gallery** none yet", "**Banned from the bot** nobody",
    ):  # fmt: skip
        assert words in said, words
    (select,) = selects_of(panel)
    assert [option["value"] for option in select["options"]] == [page.value for page in Page if page is not Page.MAIN]


async def test_where(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = await opened(world, admin, Page.WHERE)
    studio = world.guild.create_text_channel("studio")
    narrow = world.channel_without("attach_files")
    await pick(world, admin, panel, "channels", studio, narrow)
    assert set((await rules_of(world)).channels) == {studio.id, narrow.id}
    assert f"In <#{narrow.id}> I lack Attach Files there." in text_of(panel)
    await world.click(admin, panel, "Only in age-restricted channels")
    assert "age-restricted channels only" in text_of(panel)
    assert (await rules_of(world)).age_restricted_only
    await world.click(admin, panel, "Age-restricted or not")
    await world.click(admin, panel, "Everywhere")
    assert await rules_of(world) == HouseRules()
    await world.click(admin, panel, "All settings")
    assert "**Where** everywhere" in text_of(panel)


async def test_a_gallery_for_adults_where_pictures_are(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    server = world.client.get_guild(world.guild.id)
    assert server is not None
    plain, adult = world.guild.create_text_channel("for-all"), world.guild.create_text_channel("for-adults")
    server.get_channel(adult.id).nsfw = True  # type: ignore[union-attr]  # what simcord can't be told
    panel = await opened(world, admin, Page.REPORTS)
    await choose_all(world, admin, panel, plain, custom_id=ids.gallery_channel())
    panel = await opened(world, admin, Page.WHERE)
    await world.click(admin, panel, "Only in age-restricted channels")
    assert f"The gallery <#{plain.id}> is not age-restricted: nothing can be posted there until it is." in text_of(
        panel
    )
    panel = await opened(world, admin, Page.REPORTS)
    refused = await choose_all(world, admin, panel, plain, custom_id=ids.gallery_channel())
    assert "that channel is not age-restricted." in text_of([*refused.followups, refused.response][0])
    await choose_all(world, admin, panel, adult, custom_id=ids.gallery_channel())
    assert (await world.core.moderation.settings(world.guild.id)).gallery_channel_id == adult.id
    panel = await opened(world, admin, Page.WHERE)
    await world.click(admin, panel, "Age-restricted or not")
    await world.click(admin, panel, "Only in age-restricted channels")
    assert "nothing can be posted there" not in text_of(panel)


async def test_who(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = await opened(world, admin, Page.WHO)
    painter, shunned = world.guild.create_role("painter"), world.guild.create_role("shunned")
    await pick(world, admin, panel, "roles_allowed", painter)
    await pick(world, admin, panel, "roles_denied", shunned)
    assert f"<@&{painter.id}>, but not <@&{shunned.id}>" in text_of(panel)
    rules = await rules_of(world)
    assert (rules.roles_allowed, rules.roles_denied) == ((painter.id,), (shunned.id,))
    await world.click(admin, panel, "Exclude nobody")
    await pick(world, admin, panel, "roles_allowed")
    assert await rules_of(world) == HouseRules()


async def test_models_and_private_pictures(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = await opened(world, admin, Page.MODELS)
    await pick(world, admin, panel, "models", "nano-banana", "nano-banana-2")
    await pick(world, admin, panel, "default_model", "nano-banana-2")
    assert "usual: Nano Banana 2" in text_of(panel)
    await world.click(admin, panel, "No private pictures")
    rules = await rules_of(world)
    assert (set(rules.models), rules.default_model, rules.private_allowed) == (
        {"nano-banana", "nano-banana-2"}, "nano-banana-2", False,
    )  # fmt: skip
    await pick(world, admin, panel, "models", "nano-banana")
    assert (await rules_of(world)).default_model is None
    assert "usual: Nano Banana" in text_of(panel)
    forged = await world.forge(admin, panel, ids.setting_choice("models"), "dall-e")
    assert "This model can't be had any more." in text_of(forged.response)


async def test_blocked_words(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = await opened(world, admin, Page.WORDS)
    form = await world.click(admin, panel, "Change the words")
    sent = await world.submit(admin, form, words="Badword\n\n  white   power \nBÁDWORD\nnud*")
    assert (await rules_of(world)).terms == ("Badword", "white power", "nud*")
    assert "||Badword||, ||white power||, ||nud\\*||" in text_of(panel)
    assert "3 blocked words now." in text_of(panel)
    assert sent is not None
    form = await world.click(admin, panel, "Change the words")
    assert field(form, "words")["value"] == "Badword\nwhite power\nnud*"
    many = "\n".join(f"w{number}" for number in range(MAX_TERMS + 1))
    refused = await world.submit(admin, form, words=many)
    assert f"At most {MAX_TERMS} words can be blocked; these are {MAX_TERMS + 1}." in text_of(refused.response)
    assert "w200" in text_of(refused.response), "what was typed is not lost"
    assert len((await rules_of(world)).terms) == 3
    form = await world.click(admin, panel, "Change the words")
    await world.submit(admin, form, words="")
    assert (await rules_of(world)).terms == ()


async def test_slow_mode(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = await opened(world, admin, Page.SLOW)
    await pick(world, admin, panel, "slow_mode_s", "30")
    assert "Slow mode: 30 s between two requests of a member." in text_of(panel)
    assert (await rules_of(world)).slow_mode_s == 30
    forged = await world.forge(admin, panel, ids.setting_choice("slow_mode_s"), "999999")
    assert "Slow mode goes up to a day." in text_of(forged.response)
    assert (await rules_of(world)).slow_mode_s == 30


async def test_the_log_and_what_it_is_told_of_changes(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = await opened(world, admin, Page.LOG)
    narrow = world.channel_without("read_message_history")
    refused = await pick(world, admin, panel, "log_channel_id", narrow)
    assert "I lack Read Message History there. Nothing was changed." in text_of(refused.response)
    log = world.guild.create_text_channel("log")
    await pick(world, admin, panel, "log_channel_id", log)
    assert f"Now: <#{log.id}>, without the prompts of private pictures." in text_of(panel)
    assert "Everyone can see that channel; the log names those who ask for pictures." in text_of(panel)
    await world.click(admin, panel, "Show prompts of private pictures")
    assert (await rules_of(world)).log_private

    def told() -> str:
        return "\n".join(map(text_of, world.messages(log)))

    await world.until(lambda: "not shown → shown" in told())
    assert f"**Log:** none → <#{log.id}>" in told()
    assert f"<@{admin.id}> · <t:" in told()
    await world.click(admin, panel, "No log")
    assert (await rules_of(world)).log_channel_id is None


async def test_reports_and_gallery(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = await opened(world, admin, Page.REPORTS)
    gallery, desk = world.guild.create_text_channel("showroom"), world.guild.create_text_channel("desk")
    await choose_all(world, admin, panel, gallery, custom_id=ids.gallery_channel())
    assert f"Gallery: <#{gallery.id}>" in text_of(panel)
    await choose_all(world, admin, panel, desk, custom_id=ids.reports_channel())
    assert f"Reports: <#{desk.id}>" in text_of(panel)
    assert "Everyone can see that channel; reports name those who made them." in text_of(panel)
    settings = await world.core.moderation.settings(world.guild.id)
    assert (settings.gallery_channel_id, settings.reports_channel_id) == (gallery.id, desk.id)
    narrow = world.channel_without("send_messages", "attach_files")
    refused = await choose_all(world, admin, panel, narrow, custom_id=ids.gallery_channel())
    assert "I lack Send Messages and Attach Files there. Nothing was changed." in text_of(refused.response)
    source = await made(world, "with a gallery now")
    assert "Post to the gallery" in words_of(source)
    await world.restart_client()
    await world.click(admin, panel, "No gallery")
    assert "There is no gallery now." in text_of(panel)
    await world.click(admin, panel, "No channel for reports")
    settings = await world.core.moderation.settings(world.guild.id)
    assert (settings.gallery_channel_id, settings.reports_channel_id) == (None, None)


async def test_every_change_stands_among_the_last_changes(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = await opened(world, admin, Page.SLOW)
    await pick(world, admin, panel, "slow_mode_s", "60")
    panel = await opened(world, admin, Page.CHANGES)
    assert "**Slow mode:** none → 1 min between two requests of a member" in text_of(panel)
    assert f"<@{admin.id}> · <t:" in text_of(panel)
    (last,) = await world.core.house.changes(world.guild.id, limit=1)
    assert (last.changed_by, last.name, json.loads(last.was), json.loads(last.became)) == (
        admin.id, "slow_mode_s", 0, 60,
    )  # fmt: skip


PRESSES = [
    (ids.settings_page("where"), []),
    (ids.settings_go(), ["who"]),
    (ids.setting_choice("channels"), ["1"]),
    (ids.setting_choice("roles_allowed"), ["1"]),
    (ids.setting_choice("roles_denied"), ["1"]),
    (ids.setting_choice("models"), ["nano-banana"]),
    (ids.setting_choice("default_model"), ["nano-banana"]),
    (ids.setting_choice("slow_mode_s"), ["30"]),
    (ids.setting_choice("log_channel_id"), ["1"]),
    (ids.setting_switch("age_restricted_only", on=True), []),
    (ids.setting_switch("private_allowed", on=False), []),
    (ids.setting_switch("log_private", on=True), []),
    (ids.setting_clear("channels"), []),
    (ids.words(), []),
    (ids.gallery_channel(), ["1"]),
    (ids.reports_channel(), ["1"]),
    (ids.no_gallery(), []),
    (ids.no_reports_channel(), []),
]


@pytest.mark.parametrize(("custom_id", "values"), PRESSES)
async def test_without_permission_nothing_is_shown_and_nothing_changes(
    fresh: DiscordWorld, custom_id: str, values: list[str]
) -> None:
    world = fresh
    source = await made(world, "any message")
    before = (await rules_of(world), await world.core.moderation.settings(world.guild.id))
    refused = await world.forge(world.moderator("moderator"), source, custom_id, *values)
    assert refused.ephemeral
    assert refused.modal is None
    assert text_of(refused.response) == ONLY_MANAGERS
    assert (await rules_of(world), await world.core.moderation.settings(world.guild.id)) == before


async def test_who_lost_the_permission_meanwhile_changes_nothing(fresh: DiscordWorld) -> None:
    world = fresh
    admin = admin_of(world)
    panel = await opened(world, admin, Page.WORDS)
    form = await world.click(admin, panel, "Change the words")
    await world.client.http.edit_member(world.guild.id, admin.id, roles=[])
    refused = await world.submit(admin, form, words="anything")
    assert text_of(refused.response) == ONLY_MANAGERS
    assert (await rules_of(world)).terms == ()


async def test_the_commands_are_for_servers_and_managers_alone(fresh: DiscordWorld) -> None:
    commands = {command.name: command for command in fresh.client.tree.get_commands()}
    assert "server" not in commands
    for name, permission in [("settings", "manage_guild"), ("ban", "moderate_members"), ("unban", "moderate_members")]:
        command = commands[name]
        assert command.to_dict(fresh.client.tree)["contexts"] == [0]
        assert command.default_permissions is not None
        assert getattr(command.default_permissions, permission)
        assert command.allowed_installs is not None
        assert not command.allowed_installs.user


async def test_a_press_on_a_message_for_all_to_see_is_answered_privately(fresh: DiscordWorld) -> None:
    world = fresh
    source = await made(world, "any message at all")
    shown = await world.forge(admin_of(world), source, ids.settings_page("main"))
    assert shown.ephemeral
    assert "any message at all" in text_of(world.messages()[-1])
    gone = await world.forge(admin_of(world), source, ids.settings_page("nowhere"))
    assert "This page is not there any more." in text_of(gone.response)


async def test_hostile_names_stay_text(fresh: DiscordWorld) -> None:
    world = fresh
    guild = world.new_guild(HOSTILE[:100])
    channel = guild.create_text_channel("here")
    admin = world.member("**admin**", guild, manage_guild=True, moderate_members=True)
    shown = await world.slash(admin, "settings", channel=channel)
    said = text_of(shown.response)
    assert "\\@everyone" in said
    assert "\u202e" not in said
    assert "**x**" not in said
    victim = world.member(HOSTILE[:32], guild)
    banned = await world.slash(admin, "ban", channel=channel, member=victim, reason=HOSTILE[:200])
    assert "\\@everyone" in text_of(banned.response)
    listed = await world.slash(admin, "bans", channel=channel)
    assert "\u202e" not in json.dumps(selects_of(listed.response), ensure_ascii=False)
    assert labels_of(listed.response) == []
