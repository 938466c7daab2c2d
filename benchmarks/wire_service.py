"""The wire in a process of its own, with the people who ask: ``python -m benchmarks.wire_service``."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import structlog

from benchmarks.lines import take_orders
from bot.clock import SystemClock
from bot.sandbox.wire import InteractionRecord, WireRules, WireServer

MEMBERS = 50
"""Enough that no one person's share matters."""


class Crowd:
    """People who ask for pictures at times that were fixed beforehand, however slow the answers are."""

    def __init__(self, wire: WireServer) -> None:
        self._wire = wire
        guild = wire.people.add_guild()
        self._channel = wire.people.add_channel(guild)
        self._members = [wire.people.add_member(guild, f"member{number}") for number in range(MEMBERS)]
        self._asked: dict[str, InteractionRecord] = {}
        self._files: list[tuple[str, bytes]] = []

    async def environment(self) -> dict[str, str]:
        """Return the bot's settings for this wire."""
        return self._wire.environment

    async def until_ready(self, timeout_s: float) -> None:
        """Return once a bot is connected."""
        await self._wire.until(lambda: self._wire.ready, timeout_s)

    async def set_rules(self, **rules: Any) -> None:
        """Change the wire's rules."""
        for name, value in rules.items():
            setattr(self._wire.rules, name, value)

    async def load(self, paths: list[str]) -> None:
        """Read the files that are attached from now on."""
        self._files = [(Path(path).name, await asyncio.to_thread(Path(path).read_bytes)) for path in paths]

    async def ask(self, label: str, count: int, per_s: float) -> None:
        """Send ``count`` commands, ``per_s`` a second (0: all at once), with whatever files are loaded."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        options = {f"image_{number}": file for number, file in enumerate(self._files, start=1)}
        for number in range(count):
            if per_s:
                await asyncio.sleep(max(0.0, begun_s + number / per_s - loop.time()))
            prompt = f"{label} {number}"
            member = self._members[number % MEMBERS]
            self._asked[prompt] = await self._wire.slash(member, self._channel, "imagine", prompt=prompt, **options)

    async def until_shown(self, label: str, timeout_s: float) -> bool:
        """Return once all pictures of ``label`` are visible; False when that took too long."""
        records = [record for prompt, record in self._asked.items() if prompt.startswith(f"{label} ")]
        try:
            async with asyncio.timeout(timeout_s):
                while not all(record.shown_ms for record in records):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            return False
        return True

    async def books(self, label: str) -> dict[str, dict[str, int | None]]:
        """Return by prompt when each command was sent, acknowledged and answered with a picture."""
        return {
            prompt: {"sent_ms": record.sent_ms, "acknowledged_ms": record.acknowledged_ms, "shown_ms": record.shown_ms}
            for prompt, record in self._asked.items()
            if prompt.startswith(f"{label} ")
        }

    async def routes(self) -> dict[str, int]:
        """Count the requests to the wire by route."""
        counts: dict[str, int] = {}
        for request in self._wire.books.requests:
            counts[request.route] = counts.get(request.route, 0) + 1
        return counts


async def main() -> None:
    """Serve until the input ends."""
    async with WireServer(clock=SystemClock(), rules=WireRules(keep_posted_bytes=False)) as wire:
        crowd = Crowd(wire)
        names = ("environment", "until_ready", "set_rules", "load", "ask", "until_shown", "books", "routes")
        await take_orders({name: getattr(crowd, name) for name in names})


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(main())
