"""The crash table: a request is run once to see which points it passes, then killed at each of them in turn."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable
from typing import Any

from tests.crash.judge import Verdict, judge
from tests.crash.launcher import Launcher
from tests.crash.scenarios import DAY_S, Scenario, run_with_meddling
from tests.crash.world import Ask, World, open_world

MOST_OF_A_KIND = 3
"""Polls and progress edits go on for as long as a picture takes: their first three are points of the table."""
LAST_POINTS_S = 0.5
"""Real seconds for the points that a request passes after its person has seen the end."""


async def run_table(
    launcher: Launcher, scenario: Scenario, *, chosen: Callable[[str], bool] = lambda _: True
) -> Verdict:
    """Kill at every point that ``chosen`` keeps, one request each, all in one world.

    Each start of the bot recovers what the one before left, and is then killed at the next point.
    """
    verdict = Verdict()
    async with open_world(launcher, variants=scenario.variants, settings=scenario.settings) as world:
        scenario.prepare(world)
        prompt = f"{scenario.name}, undisturbed."
        begun = await _begin(world, scenario, [prompt])
        await world.start()
        _, first = await _ask(world, scenario, prompt, begun[0])
        await run_with_meddling(world, scenario, first)
        await world.until(lambda: not world.alive, LAST_POINTS_S)
        verdict.passed = world.points()
        points = [point for point in dict.fromkeys(verdict.passed) if _is_of_the_table(point) and chosen(point)]
        verdict.points = len(points)
        await world.kill()
        for number in range(0, len(points), scenario.way.batch or len(points)):
            some = points[number : number + (scenario.way.batch or len(points))]
            prompts = {f"{scenario.name}, number {number + n}.": point for n, point in enumerate(some, start=1)}
            await _kill_at_each(world, scenario, prompts, verdict)
        await settle(world)
        await judge(world, verdict, doubt=scenario.doubt, doubles=scenario.doubles)
    return verdict


async def _kill_at_each(world: World, scenario: Scenario, points: dict[str, str], verdict: Verdict) -> None:
    """Kill at one point after the other, each in a request of its own; ``points`` by prompt."""
    batch = await _begin(world, scenario, list(points))
    rounds = []
    for (prompt, point), begun in zip(points.items(), batch, strict=True):
        await world.start(kill_at=point)
        await world.rest(world.asks[-1:])
        rounds.append(await _kill_once(world, scenario, prompt, point, begun, verdict))
    if scenario.way.asks_again:
        world.clock.advance(world.wire.rules.acknowledge_within_s)  # until then people's clients still wait
        await world.start()
        await world.rest(world.asks)
        for begun, ask in rounds:
            await scenario.way.ask_again(world, ask, begun)
        await world.rest(world.asks)
        await world.kill()


async def _begin(world: World, scenario: Scenario, prompts: list[str]) -> list[Any]:
    """Let a life of the bot post what is pressed in a later one, where people need that."""
    if scenario.way.batch is None:
        return [None] * len(prompts)
    await world.start()
    await world.rest(world.asks)
    begun = await asyncio.gather(*(scenario.way.begin(world, prompt, scenario.options) for prompt in prompts))
    await world.kill()
    return begun


async def _ask(world: World, scenario: Scenario, prompt: str, begun: Any) -> tuple[Any, Ask]:
    if scenario.way.batch is None:
        begun = await scenario.way.begin(world, prompt, scenario.options)
    return begun, await scenario.way.ask(world, prompt, scenario.options, begun)


async def _kill_once(
    world: World, scenario: Scenario, prompt: str, point: str, begun: Any, verdict: Verdict
) -> tuple[Any, Ask]:
    verdict.rounds += 1
    begun, ask = await _ask(world, scenario, prompt, begun)
    ask.point = point
    await run_with_meddling(world, scenario, ask)
    if await world.until(lambda: not world.alive, LAST_POINTS_S):
        ask.died = True
        verdict.kills += 1
    else:
        verdict.not_reached += 1
        await world.kill()
    world.clock.advance(scenario.away_s)
    return begun, ask


async def settle(world: World) -> None:
    """Let everything come to its end; what can't be known any more is given up after a day."""
    if not world.alive:
        await world.start()
    await world.rest(world.asks)
    if _unknown(world):
        await world.kill()
        world.clock.advance(DAY_S + 3600)
        await world.start()
        await world.until(lambda: not _unknown(world))
        await world.rest(world.asks)


def _unknown(world: World) -> bool:
    return bool(world.rows("SELECT 1 FROM pictures WHERE state IN ('unknown', 'overdue')"))


def _is_of_the_table(point: str) -> bool:
    number = re.search(r"#(\d+)$", point)
    return number is not None and int(number[1]) <= MOST_OF_A_KIND


def part(number: int, of: int) -> Callable[[str], bool]:
    """Choose one of ``of`` parts of the points, the same whenever and wherever."""
    return lambda point: zlib.crc32(point.encode()) % of == number
