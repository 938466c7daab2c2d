"""Who waits for an answer goes first; nobody is held up for long, and all go on one at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.generations.precedence import LONGEST_S, Precedence
from tests.clocks import TestClock
from tests.world import Worlds


@pytest.fixture
def clock() -> TestClock:
    return TestClock(speed=0.0001)


async def _turn_over() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_nobody_waits_while_nobody_is_answered(clock: TestClock) -> None:
    steps = Precedence(clock).give_way()
    with pytest.raises(StopIteration):  # it never gave the loop away
        steps.send(None)


async def test_steps_wait_for_the_last_answer_and_go_on_in_their_order(clock: TestClock) -> None:
    precedence = Precedence(clock)
    went_on: list[int] = []

    async def step(number: int) -> None:
        await precedence.give_way()
        went_on.append(number)

    async with asyncio.TaskGroup() as tasks:
        with precedence.answering():
            with precedence.answering():
                for number in range(5):
                    tasks.create_task(step(number))
                await _turn_over()
            await _turn_over()
            assert went_on == []
    assert went_on == [0, 1, 2, 3, 4]


async def test_an_answer_that_comes_meanwhile_stops_those_who_wait_still(clock: TestClock) -> None:
    precedence = Precedence(clock)
    went_on: list[int] = []
    again = asyncio.Event()

    async def step(number: int) -> None:
        await precedence.give_way()
        went_on.append(number)
        again.set()

    async with asyncio.TaskGroup() as tasks:
        with precedence.answering():
            for number in range(50):
                tasks.create_task(step(number))
            await _turn_over()
        await again.wait()
        with precedence.answering():
            await _turn_over()
            before = len(went_on)
            assert before < 25
            await _turn_over()
            assert len(went_on) == before
    assert went_on == list(range(50))


async def test_nobody_is_held_up_for_longer_than_a_moment(clock: TestClock) -> None:
    precedence = Precedence(clock)
    with precedence.answering():
        step = asyncio.create_task(precedence.give_way())
        await _turn_over()
        clock.advance(LONGEST_S - 0.05)
        await _turn_over()
        assert not step.done()
        clock.advance(0.05)
        await asyncio.wait_for(step, 5)


async def test_a_step_that_is_cancelled_leaves_the_row(clock: TestClock) -> None:
    precedence = Precedence(clock)
    with precedence.answering():
        first, second = (asyncio.create_task(precedence.give_way()) for _ in range(2))
        await _turn_over()
        first.cancel()
        await asyncio.wait({first})
    await asyncio.wait_for(second, 5)


async def test_a_picture_is_not_begun_while_somebody_waits_for_an_answer(tmp_path: Path) -> None:
    clock = TestClock(speed=1)
    worlds = Worlds(tmp_path, clock)
    async with worlds.rivya, worlds.open() as world:
        await world.until_idle()
        clock.slow_down(0.0001)
        with world.core.precedence.answering():
            request_id = await world.imagine()
            for _ in range(100):
                await asyncio.sleep(0.002)
            assert world.rivya.books.tasks == []
        clock.slow_down(50)
        await world.until_idle()
        await world.check_one_picture(request_id)
