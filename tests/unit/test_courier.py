"""The delivery ladder: every rung, every fault, and what must never happen."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from bot.generations.states import DeliveryState, PictureState, Rung
from bot.generations.values import Place
from bot.sandbox.rivya_faults import Fault, FaultKind
from tests.clocks import TestClock
from tests.unit.ladder import CHANNEL, DIRECT, EDIT, KEPT, ORIGINAL, SHOWN, F, ended
from tests.world import GUILD, World, Worlds

LADDER = [
    # (private, what each rung answers, the rungs that are tried, the end)
    (False, {}, [EDIT], SHOWN),
    (False, {EDIT: F.NO_ACCESS}, [EDIT, ORIGINAL], SHOWN),
    (False, {EDIT: F.REJECTED}, [EDIT, ORIGINAL], SHOWN),
    (False, {EDIT: F.NO_ACCESS, ORIGINAL: F.TOKEN_DEAD}, [EDIT, ORIGINAL, CHANNEL], SHOWN),
    (False, {EDIT: F.NO_ACCESS, ORIGINAL: F.TOKEN_DEAD, CHANNEL: F.NO_ACCESS}, list(Rung), SHOWN),
    (False, dict.fromkeys(Rung, F.NO_ACCESS), list(Rung), KEPT),
    (False, {EDIT: F.GONE}, [EDIT], KEPT),
    # It went with its channel, or behind a closed one: nobody deleted it.
    (False, {EDIT: F.NO_ACCESS, ORIGINAL: F.GONE, CHANNEL: F.NO_ACCESS}, list(Rung), SHOWN),
    (True, {}, [ORIGINAL], SHOWN),
    (True, {ORIGINAL: F.TOKEN_DEAD}, [ORIGINAL, DIRECT], SHOWN),
    (True, {ORIGINAL: F.TOKEN_DEAD, DIRECT: F.NO_ACCESS}, [ORIGINAL, DIRECT], KEPT),
    (True, {ORIGINAL: F.GONE}, [ORIGINAL, DIRECT], SHOWN),
]  # fmt: skip


@pytest.mark.parametrize(("private", "answers", "tried", "end"), LADDER)
async def test_each_rung_that_is_closed_leads_to_the_next(
    world: World, private: bool, answers: dict[Rung, F], tried: list[Rung], end: DeliveryState
) -> None:
    world.discord.refuse = lambda rung, _try: answers.get(rung)
    request_id = await world.imagine(private=private)
    await world.until_idle()
    assert world.discord.tries == tried
    assert (await world.view(request_id)).delivery is end
    assert len(world.discord.posts) == (1 if end is SHOWN else 0)
    assert await world.told() == (1 if end is KEPT else 0)
    assert await world.told() == 0
    # Credits were captured before, and no way of delivery changes that.
    await world.check_books(charged=8)
    tries = len(world.discord.tries)
    await world.pass_time(3600, step_s=600)
    assert len(world.discord.tries) == tries


BUT_THE_CHANNEL = [EDIT, ORIGINAL, DIRECT]
PLACES: list[tuple[dict[str, Any], dict[Rung, F], list[Rung], DeliveryState]] = [
    # With the bot alone there is no channel beside the direct messages.
    ({"place": Place.DIRECT, "guild_id": None}, {}, [EDIT], SHOWN),
    ({"place": Place.DIRECT, "guild_id": None}, {EDIT: F.NO_ACCESS, ORIGINAL: F.TOKEN_DEAD}, BUT_THE_CHANNEL, SHOWN),
    # Where the bot is no member its own token opens nothing but the direct messages.
    ({"place": Place.OUTSIDE, "guild_id": None, "place_guild_id": GUILD}, {}, [ORIGINAL], SHOWN),
    ({"place": Place.OUTSIDE, "guild_id": None}, {ORIGINAL: F.TOKEN_DEAD}, [ORIGINAL, DIRECT], SHOWN),
    ({"place": Place.OUTSIDE, "guild_id": None}, dict.fromkeys(Rung, F.NO_ACCESS), [ORIGINAL, DIRECT], KEPT),
    # A mention has no token.
    ({"source_kind": "message", "interaction_token": None}, {}, [EDIT], SHOWN),
    ({"source_kind": "message", "interaction_token": None}, {EDIT: F.NO_ACCESS}, [EDIT, CHANNEL], SHOWN),
    ({"source_kind": "message", "interaction_token": None}, {EDIT: F.GONE}, [EDIT], KEPT),
]  # fmt: skip


@pytest.mark.parametrize(("place", "answers", "tried", "end"), PLACES)
async def test_each_place_has_its_own_ways(
    worlds: Worlds, place: dict[str, Any], answers: dict[Rung, F], tried: list[Rung], end: DeliveryState
) -> None:
    worlds.discord.refuse = lambda rung, _try: answers.get(rung)
    async with worlds.open(personal_credits_per_month=None) as world:
        request_id = await world.imagine(origin=world.origin(**place))
        await world.until_idle()
        assert world.discord.tries == tried
        assert (await world.view(request_id)).delivery is end
        await world.check_books(charged=8)


async def test_a_late_picture_follows_into_the_direct_messages(worlds: Worlds) -> None:
    """What came as a direct message is edited there, by the bot's own token, wherever it was asked for."""
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=400))
    worlds.discord.refuse = lambda rung, _try: F.TOKEN_DEAD if rung is ORIGINAL else None
    async with worlds.open(personal_credits_per_month=None) as world:
        outside = world.origin(place=Place.OUTSIDE, guild_id=None)
        request_id = await world.imagine(origin=outside, count=2)
        await world.until_idle(step_s=5)
        assert world.discord.tries == [ORIGINAL, DIRECT, EDIT]
        assert [len(post.files) for post in world.discord.posts] == [1, 2]
        assert (await world.view(request_id)).delivered_channel_id == 7001


async def test_a_transient_fault_repeats_the_same_way_and_makes_no_second_message(world: World) -> None:
    world.discord.refuse = lambda _rung, number: F.TRANSIENT if number <= 5 else None
    request_id = await world.imagine()
    await ended(world, request_id)
    assert world.discord.tries == [EDIT] * 6
    assert len(world.discord.posts) == 1


@pytest.mark.parametrize("rung", [EDIT, CHANNEL, DIRECT])
async def test_a_way_that_is_stuck_for_half_an_hour_is_left(world: World, rung: Rung) -> None:
    before = list(Rung)[: list(Rung).index(rung)]
    world.discord.refuse = lambda at, _try: F.TRANSIENT if at is rung else F.NO_ACCESS if at in before else None
    request_id = await world.imagine()
    if rung is DIRECT:  # the last way is tried for a day
        await world.until(lambda: world.discord.tries.count(DIRECT) > 3)
        world.clock.advance(24 * 3600)
    await ended(world, request_id)
    stuck = [post for post in world.discord.attempts if post.rung is rung]
    assert len(stuck) > 3
    span_s = (stuck[-1].at_ms - stuck[0].at_ms) / 1000
    if rung is DIRECT:
        assert span_s > 23 * 3600
        assert (await world.view(request_id)).delivery is KEPT
    else:
        assert 1500 < span_s < 3600
        assert len(world.discord.posts) == 1


async def test_one_message_has_one_nonce_and_is_looked_for_after_two_minutes(world: World) -> None:
    """Discord forgets nonces: after two minutes the channel is searched for the message first."""
    world.discord.refuse = lambda rung, number: None if number > 9 else F.TRANSIENT if rung is CHANNEL else F.NO_ACCESS
    request_id = await world.imagine()
    await ended(world, request_id)
    tries = [post for post in world.discord.attempts if post.rung is CHANNEL]
    assert len(tries) > 5
    assert len({post.target.nonce for post in tries}) == 1
    assert len(tries[0].target.nonce) <= 25
    begun_ms = tries[0].at_ms
    assert tries[0].target.nonce_left_s == pytest.approx(120, abs=10)
    for post in tries:
        age_s, left_s = (post.at_ms - begun_ms) / 1000, post.target.nonce_left_s
        assert age_s > 85 if left_s is None else age_s + left_s == pytest.approx(120, abs=10)
    assert tries[-1].target.nonce_left_s is None


async def test_a_direct_message_has_another_nonce_than_the_channels(world: World) -> None:
    """Discord would answer with the channel's message, had that been posted and its answer been lost."""
    world.discord.refuse = lambda rung, _try: None if rung is DIRECT else F.NO_ACCESS
    request_id = await world.imagine()
    await ended(world, request_id)
    nonces = {post.rung: post.target.nonce for post in world.discord.attempts}
    assert nonces[CHANNEL] != nonces[DIRECT]


async def test_the_nonce_stays_when_another_picture_ends_between_two_tries(worlds: Worlds) -> None:
    """The first try may have been posted: what came later is edited into that message."""
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=200))
    async with worlds.open() as world:
        stuck = True
        world.discord.refuse = lambda rung, _try: (
            F.NO_ACCESS if rung in {EDIT, ORIGINAL} and stuck else F.TRANSIENT if stuck else None
        )
        request_id = await world.imagine(count=2)
        await world.until(lambda: [post for post in world.discord.attempts if post.rung is CHANNEL])
        await world.pass_time(200, step_s=5)
        await world.until_state(request_id, PictureState.FETCHED)
        stuck = False
        await ended(world, request_id)
        tries = [post for post in world.discord.attempts if post.rung is CHANNEL]
        assert len({post.target.nonce for post in tries}) == 1
        assert [post.rung for post in world.discord.posts] == [CHANNEL, EDIT]
        assert world.discord.posts[1].target.message_id == world.discord.posts[0].message_id
        assert len(world.discord.posts[1].files) == 2
        assert (await world.view(request_id)).delivery is SHOWN


async def test_a_try_that_a_crash_left_open_is_repeated_under_its_nonce(worlds: Worlds) -> None:
    """And no second message comes of it, though what stands there can't be edited."""
    worlds.discord.doors.clear()
    worlds.discord.refuse = lambda rung, _try: F.NO_ACCESS if rung in {EDIT, ORIGINAL} else None
    async with worlds.open() as world:
        request_id = await world.imagine()
        await world.until(lambda: worlds.discord.posts)
        await world.crash()
    worlds.discord.doors.set()
    async with worlds.open() as world:
        await world.until_idle()
        first, second = worlds.discord.posts
        assert (first.rung, second.rung) == (CHANNEL, CHANNEL)
        assert first.target.nonce == second.target.nonce
        assert (await world.view(request_id)).delivery is SHOWN


async def test_a_try_that_a_crash_left_open_is_brought_up_to_date_in_place(worlds: Worlds) -> None:
    """The message may show what was true before the crash: only one of two pictures."""
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=100))
    worlds.discord.doors.clear()

    def closed(rung: Rung, _number: int) -> F | None:
        acknowledgement = worlds.discord.attempts[-1].target.message_id == 5002
        return F.NO_ACCESS if rung is ORIGINAL or (rung is EDIT and acknowledgement) else None

    worlds.discord.refuse = closed
    async with worlds.open() as world:
        request_id = await world.imagine(count=2)
        await world.until(lambda: worlds.discord.posts)
        assert len(worlds.discord.posts[0].files) == 1
        await world.until_state(request_id, PictureState.FETCHED)
        await world.crash()
    worlds.discord.doors.set()
    async with worlds.open() as world:
        await world.until_idle()
        assert [post.rung for post in worlds.discord.posts] == [CHANNEL, CHANNEL, EDIT]
        assert worlds.discord.posts[2].message_id == worlds.discord.posts[1].message_id
        assert len(worlds.discord.posts[2].files) == 2
        assert (await world.view(request_id)).delivery is SHOWN


async def test_a_picture_that_ends_while_another_is_posted_is_shown_too(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=100))
    async with worlds.open() as world:
        world.discord.doors.clear()
        request_id = await world.imagine(count=2)
        await world.until(lambda: world.discord.posts)
        await world.until_state(request_id, PictureState.FETCHED)
        assert len(world.discord.posts[0].files) == 1
        world.discord.doors.set()
        await world.until_idle()
        assert len(world.discord.posts[-1].files) == 2
        await world.crash()
        assert (await world.view(request_id)).delivery is SHOWN


async def test_a_crash_right_after_such_a_post_loses_no_picture(worlds: Worlds) -> None:
    worlds.rivya.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=100))
    async with worlds.open() as world:
        world.discord.doors.clear()
        request_id = await world.imagine(count=2)
        await world.until(lambda: world.discord.posts)
        await world.until_state(request_id, PictureState.FETCHED)
        world.discord.refuse = lambda _rung, _try: F.TRANSIENT
        worlds.discord.doors.set()
        await world.until(lambda: len(world.discord.attempts) > 1)
        await world.crash()
    worlds.discord.refuse = lambda _rung, _try: None
    async with worlds.open() as world:
        await world.until_idle()
        assert len(world.discord.posts[-1].files) == 2


# --- tokens and privacy ---


async def test_a_private_result_goes_to_no_channel_whatever_fails(worlds: Worlds, clock: TestClock) -> None:
    faults = [None, *F]
    rng = Random(11)
    worlds.rivya.variants.task_s = (1.0, 30.0)
    async with worlds.open(member_credits_per_month=None, account_credits_per_day=None, max_running_per_member=90) as w:
        answers: dict[tuple[str, int], F | None] = {}

        def refuse(_rung: Rung, number: int) -> F | None:
            return answers.setdefault(("", number), rng.choice(faults))

        w.discord.refuse = refuse
        requests = [await w.imagine(private=True, count=rng.randint(1, 3)) for _ in range(12)]
        for request_id in requests:
            await ended(w, request_id)
        direct = {post.message_id for post in w.discord.posts if post.rung is DIRECT}
        for post in w.discord.attempts:
            assert post.rung is not CHANNEL
            # A message that we sent to the person may be edited; the acknowledgement is none of ours to edit.
            assert post.rung is not EDIT or post.target.message_id in direct
        assert {post.rung for post in w.discord.attempts} >= {ORIGINAL, DIRECT}
        assert all(post.rung is ORIGINAL for post in w.discord.progress)
        assert (await w.audit()).findings == ()


async def test_without_a_token_a_private_result_is_a_direct_message(worlds: Worlds, clock: TestClock) -> None:
    clock.slow_down(20)
    worlds.rivya.variants.task_s = (400.0, 400.0)
    async with worlds.open() as world:
        request_id = await world.imagine(private=True)
        await world.until_state(request_id, PictureState.PAINTING)
        clock.advance(850)
        await world.until_idle()
        clock.advance(850)
        await world.until_idle()
        other = await world.imagine(private=True)
        await world.until_state(other, PictureState.PAINTING)
        async with world.database.read() as tx:
            (expires_ms,) = (
                await tx.exec_driver_sql(f"SELECT token_expires_at_ms FROM requests WHERE id = '{other}'")
            ).one()
        worlds.discord.refuse = lambda _rung, _try: F.TRANSIENT
        clock.advance(450)
        await world.until(lambda: [post for post in world.discord.attempts if post.view.id == other])
        clock.advance((expires_ms - clock.now_ms()) / 1000 + 1)
        worlds.discord.refuse = lambda _rung, _try: None
        await ended(world, other)
        assert [post.rung for post in world.discord.posts] == [ORIGINAL, DIRECT]
        await world.check_books(charged=16)
