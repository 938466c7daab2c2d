"""Being forgotten: what goes, what stays, and that it is carried to its end."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from bot.credits.quota_repository import LogLine, values_of
from bot.credits.quota_rules import Scope
from bot.generations.privacy import StillInWork
from bot.generations.protocols import DeliveryFault
from bot.generations.quota_changes import GrantChange, RuleChange, RuleRemoval, merged
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui.house_log import change_words
from tests.unit.persons import ELSEWHERE, SECRET, documents, files, fill, rows
from tests.world import ALICE, BOB, GUILD, MIB, World, Worlds


async def traces(world: World) -> list[str]:
    """Every cell of the database in which Alice, or what she said, can still be found."""
    tables = [name for (name,) in await rows(world, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = []
    for table in tables:
        for row in await rows(world, f"SELECT * FROM {table}"):
            for column, value in row._mapping.items():
                said = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
                if re.search(rf"(?<!\d){ALICE}(?!\d)", said) or SECRET in said or "heron.png" in said:
                    found.append(f"{table}.{column}")
    return found


async def test_nothing_of_a_person_is_left_but_what_the_sums_need(world: World) -> None:
    request_id = await fill(world)
    assert {"requests.prompt", "attempts.body", "styles.suffix", "tray_images.user_id"} <= set(await traces(world))
    entries = await rows(world, "SELECT * FROM entries")
    assert {name.split("/")[0] for name in files(world.settings.data_dir)} == {
        "results",
        "references",
        "trays",
        "fitted",
    }

    await world.core.privacy.forget(ALICE, with_messages=False)

    # Her words about Bob's picture wait for the moderators, without her name.
    assert await traces(world) == ["reports.reason"]
    assert await rows(world, "SELECT * FROM entries") == entries
    (bobs,) = files(world.settings.data_dir)
    assert bobs.startswith("results/")
    view = await world.view(request_id)
    assert view.forgotten
    assert view.user_id < 0
    assert not (await world.core.privacy.standing(ALICE)).held
    assert (await world.audit()).findings == ()
    assert await world.core.generations.history(user_id=ALICE, guild_id=GUILD, page=1) is not None
    assert (await world.core.generations.history(user_id=ALICE, guild_id=GUILD, page=1)).requests == ()
    assert world.discord.removed == []

    (report,) = await rows(world, "SELECT id FROM reports")
    await world.core.moderation.dismiss(report.id, by=99, guild_id=GUILD)
    await world.core.engine._keep_up()
    assert await traces(world) == []


async def test_what_admins_set_by_name_stays_in_their_log_without_the_name(world: World) -> None:
    request_id = await fill(world)
    rule = RuleChange(scope=Scope.MEMBER, subject_id=ALICE, running=1)
    await world.core.quotas.change(GUILD, rule, by=99, event_id="a rule for Alice")
    await world.core.house.ban(GUILD, ALICE, by=99, reason="rude")
    export = await world.core.privacy.export(ALICE, limit_bytes=10 * MIB)
    found = documents(export.parts)
    export.remove()
    assert [line["action"] for line in found["quota_log.json"]] == ["grant", "refund", "set"]
    assert [rule["running"] for rule in found["quota_rules.json"]] == [1]
    assert [ban["reason"] for ban in found["bans.json"]] == ["an earlier one", "rude", "", "rude"]
    assert [line["became"]["reason"] for line in found["setting_changes_on_bans.json"]] == [
        "an earlier one", "rude", "sorry", "", "rude",
    ]  # fmt: skip

    lines, _, _ = await world.core.quotas.history(GUILD, 1)
    await world.core.privacy.forget(ALICE, with_messages=False)
    after, _, _ = await world.core.quotas.history(GUILD, 1)
    nobody = (await world.view(request_id)).user_id
    assert {line.subject_id for line in after} == {nobody}
    assert [replace(line, subject_id=0) for line in after] == [replace(line, subject_id=0) for line in lines]
    # What still binds if she comes back is not taken away by it: the rule, and the ban.
    assert await world.core.quotas.rule(GUILD, Scope.MEMBER, ALICE) is not None
    assert await world.core.house.ban_of(GUILD, ALICE) is not None
    with closing(sqlite3.connect(world.database.path)) as stranger:
        for statement in (
            "UPDATE quota_log SET subject_id = 5",
            "UPDATE quota_log SET subject_id = -9, reason = 'x'",
            "UPDATE quota_log SET subject_id = -9",  # nobody was made of them already
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                stranger.execute(statement)


async def test_a_rule_that_outlived_forgetting_is_removed_without_the_name(world: World) -> None:
    quotas, request_id = world.core.quotas, await fill(world)

    async def put(user_id: int, event_id: str, **values: Any) -> None:
        found = await quotas.rule(GUILD, Scope.MEMBER, user_id)
        change = merged(found.rule if found is not None else None, Scope.MEMBER, user_id, values, "")
        await quotas.change(GUILD, change, by=99, event_id=event_id)

    async def take_away(user_id: int, event_id: str) -> LogLine:
        found = await quotas.rule(GUILD, Scope.MEMBER, user_id)
        assert found is not None
        removal = RuleRemoval(scope=Scope.MEMBER, subject_id=user_id, before=values_of(found.rule))
        return (await quotas.change(GUILD, removal, by=99, event_id=event_id)).line

    await put(BOB, "his", running=1)
    await put(ALICE, "hers, perhaps at the same moment", running=1)
    await world.core.privacy.forget(ALICE, with_messages=False)
    nobody = (await world.view(request_id)).user_id
    assert (await take_away(ALICE, "hers goes")).subject_id == nobody
    assert (await take_away(BOB, "his goes")).subject_id == BOB, "he did not ask for it"
    assert set(await traces(world)) == {"reports.reason"}
    assert (await world.audit()).findings == ()
    # Whoever is named anew is known again.
    await put(ALICE, "anew", running=2)
    assert (await take_away(ALICE, "that goes")).subject_id == ALICE


async def test_a_ban_that_stands_outlives_forgetting_and_goes_when_it_ends(world: World) -> None:
    house, hour_ms = world.core.house, 3600 * 1000
    await house.ban(GUILD, ALICE, by=99, reason="rude")
    await house.ban(ELSEWHERE, ALICE, by=99, reason="rude there", expires_at_ms=world.clock.now_ms() + hour_ms)
    await house.ban(GUILD, BOB, by=99, reason="bob's", expires_at_ms=world.clock.now_ms() + hour_ms)
    await world.core.privacy.forget(ALICE, with_messages=False)
    assert set(await traces(world)) == {"bans.user_id"}
    assert await house.ban_of(GUILD, ALICE) is not None
    assert await house.ban_of(ELSEWHERE, ALICE) is not None

    world.clock.advance(3601)
    await world.core.engine._keep_up()
    assert [row.guild_id for row in await rows(world, f"SELECT * FROM bans WHERE user_id = {ALICE}")] == [GUILD]
    assert len(await rows(world, f"SELECT * FROM bans WHERE user_id = {BOB}")) == 1, "he did not ask for it"
    assert await house.unban(GUILD, ALICE, by=99, reason="long ago")
    assert await traces(world) == []
    newest, *_, oldest = await house.changes(GUILD, limit=9)
    assert json.loads(newest.became) == {"user_id": 0, "reason": "long ago", "lifted": True}
    assert json.loads(oldest.became) == {"user_id": 0, "reason": "rude", "expires_at_ms": None}
    assert "**Banned:** somebody who was forgotten until it is lifted: rude" in change_words(oldest)
    assert "**No longer banned:** somebody who was forgotten: long ago" in change_words(newest)
    assert (await world.audit()).findings == ()


async def test_a_grant_to_somebody_forgotten_makes_them_known_until_they_ask_again(world: World) -> None:
    await world.imagine()
    await world.until_idle()
    (account,) = await rows(world, "SELECT account_id FROM account_owners")
    await world.core.privacy.forget(ALICE, with_messages=False)
    assert await traces(world) == []
    grant = GrantChange(user_id=ALICE, credits=5)
    await world.core.quotas.change(GUILD, grant, by=99, event_id="a grant to nobody")
    assert set(await traces(world)) == {"account_owners.user_id", "quota_log.subject_id"}
    assert await rows(world, "SELECT account_id FROM account_owners") == [account], "the old one, with its bookings"
    await world.core.privacy.forget(ALICE, with_messages=False)
    assert await traces(world) == []


async def test_another_ban_in_the_place_of_a_forgotten_one_is_a_ban_like_any_other(world: World) -> None:
    house = world.core.house
    await house.ban(GUILD, ALICE, by=99, reason="first")
    await world.core.privacy.forget(ALICE, with_messages=False)
    await house.ban(GUILD, ALICE, by=99, reason="second")
    (ban,) = await rows(world, "SELECT * FROM bans")
    assert (ban.reason, ban.forgotten_at_ms) == ("second", None)
    (newest, _) = await house.changes(GUILD, limit=9)
    assert (json.loads(newest.was)["user_id"], json.loads(newest.became)["user_id"]) == (0, ALICE)


async def test_of_the_log_of_settings_only_whom_a_ban_was_about_can_go(world: World) -> None:
    await world.core.house.ban(GUILD, ALICE, by=99, reason="rude")
    await world.core.house.change(GUILD, by=99, slow_mode_s=5)
    with closing(sqlite3.connect(world.database.path)) as stranger:
        for statement in (
            """UPDATE setting_changes SET became = json_replace(became, '$.user_id', 5) WHERE name = 'ban'""",
            """UPDATE setting_changes SET became = json_replace(became, '$.reason', 'kind') WHERE name = 'ban'""",
            """UPDATE setting_changes SET changed_by = 5, became = json_replace(became, '$.user_id', 0)""",
            """UPDATE setting_changes SET became = 0 WHERE name != 'ban'""",
            """DELETE FROM setting_changes""",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                stranger.execute(statement)


async def test_what_is_in_work_comes_first(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=60))
    async with worlds.open() as world:
        request_id = await world.imagine(SECRET)
        with pytest.raises(StillInWork):
            await world.core.privacy.forget(ALICE, with_messages=False)
        assert (await world.core.privacy.standing(ALICE)).in_work == 1
        assert (await world.view(request_id)).prompt == SECRET
        assert await rows(world, "SELECT * FROM forgettings") == []
        worlds.rivya.faults.clear()
        # Made and paid, but not shown yet: still hers to get.
        worlds.discord.refuse = lambda _rung, _try: DeliveryFault.TRANSIENT
        await world.until(lambda: worlds.discord.attempts)
        with pytest.raises(StillInWork):
            await world.core.privacy.forget(ALICE, with_messages=False)
        worlds.discord.refuse = lambda _rung, _try: None
        await world.until_idle(step_s=30)
        await world.core.privacy.forget(ALICE, with_messages=False)
        assert await traces(world) == []
        await world.check_books(charged=8)


@pytest.mark.parametrize("moment", ["marked", "in the middle of the rows", "before the files"])
async def test_it_is_carried_to_its_end_after_a_crash(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr("bot.generations.erasing.AT_ONCE", 1)
    eraser = "bot.generations.erasing.Eraser"
    async with worlds.open() as world:
        for number in range(3):
            await world.imagine(f"{SECRET} {number}", references=(world.cdn.add("heron.png"),))
            await world.until_idle()
        with monkeypatch.context() as dying:
            if moment == "marked":
                dying.setattr(f"{eraser}.finish_forgetting", _dies)
            elif moment == "before the files":
                dying.setattr(f"{eraser}.remove_files", _dies)
            else:
                from bot.generations.erasing import Eraser

                whole, calls = Eraser._erase_some, iter(range(10))

                async def some(self: Eraser, forgetting: Any) -> int:
                    if next(calls) == 1:
                        await _dies()
                    return await whole(self, forgetting)

                dying.setattr(f"{eraser}._erase_some", some)
            await world.core.privacy.forget(ALICE, with_messages=True)
            left = await rows(world, "SELECT * FROM requests WHERE forgotten_at_ms IS NULL")
            assert len(left) == {"marked": 3, "in the middle of the rows": 2, "before the files": 0}[moment]
            assert len(files(worlds.folder)) == 6
            assert (await world.core.privacy.standing(ALICE)).held.requests == 0  # nobody's, whatever is left
            await world.crash()
        assert (await world.audit()).findings == ()
    async with worlds.open() as world:
        await world.until(lambda: not files(worlds.folder) and len(worlds.discord.removed) == 3)
        assert await traces(world) == []
        assert [row.done_at_ms is not None for row in await rows(world, "SELECT * FROM forgettings")] == [True]
        await world.check_books(charged=24)


async def _dies(*_: Any) -> int:
    raise RuntimeError("killed here")


async def test_messages_go_when_they_are_asked_to(world: World) -> None:
    public = await world.imagine("for all")
    private = await world.imagine("for me", private=True)
    await world.until_idle()
    standing = {post.view.id: post.message_id for post in world.discord.posts}
    world.discord.refuse_removal = lambda _message_id: DeliveryFault.TRANSIENT
    await world.core.privacy.forget(ALICE, with_messages=True)
    await world.core.engine._keep_up()
    assert world.discord.removed == []
    world.discord.refuse_removal = lambda _message_id: None
    world.clock.advance(301)
    await world.core.engine._keep_up()
    assert world.discord.removed == [(GUILD, 2001, standing[public])]
    assert await rows(world, "SELECT * FROM removals") == []
    assert (await world.view(public)).removed_by is not None
    assert (await world.view(private)).message_id is None
    ids = await rows(world, "SELECT message_id FROM requests UNION SELECT message_id FROM deliveries")
    assert {row.message_id for row in ids} <= {None, (await world.view(private)).delivered_message_id}


@pytest.mark.parametrize("fault", [DeliveryFault.GONE, DeliveryFault.NO_ACCESS])
async def test_a_message_out_of_reach_is_let_go(world: World, fault: DeliveryFault) -> None:
    await world.imagine("for all")
    await world.until_idle()
    world.discord.refuse_removal = lambda _message_id: fault
    await world.core.privacy.forget(ALICE, with_messages=True)
    await world.core.engine._keep_up()
    assert await rows(world, "SELECT * FROM removals") == []


async def test_a_file_that_can_not_be_removed_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.imagine(SECRET)
    await world.until_idle()
    with monkeypatch.context() as stuck:
        stuck.setattr("bot.generations.erasing.remove_quietly", lambda _path: None)
        await world.core.privacy.forget(ALICE, with_messages=False)
        assert len(files(world.settings.data_dir)) == 1
    world.clock.advance(61)
    await world.core.engine._keep_up()
    assert files(world.settings.data_dir) == []


async def test_what_others_made_of_a_picture_stays_theirs(world: World) -> None:
    from bot.generations.lineage import derive
    from bot.generations.values import Derived

    first = await world.imagine(SECRET)
    await world.until_idle()
    edit = derive(await world.view(first), Derived.EDIT, prompt="at night")
    child = (await world.core.generations.accept(edit, world.origin(user_id=BOB))).request_id
    await world.core.generations.acknowledged(child, message_id=77)
    await world.until_idle()
    await world.core.privacy.forget(ALICE, with_messages=False)
    view = await world.view(child)
    assert view.references[0].kept
    assert world.core.store.absolute(view.pictures[0].path or "").exists()
    assert view.parent is not None
    assert view.parent.prompt == ""
    assert (await world.audit()).findings == ()
