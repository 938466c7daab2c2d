"""A bot of the kind that tutorials show, to measure ours against: ``python -m benchmarks.baseline``.

It does the same for a person: ``/imagine`` with up to eight references, a picture in the answer. It acknowledges at
once, holds whole files in memory, uploads one after another, asks every five seconds, and writes nothing down: no
credits, no limits, no queue, no progress; what is in work when it stops is lost. It reads the bot's own settings.
"""

from __future__ import annotations

import asyncio
import io
import os

import aiohttp
import discord
from discord import app_commands
from yarl import URL

MODEL = "nano-banana-pro"
POLL_EVERY_S = float(os.environ.get("BASELINE_POLL_EVERY_S", "5"))


class Baseline(discord.Client):
    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True))
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self) -> None:
        self.rivya = aiohttp.ClientSession(
            base_url=os.environ["RIVYA_BASE_URL"],
            headers={"Authorization": f"Bearer {os.environ['RIVYA_API_KEY']}"},
            raise_for_status=True,
        )
        self.tree.add_command(imagine)
        await self.tree.sync()

    async def close(self) -> None:
        await super().close()
        await self.rivya.close()


@app_commands.command(description="Make a picture from a prompt and up to eight reference images.")
async def imagine(
    interaction: discord.Interaction[Baseline],
    prompt: str,
    image_1: discord.Attachment | None = None,
    image_2: discord.Attachment | None = None,
    image_3: discord.Attachment | None = None,
    image_4: discord.Attachment | None = None,
    image_5: discord.Attachment | None = None,
    image_6: discord.Attachment | None = None,
    image_7: discord.Attachment | None = None,
    image_8: discord.Attachment | None = None,
) -> None:
    await interaction.response.defer(thinking=True)
    rivya = interaction.client.rivya
    images = (image_1, image_2, image_3, image_4, image_5, image_6, image_7, image_8)
    references = [await upload(rivya, image) for image in images if image is not None]
    try:
        picture = await paint(rivya, prompt, references)
    except (RuntimeError, aiohttp.ClientError) as error:
        await interaction.edit_original_response(content=f"That did not work: {error}")
        return
    await interaction.edit_original_response(
        content=prompt[:1900], attachments=[discord.File(io.BytesIO(picture), filename="picture.png")]
    )


async def upload(rivya: aiohttp.ClientSession, image: discord.Attachment) -> dict[str, str]:
    form = aiohttp.FormData()
    form.add_field("kind", "image")
    form.add_field("model", MODEL)
    form.add_field("file", await image.read(), filename=image.filename)
    async with rivya.post("/api/v1/files", data=form) as response:
        return {"kind": "image", "url": (await response.json())["url"]}


async def paint(rivya: aiohttp.ClientSession, prompt: str, references: list[dict[str, str]]) -> bytes:
    body = {"model": MODEL, "prompt": prompt, "params": {"referenceMediaItems": references} if references else {}}
    async with rivya.post("/api/v1/generations", json=body) as response:
        task = await response.json()
    while task["status"] not in {"succeeded", "failed"}:
        await asyncio.sleep(POLL_EVERY_S)
        async with rivya.get(f"/api/v1/generations/{task['id']}") as response:
            task = await response.json()
    if task["status"] == "failed":
        raise RuntimeError("the picture could not be made")
    async with rivya.get(task["result"]["primary_url"]) as response:
        return await response.read()


def main() -> None:
    discord.http.Route.BASE = os.environ["DISCORD_API_URL"]
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = URL(os.environ["DISCORD_GATEWAY_URL"])
    Baseline().run(os.environ["DISCORD_TOKEN"])


if __name__ == "__main__":
    main()
