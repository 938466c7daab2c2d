"""simcord's preview page, made fit for a person at leisure: it shows what happens as it happens, and forgives.

simcord made its page for tests, which look at one moment. What is changed here reaches into its insides; the version
is pinned, and the tests in tests/e2e notice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, Final

import simcord
from aiohttp import web
from simcord.preview import _actions

from bot.errors import ConfigError

_STYLE: Final = """
/* A picture that is drawn again keeps its place; else the page jumps, and closes a select that was just opened. */
.media-lightbox-trigger:has(> .gallery-image) { width: 100%; }
/* Tools of somebody who tests a bot. */
#capture-open, #inspector-toggle, #view-action-output { display: none; }
"""


@asynccontextmanager
async def open_page(
    env: simcord.Env,
    channel: Any,
    *,
    viewers: Sequence[Any],
    assets: Mapping[str, tuple[str, bytes]],
    port: int,
    news: asyncio.Event,
) -> AsyncIterator[simcord.Preview]:
    """Serve ``channel`` as a page that is brought up to date whenever ``news`` is set or a message event was sent.

    ``assets`` are pictures of the page by URL: (filename, bytes). ``port`` 0 takes a free one. Raises ConfigError when
    the port can't be had.
    """

    def noticed(event: str, _payload: Any) -> None:
        if event.startswith("MESSAGE_"):
            news.set()

    async with AsyncExitStack() as stack:
        stack.enter_context(_lenient())
        try:
            preview: Any = env.preview(channel, viewers=viewers, layout="channel", assets=assets, port=port)
            # With a message in focus the page would stay at it; so it follows the conversation.
            preview._initial_target = lambda _viewer, _channel_id: None
            _restyle(preview._server)
            page = await stack.enter_async_context(preview)
        except simcord.SetupError as error:
            reason = error.__cause__ or error
            why = os.strerror(reason.errno) if isinstance(reason, OSError) and reason.errno else str(reason)
            raise ConfigError(
                [f"The page can't be served on port {port}: {why}. Choose another with --port; 0 takes a free one."]
            ) from error
        env.backend.subscribers.append(noticed)
        pump = asyncio.create_task(_refresh(page, news), name="demo page")
        try:
            yield page
        finally:
            env.backend.subscribers.remove(noticed)
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)


@contextmanager
def _lenient() -> Iterator[None]:
    """Let a person press what they see while the card is being edited.

    The page asks for news twice a second, and simcord turns down what was pressed in between: right for a test,
    puzzling for a person. A button that is gone by then is still turned down.
    """
    strict = _actions.ACTION_SPECS
    kinds = ("click", "select", "modal_submit", "autocomplete_command", "run_command", "send_message", "history")
    lenient = {kind: replace(strict[kind], revision_bound=False) for kind in kinds}
    _actions.ACTION_SPECS = {**strict, **lenient}
    try:
        yield
    finally:
        _actions.ACTION_SPECS = strict


def _restyle(server: Any) -> None:
    as_shipped = server._static

    async def static(request: web.Request) -> web.Response:
        response: web.Response = await as_shipped(request)
        if request.path == "/preview.css":
            response.text = f"{response.text}{_STYLE}"
        return response

    server._static = static


async def _refresh(page: simcord.Preview, news: asyncio.Event) -> None:
    # On news, not on a timer: there is nothing to see in between.
    while True:
        await news.wait()
        news.clear()
        while True:
            try:
                await page.refresh()
                break
            except simcord.SetupError:  # an action is being carried out
                await asyncio.sleep(0.05)
            except TimeoutError:
                break
