"""A service in a process of its own that takes orders as lines of JSON on its input, one after another, and answers."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Self

Handler = Callable[..., Awaitable[Any]]


async def take_orders(handlers: dict[str, Handler]) -> None:
    """Carry out ``{"do": name, …}`` for each line of the input, until it ends."""
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        try:
            answer = {"answer": await handlers[order.pop("do")](**order)}
        except Exception:  # noqa: BLE001 - whoever gave the order raises it
            answer = {"error": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


class Service:
    """The other end: starts ``python -m module arguments`` and gives it orders; an asynchronous context manager."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = (sys.executable, "-m", module, *arguments)

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**28
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def __call__(self, do: str, **order: Any) -> Any:
        """Give an order and return what came of it; raises RuntimeError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
        await self._process.stdin.drain()
        answered = await self._process.stdout.readline()
        if not answered:
            raise RuntimeError(f"{' '.join(self._command[1:])} has ended in the middle of {do}")
        answer = json.loads(answered)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["answer"]
