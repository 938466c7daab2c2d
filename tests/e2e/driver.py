"""Uses the demo's page as a person does: types commands, attaches files, presses buttons, reads cards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")

PATIENCE_MS = 20_000
"""How long something may take to appear; no test waits for it unless it fails."""
OPENED_AT_MOST = 4
OPEN_FOR_MS = 5_000
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_IDLE = "() => window.simcordPreview?.ready && !window.simcordPreview.pendingAction"
_WINDOW = {"width": 1100, "height": 1000}


def chromium() -> str:
    """Return the browser's path; skips the test where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium here; set CHROMIUM to its path")
    return found


@asynccontextmanager
async def open_browser() -> AsyncIterator[Any]:
    """Start a headless Chromium."""
    path = chromium()
    async with playwright.async_playwright() as play:
        browser = await play.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_page(url: str, *, window: dict[str, int] | None = None) -> AsyncIterator[DemoPage]:
    """Open the demo's page in a browser of its own."""
    async with open_browser() as browser:
        page = await browser.new_page(viewport=window or _WINDOW)
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(url)
        demo = DemoPage(page)
        await demo.idle()
        yield demo


class DemoPage:
    """One browser page; every method returns when the page has come to rest."""

    def __init__(self, page: Any) -> None:
        self.page = page

    async def idle(self) -> None:
        """Wait until nothing is being sent or drawn."""
        await self.page.wait_for_function(_IDLE)

    async def command(self, name: str, **options: str | int | bool | Path) -> None:
        """Type a slash command, choose its options one by one, and send it; a Path is attached."""
        await self.compose(name, **options)
        await self.send()

    async def compose(self, name: str, **options: str | int | bool | Path) -> None:
        """Type a slash command and choose its options, without sending it."""
        box = self.page.locator("#channel-composer-input")
        await box.click()
        await box.press_sequentially(f"/{name}")
        entry = self.page.locator(".command-entry").filter(has=self.page.get_by_text(f"/{name}", exact=True))
        await entry.click()
        for option, value in options.items():
            await self._option(option, value)

    async def send(self) -> None:
        """Send what was composed."""
        await self.page.locator("#send-message").click()
        await self.idle()
        assert await self.status() == "Action completed"

    async def _option(self, option: str, value: str | int | bool | Path) -> None:
        pick = self.page.locator(".command-suggestion")
        await self.page.locator(".command-chip").click()
        await pick.and_(self.page.locator(f'[data-value="{option}"]')).click()
        if isinstance(value, Path):
            await self.page.locator(f'input[type=file][data-option="{option}"]').set_input_files(value)
            return
        field = self.page.locator(f'.command-option-input[data-option="{option}"]')
        if await field.get_attribute("role") == "combobox":
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            if not isinstance(value, bool):  # choices may come from the bot, which is asked by what is typed
                await field.press_sequentially(shown)
            await pick.and_(self.page.locator(f'[data-value="{shown}"]')).click()
        else:
            await field.fill(str(value))

    async def status(self) -> str:
        """Return what the page says of the last action."""
        return str(await self.page.locator("#action-status").inner_text())

    async def texts(self) -> list[str]:
        """Return the messages as they read, oldest first."""
        return [str(text) for text in await self._messages().all_inner_texts()]

    async def sees(self, *words: str) -> str:
        """Wait until one message has all ``words``; returns the newest such message."""
        message = self._message(*words)
        await message.wait_for()
        await self.idle()
        return str(await message.inner_text())

    async def watch(self, until: str) -> list[str]:
        """Return every text that the newest message shows one after another, until one has ``until``."""
        seen: list[str] = []
        while not seen or until not in seen[-1]:
            await self.page.wait_for_function(_NEWEST_DIFFERS, arg=seen[-1] if seen else "")
            seen.append(str(await self._messages().last.inner_text()))
        await self.idle()
        return seen

    async def press(self, label: str, *, within: str = "") -> None:
        """Press the newest button with this label, in a message that has the text ``within``."""
        await self._click(self._message(within).get_by_role("button", name=label).last)
        await self.idle()
        assert await self.status() == "Callback completed"

    async def press_before_the_news(self, label: str, make_news: Callable[[], Awaitable[None]]) -> None:
        """Press the newest button with this label on a page that has not heard of the latest change yet."""
        told = asyncio.Event()

        async def hold(route: Any) -> None:
            await told.wait()
            with contextlib.suppress(playwright.Error):  # the page has given up this one
                await route.continue_()

        await self.page.route("**/api/state*", hold)
        await make_news()
        async with self.page.expect_response("**/api/action"):
            await self._click(self._message().get_by_role("button", name=label).last)
        told.set()
        await self.page.unroute("**/api/state*", hold)
        await self.idle()
        assert await self.status() == "Callback completed"

    async def choose(self, placeholder: str, option: str) -> None:
        """Open the newest select with this placeholder and choose an option."""
        for _ in range(OPENED_AT_MOST):
            await self._click(self.page.locator(".select-trigger").filter(has_text=placeholder).last)
            try:
                await self.page.get_by_role("option").filter(has_text=option).click(timeout=OPEN_FOR_MS)
            except playwright.TimeoutError:
                continue  # the page has scrolled to where it was before, and closed it
            break
        await self.idle()
        assert await self.status() == "Callback completed"

    async def view_as(self, name: str) -> None:
        """Look through somebody else's eyes."""
        await self.page.locator("#viewer-picker").select_option(label=name)
        await self.page.wait_for_function(_VIEWER_IS, arg=name)
        await self.idle()

    async def end_session(self) -> None:
        """End the session by the page's own menu."""
        await self.page.locator(".session-menu summary").click()
        await self.page.locator("#close").click()

    async def picture_sizes(self, *words: str) -> list[tuple[int, int]]:
        """Wait until the pictures of a message are drawn; returns their sizes in pixels."""
        message = self._message(*words)
        await self.page.wait_for_function(_DRAWN, arg=await message.element_handle())
        sizes = await message.locator("img").evaluate_all(_SIZES)
        return [(int(width), int(height)) for width, height in sizes if width > _FACE_SIDE]

    async def photograph(self, *words: str) -> bytes:
        """Photograph the newest message that has all ``words`` (PNG)."""
        message = self._message(*words)
        await self._scroll_to(message)
        await (await message.element_handle()).wait_for_element_state("stable")  # the page may be scrolling by itself
        return bytes(await message.screenshot())

    async def photograph_form(self) -> bytes:
        """Photograph the form that is open (PNG)."""
        form = self.page.locator(".modal-dialog")
        await form.wait_for()
        await self.idle()
        return bytes(await form.screenshot())

    async def close_form(self) -> None:
        """Close the form that is open, without sending it off."""
        await self.page.locator(".modal-close").click()
        await self.page.locator(".modal-dialog").wait_for(state="detached")
        await self.idle()

    async def fill_form(self, text: str) -> None:
        """Type into the first field of the form that is open, and send it off."""
        form = self.page.locator(".modal-dialog")
        await form.locator("textarea, input[type=text]").first.fill(text)
        await form.locator(".modal-actions button").last.click()
        await form.wait_for(state="detached")
        await self.idle()

    async def _click(self, thing: Any) -> None:
        # A click scrolls too, but at once: the page has not noticed yet, scrolls back, and closes what was opened.
        await self._scroll_to(thing)
        await thing.click()

    async def _scroll_to(self, thing: Any) -> None:
        await thing.evaluate(_TO_THE_MIDDLE)

    def _messages(self) -> Any:
        return self.page.locator("#channel-message-list > article")

    def _message(self, *words: str) -> Any:
        found = self._messages()
        for word in words:
            found = found.filter(has_text=word)
        return found.last


_FACE_SIDE = 160
_TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_TO_THE_MIDDLE = f"async (thing) => {{ thing.scrollIntoView({{ block: 'center' }}); await {_TWO_FRAMES}; }}"
_NEWEST_DIFFERS = """(before) => {
  const newest = [...document.querySelectorAll("#channel-message-list > article")].at(-1);
  return newest && newest.innerText !== before;
}"""
_VIEWER_IS = """(name) => {
  const picker = document.getElementById("viewer-picker");
  return picker.selectedOptions[0]?.label === name && window.simcordPreview.viewerId === picker.value;
}"""
_DRAWN = """(message) => {
  const images = [...message.querySelectorAll("img")].filter((image) => !image.closest(".avatar"));
  return images.length && images.every((image) => image.complete && image.naturalWidth > 0);
}"""
_SIZES = "(images) => images.map((image) => [image.naturalWidth, image.naturalHeight])"
