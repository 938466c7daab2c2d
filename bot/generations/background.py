"""Tasks that live as long as the engine: begun again after an error of our own, and told of while they are down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from bot.clock import Clock

log = structlog.get_logger(__name__)

AGAIN_AFTER_S = 5.0
"""From the error that ended a task to its next beginning: what fails each time fills no log."""

Work = Callable[[], Awaitable[None]]


class Background:
    """Holds the tasks of one engine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept: dict[str, asyncio.Task[None]] = {}
        self._troubled: set[str] = set()

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """All that run."""
        return list(self._tasks)

    @property
    def down(self) -> list[str]:
        """The names of those that must live, and do not at the moment."""
        return sorted(name for name, task in self._kept.items() if task.done() or name in self._troubled)

    def once(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do ``work`` beside everything else; an error ends it, and is logged."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_log_failure)

    def keep(self, work: Work, name: str, *, rebuild: Work | None = None) -> None:
        """Have ``work`` done for ever: whatever ends it, it is begun again, after ``rebuild`` where there is one."""
        task = asyncio.get_running_loop().create_task(self._live(work, name, rebuild), name=name)
        self._tasks.add(task)
        self._kept[name] = task

    def every(self, seconds: float, work: Work, name: str) -> None:
        """Have one round of ``work`` done at once and every ``seconds`` after; a round that fails is logged."""
        self.keep(lambda: self._every(seconds, work, name), name)

    async def _live(self, work: Work, name: str, rebuild: Work | None) -> None:
        while True:
            try:
                if rebuild is not None and name in self._troubled:
                    await rebuild()
                self._troubled.discard(name)
                await work()
                log.error("engine.task_ended", task=name)
            except Exception:
                log.exception("engine.task_died", task=name)
            self._troubled.add(name)
            await self._clock.sleep(AGAIN_AFTER_S)

    async def _every(self, seconds: float, work: Work, name: str) -> None:
        while True:
            await attempt(work, name)
            await self._clock.sleep(seconds)


async def attempt(work: Work, name: str) -> None:
    """Do one round of a duty; an error of our own is logged, and is nobody else's trouble."""
    try:
        await work()
    except Exception:
        log.exception("upkeep.failed", duty=name)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("engine.task_died", task=task.get_name(), exc_info=error)
