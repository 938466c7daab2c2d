"""Transfers that share a line: small ones together, large ones one after another, nobody overtaken."""

from __future__ import annotations

import asyncio

import pytest

from bot.generations.lane import Lane


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Transfers:
    """Starts transfers that last until they are told to end."""

    def __init__(self, limit_bytes: int) -> None:
        self._lane = Lane(limit_bytes)
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.under_way: list[str] = []

    async def start(self, name: str, size_bytes: int) -> None:
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._transfer(name, size_bytes))
        await turns()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await turns()

    async def _transfer(self, name: str, size_bytes: int) -> None:
        async with self._lane.hold(size_bytes):
            self.under_way.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.under_way.remove(name)


async def test_small_ones_go_together_and_large_ones_wait() -> None:
    transfers = Transfers(64)
    for name, size_bytes in (("a", 30), ("b", 30), ("c", 30), ("d", 1)):
        await transfers.start(name, size_bytes)
    assert transfers.under_way == ["a", "b"]  # d would fit, but c was here before
    await transfers.end("a")
    assert transfers.under_way == ["b", "c", "d"]


async def test_what_is_heavier_than_the_line_goes_alone() -> None:
    transfers = Transfers(64)
    await transfers.start("small", 1)
    await transfers.start("huge", 1000)
    assert transfers.under_way == ["small"]
    await transfers.end("small")
    assert transfers.under_way == ["huge"]


@pytest.mark.parametrize("gives_up", ["under way", "waiting"])
async def test_one_that_is_given_up_leaves_its_room(gives_up: str) -> None:
    transfers = Transfers(64)
    await transfers.start("under way", 64)
    await transfers.start("waiting", 64)
    await transfers.start("next", 64)
    transfers.tasks[gives_up].cancel()
    await turns()
    await transfers.end("waiting" if gives_up == "under way" else "under way")
    assert transfers.under_way == ["next"]
