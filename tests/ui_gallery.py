"""Renders every card to a PNG, as a desktop and as a phone shows it.

    python -m tests.ui_gallery FOLDER [PART OF A NAME]

It posts them through the real client into a virtual Discord and photographs simcord's page with Chromium.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import discord
import simcord
from PIL import Image, ImageDraw
from playwright.async_api import async_playwright

from bot.generations.previews import Preview
from bot.generations.protocols import PostFile
from tests.ui_looking import looking, looking_longest
from tests.ui_samples import Sample, samples
from tests.ui_samples_house import house_samples

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
_LOADED = """([id, count]) => {
  const images = [...document.querySelectorAll("img")].filter((image) => image.complete && image.naturalWidth > 0);
  return document.querySelector(`[data-control-key^="message:${id}"]`) && images.length >= count;
}"""
_NO_PICTURES = (".txt", ".csv")
WIDTHS = {"desktop": 1000, "phone": 390}


async def main(folder: Path, part: str) -> None:
    """Write ``<name>-<width>.png`` for each sample whose name contains ``part``."""
    bot = discord.Client(intents=discord.Intents.default())
    async with simcord.run(bot, settle_timeout=60) as env:
        guild = env.create_guild("Art & Craft")
        channel = guild.create_text_channel("art")
        alice = guild.add_member(env.create_user("alice"))
        async with async_playwright() as play:
            browser = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            async with env.preview(channel, viewers=[alice], layout="channel") as preview:
                pages = {}
                for name, width in WIDTHS.items():
                    pages[name] = await browser.new_page(viewport={"width": width, "height": 1100})
                    await pages[name].goto(preview.url)
                    # The page reports its size to the server; while it does, nothing else may happen there.
                    await pages[name].get_by_text("Viewport updated").wait_for()
                screens = samples() | looking() | house_samples() | (looking_longest() if part else {})
                for name, sample in screens.items():
                    if part not in name:
                        continue
                    target = bot.get_channel(channel.id)
                    images = sum(not file.filename.endswith(_NO_PICTURES) for file in sample.files)
                    attached = files_of(sample)
                    message = await target.send(view=sample.draw(), files=attached)
                    await preview.refresh()
                    for width, page in pages.items():
                        await page.wait_for_function(_LOADED, arg=[str(message.id), images])
                        await page.wait_for_timeout(300)
                        await page.screenshot(path=str(folder / f"{name}-{width}.png"))
                    await message.delete()
            await browser.close()


def files_of(sample: Sample) -> Sequence[discord.File]:
    """Return what is attached to a sample: the file itself where there is one, else something of its kind."""
    return [discord.File(io.BytesIO(_bytes_of(f)), f.filename, description="a picture") for f in sample.files]


def _bytes_of(file: PostFile | Preview) -> bytes:
    if file.path is not None and file.path.exists():
        return file.path.read_bytes()
    return b"made of words" if file.filename.endswith(_NO_PICTURES) else _picture(file.position)


@cache
def _picture(position: int) -> bytes:
    size = (1376, 768)
    hue = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (hue, hue.rotate(90 * position).resize(size), Image.new("L", size, 120)))
    ImageDraw.Draw(image).ellipse((500, 200, 876, 576), fill=(255, 212, 59))
    sink = io.BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
