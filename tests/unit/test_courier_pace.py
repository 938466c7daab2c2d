"""With many requests at work, progress of all of them together is shown no more often than Discord can bear."""

from __future__ import annotations

import asyncio

from bot.generations.courier import PROGRESS_PER_S
from tests.clocks import TestClock
from tests.world import Worlds

REQUESTS = 40


async def test_the_cards_of_many_requests_take_turns(worlds: Worlds, clock: TestClock) -> None:
    worlds.rivya.variants.task_s = (600.0, 600.0)
    clock.slow_down(2)
    async with worlds.open(
        max_running=REQUESTS, max_running_per_member=REQUESTS, member_credits_per_month="", account_credits_per_day=""
    ) as world:
        taken = [await world.accept() for _ in range(REQUESTS)]
        begun_ms = clock.now_ms()
        await asyncio.gather(
            *(world.core.generations.acknowledged(one.request_id, message_id=n) for n, one in enumerate(taken, start=1))
        )
        await world.until(lambda: len({post.view.id for post in world.discord.progress}) == REQUESTS)

        first_ms: dict[str, int] = {}
        for post in world.discord.progress:
            first_ms.setdefault(post.view.id, post.at_ms - begun_ms)
        early = [n for n, at_ms in enumerate(sorted(first_ms.values())) if at_ms < n * 1000 // PROGRESS_PER_S]
        assert early == []
