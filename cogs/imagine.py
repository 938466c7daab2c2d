"""/imagine: from the options to a request."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path
from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, Interaction
from bot.generations.protocols import FetchError
from bot.generations.refusals import Refused
from bot.generations.values import Attachment, GenerationRequest
from bot.intake import Intake
from bot.presses import on_press
from bot.rivya import Catalogue
from bot.ui import ids

PROMPT_FILE_MAX_BYTES: Final = 4 * 20_000
"""The longest prompt of any model, 20,000 characters, in UTF-8's longest form."""

_DATA: Final = Catalogue()


def _choices(option: str) -> list[app_commands.Choice[str]]:
    """Return the values that any model takes, the default model's first; the catalogue refuses what one can't take."""
    values = [value for spec in _DATA.available() if option in spec.options for value in spec.options[option].choices]
    return [app_commands.Choice(name=value, value=value) for value in dict.fromkeys(values)]


_MODELS: Final = [app_commands.Choice(name=spec.label, value=spec.id) for spec in _DATA.available()]


class PromptFileRefused(Refused):
    """The prompt file can't be used."""

    code = "prompt_file_refused"


class Imagine(commands.Cog):
    """The one command that spends credits."""

    def __init__(self, client: BotClient, intake: Intake) -> None:
        self._client = client
        self.intake = intake

    @app_commands.command(name="imagine", description="Make a picture from a prompt and up to eight reference images.")
    @app_commands.guild_only()
    @app_commands.describe(
        prompt="What to paint. Speak of your references as image 1, image 2, …",
        prompt_file="A .txt file with the prompt, for prompts of more than 6,000 characters.",
        aspect_ratio="Width to height. auto follows the first reference.",
        resolution="How large. 1K is about a million pixels.",
        output_format="png keeps every detail, jpg is smaller.",
        model="Which model paints. Nano Banana Pro, unless you choose another.",
        count="How many pictures. Each costs its own credits.",
        image_1="Reference image 1 (JPEG, PNG or WebP, up to 30 MB).",
        image_2="Reference image 2.",
        image_3="Reference image 3.",
        image_4="Reference image 4.",
        image_5="Reference image 5.",
        image_6="Reference image 6.",
        image_7="Reference image 7.",
        image_8="Reference image 8.",
        private="Only you see it.",
        notify="Ping you when it is there.",
    )
    @app_commands.choices(
        aspect_ratio=_choices("aspect_ratio"),
        resolution=_choices("resolution"),
        output_format=_choices("output_format"),
        model=_MODELS,
    )
    async def imagine(
        self,
        interaction: Interaction,
        prompt: app_commands.Range[str, 1, 6000] | None = None,
        prompt_file: discord.Attachment | None = None,
        aspect_ratio: str | None = None,
        resolution: str | None = None,
        output_format: str | None = None,
        model: str | None = None,
        count: app_commands.Range[int, 1, 4] = 1,
        image_1: discord.Attachment | None = None,
        image_2: discord.Attachment | None = None,
        image_3: discord.Attachment | None = None,
        image_4: discord.Attachment | None = None,
        image_5: discord.Attachment | None = None,
        image_6: discord.Attachment | None = None,
        image_7: discord.Attachment | None = None,
        image_8: discord.Attachment | None = None,
        private: bool = False,
        notify: bool = False,
    ) -> None:
        """Accept a request, or say why not."""
        attached = (image_1, image_2, image_3, image_4, image_5, image_6, image_7, image_8)
        chosen = {"aspect_ratio": aspect_ratio, "resolution": resolution, "output_format": output_format}

        async def prepare() -> GenerationRequest:
            return GenerationRequest(
                prompt=await self._prompt(prompt, prompt_file),
                model=model,
                options={name: value for name, value in chosen.items() if value is not None},
                count=count,
                references=tuple(
                    Attachment(url=image.url, filename=image.filename, size_bytes=image.size)
                    for image in attached
                    if image is not None
                ),
                private=private,
                notify=notify,
            )

        await self.intake.take(interaction, prepare, private=private)

    async def _prompt(self, prompt: str | None, prompt_file: discord.Attachment | None) -> str:
        if prompt_file is None:
            if prompt is None:
                raise PromptFileRefused(user_message="The prompt is empty. Say what to paint.")
            return prompt
        text = await self._read(prompt_file)
        return f"{prompt}\n\n{text}" if prompt else text

    async def _read(self, file: discord.Attachment) -> str:
        if not file.filename.lower().endswith(".txt"):
            raise PromptFileRefused(user_message=f"{file.filename} is not a .txt file. The prompt file must be one.")
        if file.size > PROMPT_FILE_MAX_BYTES:
            raise PromptFileRefused(user_message=f"{file.filename} is longer than any model's prompt may be.")
        with tempfile.TemporaryDirectory(prefix="prompt-") as folder:
            path = Path(folder) / "prompt.txt"
            try:
                await self._client.services.fetcher.fetch(file.url, path, max_bytes=PROMPT_FILE_MAX_BYTES)
            except FetchError as error:
                raise PromptFileRefused(
                    user_message=f"{file.filename} can't be fetched from Discord. Attach it again, please."
                ) from error
            content = await asyncio.to_thread(path.read_bytes)
        try:
            return content.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise PromptFileRefused(
                user_message=f"{file.filename} is not plain text in UTF-8. Save it as such, please."
            ) from error


async def setup(client: BotClient) -> None:
    """Add the command and the buttons of its refusals."""
    intake = Intake(client)
    await client.add_cog(Imagine(client, intake))

    async def mended(interaction: Interaction, match: re.Match[str]) -> None:
        await intake.take_mended(interaction, match["key"])

    on_press(client, ids.MEND, mended)
