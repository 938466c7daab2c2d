"""Charts as PNG, drawn by a process of their own (``bot.ui.drawing``): the bot itself never loads what draws them.

So neither the event loop nor another thread waits for it, and the memory goes back with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import structlog

log = structlog.get_logger(__name__)

TIMEOUT_S = 30.0
_MAX_BYTES = 4 * 1024 * 1024


class Charts:
    """Draws one at a time; ``cache`` is a folder in which the drawing program keeps what it finds out about fonts."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._one = asyncio.Semaphore(1)

    async def draw(self, kind: Literal["ranked", "days"], labels: Sequence[str], values: Sequence[int]) -> bytes | None:
        """Return a chart of ``values`` as PNG; None when it could not be drawn, which the log says."""
        asked = json.dumps({"kind": kind, "labels": list(labels), "values": list(values)}).encode()
        # Nothing of ours: no token, no key.
        there = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
        async with self._one:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-I",
                    "-m",
                    "bot.ui.drawing",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    env={**there, "MPLCONFIGDIR": str(self._cache), "OPENBLAS_NUM_THREADS": "1"},
                )
            except OSError as error:
                log.warning("chart.not_drawn", error=error.strerror)
                return None
            try:
                drawn, said = await asyncio.wait_for(process.communicate(asked), TIMEOUT_S)
            except TimeoutError:
                log.warning("chart.not_drawn", error="too slow")
                return None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode or not drawn.startswith(b"\x89PNG") or len(drawn) > _MAX_BYTES:
            log.warning("chart.not_drawn", error=said.decode(errors="replace")[-500:])
            return None
        return drawn
