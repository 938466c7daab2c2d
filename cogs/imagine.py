"""/imagine: from the options to a request."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path
from typing import Any, Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.asks import InteractionAsk
from bot.client import BotClient, CannotDo, Interaction, asking
from bot.forms import open_rewrite
from bot.generations.defaults import with_usual
from bot.generations.lineage import kept_picture, picture_image
from bot.generations.mending import PartMissing
from bot.generations.preferences import Preferences
from bot.generations.protocols import FetchError
from bot.generations.refusals import NotForYou, Refused
from bot.generations.values import MAX_PICTURES, Attachment, Derived, GenerationRequest, Parent, StoredImage
from bot.intake import Intake
from bot.origins import payer_guild_id
from bot.presses import on_press
from bot.rights import Viewer
from bot.rivya import BadOption, Catalogue, ModelSpec
from bot.ui import ids
from bot.ui.choices import (
    MOST,
    count_choices,
    meant_model,
    meant_value,
    model_choices,
    picture_choices,
    resolution_choices,
    style_choices,
)

PROMPT_FILE_MAX_BYTES: Final = 4 * 20_000
"""The longest prompt of any model, 20,000 characters, in UTF-8's longest form."""
PREFERENCES_WAIT_S: Final = 1.0
"""Whether a reply is private is fixed by the acknowledgement, so preferences are read before it."""

_DATA: Final = Catalogue()
_PICTURE: Final = re.compile(r"(?P<request_id>[0-9a-f]{16})(?:-(?P<position>[1-9]))?")


def _choices(option: str) -> list[app_commands.Choice[str]]:
    """Return the values that any model takes, the default model's first; the catalogue refuses what one can't take."""
    values = [value for spec in _DATA.available() if option in spec.options for value in spec.options[option].choices]
    return [app_commands.Choice(name=value, value=value) for value in dict.fromkeys(values)]


class PromptFileRefused(Refused):
    """The prompt file can't be used."""

    code = "prompt_file_refused"


class Imagine(commands.Cog):
    """The one command that spends credits."""

    def __init__(self, client: BotClient, intake: Intake) -> None:
        self._services = client.services
        self._generations = client.services.generations
        self._catalogue = client.services.catalogue
        self.intake = intake

    @app_commands.command(name="imagine", description="Make a picture from a prompt and up to eight reference images.")
    @app_commands.describe(
        prompt="What to paint. Speak of your references as image 1, image 2, …",
        prompt_file="A .txt file with the prompt, for prompts of more than 6,000 characters.",
        aspect_ratio="Width to height. auto follows the first reference.",
        resolution="How large, and what it costs. 1K is about a million pixels.",
        output_format="png keeps every detail, jpg is smaller.",
        model="Which model paints, and what it costs. Nano Banana Pro, unless you choose another.",
        count="How many pictures. Each costs its own credits.",
        parent="One of your pictures here, to be changed or used: it is image 1.",
        image_1="A reference image (JPEG, PNG or WebP, up to 30 MB). They are numbered in this order.",
        image_2="Another reference image.",
        image_3="Another reference image.",
        image_4="Another reference image.",
        image_5="Another reference image.",
        image_6="Another reference image.",
        image_7="Another reference image.",
        image_8="Another reference image.",
        use_tray="Take the images in your tray, after those attached here.",
        style="One of your styles: its words go behind the prompt.",
        private="Only you see it.",
        notify="Ping you when it is there.",
    )
    @app_commands.choices(aspect_ratio=_choices("aspect_ratio"), output_format=_choices("output_format"))
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
        parent: str | None = None,
        image_1: discord.Attachment | None = None,
        image_2: discord.Attachment | None = None,
        image_3: discord.Attachment | None = None,
        image_4: discord.Attachment | None = None,
        image_5: discord.Attachment | None = None,
        image_6: discord.Attachment | None = None,
        image_7: discord.Attachment | None = None,
        image_8: discord.Attachment | None = None,
        use_tray: bool = False,
        style: str | None = None,
        private: bool | None = None,
        notify: bool | None = None,
    ) -> None:
        """Accept a request, or say why not."""
        asking(interaction)
        attached = (image_1, image_2, image_3, image_4, image_5, image_6, image_7, image_8)
        chosen = {"aspect_ratio": aspect_ratio, "resolution": resolution, "output_format": output_format}
        usual = await self._preferences(interaction.user.id)
        alone = usual.private or False if private is None else private

        async def prepare() -> GenerationRequest:
            source, origin = await self._parent(interaction, parent) if parent is not None else ((), None)
            references = (*source, *(_attachment(image) for image in attached if image is not None))
            if origin is not None and len(references) > 1:
                origin = origin.model_copy(update={"derived_as": Derived.REFERENCE})
            request = GenerationRequest(
                prompt=await self._prompt(prompt, prompt_file),
                model=meant_model(self._catalogue, model),
                options={name: value for name, value in chosen.items() if value is not None},
                count=count,
                references=references,
                private=alone,
                notify=(usual.notify or False) if notify is None else notify,
                parent=origin,
            )
            house = await self._services.house.rules(payer_guild_id(interaction))
            request = self._as_meant(with_usual(request, usual, self._catalogue, house))
            if use_tray:
                request = await self._with_tray(interaction.user.id, request)
            return request if style is None else await self._with_style(interaction.user.id, style, request)

        await self.intake.take(InteractionAsk(interaction), prepare, private=alone)

    # --- the parts of a request ---

    async def _preferences(self, user_id: int) -> Preferences:
        try:
            async with asyncio.timeout(PREFERENCES_WAIT_S):
                return await self._services.preferences.of(user_id)
        except TimeoutError:
            raise CannotDo(
                user_message="I am very busy at the moment; nothing was charged. Please try again soon."
            ) from None

    async def _parent(self, interaction: Interaction, picked: str) -> tuple[tuple[StoredImage, ...], Parent]:
        """Return the picture as a reference; raises a Refused when it is none, or not for this person."""
        match = _PICTURE.fullmatch(picked.strip())
        if match is None:
            raise Refused(user_message="I don't know that picture. Pick one from the list of your pictures.")
        view = await self._generations.view(match["request_id"])
        if view is None or not Viewer.of(interaction).sees(view):
            raise NotForYou
        try:
            picture = kept_picture(view, int(match["position"]) if match["position"] else None)
        except LookupError:
            raise Refused(user_message="That picture is no longer kept. Attach it instead, please.") from None
        origin = Parent(request_id=view.id, position=picture.position, derived_as=Derived.EDIT)
        return (picture_image(view, picture),), origin

    async def _with_tray(self, user_id: int, request: GenerationRequest) -> GenerationRequest:
        collected = await self._services.tray.images(user_id)
        if not collected:
            words = "Your tray is empty. Right-click on a message with images, then Apps, Add to my tray."
            raise PartMissing(words, part="the tray", without=request)
        together = (*request.references, *collected)
        return request.model_copy(update={"references": together, "parent": _among_others(request.parent)})

    async def _with_style(self, user_id: int, name: str, request: GenerationRequest) -> GenerationRequest:
        style = await self._services.preferences.style(user_id, name)
        if style is None:
            words = f"You have no style called {name[:50]}. /preferences shows the styles that you have."
            raise PartMissing(words, part="a style", without=request)
        return request.model_copy(update={"prompt": style.applied_to(request.prompt), "style": style.name})

    def _as_meant(self, request: GenerationRequest) -> GenerationRequest:
        """Take typed values for those that they mean: options with autocomplete take any text."""
        spec = self._spec(request.model)
        options = {name: meant_value(spec, name, value) or value for name, value in request.options.items()}
        return request.model_copy(update={"options": options})

    def _spec(self, model: str | None) -> ModelSpec | None:
        try:
            return self._catalogue.open_model(model)
        except BadOption:
            return None

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
                await self._services.fetcher.fetch(file.url, path, max_bytes=PROMPT_FILE_MAX_BYTES)
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

    # --- while somebody types: every choice names its price ---

    @imagine.autocomplete("model")
    async def _models(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        resolution = _typed(interaction, "resolution")
        house = await self._services.house.rules(payer_guild_id(interaction))
        specs = house.models_of(self._catalogue)
        return model_choices(self._catalogue, typed, specs=specs, resolution=resolution, count=_count(interaction))

    @imagine.autocomplete("resolution")
    async def _resolutions(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        spec = await self._chosen_model(interaction)
        return resolution_choices(self._catalogue, typed, spec=spec, count=_count(interaction))

    @imagine.autocomplete("count")
    async def _counts(self, interaction: Interaction, _typed_number: Any) -> list[app_commands.Choice[int]]:
        spec = await self._chosen_model(interaction)
        resolution = meant_value(spec, "resolution", _typed(interaction, "resolution"))
        return count_choices(self._catalogue, spec=spec, resolution=resolution)

    @imagine.autocomplete("parent")
    async def _pictures(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        page = await self._generations.search(
            user_id=interaction.user.id,
            guild_id=payer_guild_id(interaction),
            text=typed[:100],
            with_picture=True,
            size=MOST,
        )
        return picture_choices(page.requests)

    @imagine.autocomplete("style")
    async def _styles(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return style_choices(await self._services.preferences.styles(interaction.user.id), typed)

    async def _chosen_model(self, interaction: Interaction) -> ModelSpec:
        """Return the model that was chosen so far, or the one that is taken when none is."""
        usual = (await self._services.preferences.of(interaction.user.id)).model
        house = await self._services.house.rules(payer_guild_id(interaction))
        mine = usual if usual is not None and house.takes_model(usual) else house.usual_model(self._catalogue)
        for model in (meant_model(self._catalogue, _typed(interaction, "model")), mine):
            spec = self._spec(model) if model is not None else None
            if spec is not None:
                return spec
        return self._catalogue.default


def _attachment(image: discord.Attachment) -> Attachment:
    return Attachment(url=image.url, filename=image.filename, size_bytes=image.size, content_type=image.content_type)


def _among_others(parent: Parent | None) -> Parent | None:
    return parent and parent.model_copy(update={"derived_as": Derived.REFERENCE})


def _typed(interaction: Interaction, option: str) -> str | None:
    value = getattr(interaction.namespace, option, None)
    return value if isinstance(value, str) and value else None


def _count(interaction: Interaction) -> int:
    value = getattr(interaction.namespace, "count", None)
    return value if isinstance(value, int) and 1 <= value <= MAX_PICTURES else 1


async def setup(client: BotClient) -> None:
    """Add the command and the buttons of offers, wherever they stand."""
    intake = Intake(client)
    await client.add_cog(Imagine(client, intake))

    async def paint(interaction: Interaction, match: re.Match[str]) -> None:
        await intake.take_offer(interaction, match["draft_id"], int(match["cost_credits"]))

    async def paint_there(interaction: Interaction, match: re.Match[str]) -> None:
        await intake.take_offer_there(
            interaction, match["draft_id"], int(match["channel_id"]), int(match["cost_credits"])
        )

    async def not_now(interaction: Interaction, match: re.Match[str]) -> None:
        await intake.leave_offer(interaction, match["draft_id"])

    async def rewrite(interaction: Interaction, match: re.Match[str]) -> None:
        await open_rewrite(interaction, client.services, intake, match["draft_id"])

    async def gone(_interaction: Interaction, _match: re.Match[str]) -> None:
        raise CannotDo(user_message="This button is too old; nothing was charged. Use the command again.")

    on_press(client, ids.PAINT, paint)
    on_press(client, ids.PAINT_THERE, paint_there)
    on_press(client, ids.NOT_NOW, not_now)
    on_press(client, ids.REWRITE, rewrite)
    on_press(client, ids.MEND, gone)
