"""Random kills under load: several people ask for all kinds of pictures, and the bot dies again and again.

Everything is drawn from the seed: who asks for what, which services fail, after how many points each life ends. The
operating system's own timing stays what it is, so a seed replays what is done, not every interleaving.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import Any

from simcord.backend.errors import BackendError, SetupError

from bot.sandbox.rivya import Fault, FaultKind
from bot.sandbox.wire import WireFault, WireFaultKind
from tests.crash.judge import Verdict, judge
from tests.crash.launcher import Launcher
from tests.crash.pictures import image
from tests.crash.table import settle
from tests.crash.world import Ask, World, open_world

MEMBERS = 6
LONGEST_LIFE = 150
"""Points that a life lasts at most; a start alone passes about ten, a request some fifty."""
_SETTINGS = {"MAX_RUNNING": "4", "CONFIRM_ABOVE_CREDITS": ""}
"""Three pictures are asked for without being asked about first: nobody in a storm presses that button."""


async def run_storm(launcher: Launcher, *, seed: int, lives: int, troubled: bool) -> Verdict:
    """Let the bot live ``lives`` short lives; ``troubled``: Rivya and Discord lose answers meanwhile."""
    rng = Random(f"storm {seed}")
    verdict = Verdict()
    variants = {"task_s": (1.0, 12.0), "min_upload_latency_s": 0.05}
    async with open_world(launcher, variants=variants, settings=_SETTINGS, members=MEMBERS) as world:
        await world.start()
        for _ in range(lives):
            await world.kill()
            verdict.rounds += 1
            if troubled:
                _trouble(world, rng)
            if await world.start(kill_after=rng.randint(1, LONGEST_LIFE)):
                await _ask_for_things(world, rng, f"storm {seed}")
            await world.until(lambda: not world.alive or all(world.at_rest(ask) for ask in world.asks))
            verdict.kills += not world.alive
            for ask in world.asks:
                ask.died = True
        world.rivya.faults.clear()
        world.wire.faults.clear()
        await world.kill()
        await settle(world)
        await judge(world, verdict, doubt=False, doubles=False)
    return verdict


async def _ask_for_things(world: World, rng: Random, name: str) -> None:
    for _ in range(rng.randint(1, 4)):
        if not world.alive:
            return
        prompt = f"{name}, request {len(world.asks) + 1}."
        await world.ask(rng.randrange(MEMBERS), prompt, **_options(rng))
        await asyncio.sleep(rng.uniform(0, 0.1))
        if rng.random() < 0.25:
            await _cancel_one(world, rng.choice(world.asks))


def _options(rng: Random) -> dict[str, Any]:
    options: dict[str, Any] = {"count": rng.choice((1, 1, 1, 2, 3))}
    for position, colour in enumerate(rng.sample(("red", "green", "blue"), rng.choice((0, 0, 1, 2))), start=1):
        options[f"image_{position}"] = image(colour, rng.choice(("PNG", "JPEG")))
    for flag, share in (("private", 0.3), ("notify", 0.3)):
        if rng.random() < share:
            options[flag] = True
    return options


async def _cancel_one(world: World, ask: Ask) -> None:
    with suppress(SetupError, BackendError, ValueError):  # there is no such button (any more)
        await world.cancel(ask)


def _trouble(world: World, rng: Random) -> None:
    kinds = (
        Fault(kind=FaultKind.LOST_AFTER, route="create"),
        Fault(kind=FaultKind.LOST_BEFORE, route="create"),
        Fault(kind=FaultKind.BARE_ERROR, route="create", status=502, effect=True),
        Fault(kind=FaultKind.LOST_AFTER, route="upload"),
        Fault(kind=FaultKind.ERROR, route="status", status=503),
        Fault(kind=FaultKind.TRUNCATED_RESULT, route="result"),
        Fault(kind=FaultKind.DEAD_URL_ONCE),
    )
    world.rivya.faults.add(rng.choice(kinds))
    route = rng.choice(("callback", "edit", "edit_original", "send", "open_dm"))
    world.wire.faults.add(WireFault(kind=WireFaultKind.RESET, route=route, effect=rng.random() < 0.5))
