"""A server's rules, bans, and the log of both: what is refused, what is written down, what is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from bot.credits.quota_repository import values_of
from bot.credits.quota_rules import Scope
from bot.credits.windows import Period
from bot.errors import BotError
from bot.generations.defaults import with_usual
from bot.generations.house import SettingRefused
from bot.generations.house_log import GIVEN_UP_AFTER_S, LINES_A_MESSAGE, MAX_WAITING
from bot.generations.house_rules import HouseRules
from bot.generations.mending import Change, mended
from bot.generations.preferences import Preferences
from bot.generations.protocols import DeliveryFault, LogLine
from bot.generations.quota_changes import GrantChange, RefundChange, RuleChange, RuleRemoval, ZoneChange
from bot.generations.quota_desk import ChangeRefused
from bot.generations.refusals import (
    AgeRestrictedOnly,
    Banned,
    ChannelNotAllowed,
    ModelNotAllowed,
    PrivateNotAllowed,
    RoleNotAllowed,
    SlowMode,
    TermBlocked,
)
from bot.generations.repository import GenerationsRepository, LineKind
from bot.generations.values import GenerationRequest, Origin, Standing
from bot.rivya import Catalogue
from bot.storage import Connection, Database, open_database
from bot.storage.migrations import upgrade
from tests.clocks import TestClock
from tests.plans import Recorder, plan_of
from tests.world import ALICE, BOB, CHANNEL, GUILD, World, Worlds

ADMIN, LOG, OTHER = 4999, 2999, 1002
ROLE, SHUNNED = 71, 72


@pytest.fixture
async def still(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose clock runs as ours does."""
    worlds = Worlds(tmp_path, TestClock(speed=1))
    async with worlds.rivya, worlds.open() as world:
        yield world


async def change(world: World, **values: Any) -> HouseRules:
    return await world.core.house.change(GUILD, by=ADMIN, **values)


def roles(*role_ids: int, manages: bool = False) -> dict[str, Any]:
    return {"standing": Standing(role_ids=frozenset(role_ids), manages=manages)}


# --- each rule ---

RULES: dict[str, tuple[dict[str, Any], type[BotError], dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # what is set, what it raises, the origin and the request that are refused, and the origin that is taken
    "channel": ({"channels": [1]}, ChannelNotAllowed, {}, {}, {"channel_id": 1}),
    "thread": ({"channels": [1]}, ChannelNotAllowed, {"parent_channel_id": 2}, {}, {"parent_channel_id": 1}),
    "role": ({"roles_allowed": [ROLE]}, RoleNotAllowed, roles(70), {}, roles(ROLE, 70)),
    "role-of-nobody": ({"roles_allowed": [ROLE]}, RoleNotAllowed, {}, {}, roles(ROLE)),
    "role-of-manager": ({"roles_allowed": [ROLE]}, RoleNotAllowed, roles(manages=True), {}, roles(ROLE)),
    "denied": ({"roles_denied": [SHUNNED]}, RoleNotAllowed, roles(SHUNNED, ROLE), {}, roles(ROLE)),
    "denied-wins": (
        {"roles_denied": [SHUNNED], "roles_allowed": [ROLE]}, RoleNotAllowed, roles(SHUNNED, ROLE), {}, roles(ROLE),
    ),
    "everyone-denied": ({"roles_denied": [GUILD]}, RoleNotAllowed, roles(ROLE), {}, {"guild_id": OTHER}),
    "age": ({"age_restricted_only": True}, AgeRestrictedOnly, {}, {}, {"age_restricted": True}),
    "model": (
        {"models": ["nano-banana"]}, ModelNotAllowed, {}, {"model": "nano-banana-2"}, {"guild_id": OTHER},
    ),
    "default-model": ({"models": ["nano-banana"]}, ModelNotAllowed, {}, {}, {"guild_id": OTHER}),
    "private": ({"private_allowed": False}, PrivateNotAllowed, {}, {"private": True}, {"guild_id": OTHER}),
    "term": ({"terms": ["red panda"]}, TermBlocked, {}, {"prompt": "a RED\u200b-pаnda"}, {"guild_id": OTHER}),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
async def test_a_rule_refuses_what_it_is_against_and_nothing_else(still: World, name: str) -> None:
    settings, error, origin, request, taken = RULES[name]
    await change(still, **settings)
    request = {"prompt": "a red panda", **request}
    for ask in (still.core.generations.accept, still.core.generations.quote):
        with pytest.raises(error):
            await ask(GenerationRequest(**request), still.origin(**origin))
    await still.check_books(charged=0)
    await still.core.generations.accept(GenerationRequest(**request), still.origin(**taken))
    assert (await still.audit()).findings == ()


async def test_everyone_allowed_and_no_rules_allow_everything(still: World) -> None:
    assert await still.core.house.rules(GUILD) == HouseRules()
    await still.accept()
    await change(still, roles_allowed=[GUILD])
    await still.accept()
    await still.accept(origin=still.origin(guild_id=OTHER))


async def test_personal_use_has_no_rules(worlds: Worlds) -> None:
    async with worlds.open(personal_credits_per_month=100) as world:
        await change(world, terms=["panda"], channels=[1])
        await world.accept(origin=world.origin(guild_id=None, place_guild_id=GUILD))


async def test_slow_mode_is_between_one_members_requests_that_were_taken(still: World) -> None:
    await change(still, slow_mode_s=30)
    origin = still.origin()
    first = await still.accept(origin=origin)
    again = await still.accept(origin=origin)
    assert again.repeated, "the same event is answered as before"
    with pytest.raises(SlowMode) as refused:
        await still.accept()
    assert 0 < refused.value.next_at_ms - still.clock.now_ms() <= 30_000
    await still.accept(origin=still.origin(user_id=BOB))
    await still.accept(origin=still.origin(guild_id=OTHER))
    await still.core.generations.not_acknowledged(first.request_id)
    await still.accept()
    still.clock.advance(30)
    await still.accept()


async def test_of_many_at_once_slow_mode_lets_one_through(still: World) -> None:
    await change(still, slow_mode_s=600)
    found = await asyncio.gather(*(still.accept() for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(one, SlowMode) for one in found) == 11


async def test_a_draft_is_checked_when_it_is_taken(still: World) -> None:
    generations = still.core.generations
    request = GenerationRequest(prompt="a red panda")
    draft_id = await generations.keep_draft(request, user_id=ALICE, guild_id=GUILD)
    await change(still, terms=["panda"])
    with pytest.raises(TermBlocked):
        await generations.accept(request, still.origin(draft_id=draft_id))


# --- what is offered instead, and what is usual ---


def test_what_is_offered_instead() -> None:
    catalogue, request = Catalogue(), GenerationRequest(prompt="a cat", private=True)
    (mend,) = mended(PrivateNotAllowed(), request, catalogue)
    assert (mend.change, mend.request.private, mend.cost_credits) == (Change.PUBLIC, False, 8)
    found = mended(ModelNotAllowed("Pro", frozenset({"nano-banana"})), request, catalogue)
    assert [(mend.change, mend.request.model) for mend in found] == [(Change.MODEL, "nano-banana")]
    assert [mend.change for mend in mended(SlowMode(30, 0), request, catalogue)] == [Change.NOTHING]
    for error in (Banned("", None), ChannelNotAllowed((1,)), RoleNotAllowed(()), AgeRestrictedOnly(), TermBlocked("x")):
        assert mended(error, request, catalogue) == ()


@pytest.mark.parametrize(
    ("house", "mine", "asked", "taken"),
    [
        ({}, None, None, None),
        ({}, "nano-banana-2", None, "nano-banana-2"),
        ({"default_model": "nano-banana"}, None, None, "nano-banana"),
        ({"default_model": "nano-banana"}, "nano-banana-2", None, "nano-banana-2"),
        ({"models": ("nano-banana",)}, "nano-banana-2", None, "nano-banana"),
        ({"models": ("nano-banana",)}, None, "nano-banana-2", "nano-banana-2"),
        ({"models": ("nano-banana-2", "nano-banana-pro")}, None, None, "nano-banana-pro"),
        ({"default_model": "gone"}, None, None, "nano-banana-pro"),
        ({"models": ("gone",)}, None, None, None),
    ],
)
def test_the_usual_model(house: dict[str, Any], mine: str | None, asked: str | None, taken: str | None) -> None:
    request = GenerationRequest(prompt="a cat", model=asked)
    found = with_usual(request, Preferences(model=mine), Catalogue(), HouseRules(**house))
    assert found.model == taken


# --- changes ---


async def test_every_change_is_written_down_and_none_is_rewritten(still: World) -> None:
    await change(still, channels=[7, 5, 7], slow_mode_s=30)
    await change(still, channels=[5, 7])
    await change(still, slow_mode_s=0)
    await still.core.moderation.set_channels(GUILD, by=BOB, gallery_channel_id=9)
    await still.core.moderation.set_channels(GUILD, by=BOB, gallery_channel_id=9)
    changes = await still.core.house.changes(GUILD, limit=10)
    assert [(c.changed_by, c.name, json.loads(c.was), json.loads(c.became)) for c in changes] == [
        (BOB, "gallery_channel_id", None, 9),
        (ADMIN, "slow_mode_s", 30, 0),
        (ADMIN, "slow_mode_s", 0, 30),
        (ADMIN, "channels", [], [5, 7]),
    ]
    assert await still.core.house.rules(GUILD) == HouseRules(channels=(5, 7))
    for statement in (
        "UPDATE setting_changes SET changed_by = 1",
        "DELETE FROM setting_changes",
        "INSERT OR REPLACE INTO setting_changes SELECT * FROM setting_changes",
    ):
        with pytest.raises(IntegrityError, match="append-only"):
            await still.database.write(lambda tx, s=statement: tx.execute(text(s)))  # type: ignore[misc]


async def test_all_settings_come_back_as_they_were_set(still: World) -> None:
    wanted = HouseRules(
        channels=(1,), roles_allowed=(2,), roles_denied=(3,), terms=("naïve", "ü b"), age_restricted_only=True,
        models=("nano-banana",), default_model="nano-banana", private_allowed=False, slow_mode_s=5, log_channel_id=LOG,
        log_private=True,
    )  # fmt: skip
    values = {name: getattr(wanted, name) for name in HouseRules.__slots__}
    assert await change(still, **values) == wanted == await still.core.house.rules(GUILD)


async def test_a_usual_model_is_one_that_may_be_used(still: World) -> None:
    await change(still, default_model="nano-banana-2")
    rules = await change(still, models=["nano-banana"])
    assert (rules.models, rules.default_model) == (("nano-banana",), None)
    assert (await change(still, default_model="nano-banana-2")).default_model is None


@pytest.mark.parametrize(
    "values",
    [
        {"channels": range(26)}, {"roles_denied": range(26)}, {"terms": [f"word{n}" for n in range(201)]},
        {"terms": ["x" * 61]}, {"slow_mode_s": -1}, {"slow_mode_s": 86_401},
    ],
)  # fmt: skip
async def test_what_a_setting_can_not_be(still: World, values: dict[str, Any]) -> None:
    with pytest.raises(SettingRefused):
        await change(still, **values)
    assert await still.core.house.rules(GUILD) == HouseRules()
    assert await still.count("setting_changes") == 0


# --- bans ---


async def test_a_ban_stands_in_its_server_until_it_ends_or_is_lifted(still: World) -> None:
    house = still.core.house
    await house.ban(GUILD, ALICE, by=ADMIN, reason="  rude \n twice ", expires_at_ms=still.clock.now_ms() + 60_000)
    with pytest.raises(Banned) as refused:
        await still.accept()
    assert refused.value.reason == "rude twice"
    with pytest.raises(Banned):
        await house.check_posting(still.origin(), "a harbour")
    await still.accept(origin=still.origin(user_id=BOB))
    await still.accept(origin=still.origin(guild_id=OTHER))
    still.clock.advance(60)
    await still.accept()
    await house.ban(GUILD, ALICE, by=ADMIN)
    await house.ban(GUILD, ALICE, by=BOB, reason="still")
    (ban,), total = await house.bans(GUILD, limit=5)
    assert (total, ban.reason, ban.banned_by, ban.expires_at_ms) == (1, "still", BOB, None)
    with pytest.raises(Banned):
        await still.accept()
    assert await house.unban(GUILD, ALICE, by=ADMIN)
    assert not await house.unban(GUILD, ALICE, by=ADMIN)
    assert await house.bans(GUILD, limit=5) == ([], 0)
    await still.accept()
    with pytest.raises(SettingRefused):
        await house.ban(GUILD, ALICE, by=ADMIN, expires_at_ms=still.clock.now_ms())
    told = [(c.changed_by, json.loads(c.was), json.loads(c.became)) for c in await house.changes(GUILD, limit=9)]
    assert [(by, before and before["reason"], after and after["reason"]) for by, before, after in told] == [
        (ADMIN, "still", ""), (BOB, "", "still"), (ADMIN, None, ""), (ADMIN, None, "rude twice"),
    ]  # fmt: skip
    assert told[0][2] == {"user_id": ALICE, "reason": "", "lifted": True}


# --- the log ---


def told(world: World) -> list[LogLine]:
    return [line for _, line in world.discord.logged]


async def nothing_waits(world: World) -> bool:
    return await world.count("log_lines") == 0


async def test_each_change_of_quotas_is_told_in_the_log_once(world: World) -> None:
    quotas, by = world.core.quotas, 7
    await change(world, log_channel_id=LOG)
    made = await world.imagine()
    await world.until_idle()
    everyone = RuleChange(scope=Scope.EVERYONE, period=Period.MONTH, credits=100)
    changes = (
        everyone,
        GrantChange(user_id=ALICE, credits=40, reason="a prize"),
        RefundChange(picture_id=f"{made}-1", reason="blurred"),
        ZoneChange(name="Europe/Berlin"),
        RuleRemoval(scope=Scope.EVERYONE, before=values_of(everyone.rule)),
    )
    for number, one in enumerate(changes):
        for _ in range(2):  # the same event twice
            await quotas.change(GUILD, one, by=by, event_id=f"e{number}")
    with pytest.raises(ChangeRefused):
        await quotas.change(GUILD, ZoneChange(name="Mars/Olympus"), by=by, event_id="no")
    draft = await quotas.keep(GUILD, GrantChange(user_id=BOB, credits=5000), by=by)
    await quotas.confirm(GUILD, draft, by=by)
    await quotas.confirm(GUILD, draft, by=by)
    await world.until(lambda: nothing_waits(world))
    shown = [line.quota for line in told(world) if line.quota is not None]
    assert [(line.action, line.actor_id) for line in shown] == [
        (action, by) for action in ("set", "grant", "refund", "time_zone", "remove", "grant")
    ]
    assert shown[1].reason == "a prize"


async def test_a_change_and_its_line_for_the_log_are_one_transaction(world: World) -> None:
    await change(world, log_channel_id=LOG)
    await world.until(lambda: nothing_waits(world))

    async def break_off(tx: Connection) -> None:
        await tx.execute(text("CREATE TRIGGER broken BEFORE INSERT ON log_lines BEGIN SELECT RAISE(ABORT, 'no'); END"))

    await world.database.write(break_off)
    with pytest.raises(DBAPIError):
        await world.core.quotas.change(GUILD, GrantChange(user_id=ALICE, credits=4), by=7, event_id="e")
    assert await world.count("quota_log") == 0
    assert await world.count("grants_left") == 0


async def test_what_waits_for_a_log_is_there_after_the_next_version_came(tmp_path: Path) -> None:
    """Ids go on where they were: a message to Discord is known by the first one in it."""
    path = tmp_path / "before.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, "0006")
        for number in range(1, 4):
            connection.execute(
                text("INSERT INTO log_lines VALUES (:n, 1, 'words', NULL, 'line ' || :n, NULL, 5)"), {"n": number}
            )
        connection.execute(text("DELETE FROM log_lines WHERE id != 2"))
    engine.dispose()
    async with open_database(f"sqlite+aiosqlite:///{path}") as database:

        async def work(tx: Connection) -> list[tuple[int, str]]:
            added = "INSERT INTO log_lines (guild_id, kind, words, created_at_ms) VALUES (1, 'quota', 'new', 6)"
            await tx.execute(text(added))
            return [tuple(row) for row in await tx.execute(text("SELECT id, words FROM log_lines ORDER BY id"))]

        assert await database.write(work) == [(2, "line 2"), (4, "new")]


async def test_requests_and_changes_are_told_in_the_log(world: World) -> None:
    quiet = await world.imagine("before there was a log")
    await change(world, log_channel_id=LOG)
    shown = await world.imagine("a red panda")
    hidden = await world.imagine("a secret", private=True)
    await change(world, log_private=True)
    seen = await world.imagine("no secret any more", private=True)
    await world.core.house.ban(GUILD, BOB, by=ADMIN)
    await world.until(lambda: len(told(world)) == 6)
    assert {channel for channel, _ in world.discord.logged} == {LOG}
    assert [(line.request.id if line.request else line.change and line.change.name) for line in told(world)] == [
        "log_channel_id", shown, hidden, "log_private", seen, "ban",
    ]  # fmt: skip
    assert [line.hidden for line in told(world)] == [False, False, True, False, False, False]
    await world.until(lambda: nothing_waits(world))
    assert quiet not in {line.request.id for line in told(world) if line.request}


async def test_what_was_not_taken_is_not_told(world: World) -> None:
    await change(world, log_channel_id=LOG)
    accepted = await world.accept("never acknowledged")
    await world.core.generations.not_acknowledged(accepted.request_id)
    await change(world, slow_mode_s=5)
    await world.until(lambda: len(told(world)) == 2)
    assert [line.request for line in told(world)] == [None, None]


async def test_a_log_that_can_not_be_reached_is_in_nobodys_way_and_catches_up(world: World) -> None:
    faults = iter([DeliveryFault.TRANSIENT, DeliveryFault.NO_ACCESS])
    world.discord.refuse_log = lambda _channel: next(faults, None)
    await change(world, log_channel_id=LOG)
    await world.until(lambda: len(world.discord.log_tries) == 1)
    request_id = await world.imagine("meanwhile")
    await world.until_idle()
    await world.check_one_picture(request_id)
    await world.until(lambda: len(told(world)) == 2)
    tries = world.discord.log_tries
    assert len(tries) == 4
    assert len({nonce for _, nonce in tries[:3]}) == 1, "a second try is the same message"
    await world.until(lambda: nothing_waits(world))


async def test_many_lines_go_a_few_to_a_message(still: World) -> None:
    still.discord.refuse_log = lambda _channel: DeliveryFault.TRANSIENT
    await change(still, log_channel_id=LOG)
    for seconds in range(1, 3 * LINES_A_MESSAGE):
        await change(still, slow_mode_s=seconds)
    still.discord.refuse_log = lambda _channel: None
    still.clock.advance(3600)
    await still.until(lambda: len(told(still)) == 3 * LINES_A_MESSAGE)
    assert [line.change.became for line in told(still) if line.change][1:] == [
        str(seconds) for seconds in range(1, 3 * LINES_A_MESSAGE)
    ]


async def test_a_log_whose_channel_is_gone_for_a_day_is_switched_off_and_its_admin_told(world: World) -> None:
    world.discord.refuse_log = lambda _channel: DeliveryFault.NO_ACCESS
    await change(world, log_channel_id=LOG)
    await world.core.house.change(GUILD, by=BOB, slow_mode_s=9)
    await world.until(lambda: world.discord.log_tries)
    assert world.discord.told_log_off == []
    await world.pass_time(GIVEN_UP_AFTER_S + 2 * 3600, step_s=600)
    await world.until(lambda: world.discord.told_log_off)
    assert world.discord.told_log_off == [(ADMIN, GUILD, 2)]
    assert (await world.core.house.rules(GUILD)).log_channel_id is None
    assert await world.count("log_lines") == 0
    (last,) = await world.core.house.changes(GUILD, limit=1)
    assert (last.changed_by, last.name, last.became) == (0, "log_channel_id", "null")


async def test_what_waits_is_bounded(still: World) -> None:
    still.discord.refuse_log = lambda _channel: DeliveryFault.TRANSIENT
    await change(still, log_channel_id=LOG)

    async def many(tx: Any) -> None:
        rows = GenerationsRepository(tx).log_lines
        for number in range(MAX_WAITING + 1):
            await rows.add(GUILD, LineKind.WORDS, still.clock.now_ms(), words=str(number))

    await still.database.write(many)
    tries = len(still.discord.log_tries)
    still.clock.advance(3600)
    await still.until(lambda: len(still.discord.log_tries) > tries)

    async def bounded() -> bool:
        return await still.count("log_lines") == MAX_WAITING // 2 + 1

    await still.until(bounded)
    still.discord.refuse_log = lambda _channel: None
    while await still.count("log_lines"):
        still.clock.advance(3600)
        await asyncio.sleep(0.01)
    assert told(still)[-1].words == "502 lines are left out here: I could not post to this channel for a while."


async def test_a_log_that_was_switched_off_says_nothing_more(still: World) -> None:
    still.discord.refuse_log = lambda _channel: DeliveryFault.TRANSIENT
    await change(still, log_channel_id=LOG)
    await change(still, log_channel_id=None)
    still.clock.advance(3600)

    await still.until(lambda: nothing_waits(still))
    assert told(still) == []


# --- what it costs ---


async def test_no_query_of_these_walks_through_a_whole_table(database: Database) -> None:
    seen: list[tuple[str, Any]] = []
    async with database.read() as tx:
        rows = GenerationsRepository(Recorder(tx, seen))  # type: ignore[arg-type]
        await rows.rules.get(1)
        await rows.rules.last_request(1)
        await rows.rules.changes(1, limit=5)
        await rows.rules.changes_by_id(1, 2)
        await rows.bans.standing(1, 2, 3)
        await rows.bans.of_guild(1, 3, limit=5)
        await rows.bans.has_ended(1)
        await rows.log_lines.next(1, limit=5)
        await rows.log_lines.count(1)
        await rows.log_lines.guilds()
        plan = await plan_of(tx, seen)
    assert len(seen) == 11
    assert [step for step in plan if step.startswith("SCAN") and "INDEX" not in step] == []


def test_a_thread_counts_for_its_channel_and_nothing_else_does() -> None:
    rules = HouseRules(channels=(CHANNEL,))
    values: dict[str, Any] = {
        "source_kind": "interaction", "source_id": "1", "user_id": 1, "guild_id": GUILD, "application_id": 1,
        "interaction_token": None, "token_expires_at_ms": 0, "upload_limit_bytes": 1,
    }  # fmt: skip
    rules.check_place(Origin(channel_id=5, parent_channel_id=CHANNEL, **values))
    with pytest.raises(ChannelNotAllowed):
        rules.check_place(Origin(channel_id=5, parent_channel_id=6, **values))
