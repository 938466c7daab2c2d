"""The operator's desk below Discord: pauses, allowances, the outlook, and what operators are told, once each."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from bot.credits.audit import audit
from bot.credits.quotas import QuotaExceeded
from bot.generations.operator_desk import Allowance, DeskRefused
from bot.generations.operator_news import AT_ONCE, Threshold
from bot.generations.outlook import Outlook, outlook_of
from bot.generations.protocols import DeliveryFault, NoticeKind
from bot.generations.refusals import ServerPaused, ServicePaused
from bot.generations.repository import GenerationsRepository
from bot.generations.states import DeliveryState, PictureState
from bot.generations.values import GenerationRequest
from bot.rivya import LearnedPrice
from bot.rivya.errors import ApiKeyRevoked, InsufficientCredits
from bot.sandbox.rivya import Fault, FaultKind
from bot.storage import Connection, open_database
from tests.plans import Recorder, plan_of
from tests.world import BOB, GUILD, World, Worlds

OPERATORS = {"operator_ids": "71, 72"}


async def allow(world: World, *, own: bool, most: int | None, event: str, guild_id: int = GUILD) -> None:
    await world.core.operator.allow(guild_id, Allowance(own, most), by=71, reason="", event_id=event)


async def known(world: World) -> None:
    """Wait for the account's first reading."""
    await world.until(lambda: world.core.generations.fact("provider.credits"))


async def reads(world: World, credits_now: int) -> None:
    """Let the account hold so much, have it read, and wait until that was looked at."""
    world.rivya.set_credits(credits_now)
    stands = await world.core.operator.read_again()
    news = world.core.engine._operator_news
    await world.until(lambda: news._judged_ms == stands.outlook.read_at_ms)


def told(worlds: Worlds) -> list[tuple[int, NoticeKind]]:
    return [(user_id, notice.kind) for user_id, notice in worlds.discord.told_operators]


# --- allowances ---


async def test_a_servers_own_allowance_is_checked_with_the_hold(worlds: Worlds) -> None:
    async with worlds.open(guild_credits_per_month=8) as world:
        with pytest.raises(QuotaExceeded):
            await world.accept(count=2)
        await allow(world, own=True, most=16, event="a")
        await world.accept(count=2)
        with pytest.raises(QuotaExceeded):
            await world.accept(origin=world.origin(user_id=BOB))
        await allow(world, own=True, most=None, event="b")
        await world.accept(origin=world.origin(user_id=BOB))
        await allow(world, own=False, most=None, event="c")
        with pytest.raises(QuotaExceeded):
            await world.accept(origin=world.origin(user_id=BOB))
        await allow(world, own=True, most=0, event="d", guild_id=GUILD + 1)
        with pytest.raises(QuotaExceeded):
            await world.accept(origin=world.origin(user_id=BOB, guild_id=GUILD + 1))


async def test_one_event_changes_once(worlds: Worlds) -> None:
    async with worlds.open() as world:
        desk = world.core.operator
        first = await desk.allow(GUILD, Allowance(own=True, credits=5), event_id="1", by=71, reason="")
        again = await desk.allow(GUILD, Allowance(own=True, credits=5), event_id="1", by=71, reason="")
        assert (first.repeated, again.repeated) == (False, True)
        assert await world.count("operator_log") == 1
        with pytest.raises(DeskRefused):
            await desk.allow(GUILD, Allowance(own=True, credits=-1), event_id="2", by=71, reason="")
        with pytest.raises(DeskRefused, match="not paused"):
            await desk.resume(GUILD, event_id="3", by=71, reason="")
        assert await world.count("operator_log") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE operator_log SET reason = 'x'",
        "DELETE FROM operator_log",
        "REPLACE INTO operator_log SELECT * FROM operator_log",
    ],
)
async def test_the_log_can_not_be_rewritten(worlds: Worlds, statement: str) -> None:
    async with worlds.open() as world:
        await allow(world, own=True, most=5, event="1")
    with closing(sqlite3.connect(worlds.folder / "bot.db")) as stranger, pytest.raises(sqlite3.Error, match="append"):
        stranger.execute(statement)


# --- pauses ---


async def test_a_pause_gives_back_what_waits_and_lets_the_rest_end(worlds: Worlds) -> None:
    worlds.rivya.variants.task_s = (100.0, 100.0)
    async with worlds.open(max_running=1, max_running_per_member=10) as world:
        running = await world.imagine()
        await world.until_state(running, PictureState.PAINTING)
        waiting = await world.imagine(count=2)
        elsewhere = await world.imagine(origin=world.origin(guild_id=GUILD + 1))
        shown_late = await world.accept()
        await world.core.operator.pause(GUILD, by=71, reason="looked at", event_id="1")
        with pytest.raises(ServerPaused):
            await world.accept()
        with pytest.raises(ServerPaused):
            await world.core.generations.quote(GenerationRequest(prompt="a red panda"), world.origin())
        await world.until_state(waiting, PictureState.FAILED)
        await world.until_delivery(waiting, DeliveryState.SHOWN)
        (post,) = [post for post in worlds.discord.posts if post.view.id == waiting]
        assert "The bot's operator paused me in this server before it was sent." in post.words
        assert "16 credits are back" in post.words
        await world.until_state(shown_late.request_id, PictureState.FAILED)
        await world.core.generations.acknowledged(shown_late.request_id, message_id=7)
        await world.until_state(running, PictureState.FETCHED)
        await world.until_state(elsewhere, PictureState.FETCHED)
        await world.until_idle()
        await world.check_books(charged=16)
        assert len([post for post in worlds.discord.posts if post.view.id == waiting]) == 1

        await world.core.operator.resume(GUILD, by=71, reason="", event_id="2")
        again = await world.imagine()
        await world.until_state(again, PictureState.FETCHED)
        await world.until_idle()
        await world.check_books(charged=24)


async def test_a_crash_between_the_pause_and_what_it_gives_back(worlds: Worlds) -> None:
    """The row alone keeps what waits from being sent after the restart."""
    worlds.rivya.variants.task_s = (100.0, 100.0)
    async with worlds.open(max_running=1, max_running_per_member=10) as world:
        running = await world.imagine()
        await world.until_state(running, PictureState.PAINTING)
        waiting = await world.imagine()
        await world.crash()
        await world.core.operator.pause(GUILD, by=71, reason="", event_id="1")
        assert (await world.view(waiting)).pictures[0].state is PictureState.HELD
    async with worlds.open() as world:
        await world.until_state(waiting, PictureState.FAILED)
        await world.until_state(running, PictureState.FETCHED)
        await world.until_idle()
        assert len(worlds.rivya.books.tasks) == 1
        await world.check_books(charged=8)


async def test_a_pause_binds_at_the_moment_of_sending(worlds: Worlds) -> None:
    """Its references were on their way to the image service when the pause came."""
    worlds.cdn.doors.clear()
    async with worlds.open() as world:
        request_id = await world.imagine(references=(worlds.cdn.add("cat.png"),))
        await world.until(lambda: worlds.cdn.fetched)
        # As if whoever gives back had not looked yet.
        desk = world.core.operator
        desk._paused = lambda: None
        await desk.pause(GUILD, by=71, reason="", event_id="1")
        worlds.cdn.doors.set()
        await world.until_state(request_id, PictureState.FAILED)
        await world.until_idle()
        assert worlds.rivya.books.tasks == []
        await world.check_books(charged=0)


async def test_a_closed_account_binds_at_the_moment_of_sending(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody() -> None:
        """Stand for whoever gives back, who has not looked yet."""

    worlds.cdn.doors.clear()
    async with worlds.open() as world:
        monkeypatch.setattr(world.core.engine, "_give_back_waiting", nobody)
        await known(world)
        request_id = await world.imagine(references=(worlds.cdn.add("cat.png"),))
        await world.until(lambda: worlds.cdn.fetched)
        world.core.account.close(ApiKeyRevoked("as the test wants it"))
        worlds.cdn.doors.set()
        view = await world.until_state(request_id, PictureState.FAILED)
        assert view.pictures[0].failure_code == "api_key_revoked"
        assert "create" not in {request.route for request in worlds.rivya.books.requests}
        await world.check_books(charged=0)


# --- the outlook ---


async def test_the_pace_is_that_of_the_day_or_the_week_whichever_is_faster(worlds: Worlds) -> None:
    async with worlds.open(account_credits_per_day="") as world:
        await known(world)
        for number in range(3):
            await world.imagine(origin=world.origin(user_id=100 + number))
        await world.until_idle()
        now_ms = world.clock.now_ms()
        outlook, _ = await world.database.look(lambda tx: outlook_of(tx, now_ms))
        assert (outlook.pace_credits_per_day, outlook.pace_days) == (24, 1)
        assert outlook.free_credits is not None
        assert outlook.days_left == outlook.free_credits / 24
        await world.pass_time(2 * 24 * 3600, step_s=3600)
        now_ms = world.clock.now_ms()
        outlook, _ = await world.database.look(lambda tx: outlook_of(tx, now_ms))
        assert (round(outlook.pace_credits_per_day, 2), outlook.pace_days) == (3.43, 7)


def test_the_threshold_has_a_step_back() -> None:
    threshold = Threshold(200, 3)

    def outlook(free: int | None, pace: float = 0.0) -> Outlook:
        return Outlook(free, 0, free, pace, 1)

    assert [threshold.is_low(outlook(free)) for free in (199, 200, None)] == [True, False, False]
    assert [threshold.is_well(outlook(free)) for free in (299, 300)] == [False, True]
    assert [threshold.is_low(outlook(free, 1000.0)) for free in (2999, 3000)] == [True, False]
    assert [threshold.is_well(outlook(free, 1000.0)) for free in (4499, 4500)] == [False, True]
    for off in (Threshold(None, None), Threshold(0, 0)):
        assert not off.is_low(outlook(0, 1000.0))


# --- what operators are told ---


async def test_operators_are_told_once_for_each_fall(worlds: Worlds) -> None:
    worlds.rivya.set_credits(150)
    async with worlds.open(low_credits_days="", **OPERATORS) as world:
        await world.until(lambda: len(told(worlds)) == 2)
        assert told(worlds) == [(71, NoticeKind.LOW), (72, NoticeKind.LOW)]
        assert worlds.discord.told_operators[0][1].facts["free_credits"] == 150
        await reads(world, 250)  # above the threshold, and not well above it
        await reads(world, 140)
        await world.pass_time(60, step_s=5)
    async with worlds.open(low_credits_days="", **OPERATORS) as world:  # a restart repeats nothing
        await known(world)
        await world.pass_time(60, step_s=5)
        assert len(told(worlds)) == 2
        await reads(world, 5000)
        await reads(world, 100)
        await world.until(lambda: len(told(worlds)) == 4)
        assert await world.count("operator_notices") == 4


async def test_a_closed_gate_is_told_once_over_a_restart_and_opens_by_itself(worlds: Worlds) -> None:
    settings = {"low_credits": "", "low_credits_days": "", **OPERATORS}
    async with worlds.open(**settings) as world:
        await known(world)
        worlds.rivya.set_credits(7)
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.FAILED)
        await world.until(lambda: len(told(worlds)) == 2)
        assert {kind for _, kind in told(worlds)} == {NoticeKind.CLOSED}
        assert worlds.discord.told_operators[0][1].facts["code"] == "insufficient_credits"
        await world.until_delivery(request_id, DeliveryState.SHOWN)
    async with worlds.open(**settings) as world:
        # It is closed from the first moment, and not only once somebody's picture was refused again.
        with pytest.raises(ServicePaused):
            await world.accept()
        await world.pass_time(600, step_s=20)
        assert world.core.account.closed
        assert len(told(worlds)) == 2
        worlds.rivya.set_credits(5000)
        await world.pass_time(1900, step_s=60)
        await world.until(lambda: len(told(worlds)) == 4)
        assert {kind for _, kind in told(worlds)[2:]} == {NoticeKind.OPENED}
        again = await world.imagine()
        await world.until_state(again, PictureState.FETCHED)
        await world.until_idle()
        await world.pass_time(60, step_s=5)
        assert len(told(worlds)) == 4
        assert len([post for post in worlds.discord.posts if post.view.id == request_id]) == 1
        await world.check_books(charged=8)


async def test_a_gate_that_flaps_is_told_once(worlds: Worlds) -> None:
    """A missing scope shows at create only: each reading opens the gate, each order closes it."""
    async with worlds.open(low_credits="", low_credits_days="", operator_ids="71") as world:
        await known(world)
        worlds.rivya.scopes.discard("generations:create")
        for _ in range(3):
            request_id = await world.imagine()
            await world.until_state(request_id, PictureState.FAILED)
            await world.until(lambda: world.core.account.closed)
            await world.pass_time(30, step_s=5)
            await world.core.operator.read_again()
            await world.pass_time(30, step_s=5)
        assert [kind for _, kind in told(worlds)] == [NoticeKind.CLOSED], "no word that all is well while it is not"
        worlds.rivya.scopes.add("generations:create")
        await world.core.operator.read_again()
        well = await world.imagine()
        await world.until_state(well, PictureState.FETCHED)
        await world.until(lambda: len(told(worlds)) == 2)
        assert told(worlds)[-1] == (71, NoticeKind.OPENED)
        assert worlds.discord.told_operators[-1][1].facts["code"] == "api_scope_denied"


async def test_a_key_that_is_taken_back_again_is_told_again(worlds: Worlds) -> None:
    """Nothing was submitted in between: a reading proves that the key was well, and that it is not any more."""
    async with worlds.open(low_credits="", low_credits_days="", operator_ids="71") as world:
        await known(world)
        for number in (1, 2):
            worlds.rivya.revoke_key()
            await world.core.operator.read_again()
            await world.until(lambda number=number: len(told(worlds)) == 2 * number - 1)
            worlds.rivya.restore_key()
            await world.core.operator.read_again()
            await world.until(lambda number=number: len(told(worlds)) == 2 * number)
        assert [kind for _, kind in told(worlds)] == [NoticeKind.CLOSED, NoticeKind.OPENED] * 2


async def test_little_after_nothing_is_told_too(worlds: Worlds) -> None:
    async with worlds.open(low_credits="200", low_credits_days="", operator_ids="71") as world:
        await known(world)
        await reads(world, 150)
        await world.until(lambda: len(told(worlds)) == 1)
        worlds.rivya.set_credits(7)
        await world.imagine()
        await world.until(lambda: len(told(worlds)) == 2)
        worlds.rivya.set_credits(20)
        await world.core.operator.read_again()
        await world.until(lambda: len(told(worlds)) == 4)
        kinds = [kind for _, kind in told(worlds)]
        assert kinds == [NoticeKind.LOW, NoticeKind.CLOSED, NoticeKind.OPENED, NoticeKind.LOW]


async def test_an_answer_of_before_does_not_open_what_was_closed_since(worlds: Worlds) -> None:
    async with worlds.open() as world:
        await known(world)
        account = world.core.account
        asked = len(worlds.rivya.books.requests)
        worlds.rivya.faults.add(Fault(kind=FaultKind.SLOW, route="credits", delay_s=0.3))
        reading = asyncio.create_task(account.read_now())
        await world.until(lambda: len(worlds.rivya.books.requests) > asked)
        account.close(InsufficientCredits(), needed_credits=8)
        await reading
        assert account.closed_code == "insufficient_credits"
        await world.core.operator.read_again()
        assert not account.closed


async def test_what_was_mended_while_the_bot_was_down_costs_nobody_a_refusal(worlds: Worlds) -> None:
    async with worlds.open() as world:
        await known(world)
        worlds.rivya.set_credits(7)
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.FAILED)
        await world.until(lambda: world.core.generations.fact("operator.gate"))
    worlds.rivya.set_credits(5000)
    async with worlds.open() as world:
        again = await world.imagine()
        await world.until_state(again, PictureState.FETCHED)
        await world.until_idle()
        await world.check_books(charged=8)


async def test_who_can_not_be_told_is_not_tried_for_ever(worlds: Worlds) -> None:
    worlds.rivya.set_credits(150)
    faults = {71: DeliveryFault.NO_ACCESS, 72: DeliveryFault.TRANSIENT}
    worlds.discord.refuse_operator = faults.get
    async with worlds.open(low_credits_days="", **OPERATORS) as world:
        await world.until(lambda: {user for user, _ in worlds.discord.operator_tries} == {71, 72})
        await world.pass_time(120, step_s=5)
        tries = worlds.discord.operator_tries
        assert len([user for user, _ in tries if user == 71]) == 1
        assert len({nonce for user, nonce in tries if user == 72}) == 1  # so that Discord shows it once
    faults.clear()
    async with worlds.open(low_credits_days="", **OPERATORS) as world:
        await world.until(lambda: told(worlds) == [(72, NoticeKind.LOW)])
        await world.pass_time(120, step_s=5)
        assert told(worlds) == [(72, NoticeKind.LOW)]


async def test_whoever_can_not_be_reached_holds_up_nobody_else(worlds: Worlds) -> None:
    worlds.discord.refuse_operator = {71: DeliveryFault.TRANSIENT}.get
    async with worlds.open(low_credits_days="", **OPERATORS) as world:

        async def wait(tx: Connection) -> None:
            rows = GenerationsRepository(tx).operator
            for _ in range(AT_ONCE + 1):
                await rows.add_notice(71, NoticeKind.OPENED, {"code": "api_key_revoked"}, world.clock.now_ms())
            await rows.add_notice(72, NoticeKind.OPENED, {"code": "api_key_revoked"}, world.clock.now_ms())

        await world.database.write(wait)
        await world.until(lambda: told(worlds) == [(72, NoticeKind.OPENED)])


@pytest.mark.parametrize("error", [OSError("the network is down"), KeyError("a mistake of ours")])
async def test_an_unforeseen_error_holds_up_nobody_else_and_loses_nothing(worlds: Worlds, error: Exception) -> None:
    worlds.rivya.set_credits(150)
    errors = {71: error}
    worlds.discord.break_operator = lambda user_id, _notice: errors.get(user_id)
    async with worlds.open(low_credits_days="", **OPERATORS) as world:
        await world.until(lambda: told(worlds) == [(72, NoticeKind.LOW)])
        await world.pass_time(300, step_s=5)
        tries = [user_id for user_id, _ in worlds.discord.operator_tries]
        assert (tries.count(72), tries.count(71)) == (1, 4)  # at once, and after 30, 60 and 120 seconds more
        errors.clear()
        await world.pass_time(300, step_s=5)
        await world.until(lambda: told(worlds) == [(72, NoticeKind.LOW), (71, NoticeKind.LOW)])
        assert len({nonce for _, nonce in worlds.discord.operator_tries}) == 2


async def test_news_that_can_not_be_told_by_a_mistake_of_ours_holds_up_no_other_news(worlds: Worlds) -> None:
    worlds.rivya.set_credits(150)
    worlds.discord.break_operator = lambda _, notice: KeyError("free") if notice.kind is NoticeKind.LOW else None
    async with worlds.open(low_credits_days="", operator_ids="71") as world:
        await world.until(lambda: worlds.discord.operator_tries)
        worlds.rivya.revoke_key()
        await world.core.operator.read_again()
        await world.pass_time(60, step_s=5)
        await world.until(lambda: told(worlds) == [(71, NoticeKind.CLOSED)])
        worlds.discord.break_operator = lambda _user, _notice: None
        await world.pass_time(300, step_s=5)
        await world.until(lambda: told(worlds) == [(71, NoticeKind.CLOSED), (71, NoticeKind.LOW)])


async def test_who_is_no_operator_any_more_is_told_nothing(worlds: Worlds) -> None:
    worlds.rivya.set_credits(150)
    worlds.discord.refuse_operator = {71: DeliveryFault.TRANSIENT, 72: DeliveryFault.TRANSIENT}.get
    async with worlds.open(low_credits_days="", **OPERATORS) as world:
        await world.until(lambda: {user for user, _ in worlds.discord.operator_tries} == {71, 72})
    worlds.discord.refuse_operator = {}.get
    async with worlds.open(low_credits_days="", operator_ids="72") as world:
        await world.until(lambda: told(worlds) == [(72, NoticeKind.LOW)])
        await reads(world, 150)
        assert await world.count("operator_notices") == 1
        await world.pass_time(120, step_s=5)
        assert told(worlds) == [(72, NoticeKind.LOW)]


async def test_what_they_were_told_is_kept_for_thirty_days(worlds: Worlds) -> None:
    worlds.rivya.set_credits(150)
    async with worlds.open(low_credits_days="", **OPERATORS) as world:
        await world.until(lambda: len(told(worlds)) == 2)
        world.clock.advance(29 * 24 * 3600)
        await reads(world, 150)
        assert await world.count("operator_notices") == 2
        world.clock.advance(2 * 24 * 3600)
        await reads(world, 150)
        assert await world.count("operator_notices") == 0


# --- the books ---


async def test_the_books_lead_from_the_entry_to_the_message(worlds: Worlds) -> None:
    worlds.rivya.variants.final_credits = {("nano-banana-pro", "1K"): 12}
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.FETCHED)
        await world.until_idle()
        (entry,), page, pages, borne = await world.core.operator.books(1)
        assert (entry.kind, entry.amount_credits, entry.request_id, entry.position) == ("variance", 4, request_id, 1)
        assert (page, pages, borne) == (1, 1, {"variance": (4, 4)})
        view = await world.view(request_id)
        assert (entry.guild_id, entry.channel_id) == (GUILD, view.channel_id)
        assert entry.message_id == view.delivered_message_id


async def test_no_question_of_the_desk_walks_through_what_was_ever_used(worlds: Worlds) -> None:
    async with worlds.open() as world, world.database.read() as tx:
        seen: list[tuple[str, object]] = []
        rows = GenerationsRepository(Recorder(tx, seen)).operator  # type: ignore[arg-type]
        await rows.is_paused(1)
        await rows.limits(1)
        await rows.waiting_where_paused()
        await rows.desk(day_ms=1, week_ms=0)
        await rows.used_by_guild(0)
        await rows.used_by(1, 0)
        await rows.in_server(1)
        await rows.limits_of([1, 2])
        await rows.knows(1)
        await rows.open_notices(1, limit=5)
        await rows.of_event("x")
        plan = await plan_of(tx, seen)
    walked = [step for step in plan if step.startswith("SCAN") and "INDEX" not in step]
    small = ("SCAN CONSTANT", "SCAN p IN", "SCAN used", "SCAN (", "SCAN open_holds")  # what is in work now
    assert [step for step in walked if not step.startswith(small)] == []


async def test_audit_sees_a_pause_that_nobody_made(worlds: Worlds) -> None:
    async with worlds.open() as world:
        await allow(world, own=True, most=50, event="1")
        assert (await world.audit()).findings == ()
    with closing(sqlite3.connect(worlds.folder / "bot.db")) as stranger, stranger:
        stranger.execute("UPDATE guild_limits SET allowance_credits = 5000")
        stranger.execute("INSERT INTO guild_limits (guild_id, paused_at_ms, pause_reason) VALUES (5, 1, '')")
    url = f"sqlite+aiosqlite:///{worlds.folder / 'bot.db'}"
    async with open_database(url) as database, database.read() as tx:
        found = [finding.sentence for finding in (await audit(tx, now_ms=worlds.clock.now_ms())).findings]
    assert len(found) == 2
    assert any(f"Server {GUILD} is allowed 5000 credits a month" in sentence for sentence in found)
    assert any("Server 5 is allowed what the settings say and is paused, but by" in sentence for sentence in found)


async def test_a_price_that_can_not_be_believed_shuts_no_model_and_is_told_once(worlds: Worlds) -> None:
    """Twice as a picture's price, by one request: members pay what they were shown, and go on painting."""
    worlds.rivya.variants.final_credits["nano-banana-pro", "1K"] = 8000
    async with worlds.open(low_credits="", low_credits_days="", **OPERATORS) as world:
        await world.imagine(count=2)
        await world.until_idle(step_s=1)
        await world.check_books(charged=16, variance=2 * 7992)
        await world.until(lambda: len(told(worlds)) == 2)
        assert world.core.catalogue.price_credits("nano-banana-pro", "1K") == 8
    async with worlds.open(low_credits="", low_credits_days="", **OPERATORS) as world:
        worlds.rivya.variants.final_credits.clear()
        world.clock.advance(25 * 3600)  # what was taken counts for the operator's day, whoever erred
        await world.imagine("again")
        await world.until_idle(step_s=1)
        await world.check_books(charged=24, variance=2 * 7992)
        await world.pass_time(60)
    assert told(worlds) == [(71, NoticeKind.PRICE), (72, NoticeKind.PRICE)]
    facts = worlds.discord.told_operators[0][1].facts
    assert (facts["taken_credits"], facts["price_credits"], facts["resolution"]) == (8000, 8, "1K")


async def test_a_price_that_a_second_request_confirms_is_believed(worlds: Worlds) -> None:
    worlds.rivya.variants.final_credits["nano-banana-pro", "1K"] = 48
    async with worlds.open(**OPERATORS) as world:
        for prompt in ("one", "two"):
            await world.imagine(prompt)
            await world.until_idle(step_s=1)
        assert world.core.catalogue.price_credits("nano-banana-pro", "1K") == 48
        await world.check_books(charged=16, variance=80)


async def test_a_wrong_price_that_was_believed_does_not_come_back_once_it_was_put_right(worlds: Worlds) -> None:
    wrong = LearnedPrice("nano-banana-pro", "1K", 8000, 8)
    async with worlds.open(**OPERATORS) as world:
        await world.database.write(lambda tx: GenerationsRepository(tx).memory.learn_price(wrong, 0))
    async with worlds.open(**OPERATORS) as world:
        assert world.core.catalogue.doubted_credits("nano-banana-pro", "1K") == 8000
        await world.imagine()
        await world.until_idle(step_s=1)
    async with worlds.open(**OPERATORS) as world:
        assert world.core.catalogue.doubted_credits("nano-banana-pro", "1K") is None
        assert world.core.catalogue.price_credits("nano-banana-pro", "1K") == 8
