"""What can't be known is never guessed: unanswered create calls, late pictures, refused questions."""

from __future__ import annotations

import pytest

from bot.generations.quota_changes import GrantChange
from bot.generations.refusals import ServicePaused
from bot.generations.states import DeliveryState, PictureState, RequestState
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.storage import Connection
from tests.clocks import TestClock
from tests.world import ALICE, GUILD, World, Worlds

DAY_S = 24 * 3600
HOUR_S = 3600
LOST_BEFORE = Fault(kind=FaultKind.LOST_BEFORE, route="create", times=None)
LOST_AFTER = Fault(kind=FaultKind.LOST_AFTER, route="create", times=None)


def sent_keys(worlds: Worlds) -> list[str | None]:
    return [request.idempotency_key for request in worlds.rivya.books.requests if request.route == "create"]


async def told(world: World, request_id: str, state: PictureState) -> str:
    """Wait until a request rests in ``state`` and its card says so; return the card."""
    await world.until_state(request_id, state)
    await world.until_delivery(request_id, DeliveryState.SHOWN)
    await world.until_idle()
    return world.discord.posts[-1].words


async def change(world: World, statement: str) -> None:
    async def work(tx: Connection) -> None:
        await tx.exec_driver_sql(statement)

    await world.database.write(work)


# --- the create call ---


async def test_after_the_trusted_time_it_is_unknown_and_never_sent_again(worlds: Worlds) -> None:
    worlds.rivya.faults.add(LOST_AFTER)
    async with worlds.open(idempotency_trust_s=50) as world:
        request_id = await world.imagine()
        words = await told(world, request_id, PictureState.UNKNOWN)
        assert "never sent twice" in words
        assert "8 credits stay on hold" in words
        await world.check_books(charged=0, held=8)
        assert await world.left() == 152

        worlds.rivya.faults.clear()
        before = len(sent_keys(worlds))
        await world.pass_time(23 * HOUR_S, step_s=HOUR_S)
        await world.check_books(charged=0, held=8)
    async with worlds.open(idempotency_trust_s=50) as world:  # a restart does not make it better known
        await world.until_idle()
        await world.pass_time(2 * HOUR_S, step_s=600)
        words = await told(world, request_id, PictureState.LOST)
        assert "8 credits are back" in words
        assert (await world.view(request_id)).state is RequestState.SETTLED
        await world.check_books(charged=0, loss=8)
        assert await world.left() == 160
        assert len(sent_keys(worlds)) == before
        assert len(worlds.rivya.books.tasks) == 1  # it had landed: what the loss stands for


async def test_a_conflict_is_unknown_at_once(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=409, route="create", times=None))
    async with worlds.open() as world:
        request_id = await world.imagine()
        assert "never sent twice" in await told(world, request_id, PictureState.UNKNOWN)
        await world.pass_time(HOUR_S)
        assert len(sent_keys(worlds)) == 1
        await world.check_books(charged=0, held=8)
        await world.pass_time(24 * HOUR_S, step_s=HOUR_S)
        await told(world, request_id, PictureState.LOST)
        await world.check_books(charged=0, loss=8)


@pytest.mark.parametrize("status", [400, 401, 402, 404, 429, 503])
async def test_a_refusal_after_an_unanswered_call_is_no_refusal(worlds: Worlds, status: int) -> None:
    """The first call may have landed; only its own replay can tell."""
    worlds.rivya.faults.add(Fault(kind=FaultKind.LOST_AFTER, route="create"))
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=status, route="create", times=3))
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_idle()
        await world.check_one_picture(request_id)
        assert sent_keys(worlds) == [f"nbb-{request_id}-1-1"] * 5


async def test_an_unanswered_call_and_then_an_outage_is_unknown_not_failed(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.LOST_AFTER, route="create"))
    async with worlds.open(idempotency_trust_s=50) as world:
        request_id = await world.imagine()
        await world.until(lambda: worlds.rivya.books.tasks)
        await worlds.rivya.stop()
        await told(world, request_id, PictureState.UNKNOWN)
        await world.check_books(charged=0, held=8)
        await worlds.rivya.start()


async def test_the_body_that_is_repeated_is_the_same_to_the_byte(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.LOST_BEFORE, route="create", times=2))
    async with worlds.open() as world:
        await world.imagine("ein Löwe\n„naïve“ 🦁", references=(world.cdn.add("cat.png"),))
        await world.until_idle()
        async with world.database.read() as tx:
            bodies = list((await tx.exec_driver_sql("SELECT body FROM attempts")).scalars())
        (task,) = worlds.rivya.books.tasks
        assert bodies == [task.body_bytes]
        assert task.prompt == "ein Löwe\n„naïve“ 🦁"


async def test_a_wall_clock_that_is_set_back_prolongs_no_trust(worlds: Worlds) -> None:
    worlds.rivya.faults.add(LOST_AFTER)
    async with worlds.open(idempotency_trust_s=50) as world:
        request_id = await world.imagine()
        await world.until(lambda: worlds.rivya.books.tasks)
        world.clock.set_back(HOUR_S)
        world.clock.advance(51)  # of the hour and more until the wall clock says so
        assert "never sent twice" in await told(world, request_id, PictureState.UNKNOWN)


async def test_what_was_sent_in_the_future_is_trusted_no_more(worlds: Worlds) -> None:
    worlds.rivya.faults.add(LOST_AFTER)
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until(lambda: worlds.rivya.books.tasks)
        await world.crash()
    before = len(sent_keys(worlds))
    world.clock.set_back(HOUR_S)
    async with worlds.open() as world:
        await told(world, request_id, PictureState.UNKNOWN)
    assert len(sent_keys(worlds)) == before


# --- late pictures ---


async def late(world: World) -> str:
    """Make a picture whose task never ends, up to where it is called late."""
    request_id = await world.imagine()
    await world.until_state(request_id, PictureState.PAINTING)
    await world.pass_time(1200, step_s=30)
    words = await told(world, request_id, PictureState.OVERDUE)
    assert "much longer than usual" in words
    assert "8 credits" in words
    assert "on hold" in words
    await world.check_books(charged=0, held=8)
    return request_id


async def test_a_late_picture_is_captured_and_edited_in(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=3 * HOUR_S))
    async with worlds.open() as world:
        request_id = await late(world)
        await world.pass_time(4 * HOUR_S, step_s=300)
        await world.until_state(request_id, PictureState.FETCHED)
        await world.until_idle()
        await world.check_one_picture(request_id)
        assert len(worlds.discord.posts) == 2


async def test_a_late_picture_that_fails_after_its_day_is_no_loss(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=30 * HOUR_S))
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS))
    async with worlds.open() as world:
        request_id = await late(world)
        await world.pass_time(25 * HOUR_S, step_s=600)
        await world.until(lambda: world.operator("loss"))
        await world.check_books(charged=0, loss=8)
        await world.pass_time(14 * HOUR_S, step_s=600)
        await told(world, request_id, PictureState.FAILED)
        assert worlds.rivya.books.total_charged == 0
        await world.check_books(charged=0, loss=0)
        assert await world.left() == 160


async def test_the_loss_of_a_late_picture_that_comes_after_its_day_is_what_was_taken(worlds: Worlds) -> None:
    worlds.rivya.variants.final_credits["nano-banana-pro", "1K"] = 6
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=30 * HOUR_S))
    async with worlds.open() as world:
        request_id = await late(world)
        await world.pass_time(25 * HOUR_S, step_s=600)
        await world.until(lambda: world.operator("loss"))
        await world.check_books(charged=0, loss=8)
        await world.pass_time(14 * HOUR_S, step_s=600)
        await told(world, request_id, PictureState.FETCHED)
        await world.check_books(charged=0, loss=worlds.rivya.books.total_charged)


async def test_an_answer_that_can_not_be_handled_keeps_neither_the_place_nor_the_credits(worlds: Worlds) -> None:
    """The database refuses what the answer says; it might be anything of ours that fails at it each time."""
    async with worlds.open() as world:
        await change(
            world,
            "CREATE TRIGGER refused BEFORE UPDATE OF state ON pictures WHEN NEW.state = 'fetching' "
            "BEGIN SELECT RAISE(ABORT, 'as the test wants it'); END",
        )
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.PAINTING)
        await world.until(lambda: worlds.rivya.books.total_charged)
        await world.pass_time(3600, step_s=30)
        await told(world, request_id, PictureState.OVERDUE)
        assert world.core.engine.idle
        worlds.rivya.faults.add(LOST_AFTER)
        other = await world.imagine("another one, that is never heard of again")
        await world.until(lambda: len(worlds.rivya.books.tasks) == 2)
        await world.pass_time(HOUR_S)
        await world.until_state(other, PictureState.UNKNOWN)

        await world.pass_time(26 * HOUR_S, step_s=600)
        await world.until_state(other, PictureState.LOST)
        await world.check_books(charged=0, loss=16)
        await change(world, "DROP TRIGGER refused")
        await world.pass_time(7 * HOUR_S, step_s=600)
        words = await told(world, request_id, PictureState.FETCHED)
        assert "free" in words
        await world.check_books(charged=0, loss=16)


async def test_after_a_day_a_late_picture_is_free(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=30 * HOUR_S))
    async with worlds.open() as world:
        request_id = await late(world)
        await world.pass_time(25 * HOUR_S, step_s=600)
        await world.until(lambda: world.operator("loss"))
        await world.check_books(charged=0, loss=8)
        assert await world.left() == 160
        assert (await world.view(request_id)).pictures[0].state is PictureState.OVERDUE
        await world.pass_time(14 * HOUR_S, step_s=600)
        words = await told(world, request_id, PictureState.FETCHED)
        assert "free" in words
        assert len(worlds.discord.posts[-1].files) == 1
        await world.check_books(charged=0, loss=8)
        assert worlds.rivya.books.total_charged == 8


async def test_a_picture_that_never_comes_is_forgotten_after_a_week(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_ENDLESS))
    async with worlds.open() as world:
        request_id = await late(world)
        await world.pass_time(8 * DAY_S, step_s=HOUR_S)
        await told(world, request_id, PictureState.LOST)
        assert (await world.view(request_id)).state is RequestState.SETTLED
        await world.check_books(charged=0, loss=8)


async def test_a_late_failure_gives_the_credits_back(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=3 * HOUR_S))
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS))
    async with worlds.open() as world:
        request_id = await late(world)
        await world.pass_time(4 * HOUR_S, step_s=300)
        assert "could not finish" in await told(world, request_id, PictureState.FAILED)
        await world.check_books(charged=0)


# --- the account ---


@pytest.mark.parametrize(("status", "closes"), [(401, True), (403, True), (404, False)])
async def test_a_refused_question_is_no_failed_picture(worlds: Worlds, status: int, closes: bool) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.ERROR, status=status, route="status", times=None))
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until(lambda: [post for post in worlds.discord.progress if post.view.trouble == "account"])
        assert world.core.account.closed is closes
        assert (await world.view(request_id)).pictures[0].state is PictureState.PAINTING
        await world.check_books(charged=0, held=8)
        worlds.rivya.faults.clear()
        await world.until_idle()
        await world.check_one_picture(request_id)


async def test_when_the_key_is_revoked_what_waits_is_given_back_and_what_runs_goes_on(worlds: Worlds) -> None:
    worlds.rivya.variants.task_s = (100.0, 100.0)
    async with worlds.open(max_running=1, max_running_per_member=10) as world:
        running = await world.imagine()
        await world.until_state(running, PictureState.PAINTING)
        waiting = await world.imagine(count=2)
        worlds.rivya.revoke_key()
        await world.until_state(waiting, PictureState.FAILED)
        await world.until_delivery(waiting, DeliveryState.SHOWN)
        post = next(post for post in worlds.discord.posts if post.view.id == waiting)
        assert "was revoked" in post.words
        assert "16 credits are back" in post.words
        with pytest.raises(ServicePaused):
            await world.accept()
        assert (await world.view(running)).pictures[0].state is PictureState.PAINTING
        await world.check_books(charged=0, held=8)

        worlds.rivya.restore_key()
        await world.pass_time(300, step_s=20)
        await world.until(lambda: not world.core.account.closed)
        await world.until_idle()
        await world.check_one_picture(running)


async def test_an_empty_account_opens_by_itself_when_it_is_refilled(worlds: Worlds) -> None:
    async with worlds.open() as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        worlds.rivya.set_credits(7)
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.FAILED)
        with pytest.raises(ServicePaused):
            await world.accept()
        await world.pass_time(600, step_s=20)
        assert world.core.account.closed
        worlds.rivya.set_credits(8)
        await world.pass_time(1900, step_s=60)
        await world.until(lambda: not world.core.account.closed)
        again = await world.imagine()
        await world.until_state(again, PictureState.FETCHED)
        await world.until_idle()
        await world.check_books(charged=8)


async def test_a_closed_account_takes_what_was_accepted_but_not_yet_acknowledged(worlds: Worlds) -> None:
    """It ends when it is acknowledged; nothing hangs."""
    async with worlds.open() as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        accepted = await world.accept()
        worlds.rivya.revoke_key()
        await world.core.account.read()
        assert world.core.account.closed

        async def given_back() -> bool:
            return (await world.view(accepted.request_id)).pictures[0].state is PictureState.FAILED

        await world.until(given_back)
        assert await world.core.generations.acknowledged(accepted.request_id, message_id=77)
        await world.until_idle()
        assert (await world.view(accepted.request_id)).state is RequestState.SETTLED
        assert any("8 credits are back" in post.words for post in worlds.discord.posts)
        await world.check_books(charged=0)


async def test_a_refused_key_does_not_flap(worlds: Worlds, clock: TestClock) -> None:
    """A scope that is missing shows at create only: the gate opens for a try, less and less often."""
    async with worlds.open() as world:
        await world.until(lambda: world.core.generations.fact("provider.credits"))
        worlds.rivya.scopes.discard("generations:create")
        waits = []
        for _ in range(4):
            await world.imagine()
            await world.until(lambda: world.core.account.closed)
            waits.append(world.core.account.retry_s)
            await world.until_idle()
            for _ in range(400):
                if not world.core.account.closed:
                    break
                await world.pass_time(10, step_s=10)
            assert not world.core.account.closed
        assert waits == sorted(waits)
        assert waits[-1] >= 8 * waits[0]
        worlds.rivya.scopes.add("generations:create")
        await world.imagine()
        await world.until_idle()
        assert world.core.account.retry_s == 300
        await world.check_books(charged=8)
        assert clock.now_ms()


async def test_extra_credits_that_expired_while_it_was_in_doubt_can_be_used_again(worlds: Worlds) -> None:
    worlds.rivya.faults.add(LOST_AFTER)
    async with worlds.open(idempotency_trust_s=50, member_credits_per_month=0) as world:
        await world.core.quotas.change(GUILD, GrantChange(user_id=ALICE, credits=8, days=1), by=1, event_id="granted")
        request_id = await world.imagine()
        await world.until_state(request_id, PictureState.UNKNOWN)
        await world.pass_time(25 * 3600, step_s=600)
        await world.until_state(request_id, PictureState.LOST)
        await world.until_delivery(request_id, DeliveryState.SHOWN)
        await world.until_idle()
        assert "your 8 credits are back" in world.discord.posts[-1].words
        assert await world.left() == 8
        assert (await world.audit()).findings == ()
