"""What must live for the engine to work lives again after an error, and is told of while it does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.generations.background import AGAIN_AFTER_S, Background
from bot.generations.courier import Courier
from bot.generations.queue import FairQueue
from tests.clocks import TestClock
from tests.world import World, Worlds


def fail_once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, *, after: bool) -> list[str]:
    """Have a method raise at its next call, before or ``after`` its work; returns the errors that were raised."""
    real, raised = getattr(owner, name), list[str]()

    def failing(self: Any, *args: Any) -> Any:
        if raised:
            return real(self, *args)
        raised.append(name)
        if after:
            real(self, *args)
        raise RuntimeError("as the test wants it")

    monkeypatch.setattr(owner, name, failing)
    return raised


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("task", "owner", "name"), [("places", FairQueue, "pop"), ("mail", Courier, "changed")])
async def test_an_error_in_a_loop_ends_no_work(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, task: str, owner: type, name: str, after: bool
) -> None:
    async with worlds.open(max_running=1) as world:
        await world.pass_time(1, step_s=1)
        raised = fail_once(monkeypatch, owner, name, after=after)
        request_id = await world.imagine()
        await world.until(lambda: raised and world.core.engine.down == [task])
        await world.pass_time(120, step_s=1)
        await world.until_idle(step_s=1)
        assert world.core.engine.down == []
        await world.check_one_picture(request_id)
        second = await world.imagine("another one")
        await world.until_idle(step_s=1)
        assert (await world.view(second)).charged_credits == 8


async def test_what_ended_is_begun_again_after_its_state_was_rebuilt(clock: TestClock) -> None:
    steps: list[str] = []
    lives = asyncio.Event()

    async def work() -> None:
        steps.append("work")
        if len(steps) == 1:
            raise RuntimeError("as the test wants it")
        if len(steps) == 4:
            return  # what must live has no end either
        if len(steps) > 5:
            lives.set()
            await asyncio.Event().wait()

    async def rebuild() -> None:
        steps.append("rebuild")
        if len(steps) == 2:
            raise RuntimeError("not yet")

    background = Background(clock)
    with capture_logs() as logs:
        background.keep(work, "duty", rebuild=rebuild)
        assert background.down == []
        async with asyncio.timeout(10):
            while not lives.is_set():
                clock.advance(AGAIN_AFTER_S)
                await asyncio.sleep(0.005)
    assert steps == ["work", "rebuild", "rebuild", "work", "rebuild", "work"]
    assert [line["event"] for line in logs] == ["engine.task_died", "engine.task_died", "engine.task_ended"]
    assert background.down == []
    for task in background.tasks:
        task.cancel()
    await asyncio.gather(*background.tasks, return_exceptions=True)
    assert background.down == ["duty"]


async def test_a_duty_that_fails_keeps_none_behind_it_from_being_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def fail(self: object) -> None:
        raise RuntimeError("as the test wants it")

    async def erase(self: object) -> None:
        done.append("erasing")

    monkeypatch.setattr("bot.generations.upkeep.Upkeep.purge_tokens", fail)
    monkeypatch.setattr("bot.generations.erasing.Eraser.keep_up", erase)
    with capture_logs() as logs:
        await world.pass_time(600)
        await world.until(lambda: done)
    assert {line.get("duty") for line in logs if line["event"] == "upkeep.failed"} == {"tokens"}
