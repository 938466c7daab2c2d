"""Starts bots through the fork server, ends them, and says when they end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Self

ROOT = Path(__file__).parents[2]


class Victim:
    """One process of the bot. ``code`` is its exit code, negative for a signal, None while it lives."""

    def __init__(self, launcher: Launcher, number: int) -> None:
        self._launcher = launcher
        self._number = number
        self.code: int | None = None
        self.ended = asyncio.Event()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        self._launcher.order({"signal": int(number), "number": self._number})

    async def kill(self) -> None:
        """End it by SIGKILL."""
        self.send_signal(signal.SIGKILL)
        await self.ended.wait()


class Launcher:
    """The fork server; an asynchronous context manager. ``MODULE`` says what it forks."""

    MODULE: ClassVar[str] = "tests.crash.victim"

    def __init__(self) -> None:
        self._victims: dict[int, Victim] = {}
        self._count = 0

    async def __aenter__(self) -> Self:
        # Who is killed writes no coverage; measuring would only slow it down.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self.MODULE),
            cwd=ROOT,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        if not await self._process.stdout.readline():
            raise RuntimeError("the fork server did not start")
        self._listening = asyncio.create_task(self._listen(self._process.stdout))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(BrokenPipeError, ConnectionResetError):
            await self._process.stdin.wait_closed()
        await self._process.wait()
        await self._listening

    def start(self, order: dict[str, Any]) -> Victim:
        """Start a bot."""
        self._count += 1
        victim = self._victims[self._count] = Victim(self, self._count)
        self.order({**order, "number": self._count})
        return victim

    def order(self, order: dict[str, Any]) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            said = json.loads(line)
            victim = self._victims.pop(said["number"])
            victim.code = said["code"]
            victim.ended.set()
