"""Random kills under load: several people ask for all kinds of pictures, and the bot dies again and again.

Everything is drawn from the seed, for each life by itself: who asks for what and in which way, which services fail,
after how many points the life ends. The operating system's own timing stays what it is, so a seed replays what is
done, not every interleaving.
"""

from __future__ import annotations

import asyncio
from random import Random

from bot.sandbox.rivya import Fault, FaultKind
from bot.sandbox.wire import WireFault, WireFaultKind
from tests.crash.crowd import MEMBERS, Crowd
from tests.crash.judge import Verdict, judge
from tests.crash.launcher import Launcher
from tests.crash.table import settle
from tests.crash.world import World, open_world

LONGEST_LIFE = 220
"""Points that a life lasts at most; a start alone passes about ten, a request some fifty."""
LIFE_S = 15.0
"""Real seconds that a life lasts at most, where not all of its points are passed."""
_SETTINGS = {"MAX_RUNNING": "4", "MESSAGE_CONTENT_INTENT": "true"}


async def run_storm(launcher: Launcher, *, seed: int, lives: int, troubled: bool) -> Verdict:
    """Let the bot live ``lives`` short lives; ``troubled``: Rivya and Discord lose answers meanwhile."""
    verdict = Verdict()
    variants = {"task_s": (1.0, 12.0), "min_upload_latency_s": 0.05}
    rules = {"message_content": True}
    async with open_world(launcher, variants=variants, settings=_SETTINGS, members=MEMBERS, rules=rules) as world:
        crowd = Crowd(world, f"storm {seed}")
        await world.start()
        for life in range(lives):
            rng = Random(f"storm {seed}, life {life}")
            await world.kill()
            verdict.rounds += 1
            if troubled:
                _trouble(world, rng)
            if await world.start(kill_after=rng.randint(1, LONGEST_LIFE)):
                await _live(world, crowd, rng)
            # The newest first: whoever asks in vain for an old one has read the whole database.
            await world.until(
                lambda: not world.alive or all(world.at_rest(ask) for ask in reversed(world.asks)), LIFE_S, every_s=0.03
            )
            verdict.kills += not world.alive
            for ask in world.asks:
                ask.died = True
        world.rivya.faults.clear()
        world.wire.faults.clear()
        await world.kill()
        await settle(world)
        await judge(world, verdict, doubt=False, doubles=False)
        verdict.deeds += crowd.done
    return verdict


async def _live(world: World, crowd: Crowd, rng: Random) -> None:
    for _ in range(rng.randint(1, 4)):
        if not world.alive:
            return
        await crowd.act(rng)
        await asyncio.sleep(rng.uniform(0, 0.1))
        await crowd.follow_up(rng)


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
    route = rng.choice(
        (
            "callback",
            "edit",
            "edit_original",
            "send",
            "open_dm",
            "get_original",
            "followup",
            "delete_followup",
            "delete",
        )
    )
    world.wire.faults.add(WireFault(kind=WireFaultKind.RESET, route=route, effect=rng.random() < 0.5))
