"""The crash table: a request is run once to see which points it passes, then killed at each of them in turn."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

from tests.crash.judge import Verdict, judge
from tests.crash.launcher import Launcher
from tests.crash.scenarios import DAY_S, Scenario, run_with_meddling
from tests.crash.world import World, open_world

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
        await world.start()
        first = await world.ask(0, f"{scenario.name}, undisturbed.", **scenario.options)
        await run_with_meddling(world, scenario, first)
        await world.until(lambda: not world.alive, LAST_POINTS_S)
        verdict.passed = world.points()
        points = [point for point in dict.fromkeys(verdict.passed) if _is_of_the_table(point) and chosen(point)]
        verdict.points = len(points)
        await world.kill()
        for number, point in enumerate(points, start=1):
            await world.start(kill_at=point)
            await world.rest(world.asks[-1:])
            await _kill_once(world, scenario, f"{scenario.name}, number {number}.", point, verdict)
        await settle(world)
        await judge(world, verdict, doubt=scenario.doubt, doubles=scenario.doubles)
    return verdict


async def _kill_once(world: World, scenario: Scenario, prompt: str, point: str, verdict: Verdict) -> None:
    verdict.rounds += 1
    ask = await world.ask(0, prompt, **scenario.options)
    ask.point = point
    await run_with_meddling(world, scenario, ask)
    if await world.until(lambda: not world.alive, LAST_POINTS_S):
        ask.died = True
        verdict.kills += 1
    else:
        verdict.not_reached += 1
        await world.kill()
    world.clock.advance(scenario.away_s)


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
