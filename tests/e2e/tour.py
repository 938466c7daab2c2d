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
MOST_BYTES = 60_000
"""Of one picture: as fine as that leaves room for."""
LOOKS = ((256, Image.Dither.FLOYDSTEINBERG), (256, Image.Dither.NONE), (64, Image.Dither.NONE))
GALLERY_PROMPT = "a lighthouse on a cliff, paper cut-out"


async def main(folder: Path) -> None:
    """Walk through the demo and photograph what there is to see."""
    logs.configure(level="WARNING", form="console")
    window = {"width": 1000, "height": 1150}
    async with (
        open_demo(task_s=(6.0, 7.0), max_running=3, max_running_per_member=5, member_credits_per_month=64) as demo,
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

    async def form(self, name: str) -> None:
        """Photograph the form that is open, and close it."""
        await self._page.page.mouse.move(2, 2)
        await self._keep(name, await self._page.photograph_form())
        await self._page.close_form()

    async def composer(self, name: str) -> None:
        """Photograph what is being typed."""
        await self._keep(name, await self._page.page.locator("#channel-composer").screenshot())

    async def _keep(self, name: str, png: bytes) -> None:
        await asyncio.to_thread(self._write, png, self._folder / f"{name}.png")

    @staticmethod
    def _write(png: bytes, path: Path) -> None:
        with Image.open(io.BytesIO(png)) as shot:
            full = shot.convert("RGB")
        for colours, dither in LOOKS:
            small = full.quantize(palette=full.quantize(colours), dither=dither)
            small.save(path, optimize=True)
            if path.stat().st_size <= MOST_BYTES:
                return


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
    await page.press("Remix", within=PROMPT[:30])
    await camera.form("form-remix")
    await page.choose("Details", "Add to my tray")  # the page goes on showing what was chosen last
    await page.command("tray")
    await page.sees("Only you can see this", "Your tray")
    await camera.message("tray", "Only you can see this", "Your tray")
    await page.press("Paint with it · 8 credits", within="Your tray")
    await camera.form("form-references")
    await _mention(camera, demo, page)
    await _moderate(camera, demo, page)
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
    await administer(camera, page)


async def administer(camera: Camera, page: DemoPage) -> None:
    """Walk through what those who manage the server see."""
    await page.view_as("Ada")
    await page.command("setup")
    await page.sees("Set up Banana Lovers")
    await camera.message("setup", "Set up Banana Lovers")
    await page.command("settings")
    await page.sees("Banned from the bot")
    await camera.message("settings", "Banned from the bot")


async def _mention(camera: Camera, demo: Demo, page: DemoPage) -> None:
    """A mention is written by a member's own client: the page can't attach files to it."""
    valley = demo.references[1]
    words = f"<@{demo.discord.env.backend.bot_user.id}> the same valley under a full moon"
    with demo.discord.env.time_context():
        await demo.mia.send(demo.channel, words, attachments=[(valley.name, valley.read_bytes())])
    await page.sees("the same valley under a full moon", "Remix")
    await page.picture_sizes("the same valley under a full moon", "Remix")
    await camera.message("mention", "the same valley under a full moon", "Remix")


async def _moderate(camera: Camera, demo: Demo, page: DemoPage) -> None:
    """What admins see. There is one channel on the page, so gallery and reports go there too."""
    channel_id = demo.channel.id
    await demo.core.moderation.set_channels(
        demo.channel.guild.id, by=1, gallery_channel_id=channel_id, reports_channel_id=channel_id
    )
    await page.command("imagine", prompt=GALLERY_PROMPT, aspect_ratio="4:3")
    await page.sees(GALLERY_PROMPT, "Remix")
    await page.picture_sizes(GALLERY_PROMPT, "Remix")  # what is drawn while a select is open would close it
    await page.choose("More", "Post to the gallery")
    await page.sees("by @Mia", GALLERY_PROMPT)
    await page.picture_sizes("by @Mia", GALLERY_PROMPT)
    await camera.message("gallery-post", "by @Mia", GALLERY_PROMPT)
    await page.view_as("Ada")
    await page.picture_sizes("by @Mia", GALLERY_PROMPT)
    await page.choose("More", "Report to the moderators")
    await page.fill_form("It shows our logo.")
    await page.sees("Reported", "It shows our logo.")
    await camera.message("report", "Reported", "It shows our logo.")
    await page.view_as("Mia")

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
