"""Takes the pictures of docs/tour.md, from the running demo.

python -m tests.e2e.tour [FOLDER [WALK ...]]
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot import logs
from bot.sandbox.demo import open_demo
from tests.e2e.driver import open_page
from tests.e2e.tour import managing, members, small
from tests.e2e.tour.camera import Tour

WINDOW = {"width": 1000, "height": 1150}
WALKS = {walk.__name__: walk for walk in (*members.WALKS, *managing.WALKS, *small.WALKS)}


async def main(folder: Path, names: list[str]) -> None:
    """Take the walks of these names, or all, each through a fresh demo."""
    logs.configure(level="WARNING", form="console")
    for name in names or WALKS:
        async with (
            open_demo(task_s=(6.0, 7.0), max_running=3, max_running_per_member=5, member_credits_per_month=120) as demo,
            open_page(demo.url, window=WINDOW) as page,
        ):
            page.page.set_default_timeout(60_000)
            await WALKS[name](Tour(demo, page, folder))


if __name__ == "__main__":
    into = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    into.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(into, sys.argv[2:]))
