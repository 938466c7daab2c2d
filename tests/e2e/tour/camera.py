"""Photographs what the demo's page shows, small enough for a repository."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from bot.sandbox.demo import Demo
from tests.e2e.driver import DemoPage

MOST_BYTES = 40_000
"""Of one photograph: as fine as that leaves room for."""
COLOURS = (256, 96, 48)
PAPER = (49, 51, 56)
"""What Discord's dark theme lies on."""
PRIVATE = "Only you can see this"


@dataclass(frozen=True)
class Tour:
    """A demo, its page in a browser, and where the photographs go."""

    demo: Demo
    page: DemoPage
    folder: Path

    async def message(self, name: str, *words: str) -> None:
        """Photograph the newest message that has all ``words``, as soon as there is one."""
        await self.page.sees(*words)
        await self.page.page.mouse.move(2, 2)
        await self._keep(name, await self.page.photograph(*words))

    async def private(self, name: str, *words: str) -> None:
        """Photograph the newest message that only the viewer sees and that has all ``words``."""
        await self.message(name, PRIVATE, *words)

    async def form(self, name: str, *, send: str | None = None) -> None:
        """Photograph the form that is open, and close it, or type ``send`` into its first field and send it off."""
        await self.page.page.mouse.move(2, 2)
        await self._keep(name, await self.page.photograph_form())
        if send is None:
            await self.page.close_form()
        else:
            await self.page.fill_form(send)

    async def newest_link(self) -> str:
        """Return the link of the channel's newest message with a card."""
        channel = self.demo.discord.env.bot.get_channel(self.demo.channel.id)
        return str(await anext(message.jump_url async for message in channel.history() if message.components))

    async def card(self, name: str, card: Any) -> None:
        """Photograph a card as it would stand in the channel, and take it away again."""
        with self.demo.discord.env.time_context():
            sent = await self.demo.discord.env.bot.get_channel(self.demo.channel.id).send(view=card)
            await self.demo.page.refresh()
            await self.page.page.wait_for_selector(f'[data-control-key^="message:{sent.id}"]')
            await self._keep(name, await self.page.photograph())
            await sent.delete()

    async def together(self, name: str, *names: str) -> None:
        """Lay photographs that were taken side by side, in two columns, in the place of each alone."""
        await asyncio.to_thread(_lay, [self.folder / f"{one}.png" for one in names], self.folder / f"{name}.png")

    async def composer(self, name: str) -> None:
        """Photograph what is being typed."""
        await self._keep(name, await self.page.page.locator("#channel-composer").screenshot())

    async def painted(self, *words: str) -> None:
        """Wait until the message with ``words`` is a result and its pictures are drawn."""
        await self.page.sees(*words, "Remix")
        await self.page.picture_sizes(*words, "Remix")

    async def mention(self, words: str, *files: Path, reply_to: Any = None) -> Any:
        """Let Mia mention the bot: the page can't attach files to a message, nor reply with some."""
        with self.demo.discord.env.time_context():
            return await self.demo.mia.send(
                self.demo.channel,
                f"<@{self.demo.discord.env.backend.bot_user.id}> {words}",
                attachments=[(file.name, file.read_bytes()) for file in files],
                reply_to=reply_to,
            )

    async def slash(self, who: Any, name: str, **options: Any) -> Any:
        """Let somebody send a command whose options the page can't write, such as a role."""
        with self.demo.discord.env.time_context():
            done = await who.slash(self.demo.channel, name, **options)
        await self.demo.page.refresh()  # nothing tells the page of a private answer to what it did not send
        return done

    async def menu(self, who: Any, name: str, message: Any) -> Any:
        """Let somebody choose Apps, ``name`` on a message: the page has no such menu."""
        with self.demo.discord.env.time_context():
            done = await who.context_menu(self.demo.channel, name, message)
        await self.demo.page.refresh()
        return done

    async def _keep(self, name: str, png: bytes) -> None:
        await asyncio.to_thread(_write, png, self.folder / f"{name}.png")


def _lay(paths: list[Path], path: Path) -> None:
    shots = []
    for one in paths:
        with Image.open(one) as shot:
            shots.append(shot.convert("RGB"))
        one.unlink()
    pairs = [shots[at : at + 2] for at in range(0, len(shots), 2)]
    width = max(shot.width for shot in shots)
    sheet = Image.new("RGB", (2 * width, sum(max(shot.height for shot in pair) for pair in pairs)), PAPER)
    below = 0
    for pair in pairs:
        for place, shot in enumerate(pair):
            sheet.paste(shot, (place * width, below))
        below += max(shot.height for shot in pair)
    _save(sheet, path)


def _write(png: bytes, path: Path) -> None:
    with Image.open(io.BytesIO(png)) as shot:
        _save(shot.convert("RGB"), path)


def _save(full: Image.Image, path: Path) -> None:
    for colours in COLOURS:
        small = full.quantize(palette=full.quantize(colours), dither=Image.Dither.NONE)
        small.save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return
