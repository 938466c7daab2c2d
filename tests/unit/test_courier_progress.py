"""What goes before a result and beside it: progress, and the ping."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bot.generations.states import PictureState, Rung
from bot.sandbox.rivya_faults import Fault, FaultKind
from bot.ui.failure import notice_card
from tests.unit.ladder import EDIT, KEPT, ORIGINAL, SHOWN, WITHDRAWN, F, ended
from tests.world import ALICE, GUILD, World, Worlds


async def test_the_ping_goes_out_once(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=200))
    async with worlds.open() as world:
        await world.imagine(count=2, notify=True)
        await world.imagine(notify=False)
        await world.until(lambda: len(world.discord.posts) == 2)
        await world.pass_time(300, step_s=10)
        await world.until_idle()
        assert len(world.discord.posts) == 3
        assert len(world.discord.pings) == 1
        assert world.discord.pings[0].delivered_message_id
    async with worlds.open() as world:
        await world.until_idle()
        assert len(world.discord.pings) == 1


async def test_nobody_is_pinged_for_a_failure(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS))
    async with worlds.open() as world:
        await world.imagine(notify=True)
        await world.until_idle()
        assert not world.discord.pings


async def test_progress_comes_at_a_rate_discord_likes_and_never_after_the_result(worlds: Worlds) -> None:
    worlds.rivya.variants.task_s = (120.0, 120.0)
    async with worlds.open() as world:
        request_id = await world.imagine(references=tuple(world.cdn.add(f"{n}.png") for n in range(3)))
        await world.until_idle()
        times = [post.at_ms for post in world.discord.progress]
        assert len(times) > 4
        assert all(later - earlier >= 2500 for earlier, later in pairwise(times))
        assert all(post.at_ms <= world.discord.posts[0].at_ms for post in world.discord.progress)
        before = len(times)
        for _ in range(5):
            world.core.engine.wake(request_id)
            await world.until_idle()
        assert len(world.discord.progress) == before
        assert len(world.discord.posts) == 1


async def test_the_first_edit_is_the_tokens_and_the_others_the_bots_own(worlds: Worlds) -> None:
    """Only the token surely ends Discord's "thinking"; afterwards the bot's own token outlives it."""
    worlds.rivya.variants.task_s = (60.0, 60.0)
    async with worlds.open() as world:
        await world.imagine()
        await world.until_idle()
        first, *others = (post.rung for post in world.discord.progress)
        assert first is ORIGINAL
        assert set(others) == {EDIT}
        assert world.discord.tries == [EDIT]


async def test_a_dead_token_leaves_the_first_edit_to_the_bots_own(worlds: Worlds) -> None:
    async with worlds.open() as world:
        await world.imagine(origin=world.origin(token_expires_at_ms=world.clock.now_ms()))
        await world.until_idle()
        assert {post.rung for post in world.discord.progress} == {EDIT}


@pytest.mark.parametrize("fault", [F.NO_ACCESS, F.REJECTED, F.TOKEN_DEAD])
@pytest.mark.parametrize("closed", [EDIT, ORIGINAL])
async def test_progress_goes_on_by_the_edit_that_is_open(worlds: Worlds, closed: Rung, fault: F) -> None:
    worlds.rivya.variants.task_s = (60.0, 60.0)
    tries: list[Rung] = []

    def refuse(rung: Rung) -> F | None:
        tries.append(rung)
        return fault if rung is closed else None

    worlds.discord.refuse_progress = refuse
    async with worlds.open() as world:
        await world.imagine()
        await world.until_idle()
        assert len(world.discord.progress) > 3
        assert {post.rung for post in world.discord.progress} == {EDIT, ORIGINAL} - {closed}
        assert tries.count(closed) == 1


async def test_whoever_has_seen_nothing_of_a_deleted_message_is_told_and_finds_the_picture(world: World) -> None:
    world.discord.refuse_progress = lambda rung: F.GONE if rung is EDIT else F.TOKEN_DEAD
    world.discord.refuse = lambda rung, _try: F.GONE if rung in {EDIT, ORIGINAL} else None
    request_id = await world.imagine()
    await world.until_idle()
    assert world.discord.posts == []
    assert (await world.view(request_id)).delivery is KEPT
    notices = await world.core.generations.notices(user_id=ALICE, guild_id=GUILD)
    assert notices.request_ids == (request_id,)
    said = str(notice_card(notices.waiting, notices.failed).to_components())
    assert "A picture of yours waits in /history." in said
    assert "or the message was deleted there" in said


async def test_whoever_dismisses_their_own_private_result_is_not_told_of_a_late_one(world: World) -> None:
    world.rivya.variants.task_s = (1.0, 1.0)
    world.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=600))
    request_id = await world.imagine(private=True, count=2)
    await world.until_delivery(request_id, SHOWN)
    world.discord.refuse = lambda _rung, _try: F.GONE
    await world.pass_time(700, step_s=10)
    await world.until_state(request_id, PictureState.FETCHED)
    await world.until_idle()
    assert (await world.view(request_id)).delivery is WITHDRAWN
    assert await world.told() == 0


async def test_there_is_no_progress_in_a_message_that_was_deleted(worlds: Worlds) -> None:
    worlds.rivya.variants.task_s = (60.0, 60.0)
    tries: list[Rung] = []

    def refuse(rung: Rung) -> F:
        tries.append(rung)
        return F.GONE

    worlds.discord.refuse_progress = refuse
    async with worlds.open() as world:
        await world.imagine()
        await world.until_idle()
        assert tries == [ORIGINAL]


@pytest.mark.parametrize("refused", [None, F.NO_ACCESS])
async def test_a_result_before_any_progress_is_the_tokens_first(worlds: Worlds, refused: F | None) -> None:
    worlds.discord.refuse_progress = lambda _rung: F.TRANSIENT
    worlds.discord.refuse = lambda rung, _try: refused if rung is ORIGINAL else None
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until_idle()
        assert world.discord.tries == ([ORIGINAL] if refused is None else [ORIGINAL, EDIT])
        assert (await world.view(request_id)).delivery is SHOWN


async def test_a_result_that_began_by_an_edit_goes_on_by_it_after_a_restart(worlds: Worlds) -> None:
    worlds.discord.refuse = lambda _rung, _try: F.TRANSIENT
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until(lambda: world.discord.attempts)
        await world.crash()
    tried = len(worlds.discord.tries)
    worlds.discord.refuse = lambda rung, _try: F.NO_ACCESS if rung is EDIT else None
    async with worlds.open() as world:
        await ended(world, request_id)
        assert worlds.discord.tries[tried:] == [EDIT, ORIGINAL]
