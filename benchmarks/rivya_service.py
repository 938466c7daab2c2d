"""The sandbox Rivya in a process of its own: ``python -m benchmarks.rivya_service SEED``."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from typing import Any

import structlog

from benchmarks.lines import take_orders
from bot.clock import SystemClock
from bot.sandbox.rivya import RivyaSandbox, Variants


async def main(seed: int) -> None:
    """Serve until the input ends."""
    variants = Variants(quick_pictures=True, current_credits=10**9)
    async with RivyaSandbox(clock=SystemClock(), variants=variants, seed=seed) as rivya:

        async def environment() -> dict[str, str]:
            return {"RIVYA_API_KEY": rivya.api_key, "RIVYA_BASE_URL": rivya.url}

        async def set_variants(**changes: Any) -> None:
            for name, value in changes.items():
                setattr(rivya.variants, name, value)

        async def books(label: str) -> dict[str, Any]:
            tasks = [task for task in rivya.books.tasks if task.prompt.startswith(f"{label} ")]
            return {
                "tasks": {
                    task.prompt: {"created_ms": task.created_ms, "ends_ms": task.outcome.ends_ms} for task in tasks
                },
                "requests": Counter(request.route for request in rivya.books.requests),
            }

        await take_orders({"environment": environment, "set_variants": set_variants, "books": books})


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(main(int(sys.argv[1])))
