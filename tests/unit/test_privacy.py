"""Being forgotten: what goes, what stays, and that a quota does not begin anew."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from bot.credits.ledger import Ledger
from bot.credits.owners import GRANTS_KEPT_S
from bot.credits.quota_repository import LogLine, values_of
from bot.credits.quota_rules import Scope
from bot.credits.windows import all_closed_ms
from bot.generations.exporting import MAX_PARTS
from bot.generations.previews import previews_of
from bot.generations.privacy import StillInWork
from bot.generations.protocols import DeliveryFault
from bot.generations.quota_changes import GrantChange, RefundChange, RuleChange, RuleRemoval, merged
from bot.generations.refusals import SlowMode
from bot.generations.states import DeliveryState
from bot.rivya import Timeouts
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.storage import Connection
from bot.ui.house_log import change_words
from tests.clocks import TestClock
from tests.world import ALICE, BOB, GUILD, MIB, World, Worlds, png

ELSEWHERE = GUILD + 1
SECRET = "a very particular heron"


async def rows(world: World, query: str) -> list[Any]:
    return await world.database.look(lambda tx: _rows(tx, query))


async def _rows(tx: Connection, query: str) -> list[Any]:
    return list((await tx.execute(text(query))).all())


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


def files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for kind in ("results", "references", "trays", "fitted", "incoming")
        for path in (folder / kind).iterdir()
    )


async def fill(world: World) -> str:
    """Let Alice have something of everything; returns her request."""
    request_id = await world.imagine(SECRET, references=(world.cdn.add("heron.png"),))
    await world.until_idle()
    core = world.core
    await core.preferences.set(ALICE, model="nano-banana-2")
    await core.preferences.add_style(ALICE, "mine", SECRET)
    await core.tray.add([world.cdn.add("heron.png", png(48, 48))], user_id=ALICE, guild_id=GUILD)
    view = await world.view(request_id)
    await previews_of(core.store, [view])
    await core.generations.keep_draft(_request(view.prompt), user_id=ALICE, guild_id=GUILD)
    other = await world.imagine("bob's own", origin=world.origin(user_id=BOB))
    await world.until_idle()
    await core.moderation.report(other, reporter_id=ALICE, guild_id=GUILD, channel_id=None, reason=SECRET)
    for number, change in enumerate(
        (GrantChange(user_id=ALICE, credits=1), RefundChange(picture_id=f"{request_id}-1", credits=1))
    ):
        await core.quotas.change(GUILD, change, by=99, event_id=f"set for Alice {number}")
    await core.quotas.keep(GUILD, GrantChange(user_id=ALICE, credits=2000), by=99)
    await core.house.ban(GUILD, ALICE, by=99, reason="an earlier one")
    await core.house.ban(GUILD, ALICE, by=99, reason="rude")
    await core.house.unban(GUILD, ALICE, by=99, reason="sorry")
    await core.house.ban(ELSEWHERE, ALICE, by=99, expires_at_ms=world.clock.now_ms() + 3600 * 1000)
    world.clock.advance(3601)
    return request_id


def _request(prompt: str) -> Any:
    from bot.generations.values import GenerationRequest

    return GenerationRequest(prompt=prompt)


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


async def test_forgetting_does_not_get_around_slow_mode(world: World) -> None:
    await world.core.house.change(GUILD, by=99, slow_mode_s=600)
    await world.imagine()
    await world.until_idle()
    await world.core.privacy.forget(ALICE, with_messages=False)
    with pytest.raises(SlowMode):
        await world.imagine("again at once")
    await _grant(world, 1)  # ties the account to her again, before she asked for anything
    with pytest.raises(SlowMode):
        await world.imagine("again at once")
    world.clock.advance(601)
    await world.imagine("in time")
    await world.until_idle()
    await world.check_books(charged=16)


@pytest.mark.parametrize("moment", ["at the end of every window", "after it"])
async def test_slow_mode_counts_for_a_day_whatever_windows_close(worlds: Worlds, clock: TestClock, moment: str) -> None:
    # By the clocks of every zone a month ends on Sunday, 31 January 2027, and on Monday all windows are new.
    everywhere_over_ms = int(datetime(2027, 2, 1, 12, tzinfo=UTC).timestamp() * 1000)
    clock.advance((everywhere_over_ms - clock.now_ms()) / 1000 - 3 * 3600)
    async with worlds.open() as world:
        await world.core.house.change(GUILD, by=99, slow_mode_s=24 * 3600)
        await world.imagine()
        await world.until_idle()
        clock.advance((2 if moment.startswith("at") else 16) * 3600)
        await world.core.privacy.forget(ALICE, with_messages=False)
        clock.advance(6 * 3600)
        await world.core.engine._keep_up()
        with pytest.raises(SlowMode):
            await world.imagine("again")


async def test_forgetting_does_not_fill_the_allowance_up(world: World) -> None:
    await world.imagine()
    await world.until_idle()
    await _grant(world, 30)
    assert await world.left() == 160 - 8 + 30
    await world.core.privacy.forget(ALICE, with_messages=False)
    assert await rows(world, "SELECT * FROM account_owners") == []

    assert await world.left() == 160 - 8 + 30
    statement, _ = await world.core.generations.statement(user_id=ALICE, guild_id=GUILD)
    assert {entry.kind for entry in statement} == {"capture", "grant"}
    assert await world.left(BOB) == 160
    await world.imagine()
    await world.until_idle()
    assert await world.left() == 160 - 16 + 30
    assert len(await rows(world, "SELECT * FROM accounts")) == 1
    assert await rows(world, "SELECT * FROM forgotten_owners") == []
    # And once more, now with requests of both lives on one account.
    await world.core.privacy.forget(ALICE, with_messages=False)
    assert await world.left() == 160 - 16 + 30
    await world.check_books(charged=16)


async def test_the_hash_goes_with_the_windows_and_the_key_with_the_last_hash(world: World, clock: TestClock) -> None:
    await world.imagine()
    await world.until_idle()
    await world.core.privacy.forget(ALICE, with_messages=False)
    key = world.database.path.with_name(world.database.path.name + ".key")
    assert key.stat().st_mode & 0o777 == 0o600
    (kept,) = await rows(world, "SELECT * FROM forgotten_owners")
    assert kept.until_ms == all_closed_ms(clock.now_ms() - 1000)
    assert str(ALICE) not in kept.owner_hash

    clock.advance((kept.until_ms - clock.now_ms()) / 1000 - 60)
    await world.core.engine._keep_up()
    assert len(await rows(world, "SELECT * FROM forgotten_owners")) == 1
    clock.advance(61)
    await world.core.engine._keep_up()
    assert await rows(world, "SELECT * FROM forgotten_owners") == []
    assert not key.exists()
    assert await world.left() == 160
    await world.imagine()
    assert len(await rows(world, "SELECT * FROM accounts")) == 2


async def test_granted_credits_wait_for_a_year_and_then_lapse(world: World, clock: TestClock) -> None:
    await _grant(world, 30)
    assert (await world.core.privacy.standing(ALICE)).granted_credits == 30
    await world.core.privacy.forget(ALICE, with_messages=False)
    clock.advance(GRANTS_KEPT_S - 86_400)
    await world.core.engine._keep_up()
    assert await world.left() == 160 + 30
    clock.advance(2 * 86_400)
    await world.core.engine._keep_up()
    assert await world.left() == 160


async def test_grants_that_expire_sooner_are_remembered_no_longer(world: World, clock: TestClock) -> None:
    expires_at_ms = clock.now_ms() + 50 * 86_400_000
    await _grant(world, 30, expires_at_ms=expires_at_ms)
    await world.core.privacy.forget(ALICE, with_messages=False)
    (kept,) = await rows(world, "SELECT until_ms FROM forgotten_owners")
    assert kept.until_ms == expires_at_ms


async def test_who_used_nothing_leaves_no_hash(world: World) -> None:
    async def work(tx: Connection) -> None:
        await Ledger(tx, world.clock.now_ms()).member_account(guild_id=GUILD, user_id=ALICE)

    await world.database.write(work)
    await world.core.privacy.forget(ALICE, with_messages=False)
    assert await rows(world, "SELECT * FROM forgotten_owners") == []
    assert await rows(world, "SELECT * FROM account_owners") == []


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


# --- export ---


def documents(parts: tuple[Path, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        with zipfile.ZipFile(part) as archive:
            assert archive.testzip() is None
            for name in archive.namelist():
                assert name not in found
                raw = archive.read(name)
                found[name] = json.loads(raw) if name.endswith(".json") else raw
    return found


async def test_an_export_holds_all_of_it_and_nothing_of_others(world: World) -> None:
    request_id = await fill(world)
    export = await world.core.privacy.export(ALICE, limit_bytes=10 * MIB)
    (part,) = export.parts
    found = documents(export.parts)
    (number,) = [name for name in found if name.startswith("requests-")]
    (asked,) = found[number]
    assert (asked["id"], asked["prompt"]) == (request_id, SECRET)
    assert asked["pictures"][0]["charged_credits"] == 8
    assert "interaction_token" not in json.dumps(found[number])
    (entries,) = [content for name, content in found.items() if name.startswith("credits-")]
    assert [entry["kind"] for entry in entries] == ["hold", "capture", "grant", "refund"]
    assert found["styles.json"][0]["suffix"] == SECRET
    assert found["preferences.json"][0]["model"] == "nano-banana-2"
    assert found["drafts.json"][0]["request"]["prompt"] == SECRET
    assert found["reports_made.json"][0]["reason"] == SECRET
    assert found["tray_images.json"][0]["filename"] == "heron.png"
    (picture,) = (await world.view(request_id)).pictures
    original = world.core.store.absolute(picture.path or "").read_bytes()
    assert found[f"pictures/{request_id}-1.png"] == original
    assert {name.split("/")[0] for name in found if "/" in name} == {"pictures", "references", "tray"}
    assert (export.requests, export.pictures, export.left_out) == (1, 3, ())
    assert "bob's own" not in json.dumps({k: v for k, v in found.items() if isinstance(v, list | dict)})
    export.remove()
    assert not part.exists()


async def test_an_export_is_dealt_out_to_parts_and_names_what_did_not_fit(world: World) -> None:
    made = []
    for number in range(3):
        made.append(await world.imagine(f"{SECRET} {number}"))
        await world.until_idle()
    paths = [world.core.store.absolute((await world.view(each)).pictures[0].path or "") for each in made]
    for path in paths:
        path.write_bytes(Random(4).randbytes(100_000))  # of a size that counts
    limit = 110_000
    export = await world.core.privacy.export(ALICE, limit_bytes=limit)
    assert len(export.parts) >= 3
    assert all(part.stat().st_size <= limit for part in export.parts)
    assert set(documents(export.parts)) >= {f"pictures/{each}-1.png" for each in made}
    export.remove()

    small = 90_000
    export = await world.core.privacy.export(ALICE, limit_bytes=small)
    assert len(export.parts) <= MAX_PARTS
    assert set(export.left_out) == {f"pictures/{each}-1.png" for each in made}
    assert export.too_large == 3
    said = documents(export.parts)["README.txt"].decode()
    assert all(name in said for name in export.left_out)
    assert all(part.stat().st_size <= small for part in export.parts)
    export.remove()


async def test_an_export_of_nobody_is_small_and_says_so(world: World) -> None:
    export = await world.core.privacy.export(BOB, limit_bytes=MIB)
    assert set(documents(export.parts)) == {"README.txt", "account.json"}
    assert (export.requests, export.pictures) == (0, 0)
    export.remove()
    assert not files(world.settings.data_dir)


# --- retention ---

DAY_S = 24 * 3600


async def test_after_its_time_what_was_made_goes_and_what_was_booked_stays(worlds: Worlds, clock: TestClock) -> None:
    async with worlds.open(retention_days=90) as world:
        old = await world.imagine(SECRET, references=(world.cdn.add("heron.png"),))
        await world.until_idle()
        clock.advance(10 * DAY_S)
        young = await world.imagine("younger")
        await world.until_idle()
        clock.advance(80 * DAY_S - 3600)
        await world.core.engine._keep_up()
        assert (await world.view(old)).prompt == SECRET
        clock.advance(2 * 3600)
        await world.core.engine._keep_up()
        assert (await world.view(old)).forgotten
        assert SECRET not in str(await rows(world, "SELECT * FROM requests"))
        assert SECRET.encode() not in b"".join(row.body for row in await rows(world, "SELECT body FROM attempts"))
        assert (await world.view(young)).prompt == "younger"
        assert files(worlds.folder) == [f"results/{young}-1.png"]
        page = await world.core.generations.history(user_id=ALICE, guild_id=GUILD, page=1)
        assert [view.id for view in page.requests] == [young]
        assert json.loads(await world.core.generations.fact("retention.last") or "")["requests"] == 1
        await world.check_books(charged=16)


async def test_without_a_time_all_is_kept(worlds: Worlds, clock: TestClock) -> None:
    async with worlds.open(retention_days=None) as world:
        old = await world.imagine(SECRET)
        await world.until_idle()
        clock.advance(3650 * DAY_S)
        await world.core.engine._keep_up()
        assert (await world.view(old)).prompt == SECRET


async def test_a_paid_picture_that_never_reached_its_owner_waits_longer(worlds: Worlds, clock: TestClock) -> None:
    worlds.discord.refuse = lambda _rung, _try: DeliveryFault.NO_ACCESS
    async with worlds.open(retention_days=1) as world:
        request_id = await world.imagine(SECRET)
        await world.until_idle()
        assert (await world.view(request_id)).delivery is DeliveryState.KEPT
        clock.advance(300 * DAY_S)
        await world.core.engine._keep_up()
        assert len(files(worlds.folder)) == 1
        clock.advance(66 * DAY_S)
        await world.core.engine._keep_up()
        assert files(worlds.folder) == []
        assert await world.told() == 0


async def test_what_is_in_work_is_never_too_old(worlds: Worlds, clock: TestClock) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=429, route="create", times=None))
    async with worlds.open(retention_days=1, timeouts=Timeouts()) as world:
        request_id = await world.imagine(SECRET)
        async with asyncio.timeout(30):
            while not any(request.route == "create" for request in worlds.rivya.books.requests):
                await asyncio.sleep(0.01)
        await world.database.write(
            lambda tx: tx.execute(text("UPDATE requests SET created_at_ms = created_at_ms - 1000000000"))
        )
        await world.core.engine._keep_up()
        assert (await world.view(request_id)).prompt == SECRET
        worlds.rivya.faults.clear()
        await world.until_idle(step_s=5)
        await world.check_books(charged=8)


async def _grant(world: World, amount: int, *, expires_at_ms: int | None = None) -> None:
    async def work(tx: Connection) -> None:
        ledger = Ledger(tx, world.clock.now_ms())
        account_id = await ledger.member_account(guild_id=GUILD, user_id=ALICE)
        await ledger.grant(account_id, amount, actor="admin", reason="thanks", expires_at_ms=expires_at_ms)

    await world.database.write(work)
