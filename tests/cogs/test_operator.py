"""/operator: for who runs the bot alone, in servers and in direct messages, whatever servers are called."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import discord
import pytest
import pytest_asyncio
from simcord import SetupError
from sqlalchemy import text

from bot.generations.protocols import Notice, NoticeKind
from bot.generations.repository import GenerationsRepository, GuildLimitsRow
from bot.ui import operator_ids as ids
from tests.cogs.conftest import DiscordWorld, labels_of, png, selects_of, text_of
from tests.cogs.results import filled_in, made, more

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATOR_ONLY = "**Only who runs this bot can do that.**"
PAUSED = "The bot's operator has paused me in this server."
HOSTILE = [
    "**bold** `x` <@1> @everyone",
    "مرحبا بالعالم \u202e abc",
    "🍌" * 32,
    "a\u200b\u0301\u0301\u0301 [x](https://a.b)",
]
COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("status", {}),
    ("servers", {}),
    ("server", {"server": "here"}),
    ("books", {}),
    ("log", {}),
    ("allowance", {"server": "here", "credits": "5"}),
    ("pause", {"server": "here"}),
    ("resume", {"server": "here"}),
]
PRESSES = [
    ids.status(), ids.read_again(), ids.servers(1), ids.books(1), ids.log(1),
    *(made_of(1) for made_of in (ids.server, ids.allow, ids.pause, ids.resume, ids.leave)), ids.do("0" * 16),
]  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def world(discord_world: DiscordWorld) -> Any:
    """Give a world in which every server is as the settings say, again after the test."""
    yield discord_world

    async def forget(tx: Any) -> None:
        await tx.execute(text("DELETE FROM guild_limits"))

    await discord_world.database.write(forget)


@pytest_asyncio.fixture(loop_scope="module")
async def operator(world: DiscordWorld) -> Any:
    """Give who runs the bot, a member of the server like any other but for that they may use every command."""
    person = world.member("operator", administrator=True)
    settings = world.settings.model_copy(update={"operator_ids": frozenset({person.id})})
    world.client.services = replace(world.client.services, settings=settings)
    return person


async def operate(world: DiscordWorld, who: Any, name: str, **options: Any) -> Any:
    world.catch_up()
    given = {key: str(world.guild.id) if value == "here" else value for key, value in options.items()}
    return await who.slash(world.channel, f"operator {name}", **given)


async def said(world: DiscordWorld, who: Any, name: str, **options: Any) -> str:
    answer = await operate(world, who, name, **options)
    assert answer.ephemeral
    return text_of(answer.response)


async def agreed(world: DiscordWorld, who: Any, name: str, **options: Any) -> str:
    """Give a command that is asked about, and press the first button."""
    answer = await operate(world, who, name, **options)
    assert "Nothing has been changed yet." in text_of(answer.response)
    pressed = await world.click(who, answer.response, labels_of(answer.response)[0])
    assert "Nothing has been changed yet." not in text_of(answer.response), text_of(pressed.response)
    return text_of(answer.response)


async def logged(world: DiscordWorld) -> list[Any]:
    async with world.database.read() as tx:
        return list(await tx.execute(text("SELECT * FROM operator_log ORDER BY id")))


async def test_it_is_registered_for_servers_and_for_direct_messages_with_the_bot(world: DiscordWorld) -> None:
    command = world.client.tree.get_command("operator")
    assert command is not None
    payload = command.to_dict(world.client.tree)
    assert (payload["contexts"], payload["integration_types"]) == ([0, 1], [0])
    assert payload["default_member_permissions"] == discord.Permissions(administrator=True).value


# --- what they are told ---


@pytest.mark.parametrize(
    ("kind", "facts", "words"),
    [
        (
            NoticeKind.LOW,
            {"free_credits": 150, "days_left": 1.2, "pace_credits_per_day": 125.0, "pace_days": 7},
            "**The account runs low: 150 credits left, enough for about a day.**",
        ),
        (NoticeKind.LOW, {"free_credits": -8, "days_left": None, "pace_days": 1}, "low: 0 credits left.**"),
        (NoticeKind.CLOSED, {"code": "api_key_revoked"}, "**The key was revoked: I have stopped painting.**"),
        (NoticeKind.CLOSED, {"code": "something_new"}, "refuses the account (something_new)"),
        (NoticeKind.OPENED, {"code": "api_scope_denied", "since_ms": 1_000}, "<t:1:R>: the key lacked a scope."),
        (
            NoticeKind.PRICE,
            {"label": "Nano Banana", "resolution": None, "taken_credits": 3001, "price_credits": 1},
            "Nano Banana, which costs 1 credit. I take that for a mistake",
        ),
    ],
)
async def test_a_direct_message(world: DiscordWorld, kind: NoticeKind, facts: dict[str, Any], words: str) -> None:
    await world.delivery.tell_operator(world.alice.id, Notice(kind, 5_000, facts), nonce="operator-1")
    (message,) = world.direct_messages(world.alice)
    assert words in text_of(message)
    assert "/operator status" in text_of(message)


# --- looking ---


async def test_status_says_how_everything_stands(world: DiscordWorld, operator: Any) -> None:
    await made(world, "a first picture")
    answer = await operate(world, operator, "status")
    assert answer.ephemeral
    words = text_of(answer.response)
    assert "credits, for about " in words.split("\n")[0]
    assert "Submission is open." in words
    assert "a day, the pace of the last 24 hours." in words
    assert "**In work** · nothing · 0 credits on hold" in words
    assert "**Variance** · 0 this month, 0 ever" in words
    assert "Banana Lovers · " in words
    assert " of 4,000" in words
    assert labels_of(answer.response) == ["Read again", "Servers", "Books", "Log"]


async def test_read_again_asks_the_account_now(world: DiscordWorld, operator: Any) -> None:
    answer = await operate(world, operator, "status")
    world.rivya.set_credits(1234)
    await world.click(operator, answer.response, "Read again")
    assert "**1,234 credits" in text_of(answer.response)
    world.rivya.set_credits(1_000_000)
    await world.click(operator, answer.response, "Read again")


async def test_one_can_walk_from_card_to_card(world: DiscordWorld, operator: Any) -> None:
    answer = await operate(world, operator, "status")
    await world.click(operator, answer.response, "Servers")
    assert "Banana Lovers" in text_of(answer.response)
    (select,) = selects_of(answer.response)
    assert str(world.guild.id) in [option["value"] for option in select["options"]]
    await world.choose(operator, answer.response, str(world.guild.id))
    assert "**Allowance** · 4,000 credits a month, as GUILD_CREDITS_PER_MONTH says" in text_of(answer.response)
    await world.click(operator, answer.response, "Status")
    await world.click(operator, answer.response, "Books")
    assert text_of(answer.response).startswith("**You bore nothing so far.**")
    await world.click(operator, answer.response, "Status")
    await world.click(operator, answer.response, "Log")
    await world.click(operator, answer.response, "Status")
    assert "Submission is open." in text_of(answer.response)


async def test_many_servers_are_paged(world: DiscordWorld, operator: Any) -> None:
    for number in range(9):
        world.new_guild(f"Server {number}")
    answer = await operate(world, operator, "servers")
    assert {"Back", "More"} <= set(labels_of(answer.response))
    first = text_of(answer.response)
    await world.click(operator, answer.response, "More")
    assert text_of(answer.response) != first
    assert "Server 8" in text_of(answer.response) or "Server 8" in first


# --- the allowance ---


async def test_a_servers_own_allowance_takes_the_settings_place(world: DiscordWorld, operator: Any) -> None:
    words = await said(world, operator, "allowance", server="here", credits="8,000", reason="a contest")
    assert "The allowance is set." in words
    assert "**Allowance** · 8,000 credits a month, its own" in words
    assert "Without it: 4,000 credits a month, as GUILD_CREDITS_PER_MONTH says." in words
    explained = await world.slash(operator, "quota explain", member=world.alice)
    assert "of 8,000 credits" in text_of(explained.response)
    await agreed(world, operator, "allowance", server="here", credits="0")
    refused = await world.imagine("for nothing")
    assert "This server has no credits left." in text_of(refused.response)
    await said(world, operator, "allowance", server="here", credits="default")
    await made(world, "with credits")
    assert len(world.tasks("with credits")) == 1
    assert world.tasks("for nothing") == []
    lines = (await logged(world))[-3:]
    assert [json.loads(line.value_after)["credits"] for line in lines] == [8000, 0, None]
    assert [json.loads(line.value_after)["own"] for line in lines] == [True, True, False]
    assert (lines[0].operator_id, lines[0].guild_id, lines[0].reason) == (operator.id, world.guild.id, "a contest")
    log = await said(world, operator, "log")
    assert f"allowance the setting's → 8,000 by <@{operator.id}>" in log
    assert ": a contest" in log
    assert "allowance 8,000 → 0 by" in log
    await world.check_books(charged=8)


@pytest.mark.parametrize("typed", ["many", "-5", "1.5", "100000001", "@everyone"])
async def test_what_is_no_allowance(world: DiscordWorld, operator: Any, typed: str) -> None:
    before = len(await logged(world))
    assert "An allowance is a number from 0 to 100,000,000" in await said(
        world, operator, "allowance", server="here", credits=typed
    )
    assert len(await logged(world)) == before


async def test_by_the_form(world: DiscordWorld, operator: Any) -> None:
    answer = await operate(world, operator, "server", server="Banana Lovers")
    form = await world.click(operator, answer.response, "Set allowance")
    assert filled_in(form)["credits"] == "default"
    await world.submit(operator, form, credits="unlimited", reason="friends")
    assert "**Allowance** · no limit, its own" in text_of(answer.response)
    assert (await logged(world))[-1].reason == "friends"


# --- the pause ---


async def test_a_pause_binds_on_every_path(world: DiscordWorld, operator: Any) -> None:
    message = await made(world, "before the pause", image_1=("cat.png", png()))
    paused = await agreed(world, operator, "pause", server="here", reason="being looked at")
    assert "**Paused**" in paused
    assert "being looked at" in paused

    answers = [
        await world.imagine("by command"),
        await world.click(world.alice, message, "Again"),
        await more(world, world.alice, message, "Variations"),
    ]
    form = await world.click(world.alice, message, "Remix")
    answers.append(await world.submit(world.alice, form, **filled_in(form)))
    by_menu = await world.menu(world.alice, "Use as reference", message)
    answers.append(await world.submit(world.alice, by_menu, **{**filled_in(by_menu), "prompt": "by menu"}))
    for answer in answers:
        assert PAUSED in text_of(answer.response)
        assert "Nothing was charged." in text_of(answer.response)
        assert "being looked at" not in text_of(answer.response)
    await world.say(world.alice, f"{world.mention} a hat", files=[("cat.png", png())])
    await world.idle()
    assert PAUSED in text_of(world.messages()[-1])
    assert len(world.rivya.books.tasks) >= 1
    await world.check_books(charged=8)

    await said(world, operator, "resume", server="here")
    await made(world, "after the pause")
    await world.check_books(charged=16)
    assert [line.action for line in await logged(world)][-2:] == ["pause", "resume"]


async def test_a_pause_by_the_buttons(world: DiscordWorld, operator: Any) -> None:
    answer = await operate(world, operator, "server", server="here")
    form = await world.click(operator, answer.response, "Pause")
    await world.submit(operator, form, reason="")
    await world.click(operator, answer.response, "Pause Banana Lovers")
    assert "**Paused**" in text_of(answer.response)
    assert "Banana Lovers" in (await said(world, operator, "status")).split("**Paused** · ")[1]
    assert "paused already" in await said(world, operator, "pause", server="here")
    await world.click(operator, answer.response, "Resume")
    assert "**Not paused**" in text_of(answer.response)
    assert "is not paused" in await said(world, operator, "resume", server="here")


# --- whom it is for ---


@pytest.mark.parametrize(("name", "options"), COMMANDS)
async def test_nobody_else_not_even_a_servers_owner(
    world: DiscordWorld, operator: Any, name: str, options: dict[str, Any]
) -> None:
    bob, owner = world.member("bob"), world.member("admin", administrator=True)
    with pytest.raises(SetupError, match="default-member-permissions"):
        await operate(world, bob, name, **options)
    before = await logged(world)
    assert await said(world, owner, name, **options) == OPERATOR_ONLY
    assert await logged(world) == before


async def test_nobody_else_at_buttons_forms_and_while_typing(world: DiscordWorld, operator: Any) -> None:
    owner = world.member("admin", administrator=True)
    card = await operate(world, operator, "server", server="here")
    before = await logged(world)
    for custom_id in PRESSES:
        refused = await world.forge(owner, card.response, custom_id)
        assert text_of(refused.response) == OPERATOR_ONLY, custom_id
    refused = await world.forge(owner, card.response, ids.pick(), str(world.guild.id))
    assert text_of(refused.response) == OPERATOR_ONLY
    assert await world.autocomplete(owner, "operator server", "server", "") == []
    form = await world.click(operator, card.response, "Pause")
    fallen = world.settings.model_copy(update={"operator_ids": frozenset()})
    world.client.services = replace(world.client.services, settings=fallen)
    refused = await world.submit(operator, form, reason="I was one")
    assert text_of(refused.response) == OPERATOR_ONLY
    assert await logged(world) == before


async def test_servers_are_offered_by_name_and_id(world: DiscordWorld, operator: Any) -> None:
    found = await world.autocomplete(operator, "operator server", "server", "banana")
    assert [(one["name"], one["value"]) for one in found] == [("Banana Lovers", str(world.guild.id))]
    found = await world.autocomplete(operator, "operator pause", "server", str(world.guild.id)[:12])
    assert str(world.guild.id) in [one["value"] for one in found]
    assert "I don't know that server." in await said(world, operator, "server", server="nowhere")


async def test_what_is_offered_asks_for_what_is_shown_alone(
    world: DiscordWorld, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many servers there are, and however much was spent in them: it is asked with each key."""
    guilds = [world.new_guild(f"Crowd {number:02}") for number in range(40)]
    gone = 424242424242424242

    async def spend(tx: Any) -> None:
        rows = GenerationsRepository(tx).operator
        for guild_id in [guild.id for guild in guilds] + [gone]:
            paused = (1, "") if guild_id == gone else (None, None)
            await rows.put_limits(GuildLimitsRow(guild_id, 1, 5, *paused))
            await tx.execute(
                text(f"INSERT INTO totals VALUES ('guild', {guild_id}, 0, 8), ('guild', {guild_id}, 1, 8)")
            )

    await world.database.write(spend)
    look, asked, rows_read = world.database.look, [], []

    async def counted(work: Any) -> Any:
        async def seen(tx: Any) -> Any:
            return await work(_Counting(tx, asked, rows_read))

        return await look(seen)

    # The desk's alone: the engine asks its own questions meanwhile.
    monkeypatch.setattr(world.client.services.operator, "_database", SimpleNamespace(look=counted))
    world.catch_up()
    for typed, shown in (("", 25), ("crowd", 25), ("Crowd 3", 10), ("nowhere", 0), ("424242", 1)):
        asked.clear()
        rows_read.clear()
        found = await world.autocomplete(operator, "operator server", "server", typed)
        assert len(found) == shown, typed
        assert len(asked) <= 2, typed
        assert not [statement for statement in asked if "totals" in statement], typed
        assert sum(rows_read) <= shown, typed
    assert [(one["name"], one["value"]) for one in found] == [("Not there any more (paused)", str(gone))]
    await world.database.write(lambda tx: tx.execute(text("DELETE FROM totals WHERE quarter_ms < 2")))


class _Counting:
    """Stands before a connection, and notes what is asked of it and how many rows it gives."""

    def __init__(self, connection: Any, asked: list[str], rows: list[int]) -> None:
        self._connection = connection
        self._asked = asked
        self._rows = rows

    async def execute(self, statement: Any, values: Any = None) -> Any:
        found = (await self._connection.execute(statement, values)).freeze()
        self._asked.append(str(statement))
        self._rows.append(len(found().all()))
        return found()

    async def scalar(self, statement: Any, values: Any = None) -> Any:
        self._asked.append(str(statement))
        return await self._connection.scalar(statement, values)


async def test_in_direct_messages(world: DiscordWorld) -> None:
    world.catch_up()
    person = world.env.create_user("at home")
    settings = world.settings.model_copy(update={"operator_ids": frozenset({person.id})})
    world.client.services = replace(world.client.services, settings=settings)
    answer = await person.slash("operator status")
    assert answer.ephemeral
    assert "Submission is open." in text_of(answer.response)
    stranger = world.env.create_user("stranger")
    world.catch_up()
    refused = await stranger.slash("operator status")
    assert text_of(refused.response) == OPERATOR_ONLY


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names(world: DiscordWorld, operator: Any, name: str) -> None:
    guild = world.new_guild(name)
    found = await world.autocomplete(operator, "operator server", "server", str(guild.id))
    assert 1 <= len(found[0]["name"]) <= 100
    assert "\u202e" not in found[0]["name"]
    for command, options in (
        ("allowance", {"credits": "5", "reason": name}),
        ("pause", {"reason": name}),
        ("server", {}),
        ("servers", None),
        ("status", None),
        ("log", None),
    ):
        given = {} if options is None else {"server": str(guild.id), **options}
        words = await said(world, operator, command, **given)
        assert "\u202e" not in words
        assert "@everyone" not in words.replace("\\@everyone", "")
        assert "[x](" not in words
        assert "**bold**" not in words
    card = await operate(world, operator, "server", server=str(guild.id))
    form = await world.click(operator, card.response, "Set allowance")
    assert 1 <= len(form.modal["title"]) <= 45
    assert "\u202e" not in form.modal["title"]


async def test_help_names_it_to_operators_alone(world: DiscordWorld, operator: Any) -> None:
    shown = [await world.slash(who, "help") for who in (operator, world.member("boss", administrator=True))]
    assert ["**/operator**" in text_of(one.response) for one in shown] == [True, False]
