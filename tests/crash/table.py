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


async def run_table(
    launcher: Launcher, scenario: Scenario, *, chosen: Callable[[str], bool] = lambda _: True
) -> Verdict:
    """Kill at every point that ``chosen`` keeps, one request each, in one world; every start recovers and goes on."""
    verdict = Verdict()
    async with open_world(launcher, variants=scenario.variants, settings=scenario.settings) as world:
        scenario.prepare(world)
        await world.start()
        first = await world.ask(0, f"{scenario.name}: undisturbed", **scenario.options)
        await run_with_meddling(world, scenario, first)
        points = [point for point in dict.fromkeys(world.points()) if _counts(point) and chosen(point)]
        for number, point in enumerate(points, start=1):
            await world.kill()
            await world.start(kill_at=point)
            await _kill_once(world, scenario, f"{scenario.name}: {number}", point, verdict)
        verdict.points = len(points)
        await settle(world)
        await judge(world, verdict, doubt=scenario.doubt, doubles=scenario.doubles)
    return verdict


async def _kill_once(world: World, scenario: Scenario, prompt: str, point: str, verdict: Verdict) -> None:
    verdict.rounds += 1
    ask = await world.ask(0, prompt, **scenario.options)
    ask.point = point
    await run_with_meddling(world, scenario, ask)
    if world.alive:
        verdict.not_reached += 1
        return
    verdict.kills += 1
    ask.died = True
    world.clock.advance(scenario.away_s)
    await world.start()
    await world.rest([ask])


async def settle(world: World) -> None:
    """Let everything come to its end; what can't be known any more is given up after a day."""
    if not world.alive:
        await world.start()
    await world.rest(world.asks)
    if world.rows("SELECT 1 FROM pictures WHERE state IN ('unknown', 'overdue')"):
        await world.kill()
        world.clock.advance(DAY_S + 3600)
        await world.start()
        await world.until(lambda: not world.rows("SELECT 1 FROM pictures WHERE state IN ('unknown', 'overdue')"))
        await world.rest(world.asks)


def _counts(point: str) -> bool:
    number = re.search(r"#(\d+)$", point)
    return number is not None and int(number[1]) <= MOST_OF_A_KIND


def part(number: int, of: int) -> Callable[[str], bool]:
    """Choose one of ``of`` parts of the points, the same whenever and wherever."""
    return lambda point: zlib.crc32(point.encode()) % of == number
