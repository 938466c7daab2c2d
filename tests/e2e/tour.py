"""Takes the pictures of docs/tour.md, from the running demo.

python -m tests.e2e.tour [FOLDER]
"""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

from PIL import Image

from bot import logs
from bot.sandbox.demo import Demo, open_demo
from bot.sandbox.rivya import Fault, FaultKind
from tests.e2e.driver import DemoPage, open_page

PROMPT = "a red panda in a raincoat on a rainy Kyoto street at night, in the colours of image 2"


async def main(folder: Path) -> None:
    """Walk through the demo and photograph what there is to see."""
    logs.configure(level="WARNING", form="console")
    window = {"width": 1000, "height": 1150}
    async with (
        open_demo(task_s=(6.0, 7.0), max_running=3, max_running_per_member=5, member_credits_per_month=48) as demo,
        open_page(demo.url, window=window) as page,
    ):
        page.page.set_default_timeout(60_000)
        await _walk(Camera(page, folder), demo, page)


class Camera:
    """Photographs messages, small enough for a repository."""

    def __init__(self, page: DemoPage, folder: Path) -> None:
        self._page = page
        self._folder = folder

    async def message(self, name: str, *words: str) -> None:
        """Photograph the newest message that has all ``words``."""
        await self._page.page.mouse.move(2, 2)
        await self._keep(name, await self._page.photograph(*words))

    async def composer(self, name: str) -> None:
        """Photograph what is being typed."""
        await self._keep(name, await self._page.page.locator("#channel-composer").screenshot())

    async def _keep(self, name: str, png: bytes) -> None:
        with Image.open(io.BytesIO(png)) as shot:
            full = shot.convert("RGB")
            small = full.quantize(palette=full.quantize(256), dither=Image.Dither.FLOYDSTEINBERG)
        await asyncio.to_thread(small.save, self._folder / f"{name}.png", optimize=True)


async def _walk(camera: Camera, demo: Demo, page: DemoPage) -> None:
    banana, _, colours = demo.references
    await page.compose("imagine", prompt=PROMPT, aspect_ratio="16:9", resolution="2K", image_1=banana, image_2=colours)
    await camera.composer("compose")
    await page.send()
    await page.sees(PROMPT[:30], "Painting", "6 s of about")
    await camera.message("progress", PROMPT[:30])
    await page.sees(PROMPT, "Remix")
    await page.picture_sizes(PROMPT)
    await camera.message("result", PROMPT, "Remix")
    await page.choose("More", "Details")
    await page.sees("Only you can see this", "Details")
    await camera.message("details", "Only you can see this", "Details")
    await page.choose("Details", "Add to my tray")  # the page goes on showing what was chosen last
    await page.command("tray")
    await page.sees("Only you can see this", "Your tray")
    await camera.message("tray", "Only you can see this", "Your tray")
    await page.command("preferences")
    await camera.message("preferences", "Only you can see this", "Your preferences")

    await page.command("imagine", prompt="four small islands in a calm sea at dawn", count=4)
    await page.sees("Only you can see this", "32 credits")
    await camera.message("confirm", "Only you can see this", "32 credits")
    await page.press("Paint all 4 · 32 credits")
    await page.command("queue")
    await camera.message("queue", "Only you can see this", "Your pictures in work")
    await page.command("imagine", prompt="a lighthouse in a storm", aspect_ratio="9:16")
    await page.press("Cancel", within="a lighthouse in a storm")
    await page.sees("a lighthouse in a storm", "Cancelled.")
    await camera.message("cancelled", "a lighthouse in a storm", "Cancelled.")
    await page.sees("four small islands", "Remix")
    await page.picture_sizes("four small islands", "Remix")
    await camera.message("gallery", "four small islands", "Remix")

    demo.rivya.faults.add(Fault(kind=FaultKind.TASK_FAILS, code="content_policy", message="Not this."))
    await page.command("imagine", prompt="something that the image service turns down")
    await page.sees("No picture this time.")
    await camera.message("failure", "No picture this time.")
    await page.command("credits")
    await camera.message("credits", "Last entries")
    await page.command("imagine", prompt="the same islands under snow", count=4)
    await camera.message("refusal", "Only you can see this", "Nothing was charged.")
    await page.command("history")
    await camera.message("history", "Your pictures")

    await page.command("privacy delete")
    await camera.message("privacy", "Only you can see this", "Delete all that I hold")
    await page.view_as("Ada")
    await page.command("usage")
    await page.picture_sizes("used in")
    await camera.message("usage", "used in")


if __name__ == "__main__":
    into = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    into.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(into))
