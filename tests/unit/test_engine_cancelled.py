"""A caller that is cancelled at any point: what the rows say and what the ledger says is one story."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

from sqlalchemy import text

from bot.generations.repository import GenerationsRepository
from bot.generations.states import PictureState, RequestState
from tests.world import ALICE, World, Worlds

ROUNDS = 16


class Canceller:
    """Cancels calls at all their points: after some steps of the loop, or around the time that they take."""

    def __init__(self) -> None:
        self.ends = {True: 0, False: 0}
        self._rng = Random(5)
        self._usual_s = 0.005

    async def run(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        if self._rng.random() < 0.3:
            for _ in range(self._rng.randrange(12)):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(self._rng.uniform(0, self._usual_s))
        task.cancel()
        await asyncio.wait({task})
        finished = not task.cancelled()
        self.ends[finished] += 1
        self._usual_s *= 0.6 if finished else 1.3


async def test_commands_that_are_cancelled_anywhere(worlds: Worlds) -> None:
    canceller = Canceller()
    settings: dict[str, Any] = {
        "member_credits_per_month": None,
        "account_credits_per_day": None,
        "max_running_per_member": 100,
    }
    async with worlds.open(**settings) as world:
        service = world.core.generations
        for number in range(ROUNDS):
            origin = world.origin(source_id=f"event {number}")
            await canceller.run(world.accept(count=2, origin=origin))
            accepted = await world.accept(count=2, origin=origin)  # the event comes again: one request either way
            await canceller.run(service.acknowledged(accepted.request_id, message_id=number + 1))
            if number % 3 == 0:
                await canceller.run(service.cancel(accepted.request_id, user_id=ALICE))
            if number % 4 == 0:
                assert (await world.audit()).findings == ()
        assert min(canceller.ends.values()) > 3
        assert await world.count("requests") == ROUNDS
        await world.pass_time(200, step_s=20)
        await world.until_idle()

        async with world.database.read() as tx:
            rows = (await tx.exec_driver_sql("SELECT id, state FROM requests")).all()
        assert {row.state for row in rows} <= {RequestState.SETTLED, RequestState.VOID}
        views = [await world.view(row.id) for row in rows]
        fetched = [p for view in views for p in view.pictures if p.state is PictureState.FETCHED]
        assert len(fetched) == len(worlds.rivya.books.tasks)
        await world.check_books(charged=8 * len(fetched))


async def test_an_acknowledgement_that_was_cancelled_is_worked_on_at_once(worlds: Worlds) -> None:
    """The write goes on when its caller is gone; so must the call that wakes the engine."""
    async with worlds.open() as world:
        accepted = await world.accept()
        task = asyncio.ensure_future(world.core.generations.acknowledged(accepted.request_id, message_id=1))
        while not task.done():
            await asyncio.sleep(0)
            async with world.database.read() as tx:
                state = await tx.scalar(text(f"SELECT state FROM requests WHERE id = '{accepted.request_id}'"))
            task.cancel()
            assert state in {"accepted", "running"}
        await world.until_state(accepted.request_id, PictureState.FETCHED)
        await world.until_idle()
        await world.check_one_picture(accepted.request_id)


async def test_a_request_that_nobody_was_told_of_is_picked_up_within_a_minute(world: World) -> None:
    """Its command was cancelled between storing the acknowledgement and waking the engine."""
    accepted = await world.accept("left behind")
    await world.database.write(
        lambda tx: GenerationsRepository(tx).requests.move(
            accepted.request_id, RequestState.ACCEPTED, RequestState.RUNNING, message_id=5001
        )
    )
    await world.until(lambda: _look(world))
    await world.until_idle()
    assert (await world.view(accepted.request_id)).state is RequestState.SETTLED
    await world.check_books(charged=8)


def _look(world: World) -> bool:
    world.clock.advance(10)
    return bool(world.rivya.books.tasks)
